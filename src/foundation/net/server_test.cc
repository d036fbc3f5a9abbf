// The server and the client against one another, and against a peer that speaks raw bytes.

#include "net/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/text.h"
#include "net/address.h"
#include "net/client.h"

namespace masu::net {
namespace {

/// A peer that writes and reads bytes as it likes.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address) {
    const auto where = parse_address(address);
    fd_ = FileDescriptor(::socket(where->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd_.get(), where->get(), where->size), 0);
  }
  void send(std::string_view bytes) { EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size())); }
  /// Reads until `end` was seen, the peer closed, or ten seconds passed.
  std::string read_until(std::string_view end) {
    const auto deadline = Deadline::after(10s);
    while ((end.empty() || have_.find(end) == std::string::npos) && !deadline.expired()) {
      pollfd polled{fd_.get(), POLLIN, 0};
      if (::poll(&polled, 1, 100) <= 0) continue;
      char buffer[4096];
      const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (n <= 0) break;
      have_.append(buffer, static_cast<std::size_t>(n));
    }
    const auto at = end.empty() ? std::string::npos : have_.find(end);
    std::string result = have_.substr(0, at == std::string::npos ? at : at + end.size());
    have_.erase(0, result.size());
    return result;
  }
  std::string read_to_end() { return read_until(""); }
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  FileDescriptor fd_;
  std::string have_;
};

Answer echo(const Request& request) {
  auto body = whole_body(request, std::size_t{1} << 30);
  return Reply{.headers = {{"Content-Type", "text/plain"}, {"X-Method", request.method}, {"X-Path", request.path},
                           {"X-Query", request.query.text()}, {"X-Spooled", request.body_file ? "yes" : "no"}, {"X-Size", cat(request.body_size)}},
               .body = body.value_or("?")};
}

struct Running {
  std::unique_ptr<Server> server;
  Client client;
  Endpoint endpoint;
  const std::string& address() const { return server->addresses()[0]; }
  Result<Reply> call(const Request& request) { return client.call(endpoint, request, Deadline::after(10s)); }
};

/// A server of one listener and a client for it.
std::unique_ptr<Running> run(Handler handler, const std::function<void(Server::Options&)>& change = {}) {
  Server::Options options;
  options.listeners = {Listener{.address = "127.0.0.1:0", .handler = std::move(handler)}};
  options.workers = 2;
  if (change) change(options);
  auto server = Server::start(std::move(options));
  EXPECT_TRUE(server.ok()) << server.error().message;
  auto running = std::make_unique<Running>();
  running->server = std::move(*server);
  const std::string& address = running->address();
  running->endpoint = endpoint_of(*parse_url(address.starts_with("unix:") ? address : cat("http://", address)));
  return running;
}

TEST(Server, AnswersOverOneKeptConnection) {
  std::mutex mutex;
  std::vector<std::string> peers;
  const auto r = run([&](const Request& request) {
    const std::lock_guard lock(mutex);
    peers.push_back(request.peer.address);
    return echo(request);
  });
  for (int i = 0; i < 3; ++i) {
    const auto reply = r->call(Request{.method = "POST", .path = "/a%20b", .query = {{"x", "1 2"}}, .body = "hello"});
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "hello");
    EXPECT_EQ(reply->headers.get("X-Path"), "/a%20b");
    EXPECT_EQ(reply->headers.get("X-Query"), "x=1%202");
  }
  EXPECT_EQ(peers[0], peers[2]);
}

TEST(Server, WorksWithOneWorker) {
  const auto r = run(echo, [](auto& options) { options.workers = 1; });
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) good += r->call(Request{.path = cat("/", i)}).ok();
    });
  threads.clear();
  EXPECT_EQ(good, 160);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  const auto r = run([](const Request& request) -> Answer { return Reply{.body = request.path}; });
  RawPeer peer(r->address());
  peer.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = peer.read_to_end();
  const auto one = all.find("\r\n\r\n/1"), two = all.find("\r\n\r\n/2"), three = all.find("\r\n\r\n/3");
  EXPECT_TRUE(one < two && two < three && three != std::string::npos) << all;
}

