#pragma once
/// core/v1 Pod as far as several rooms look at it: where it runs, what it asks for, how it stands.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kube/object.h"
#include "value/quantity.h"

namespace masu::kinds {

struct Toleration {
  std::string key, op = "Equal", value, effect;
  std::optional<std::int64_t> seconds;
  bool operator==(const Toleration&) const = default;
};

/// status.containerStatuses[i] and status.initContainerStatuses[i].
struct ContainerStatus {
  enum class State { waiting, running, terminated } state = State::waiting;
  std::string name;
  std::string reason, message;      // of the state
  int exit_code = 0, signal = 0;    // terminated
  int restarts = 0;
  bool ready = false;
  std::optional<Instant> started, finished;
  bool operator==(const ContainerStatus&) const = default;
};

struct Pod {
  kube::Metadata meta;
  std::string node_name, scheduler_name, restart_policy, service_account, priority_class;
  std::int64_t priority = 0;
  std::int64_t grace_s = 30;
  std::map<std::string, std::string> node_selector;
  std::vector<Toleration> tolerations;
  std::vector<std::string> claims;                // names of the persistent volume claims it mounts
  std::map<std::string, Quantity> requests;       // of the pod as the scheduler counts: max(sum of containers and sidecars, init containers)
  std::vector<std::string> containers;            // names, in order
  std::string phase;                              // Pending, Running, Succeeded, Failed, Unknown
  std::string reason, message, pod_ip;            // status
  std::optional<Instant> started;                 // status.startTime
  std::vector<kube::Condition> conditions;
  std::vector<ContainerStatus> container_statuses, init_statuses;

  static Result<Pod> decode(const Value& object);
  bool finished() const { return phase == "Succeeded" || phase == "Failed"; }
  bool ready() const;
  const ContainerStatus* status_of(std::string_view container) const;  // null if there is none yet
};

}  // namespace masu::kinds
