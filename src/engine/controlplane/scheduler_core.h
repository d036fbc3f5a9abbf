#pragma once
/// Where pods go. One pass looks at the whole cluster and places all waiting pods, the most important first; a pod placed
/// early in a pass takes its share before the next is looked at. Cost: waiting pods x nodes.
///
/// Limits: no preemption, no affinity between pods, no topology spread (placements are spread by free room instead).

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controlplane/objects.h"

namespace masu::controlplane {

inline constexpr const char* scheduler_name = "default-scheduler";

struct Cluster {
  std::vector<std::shared_ptr<const Pod>> pods;
  std::vector<std::shared_ptr<const Node>> nodes;
  std::map<kube::Key, std::shared_ptr<const Claim>> claims;
  std::map<std::string, std::shared_ptr<const Volume>> volumes;
  std::map<std::string, std::shared_ptr<const StorageClass>> classes;
  /// Pods (by uid) that were bound a moment ago and that the cache still shows without a node.
  std::map<std::string, std::string> assumed;
  Instant now;
};

struct Placement {
  enum class Kind {
    bind,     // to `node`
    volumes,  // `claims` are to be told that their first user runs on `node`; binding follows when they are bound
    wait,     // for volumes that are on their way
    none,     // nowhere; `message` says why
  } kind = Kind::none;
  std::shared_ptr<const Pod> pod;
  std::string node;
  std::vector<std::shared_ptr<const Claim>> claims;
  std::string message;
};

/// One placement for each waiting pod, in the order in which they were looked at.
std::vector<Placement> schedule(const Cluster& cluster);

/// What is written about a placement that is no binding: the pod's condition and an event, the claims' annotation.
/// Nothing if the pod says so already.
controller::Actions actions_for(const Placement& placement, Instant now);

}  // namespace masu::controlplane
