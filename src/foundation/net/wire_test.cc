#include "net/wire.h"

#include <gtest/gtest.h>

namespace masu::net {
namespace {

/// Feeds a message in pieces of the given size; the error, or the body.
Result<std::string> read_in_pieces(MessageParser& parser, std::string_view message, std::size_t piece) {
  std::string waiting;
  while (!message.empty()) {
    waiting += message.substr(0, piece);
    message.remove_prefix(std::min(piece, message.size()));
    while (!waiting.empty() && !parser.done()) {
      const auto used = parser.feed(waiting);
      if (!used.ok()) return used.error();
      if (*used == 0) break;
      waiting.erase(0, *used);
    }
  }
  if (!parser.done()) return Error{Code::malformed, "incomplete"};
  return parser.body();
}

TEST(MessageParser, ReadsRequestsInAnyPieces) {
  const std::string plain = "\r\nPOST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked = "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nT: 1\r\n\r\n";
  // TensorFlow's way to say that nothing was done to the body.
  const std::string identity = "POST /a HTTP/1.1\r\nTransfer-Encoding: identity\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t piece = 1; piece < 90; ++piece) {
    for (const auto& message : {plain, chunked, identity}) {
      MessageParser parser(MessageParser::Kind::request, 1024);
      const auto body = read_in_pieces(parser, message, piece);
      ASSERT_TRUE(body.ok()) << body.error().message << " piece " << piece;
      EXPECT_EQ(*body, "hello");
      EXPECT_EQ(parser.headers().get("host"), "x");
      EXPECT_FALSE(parser.headers().has("T"));
      EXPECT_TRUE(parser.keep_alive());
    }
  }
}

TEST(MessageParser, RefusesWhatTwoReadersCouldReadDifferently) {
  const struct {
    const char* name;
    std::string message;
    Code code;
  } rows[] = {
      {"no HTTP at all", "hello\r\n\r\n", Code::malformed},
      {"length beside chunks", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", Code::malformed},
      {"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", Code::malformed},
      {"unknown coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", Code::malformed},
      {"identity twice", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n", Code::malformed},
      {"identity folded", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n chunked\r\n\r\n", Code::malformed},
      {"two codings", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Code::malformed},
      {"no host", "GET / HTTP/1.1\r\n\r\n", Code::malformed},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Code::malformed},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Code::malformed},
      {"negative chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", Code::malformed},
      {"head above the limit", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(2000, 'a') + "\r\n\r\n", Code::exhausted},
      {"target above the limit", "GET /" + std::string(2000, 'a'), Code::exhausted},
      {"chunk line without end", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(2000, 'a'), Code::exhausted},
  };
  for (const auto& row : rows) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{10000}}) {
      MessageParser parser(MessageParser::Kind::request, 1024);
      const auto body = read_in_pieces(parser, row.message, piece);
      ASSERT_FALSE(body.ok()) << row.name;
      EXPECT_EQ(body.error().code, row.code) << row.name << ": " << body.error().message;
    }
  }
}

TEST(MessageParser, ReadsResponses) {
  MessageParser until_close(MessageParser::Kind::response, 1024);
  const std::string message = "HTTP/1.0 200 OK\r\n\r\nabc";
  const auto used = until_close.feed(message);
  ASSERT_TRUE(used.ok());
  ASSERT_TRUE(until_close.feed(message.substr(*used)).ok());
  EXPECT_FALSE(until_close.done());
  EXPECT_TRUE(until_close.end().ok());
  EXPECT_EQ(until_close.body(), "abc");
  EXPECT_EQ(until_close.status(), 200);

  MessageParser head(MessageParser::Kind::response, 1024);
  head.expect_no_body();
  ASSERT_TRUE(head.feed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").ok());
  EXPECT_TRUE(head.done());
  EXPECT_EQ(head.content_length(), 10u);

  MessageParser cut(MessageParser::Kind::response, 1024);
  ASSERT_TRUE(cut.feed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").ok());
  EXPECT_EQ(cut.end().error().code, Code::malformed);
}

TEST(Heads, AreFramedByUsAndCannotBeSplit) {
  Headers headers{{"Content-Type", "text/plain"}, {"X", "a\r\nSet-Cookie: b"}, {"Content-Length", "9"}, {"Transfer-Encoding", "x"}, {"Date", "d"}, {"bad name", "x"}};
  EXPECT_EQ(response_head(404, headers, Framing::length, 3, true),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX: aSet-Cookie: b\r\nDate: d\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(response_head(101, {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, Framing::upgrade, 0, false),
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const Request request{.method = "POST", .path = "/a b", .query = {{"x", "1"}}, .headers = {{"Connection", "close"}}, .body = "hi"};
  EXPECT_EQ(request_head(request, "h:1"), "POST /a%20b?x=1 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(chunk_head(255), "ff\r\n");
  EXPECT_EQ(http_date(Instant{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}}), "Fri, 02 Jan 2026 00:00:00 GMT");
  EXPECT_TRUE(wants_upgrade({{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "SPDY/3.1"}}));
  EXPECT_FALSE(wants_upgrade({{"Connection", "Upgrade"}}));
}

}  // namespace
}  // namespace masu::net