TEST(Server, WaitsForHalfRequests) {
  const auto r = run(echo);
  RawPeer slow(r->address());
  slow.send("POST /slow HTTP/1.1\r\nHo");
  EXPECT_TRUE(r->call(Request{}).ok());
  slow.send("st: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab");
  EXPECT_TRUE(r->call(Request{}).ok());
  slow.send("cd");
  EXPECT_TRUE(slow.read_to_end().ends_with("\r\n\r\nabcd"));
}

TEST(Server, EndsAPeerThatDoesNotGoOn) {
  const auto r = run(echo, [](auto& options) {
    options.progress_timeout = 1ms;
    options.idle_timeout = 1ms;
  });
  RawPeer idle(r->address()), head(r->address()), body(r->address());
  head.send("GET / HT");
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(head.read_to_end(), "");
  body.read_to_end();
}

TEST(Server, RefusesWhatItCannotRead) {
  const auto r = run(echo, [](auto& options) { options.listeners[0].body_bytes_max = 10; });
  const struct {
    const char* name;
    std::string bytes;
    std::string status;
  } rows[] = {
      {"no HTTP", "\x16\x03\x01 hello\r\n\r\n", "400"},
      {"no path", "GET foo HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"a tunnel", "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"a head above the limit", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70000, 'a') + "\r\n\r\n", "431"},
      {"an announced body above the limit", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890", "413"},
      {"a chunked body above the limit", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n", "413"},
      {"an unknown expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\na", "417"},
      {"a broken chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
  };
  for (const auto& row : rows) {
    RawPeer peer(r->address());
    peer.send(row.bytes);
    ::shutdown(peer.fd(), SHUT_WR);
    const std::string answer = peer.read_to_end();
    EXPECT_TRUE(answer.starts_with(cat("HTTP/1.1 ", row.status, " "))) << row.name << ": " << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << row.name;
  }
}

TEST(Server, AsksForTheBodyOnlyIfItIsWanted) {
  const auto r = run(echo, [](auto& options) { options.listeners[0].body_bytes_max = 10; });
  RawPeer wanted(r->address());
  wanted.send("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(wanted.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wanted.send("hi");
  EXPECT_TRUE(wanted.read_to_end().ends_with("\r\n\r\nhi"));
  RawPeer unwanted(r->address());
  unwanted.send("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n");
  EXPECT_TRUE(unwanted.read_until("\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST(Server, SpoolsLongBodies) {
  const auto r = run(echo, [](auto& options) {
    options.listeners[0].body_bytes_max.reset();
    options.body_in_memory_max = 100'000;
  });
  std::string big;
  for (int i = 0; i < 500'000; ++i) append(big, i);
  const auto reply = r->call(Request{.method = "PUT", .body = big});
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply->headers.get("X-Spooled"), "yes");
  EXPECT_EQ(reply->headers.get("X-Size"), cat(big.size()));
  EXPECT_TRUE(reply->body == big);

  auto file = std::make_shared<FileDescriptor>(unlinked_file().value());
  ASSERT_TRUE(write_all(file->get(), big).ok());
  const auto from_file = r->call(Request{.method = "POST", .body_file = file, .body_size = big.size()});
  ASSERT_TRUE(from_file.ok());
  EXPECT_TRUE(from_file->body == big);
}

TEST(Server, TellsAClientThatStillSendsThatItIsTooMuch) {
  const auto r = run(echo, [](auto& options) { options.listeners[0].body_bytes_max = 1000; });
  const auto reply = r->call(Request{.method = "POST", .body = std::string(8'000'000, 'x')});
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply->status, 413);
}

TEST(Server, RefusesInTheWordsOfItsListener) {
  const auto r = run(echo, [](auto& options) {
    options.listeners[0].body_bytes_max = 1;
    options.listeners[0].refusal = [](int status, std::string_view message) {
      return Reply{.status = status, .headers = {{"Content-Type", "application/json"}}, .body = cat("{\"message\":", quote(message), "}")};
    };
  });
  const auto reply = r->call(Request{.method = "POST", .body = "long"});
  EXPECT_EQ(reply->status, 413);
  EXPECT_EQ(reply->headers.get("Content-Type"), "application/json");
  EXPECT_EQ(reply->body, "{\"message\":\"the request body is above the limit of 1 bytes\"}");
}

TEST(Server, AnswersHeadWithoutBody) {
  const auto r = run([](const Request& request) -> Answer {
    if (request.path == "/object") return Reply{.headers = {{"Content-Length", "12345"}}};
    return Reply{.body = "hello"};
  });
  RawPeer peer(r->address());
  peer.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /object HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = peer.read_to_end();
  EXPECT_NE(all.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_NE(all.find("Content-Length: 12345\r\n"), std::string::npos);
  EXPECT_EQ(all.find("hello"), std::string::npos);
  EXPECT_EQ(r->call(Request{.method = "HEAD"})->headers.get("Content-Length"), "5");
}

TEST(Server, TurnsAnExceptionInto500) {
  const auto r = run([](const Request& request) -> Answer {
    if (request.path == "/throw") throw std::runtime_error("oh");
    return Reply{};
  });
  EXPECT_EQ(r->call(Request{.path = "/throw"})->status, 500);
  EXPECT_EQ(r->call(Request{})->status, 200);
}

TEST(Server, SendsPartsOfFiles) {
  std::string content;
  for (int i = 0; i < 400'000; ++i) append(content, i);
  auto file = std::make_shared<FileDescriptor>(unlinked_file().value());
  ASSERT_TRUE(write_all(file->get(), content).ok());
  const auto r = run([&](const Request& request) -> Answer {
    const std::uint64_t length = request.path == "/liar" ? content.size() : content.size() - 20;
    return FileReply{.status = 206, .headers = {{"Content-Range", "x"}}, .file = file, .offset = 10, .length = length};
  });
  for (int i = 0; i < 2; ++i) {
    const auto reply = r->call(Request{});
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply->status, 206);
    EXPECT_TRUE(reply->body == content.substr(10, content.size() - 20));
  }
  std::string pieces;
  const auto downloaded = r->client.download(
      r->endpoint, Request{},
      [&](std::string_view bytes) {
        pieces += bytes;
        return Status{};
      },
      Deadline::after(10s));
  ASSERT_TRUE(downloaded.ok());
  EXPECT_EQ(downloaded->body, "");
  EXPECT_EQ(pieces.size(), content.size() - 20);
  EXPECT_EQ(r->call(Request{.path = "/liar"}).error().code, Code::unavailable);
  EXPECT_EQ(r->call(Request{.method = "HEAD"})->headers.get("Content-Length"), cat(content.size() - 20));
}

TEST(Server, DeliversEventsAsTheyCome) {
  const auto stream = std::make_shared<Stream>();
  const auto r = run([&](const Request&) -> Answer { return Subscription{.headers = {{"Content-Type", "application/json"}}, .stream = stream}; });
  RawPeer peer(r->address());
  peer.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(peer.read_until("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  stream->push("one\n");
  EXPECT_EQ(peer.read_until("one\n\r\n"), "4\r\none\n\r\n");
  stream->push("two\n");
  EXPECT_EQ(peer.read_until("two\n\r\n"), "4\r\ntwo\n\r\n");
  stream->finish();
  EXPECT_EQ(peer.read_until("0\r\n\r\n"), "0\r\n\r\n");
}

TEST(Server, KeepsTheConnectionAfterAFinishedStream) {
  std::mutex mutex;
  std::vector<std::string> peers;
  const auto r = run([&](const Request& request) -> Answer {
    const std::lock_guard lock(mutex);
    peers.push_back(request.peer.address);
    auto stream = std::make_shared<Stream>();
    stream->push("all");
    stream->finish();
    return Subscription{.stream = stream};
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(r->call(Request{})->body, "all");
  EXPECT_EQ(peers[0], peers[2]);
}

TEST(Server, TellsTheProducerThatTheConsumerIsGone) {
  const auto stream = std::make_shared<Stream>();
  std::promise<void> gone;
  stream->on_close([&] { gone.set_value(); });
  const auto r = run([&](const Request&) -> Answer { return Subscription{.stream = stream}; });
  RawPeer peer(r->address());
  peer.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  peer.read_until("\r\n\r\n");
  peer.close();
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_FALSE(stream->push("x"));
}

TEST(Server, DropsASlowConsumerAndDoesNotPretendThatItHasAll) {
  const auto stream = std::make_shared<Stream>(100'000);
  std::promise<void> gone;
  stream->on_close([&] { gone.set_value(); });
  const auto r = run([&](const Request& request) -> Answer {
    if (request.path == "/watch") return Subscription{.stream = stream};
    return Reply{};
  });
  RawPeer peer(r->address());
  peer.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  peer.read_until("\r\n\r\n");
  while (stream->push(std::string(50'000, 'x'))) {}
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_TRUE(r->call(Request{}).ok()) << "others go on";
  EXPECT_FALSE(peer.read_to_end().ends_with("0\r\n\r\n"));
}

TEST(Server, EndsASlowReaderOfALongReply) {
  const auto r = run([](const Request&) -> Answer { return Reply{.body = std::string(64'000'000, 'x')}; },
                     [](auto& options) { options.progress_timeout = 20ms; });
  RawPeer peer(r->address());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto limit = Deadline::after(10s);
  pollfd polled{peer.fd(), POLLRDHUP, 0};
  while (!(polled.revents & (POLLRDHUP | POLLHUP | POLLERR)) && !limit.expired()) ::poll(&polled, 1, 1000);
  EXPECT_TRUE(polled.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

TEST(Server, StopEndsStreamsProperlyAndLetsRequestsFinish) {
  const auto stream = std::make_shared<Stream>();
  std::promise<void> entered, leave;
  auto left = leave.get_future().share();
  auto r = run([&](const Request& request) -> Answer {
    if (request.path == "/watch") return Subscription{.stream = stream};
    entered.set_value();
    left.wait();
    return Reply{.body = "done"};
  });
  RawPeer idle(r->address()), watcher(r->address()), working(r->address());
  watcher.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  watcher.read_until("\r\n\r\n");
  working.send("GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
  entered.get_future().wait();
  std::jthread stopper([&] { r->server->stop(10s); });
  EXPECT_EQ(watcher.read_to_end(), "0\r\n\r\n");
  EXPECT_EQ(idle.read_to_end(), "");
  leave.set_value();
  EXPECT_TRUE(working.read_to_end().ends_with("done"));
  stopper.join();
  EXPECT_EQ(r->call(Request{}).error().code, Code::unavailable);
}

TEST(Server, ListensOnUnixSockets) {
  TemporaryDirectory directory;
  const auto address = cat("unix:", (directory.path() / "s.sock").string());
  {
    const auto r = run(echo, [&](auto& options) { options.listeners[0].address = address; });
    EXPECT_EQ(r->address(), address);
    EXPECT_EQ(r->call(Request{.method = "POST", .body = "hi"})->body, "hi");
    const auto second = Server::start({.listeners = {Listener{.address = address, .handler = echo}}});
    EXPECT_EQ(second.error().code, Code::unavailable);
    EXPECT_TRUE(r->call(Request{}).ok()) << "the first one is not disturbed";
  }
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "s.sock"));
}

TEST(Server, GoesOnAfterRunningOutOfDescriptors) {
  const auto r = run(echo);
  ASSERT_TRUE(r->call(Request{}).ok());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  RawPeer waiting_connects_before_the_limit(r->address());
  std::vector<FileDescriptor> plug;
  for (int fd = 0; (fd = ::dup(0)) >= 0 && fd < 200;) plug.emplace_back(fd);
  const FileDescriptor late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(late.get()) + 1;
  ::setrlimit(RLIMIT_NOFILE, &low);
  std::vector<FileDescriptor> rest;
  for (int fd = 0; (fd = ::dup(0)) >= 0;) rest.emplace_back(fd);
  const auto where = parse_address(r->address());
  ASSERT_EQ(::connect(late.get(), where->get(), where->size), 0) << "the kernel accepts on the server's behalf";
  const std::string_view request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(::send(late.get(), request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  pollfd polled{late.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 50), 0) << "no descriptor, no answer";
  rest.clear();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(::poll(&polled, 1, 10'000), 1) << "accepted once there is room";
}

TEST(Server, StartsWithAllListenersOrNone) {
  EXPECT_EQ(Server::start({.listeners = {Listener{.address = "example.org:80", .handler = echo}}}).error().code, Code::invalid);
  EXPECT_EQ(Server::start({.listeners = {Listener{.address = "127.0.0.1", .handler = echo}}}).error().code, Code::invalid);
  const auto r = run(echo);
  EXPECT_EQ(Server::start({.listeners = {Listener{.address = r->address(), .handler = echo}}}).error().code, Code::unavailable);
  const Listener bad_tls{.address = "127.0.0.1:0", .tls = ServerTls{.certificate_pem = "x", .key_pem = "y"}, .handler = echo};
  EXPECT_EQ(Server::start({.listeners = {bad_tls}}).error().code, Code::invalid);
}

// ---- relays

TEST(Relay, PassesRequestsAndAnswersOn) {
  const auto target = run(echo);
  const auto r = run([&](const Request& request) -> Answer {
    Request onward = request;
    onward.path = "/onward" + request.path;
    return Relay{.address = target->address(), .request = onward};
  });
  for (int i = 0; i < 2; ++i) {
    const auto reply = r->call(Request{.method = "POST", .path = "/x", .query = {{"a", "b"}}, .body = "hello"});
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply->body, "hello");
    EXPECT_EQ(reply->headers.get("X-Path"), "/onward/x");
    EXPECT_EQ(reply->headers.get("X-Query"), "a=b");
  }
  const auto head = r->call(Request{.method = "HEAD", .path = "/x"});
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->headers.get("X-Method"), "HEAD");
  std::string big(2'500'000, 'q');
  EXPECT_TRUE(r->call(Request{.method = "PUT", .body = big})->body == big) << "spooled on the way";
}

TEST(Relay, StreamsAndEndsWithItsConsumer) {
  const auto stream = std::make_shared<Stream>();
  std::promise<void> gone;
  stream->on_close([&] { gone.set_value(); });
  const auto target = run([&](const Request&) -> Answer { return Subscription{.stream = stream}; });
  const auto r = run([&](const Request& request) -> Answer { return Relay{.address = target->address(), .request = request}; });
  RawPeer peer(r->address());
  peer.send("GET /log HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 ")) << "the head comes before any data";
  stream->push("line\n");
  EXPECT_EQ(peer.read_until("line\n\r\n"), "5\r\nline\n\r\n");
  peer.close();
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
}

TEST(Relay, CutsAnAnswerThatWasCut) {
  const auto stream = std::make_shared<Stream>();
  auto target = run([&](const Request&) -> Answer { return Subscription{.stream = stream}; });
  const auto r = run([&](const Request& request) -> Answer { return Relay{.address = target->address(), .request = request}; });
  RawPeer peer(r->address());
  peer.send("GET /log HTTP/1.1\r\nHost: x\r\n\r\n");
  peer.read_until("\r\n\r\n");
  stream->close();
  EXPECT_EQ(peer.read_to_end(), "");
}

TEST(Relay, SaysThatItsTargetIsNotThere) {
  const auto r = run([&](const Request& request) -> Answer {
    Relay relay{.address = "unix:/nonexistent/agent.sock", .request = request};
    if (request.path == "/own") relay.failed = [](const Error& error) { return Reply{.status = 503, .body = "own: " + error.message}; };
    return relay;
  });
  EXPECT_EQ(r->call(Request{})->status, 502);
  const auto own = r->call(Request{.path = "/own"});
  EXPECT_EQ(own->status, 503);
  EXPECT_TRUE(own->body.starts_with("own: connecting to unix:/nonexistent/agent.sock: "));
}

/// A target that answers one connection with given bytes and echoes everything after the head.
struct UpgradeTarget {
  UpgradeTarget() : listening(listen_on("127.0.0.1:0", 0600).value()), thread([this] { serve(); }) {}
  void serve() {
    pollfd polled{listening.fd.get(), POLLIN, 0};
    if (::poll(&polled, 1, 10'000) <= 0) return;
    const FileDescriptor fd(::accept(listening.fd.get(), nullptr, nullptr));
    std::string have;
    char buffer[1024];
    bool upgraded = false;
    for (ssize_t n = 0; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
      have.append(buffer, static_cast<std::size_t>(n));
      if (const auto end = have.find("\r\n\r\n"); !upgraded && end != std::string::npos) {
        head = have.substr(0, end);
        have.erase(0, end + 4);
        upgraded = true;
        have = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nwelcome" + have;
      }
      if (upgraded) ::send(fd.get(), have.data(), have.size(), MSG_NOSIGNAL), have.clear();
    }
  }
  ListeningSocket listening;
  std::string head;
  std::jthread thread;
};

TEST(Relay, CarriesUpgradesBothWays) {
  UpgradeTarget target;
  {
    const auto r = run([&](const Request& request) -> Answer { return Relay{.address = target.listening.address, .request = request}; });
    RawPeer peer(r->address());
    peer.send("GET /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Stream-Protocol-Version: v4\r\n\r\nearly");
    const std::string head = peer.read_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
    EXPECT_NE(head.find("Upgrade: echo\r\n"), std::string::npos);
    EXPECT_EQ(peer.read_until("early"), "welcomeearly");
    peer.send("ping");
    EXPECT_EQ(peer.read_until("ping"), "ping");
    peer.close();
    target.thread.join();
  }
  EXPECT_NE(target.head.find("Upgrade: echo"), std::string::npos);
  EXPECT_NE(target.head.find("X-Stream-Protocol-Version: v4"), std::string::npos);
}

// ---- the client

TEST(Client, SendsAgainOnlyWhatIsIdempotent) {
  auto r = run(echo, [](auto& options) { options.idle_timeout = 1ms; });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(r->call(Request{}).ok());
}

TEST(Client, KeepsItsDeadline) {
  std::promise<void> leave;
  auto left = leave.get_future().share();
  const auto r = run([&](const Request&) -> Answer {
    left.wait();
    return Reply{};
  });
  const auto reply = r->client.call(r->endpoint, Request{.path = "/slow"}, Deadline::after(20ms));
  EXPECT_EQ(reply.error().code, Code::timeout) << reply.error().message;
  leave.set_value();
}

TEST(Client, StreamsUntilItHasEnough) {
  const auto r = run([](const Request& request) -> Answer {
    if (request.path == "/gone") return Reply{.status = 410, .body = "too old"};
    auto stream = std::make_shared<Stream>();
    stream->push("first");
    if (request.path == "/short") stream->finish();
    return Subscription{.stream = stream};
  });
  std::string got;
  const auto take = [&](std::string_view bytes) {
    got += bytes;
    return true;
  };
  EXPECT_EQ(r->client.stream(r->endpoint, Request{.path = "/gone"}, take, {}, 10s)->body, "too old");
  EXPECT_EQ(got, "");
  EXPECT_EQ(r->client.stream(r->endpoint, Request{.path = "/short"}, take, {}, 10s)->status, 200);
  EXPECT_EQ(got, "first");
  EXPECT_TRUE(r->client.stream(r->endpoint, Request{}, [](std::string_view) { return false; }, {}, 10s).ok());
  EXPECT_EQ(r->client.stream(r->endpoint, Request{}, take, {}, 20ms).error().code, Code::timeout);
  std::stop_source stop;
  const auto stopped = r->client.stream(
      r->endpoint, Request{},
      [&](std::string_view) {
        stop.request_stop();
        return true;
      },
      stop.get_token(), 0s);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
}

TEST(Url, Parses) {
  const struct {
    const char* text;
    const char* authority;
    const char* path;
  } rows[] = {{"http://localhost", "localhost:80", ""},          {"https://EXAMPLE.org/a?b=c", "example.org:443", "/a"},
              {"https://[::1]:6443/", "[::1]:6443", "/"},        {"http://u:p@h:8080/x", "h:8080", "/x"},
              {"http://h?x=1", "h:80", ""},                      {"https://10.0.0.1:6443", "10.0.0.1:6443", ""}};
  for (const auto& row : rows) {
    const auto url = parse_url(row.text);
    ASSERT_TRUE(url.ok()) << row.text;
    EXPECT_EQ(url->authority(), row.authority) << row.text;
    EXPECT_EQ(url->path, row.path) << row.text;
  }
  for (const char* bad : {"", "localhost", "ftp://h", "http://", "http://h:99999", "http://h:x", "http://[::1", "unix:relative", "http://a b/"})
    EXPECT_EQ(parse_url(bad).error().code, Code::malformed) << bad;
  EXPECT_EQ(endpoint_of(*parse_url("unix:///run/a.sock")).unix_path, "/run/a.sock");
  EXPECT_EQ(parse_url("http://u%40x:p@h")->user, "u@x:p");
}

}  // namespace
}  // namespace masu::net
