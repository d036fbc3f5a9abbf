/// masu's own client against masu's own server, with a way between them that fails.
#include "hub/hub_fixture.h"
#include "net/server.h"
#include "objectstore/gcs_store.h"

namespace masu::hub {
namespace {

using namespace std::chrono_literals;
using objectstore::BlobName;
using objectstore::GcsStore;

class ClientTest : public HubTest {
 protected:
  GcsStore store() {
    return GcsStore([this](const net::Request& request, const net::Client::Sink& sink, Deadline) { return carry(request, sink); },
                    [this]() -> Result<std::string> { return token; },
                    {.resumable_from = 1000, .piece_bytes = 1024, .attempts = 3, .first_wait = 1ms});
  }
  Result<net::Reply> carry(net::Request request, const net::Client::Sink& sink) {
    ++calls;
    request.headers.set("Host", "hub:80");
    if (lose_request.contains(calls)) return Error{Code::unavailable, "the connection broke before the server saw anything"};
    Said answer = said(hub->handle(request));
    if (lose_answer.contains(calls)) return Error{Code::unavailable, "the connection broke before the answer came"};
    if (sink && answer.status < 300) {
      if (break_after.contains(calls)) {
        TRY_OK(sink(std::string_view(answer.body).substr(0, break_after[calls])));
        return Error{Code::unavailable, "the connection broke within the answer"};
      }
      TRY_OK(sink(answer.body));
      answer.body.clear();
    }
    if (damage.contains(calls) && !answer.body.empty()) answer.body[0] ^= 1;
    return net::Reply{answer.status, answer.headers, answer.body};
  }
  std::filesystem::path file(const std::string& bytes) {
    const auto path = work.path() / "file";
    EXPECT_TRUE(write_file(path, bytes).ok());
    return path;
  }
  static std::string noise(std::size_t size) {
    std::string out(size, '\0');
    std::uint32_t state = 1;
    for (char& c : out) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return out;
  }

  TemporaryDirectory work;
  std::string token = "writer";
  int calls = 0;
  std::set<int> lose_request, lose_answer, damage;
  std::map<int, std::size_t> break_after;
  const Deadline deadline = Deadline::after(30s);
};

TEST_F(ClientTest, PutGetStatListRemove) {
  GcsStore client = store();
  const auto made = client.put({"data", "a/b"}, "hello", {.content_type = "text/x", .metadata = {{"k", "v"}}}, deadline);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->metadata.at("k"), "v");
  EXPECT_EQ(client.get({"data", "a/b"}, {}, deadline).value(), "hello");
  EXPECT_EQ(client.get({"data", "a/b"}, {1, 3}, deadline).value(), "ell");
  EXPECT_EQ(client.get({"data", "a/b"}, {3, {}}, deadline).value(), "lo");
  EXPECT_EQ(client.stat({"data", "a/b"}, deadline)->content_type, "text/x");
  EXPECT_EQ(client.list("data", {.prefix = "", .delimiter = "/", .page = ""}, deadline)->prefixes, std::vector<std::string>{"a/"});
  EXPECT_EQ(client.list_all("data", "a/", deadline)->size(), 1u);
  EXPECT_EQ(client.put({"data", "a/b"}, "x", {.if_generation = 0}, deadline).error().code, Code::precondition);
  EXPECT_TRUE(client.remove({"data", "a/b"}, deadline).ok());
  EXPECT_EQ(client.remove({"data", "a/b"}, deadline).error().code, Code::not_found);
  EXPECT_EQ(client.put({"nowhere", "x"}, "x", {}, deadline).error().code, Code::not_found);
  token = "reader";
  EXPECT_EQ(client.put({"data", "x"}, "x", {}, deadline).error().code, Code::denied);
  token = "nobody";
  EXPECT_EQ(client.stat({"data", "x"}, deadline).error().code, Code::unauthenticated);
}

TEST_F(ClientTest, FilesGoUpInPiecesAndComeDownWhole) {
  GcsStore client = store();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{1001}, std::size_t{4096}, std::size_t{5000}}) {
    const std::string bytes = noise(size);
    std::uint64_t last = 0;
    const auto made = client.upload({"data", "f"}, file(bytes), {}, deadline, [&](std::uint64_t done, std::uint64_t) { last = done; });
    ASSERT_TRUE(made.ok()) << size << ": " << made.error().message;
    EXPECT_EQ(last, size);
    const auto target = work.path() / "down";
    ASSERT_TRUE(client.download({"data", "f"}, target, deadline).ok());
    EXPECT_EQ(read_file(target).value(), bytes);
  }
}

