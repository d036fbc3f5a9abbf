#include "net/message.h"

#include <gtest/gtest.h>

#include <thread>

namespace masu::net {
namespace {

TEST(Headers, CompareWithoutCaseAndKeepOrder) {
  Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
  EXPECT_EQ(headers.get("content-type"), "text/plain");
  EXPECT_EQ(headers.all("X-a"), (std::vector<std::string>{"1", "2"}));
  headers.set("X-A", headers.get("x-a"));
  EXPECT_EQ(headers.all("x-a"), (std::vector<std::string>{"1"}));
  headers.remove("CONTENT-TYPE");
  EXPECT_FALSE(headers.has("Content-Type"));
  EXPECT_EQ(headers.get("absent"), "");
}

TEST(Query, DecodesAndEncodes) {
  const Query query = Query::parse("?labelSelector=a%3Db%2Cc&watch&x=1+2&x=%2B&&e=");
  EXPECT_EQ(query.get("labelSelector"), "a=b,c");
  EXPECT_TRUE(query.has("watch"));
  EXPECT_EQ(query.get("watch"), "");
  EXPECT_EQ(query.all("x"), (std::vector<std::string>{"1 2", "+"}));
  EXPECT_EQ(Query::parse(query.text()).fields(), query.fields());
  EXPECT_EQ((Query{{"a b", "c/d"}}.text()), "a%20b=c%2Fd");
}

TEST(Percent, RoundTripsAllBytes) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a/b c", true), "a/b%20c");
  const std::pair<const char*, const char*> rows[] = {{"%", "%"}, {"%4", "%4"}, {"%zz", "%zz"}, {"a%41", "aA"}, {"+", "+"}, {"%%41", "%A"}};
  for (const auto& [in, out] : rows) EXPECT_EQ(percent_decode(in), out) << in;
}

TEST(Request, TargetIsPathAndQuery) {
  Request request{.path = "/api", .query = {{"a", "b"}}};
  EXPECT_EQ(request.target(), "/api?a=b");
  request.query = {};
  EXPECT_EQ(request.target(), "/api");
}

TEST(WholeBody, ReadsBothKindsAndKeepsTheLimit) {
  Request request{.body = "hello", .body_size = 5};
  EXPECT_EQ(*whole_body(request, 5), "hello");
  EXPECT_EQ(whole_body(request, 4).error().code, Code::exhausted);
  auto file = unlinked_file();
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(write_all(file->get(), "spooled").ok());
  Request spooled{.body_file = std::make_shared<FileDescriptor>(std::move(*file)), .body_size = 7};
  EXPECT_EQ(*whole_body(spooled, 100), "spooled");
  EXPECT_EQ(whole_body(spooled, 6).error().code, Code::exhausted);
  spooled.body_size = 8;
  EXPECT_EQ(whole_body(spooled, 100).error().code, Code::unavailable);
}

TEST(Stream, DeliversInOrderThenFinishes) {
  Stream stream;
  EXPECT_TRUE(stream.push("a"));
  EXPECT_TRUE(stream.push("b"));
  EXPECT_EQ(stream.queued(), 2u);
  stream.finish();
  EXPECT_FALSE(stream.push("c"));
  std::string got;
  EXPECT_EQ(stream.take(got), Stream::State::data);
  EXPECT_EQ(got, "ab");
  EXPECT_EQ(stream.take(got), Stream::State::finished);
}

TEST(Stream, DropsASlowConsumerOnce) {
  Stream stream(4);
  int closed = 0, woken = 0;
  stream.on_close([&] { ++closed; });
  stream.on_ready([&] { ++woken; });
  EXPECT_TRUE(stream.push("a chunk above the limit enters an empty queue"));
  EXPECT_FALSE(stream.push("b"));
  EXPECT_TRUE(stream.closed());
  stream.close();
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(woken, 2);
  std::string got;
  EXPECT_EQ(stream.take(got), Stream::State::finished);
}

TEST(Stream, WaitsForDataDeadlineOrStop) {
  Stream stream;
  std::string got;
  EXPECT_EQ(stream.wait(got, Deadline::after(1ms)), Stream::State::empty);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(stream.wait(got, Deadline::none(), stop.get_token()), Stream::State::empty);
  std::jthread producer([&] { stream.push("late"); });
  EXPECT_EQ(stream.wait(got, Deadline::none()), Stream::State::data);
  EXPECT_EQ(got, "late");
}

}  // namespace
}  // namespace masu::net
