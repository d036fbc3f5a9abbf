/// What the network can do on this machine: requests a second over plain and TLS connections, events to many watchers,
/// bytes of files. Server and clients share the processors, so these are numbers of a whole round trip.
///
///   masu_net_bench [seconds for each]

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "base/text.h"
#include "net/client.h"
#include "net/server.h"

using namespace masu;
using namespace masu::net;

namespace {

struct Measured {
  double count = 0, seconds = 0;
};

/// Runs `step` on some threads for a while; counts what it returns.
Measured measure(int threads, double limit_s, const std::function<std::size_t()>& step) {
  std::atomic<std::size_t> count = 0;
  std::atomic<bool> enough = false;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::jthread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&] {
      while (!enough) count += step();
    });
  const auto limit = Deadline::after(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(limit_s)));
  std::stop_source never;
  pause(limit.remaining(), never.get_token());
  enough = true;
  running.clear();
  return {static_cast<double>(count), seconds(std::chrono::steady_clock::now() - start)};
}

void print(const char* what, const Measured& measured, double unit, const char* unit_name) {
  std::printf("%-44s %12.0f %s/s\n", what, measured.count / measured.seconds / unit, unit_name);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const double limit_s = argc > 1 ? std::atof(argv[1]) : 3;
  constexpr std::size_t file_bytes = std::size_t{64} << 20;
  auto file = std::make_shared<FileDescriptor>(unlinked_file().value());
  if (!write_all(file->get(), std::string(file_bytes, 'x')).ok()) return 1;
  std::mutex mutex;
  std::vector<std::shared_ptr<Stream>> streams;

  const Handler handler = [&](const Request& request) -> Answer {
    if (request.path == "/file") return FileReply{.file = file, .length = file_bytes};
    if (request.path != "/watch") return Reply{.headers = {{"Content-Type", "application/json"}}, .body = std::string(2700, 'p')};
    auto stream = std::make_shared<Stream>();
    const std::lock_guard lock(mutex);
    streams.push_back(stream);
    return Subscription{.stream = stream};
  };
  auto server = Server::start({.listeners = {Listener{.address = "127.0.0.1:0", .handler = handler, .body_bytes_max = std::nullopt}}});
  if (!server.ok()) return 1;
  const Endpoint endpoint = endpoint_of(parse_url(cat("http://", (*server)->addresses()[0])).value());
  Client client;

  for (const int threads : {1, 4, 16}) {
    const auto result = measure(threads, limit_s, [&] { return static_cast<std::size_t>(client.call(endpoint, Request{}, Deadline::after(10s)).ok()); });
    print(cat("GET of 2.7 kB, ", threads, " connections").c_str(), result, 1, "requests");
  }
  const auto fresh = measure(4, limit_s, [&] { return static_cast<std::size_t>(Client().call(endpoint, Request{}, Deadline::after(10s)).ok()); });
  print("GET of 2.7 kB, a new connection each", fresh, 1, "requests");

  const auto files = measure(2, limit_s, [&] {
    std::size_t bytes = 0;
    const auto sink = [&](std::string_view piece) {
      bytes += piece.size();
      return Status{};
    };
    static_cast<void>(client.download(endpoint, Request{.path = "/file"}, sink, Deadline::after(60s)).ok());
    return bytes;
  });
  print("download of a cached file, 2 connections", files, 1 << 20, "MiB");

  const std::string body(8 << 20, 'u');
  const auto uploads = measure(2, limit_s, [&] { return client.call(endpoint, Request{.method = "PUT", .body = body}, Deadline::after(60s)).ok() ? body.size() : 0; });
  print("upload of 8 MiB, spooled, 2 connections", uploads, 1 << 20, "MiB");

  constexpr int watchers = 100;
  std::vector<std::unique_ptr<Reading>> readings;
  for (int i = 0; i < watchers; ++i) {
    auto opened = client.open(endpoint, Request{.path = "/watch"}, Deadline::after(10s));
    if (!opened.ok()) return 1;
    readings.push_back(std::move(*opened));
  }
  const std::string event(2700, 'e');
  const auto events = measure(1, limit_s, [&] {
    for (const auto& stream : streams) stream->push(event);
    for (const auto& reading : readings)
      for (std::string got; got.size() < event.size();)
        if (!reading->read(got, Deadline::after(10s)).ok()) return std::size_t{0};
    return streams.size();
  });
  print("events of 2.7 kB to 100 watchers, in step", events, 1, "events");
  readings.clear();
}
