#pragma once
/// Startup, readiness and liveness probes of one container.

#include <optional>
#include <string>

#include "base/clock.h"
#include "node/pod.h"
#include "node/pod_runtime.h"

namespace masu::node {

/// Counts results as Kubernetes does. Pure.
struct ProbeCount {
  int in_a_row = 0;
  bool last = false;
  /// True once the threshold for a change to `good` is reached.
  bool add(bool good, const Probe& probe);
};

/// Runs the probes that are due and puts what they found into runtime.probed. When to look again, if at all.
std::optional<Duration> probe_container(
    PodRuntime& runtime, const Container& container, const ContainerView& view, Instant now, const std::string& pod_ip);

/// Runs one probe. A reason why it failed, or no value.
std::optional<std::string> run_probe(const PodRuntime& runtime, const Container& container, const Probe& probe, const std::string& pod_ip);

}  // namespace masu::node
