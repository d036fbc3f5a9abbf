#pragma once
/// ReplicaSet and Deployment: a number of equal pods, and their replacement step by step when the template changes.
///
/// Limits: a rollout has no rollback history beyond the old ReplicaSets that are kept, and no proportional scaling between
/// old and new while it is under way.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controlplane/objects.h"

namespace masu::controlplane {

struct ReplicaSet {
  kube::Metadata meta;
  std::int64_t replicas = 1, min_ready_s = 0;
  std::optional<kube::LabelSelector> selector;
  Value pod_template;
  Value status;
  std::int64_t current = 0, available = 0;  // of the status
  static Result<ReplicaSet> decode(const Value& object);
};

struct ReplicaSetWorld {
  ReplicaSet set;
  std::vector<std::shared_ptr<const Pod>> pods;  // those it controls
  Instant now;
};
struct ReplicaSetDecision {
  controller::Actions actions;
  std::optional<Duration> look_again;
};
ReplicaSetDecision decide(const ReplicaSetWorld& world);

struct Deployment {
  kube::Metadata meta;
  std::int64_t replicas = 1, min_ready_s = 0, history = 10;
  std::optional<std::int64_t> deadline_s;  // progressDeadlineSeconds
  bool recreate = false, paused = false;
  std::int64_t surge = 0, unavailable = 0;  // resolved against replicas
  Value selector, pod_template, status;
  std::vector<kube::Condition> conditions;
  static Result<Deployment> decode(const Value& object);
};

struct DeploymentWorld {
  Deployment deployment;
  std::vector<std::shared_ptr<const ReplicaSet>> sets;  // those it controls
  /// Pods of old sets that have not gone yet (a strategy Recreate waits for them).
  std::int64_t old_pods = 0;
  Instant now;
};
struct DeploymentDecision {
  controller::Actions actions;
  std::optional<Duration> look_again;
};
DeploymentDecision decide(const DeploymentWorld& world);

/// The label by which pods of one template are told from those of another.
std::string template_hash(const Value& pod_template);
/// Pods that have been ready for so long; `next` is when the next one will be.
std::int64_t count_available(const std::vector<std::shared_ptr<const Pod>>& pods, std::int64_t min_ready_s, Instant now,
                             std::optional<Duration>& next);

}  // namespace masu::controlplane
