#include "kube/http_transport.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/files.h"
#include "base/text.h"
#include "kube/client.h"
#include "net/server.h"

namespace masu::kube {
namespace {

struct Fixture {
  explicit Fixture(net::Handler handler)
      : server(net::Server::start({.listeners = {net::Listener{.address = "127.0.0.1:0", .handler = std::move(handler)}}, .workers = 1}).value()) {}
  Access access() const { return Access{.server = cat("http://", server->addresses()[0], "/base/")}; }
  std::unique_ptr<net::Server> server;
};

net::Answer show(const net::Request& request) {
  return net::Reply{.body = cat(request.path, " ", request.headers.get("Authorization"), " ", request.headers.get("Impersonate-User"))};
}

TEST(HttpTransport, AddsPrefixAndCredentials) {
  const Fixture f(show);
  const auto ask = [&](Access access) {
    const auto transport = http_transport(std::move(access));
    EXPECT_TRUE(transport.ok());
    return (*transport)->call(net::Request{.path = "/api"}, Deadline::after(10s))->body;
  };
  Access access = f.access();
  EXPECT_EQ(ask(access), "/base/api  ");
  access.user_name = "ann";
  access.password = "pw";
  EXPECT_EQ(ask(access), "/base/api Basic YW5uOnB3 ");
  access.token = "t";
  access.impersonate = "bob";
  EXPECT_EQ(ask(access), "/base/api Bearer t bob");
  EXPECT_EQ(http_transport(Access{.server = "https://"}).error().code, Code::malformed);
}

TEST(HttpTransport, ReadsTokenFilesAgain) {
  std::string accepted = "one";
  std::atomic<int> calls = 0;
  const Fixture f([&](const net::Request& request) -> net::Answer {
    ++calls;
    return net::Reply{.status = request.headers.get("Authorization") == cat("Bearer ", accepted) ? 200 : 401};
  });
  TemporaryDirectory directory;
  Access access = f.access();
  access.token_file = directory.path() / "token";
  SimClock clock;
  const auto transport = http_transport(access, clock).value();
  const auto status = [&] { return transport->call(net::Request{}, Deadline::after(10s))->status; };
  ASSERT_TRUE(write_file(access.token_file, "one\n").ok());
  EXPECT_EQ(status(), 200);
  ASSERT_TRUE(write_file(access.token_file, "two\n").ok());
  EXPECT_EQ(status(), 200) << "within the minute";
  accepted = "two";
  EXPECT_EQ(status(), 200) << "a refusal makes it look again";
  EXPECT_EQ(calls, 4);
  accepted = "three";
  EXPECT_EQ(status(), 401) << "but only once";
  ASSERT_TRUE(write_file(access.token_file, "three").ok());
  clock.advance(61s);
  EXPECT_EQ(status(), 200);
}

TEST(HttpTransport, OpensAnswersThatGoOn) {
  const auto stream = std::make_shared<net::Stream>();
  const Fixture f([&](const net::Request& request) -> net::Answer {
    if (request.path == "/base/gone")
      return net::Reply{.status = 410, .body = R"({"kind":"Status","reason":"Expired","message":"too old resource version"})"};
    return net::Subscription{.stream = stream};
  });
  const auto transport = http_transport(f.access()).value();
  const auto gone = transport->open(net::Request{.path = "/gone"}, Deadline::after(10s));
  EXPECT_EQ(gone.error().code, Code::gone);
  EXPECT_EQ(gone.error().message, "too old resource version");

  const auto source = transport->open(net::Request{.path = "/watch"}, Deadline::after(10s));
  ASSERT_TRUE(source.ok()) << source.error().message;
  std::string got;
  EXPECT_EQ(*(*source)->read(got, Deadline::after(1ms), {}), ByteSource::State::nothing_yet);
  stream->push("event\n");
  EXPECT_EQ(*(*source)->read(got, Deadline::after(10s), {}), ByteSource::State::data);
  EXPECT_EQ(got, "event\n");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(*(*source)->read(got, Deadline::none(), stop.get_token()), ByteSource::State::nothing_yet);
  stream->finish();
  EXPECT_EQ(*(*source)->read(got, Deadline::after(10s), {}), ByteSource::State::finished);
}

TEST(HttpTransport, ServesTheClient) {
  const Fixture f([](const net::Request& request) -> net::Answer {
    if (request.path != "/base/api/v1/namespaces/ml/pods/a") return net::Reply{.status = 404, .body = R"({"kind":"Status","reason":"NotFound","message":"no"})"};
    return net::Reply{.headers = {{"Content-Type", "application/json"}}, .body = R"({"metadata":{"name":"a","namespace":"ml"}})"};
  });
  const auto transport = http_transport(f.access()).value();
  const Client client(*transport);
  const Resource pods{.version = "v1", .plural = "pods", .kind = "Pod"};
  const auto pod = client.get(pods, Key{"ml", "a"}, Deadline::after(10s));
  ASSERT_TRUE(pod.ok()) << pod.error().message;
  EXPECT_EQ((*pod)["metadata"]["name"].as_string(), "a");
  EXPECT_EQ(client.get(pods, Key{"ml", "b"}, Deadline::after(10s)).error().code, Code::not_found);
}

}  // namespace
}  // namespace masu::kube
