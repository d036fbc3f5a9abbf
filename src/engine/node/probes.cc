#include "node/probes.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/log.h"
#include "base/text.h"
#include "net/client.h"

namespace masu::node {
namespace {

int port_of(const Container& container, const Probe& probe) {
  if (probe.port_name.empty()) return probe.port;
  const auto found = container.ports.find(probe.port_name);
  return found != container.ports.end() ? found->second : 0;
}

/// A connection, and no more.
std::optional<std::string> connects(const std::string& host, int port, Duration limit) {
  const addrinfo hints{.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); code != 0)
    return cat(host, ": ", ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  const FileDescriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(socket.get(), found->ai_addr, found->ai_addrlen) == 0) return std::nullopt;
  pollfd ready{socket.get(), POLLOUT, 0};
  if (errno != EINPROGRESS ||
      ::poll(&ready, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count())) <= 0)
    return "no connection in time";
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
  if (problem != 0) return cat("connecting to ", host, ":", port, ": ", std::strerror(problem));
  return std::nullopt;
}

}  // namespace

bool ProbeCount::add(bool good, const Probe& probe) {
  in_a_row = good == last ? in_a_row + 1 : 1;
  last = good;
  return in_a_row >= (good ? probe.success_threshold : probe.failure_threshold);
}

std::optional<std::string> run_probe(const PodRuntime& runtime, const Container& container, const Probe& probe, const std::string& pod_ip) {
  const Duration limit = std::chrono::seconds(probe.timeout_s);
  if (probe.kind == Probe::Kind::exec) {
    const auto done = runtime.exec(container.name, probe.command, limit);
    if (!done.ok()) return done.error().message;
    if (done->first != 0) return cat("exit code ", done->first, ": ", trim(done->second));
    return std::nullopt;
  }
  const std::string& host = probe.host.empty() ? pod_ip : probe.host;
  const int port = port_of(container, probe);
  if (probe.kind == Probe::Kind::tcp) return connects(host, port, limit);
  const net::Endpoint endpoint{
      .host = host, .port = static_cast<std::uint16_t>(port), .unix_path = {}, .tls = probe.scheme == "HTTPS", .insecure = true};
  net::Client client;
  net::Request request{.method = "GET",
      .path = probe.path.substr(0, probe.path.find('?')),
      .query = net::Query::parse(
          probe.path.find('?') == std::string::npos ? std::string_view() : std::string_view(probe.path).substr(probe.path.find('?') + 1))};
  for (const auto& [name, value] : probe.headers) request.headers.set(name, value);
  const auto reply = client.call(endpoint, request, Deadline::after(limit));
  if (!reply.ok()) return reply.error().message;
  if (reply->status < 200 || reply->status >= 400) return cat("HTTP status ", reply->status);
  return std::nullopt;
}

std::optional<Duration> probe_container(
    PodRuntime& runtime, const Container& container, const ContainerView& view, Instant now, const std::string& pod_ip) {
  PodRuntime::Probed& state = runtime.probed[container.name];
  if (state.attempt != view.attempt) {
    state = {};
    state.attempt = view.attempt;
    state.ready = !container.readiness;
    state.startup_done = !container.startup;
  }
  std::optional<Duration> wait;
  const auto sooner = [&](Duration next) { wait = wait ? std::min(*wait, next) : next; };
  const auto turn = [&](const char* kind, const std::optional<Probe>& probe, const auto& found) {
    if (!probe) return;
    PodRuntime::ProbeTimer& timer = state.timers[kind];
    const Instant first = view.last->started + std::chrono::seconds(probe->initial_delay_s);
    const Instant due = std::max(first, timer.next);
    if (due > now) return sooner(due - now);
    const auto trouble = run_probe(runtime, container, *probe, pod_ip);
    if (trouble)
      log::debug("probe failed", {{"pod", runtime.key().text()}, {"container", container.name}, {"probe", kind}, {"error", *trouble}});
    ProbeCount count{.in_a_row = timer.in_a_row, .last = timer.last};
    const bool decided = count.add(!trouble, *probe);
    timer = {.next = now + std::chrono::seconds(probe->period_s), .in_a_row = count.in_a_row, .last = count.last};
    if (decided) found(!trouble.has_value());
    sooner(decided ? Duration(1ms) : std::chrono::seconds(probe->period_s));
  };
  if (!state.startup_done) {
    turn("startup", container.startup, [&](bool good) { (good ? state.startup_done : state.liveness_failed) = true; });
    return wait;
  }
  const bool was_ready = state.ready, was_failed = state.liveness_failed;
  turn("readiness", container.readiness, [&](bool good) { state.ready = good; });
  turn("liveness", container.liveness, [&](bool good) { state.liveness_failed = !good; });
  // A change is told at once; else the next turn decides.
  if (was_ready == state.ready && was_failed == state.liveness_failed && wait && *wait <= 1ms) {
    wait.reset();
    for (const auto& [kind, timer] : state.timers) sooner(std::max<Duration>(timer.next - now, 1ms));
  }
  return wait;
}

}  // namespace masu::node
