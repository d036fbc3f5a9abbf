#pragma once
/// StatefulSet: pods with fixed names and claims of their own, one after the other (or all at once).
///
/// Limits: no ControllerRevision objects (a rolled-back template is rolled out as a new one); claims are kept when their
/// pod goes unless persistentVolumeClaimRetentionPolicy says Delete.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controlplane/objects.h"

namespace masu::controlplane {

struct StatefulSet {
  kube::Metadata meta;
  std::int64_t replicas = 1, first = 0, partition = 0, min_ready_s = 0;
  bool parallel = false, on_delete = false;           // podManagementPolicy, updateStrategy
  bool delete_claims = false, delete_scaled = false;  // persistentVolumeClaimRetentionPolicy
  std::string service;
  Value pod_template;
  std::vector<Value> claim_templates;
  Value status;
  static Result<StatefulSet> decode(const Value& object);
  std::string pod_name(std::int64_t ordinal) const;
};

struct StatefulSetWorld {
  StatefulSet set;
  std::vector<std::shared_ptr<const Pod>> pods;  // those it controls
  std::set<std::string> claims;                  // names of claims in its namespace
  Instant now;
};
struct StatefulSetDecision {
  controller::Actions actions;
  std::optional<Duration> look_again;
};
StatefulSetDecision decide(const StatefulSetWorld& world);

}  // namespace masu::controlplane
