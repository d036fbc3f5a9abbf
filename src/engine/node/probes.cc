#include "node/probes.h"

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
  const net::Endpoint endpoint{.host = probe.host.empty() ? pod_ip : probe.host, .port = static_cast<std::uint16_t>(port_of(container, probe)), .unix_path = {}, .tls = probe.scheme == "HTTPS", .insecure = true};
  net::Client client;
  net::Request request{.method = "GET", .path = probe.kind == Probe::Kind::http ? probe.path : "/"};
  for (const auto& [name, value] : probe.headers) request.headers.set(name, value);
  const auto reply = client.call(endpoint, request, Deadline::after(limit));
  if (!reply.ok()) return reply.error().message;
  if (reply->status < 200 || reply->status >= 400) return cat("HTTP status ", reply->status);
  return std::nullopt;
}

std::optional<Duration> probe_container(PodRuntime& runtime, const Container& container, const ContainerView& view, Instant now, const std::string& pod_ip) {
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
    if (trouble) log::debug("probe failed", {{"pod", runtime.key().text()}, {"container", container.name}, {"probe", kind}, {"error", *trouble}});
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