TEST_F(ClientTest, BrokenConnectionsAreSurvivedAtEveryCall) {
  const std::string bytes = noise(5000);
  const auto source = file(bytes);
  for (int broken = 1; broken <= 8; ++broken) {
    for (const bool before : {true, false}) {
      calls = 0;
      (before ? lose_request : lose_answer) = {broken};
      GcsStore client = store();
      const auto made = client.upload({"data", cat("f", broken, before)}, source, {}, deadline);
      ASSERT_TRUE(made.ok()) << broken << ": " << made.error().message;
      lose_request.clear();
      lose_answer.clear();
      EXPECT_EQ(get(cat("f", broken, before)), bytes);
    }
  }
}

TEST_F(ClientTest, DownloadsGoOnWhereTheyBroke) {
  GcsStore client = store();
  const std::string bytes = noise(5000);
  ASSERT_TRUE(client.upload({"data", "f"}, file(bytes), {}, deadline).ok());
  calls = 0;
  break_after = {{2, 1000}, {3, 1}, {4, 0}};
  const auto target = work.path() / "down";
  ASSERT_TRUE(client.download({"data", "f"}, target, deadline).ok());
  EXPECT_EQ(read_file(target).value(), bytes);
  EXPECT_EQ(calls, 5);
}

TEST_F(ClientTest, DamageIsNoticed) {
  GcsStore client = store();
  ASSERT_TRUE(client.put({"data", "f"}, "hello", {}, deadline).ok());
  calls = 0;
  damage = {2};
  EXPECT_EQ(client.get({"data", "f"}, {}, deadline).error().code, Code::conflict);
}

TEST_F(ClientTest, OverARealConnectionWithTheTokenInThePath) {
  net::Server::Options options;
  options.listeners.push_back({.address = "127.0.0.1:0", .handler = [this](const net::Request& request) { return hub->handle(request); }, .body_bytes_max = std::nullopt});
  options.workers = 1;
  auto server = net::Server::start(std::move(options));
  ASSERT_TRUE(server.ok()) << server.error().message;
  net::Client http;
  auto transport = objectstore::http_transport(http, cat("http://", (*server)->addresses()[0], "/t/writer/"));
  ASSERT_TRUE(transport.ok());
  GcsStore client(*transport, nullptr, {.resumable_from = 1 << 20, .piece_bytes = 2 << 20});
  const std::string bytes = noise(5'000'000);  // longer than what a request keeps in memory, so bodies come as files
  const auto made = client.upload({"data", "big"}, file(bytes), {}, deadline);
  ASSERT_TRUE(made.ok()) << made.error().message;
  const auto target = work.path() / "down";
  ASSERT_TRUE(client.download({"data", "big"}, target, deadline).ok());
  EXPECT_EQ(read_file(target).value(), bytes);
  EXPECT_EQ(client.get({"data", "big"}, {7, 5}, deadline).value(), bytes.substr(7, 5));
}

TEST_F(ClientTest, GivesUpWhenTheServerStaysAway) {
  GcsStore client = store();
  lose_request = {1, 2, 3, 4, 5, 6};
  const auto answer = client.stat({"data", "f"}, deadline);
  EXPECT_EQ(answer.error().code, Code::unavailable);
  EXPECT_EQ(calls, 3);
  const auto target = work.path() / "down";
  EXPECT_FALSE(client.download({"data", "f"}, target, deadline).ok());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(work.path()), std::filesystem::directory_iterator()), 0);  // no half file
}

}  // namespace
}  // namespace masu::hub
