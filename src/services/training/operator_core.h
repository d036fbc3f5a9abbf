#pragma once
/// TFJob and PyTorchJob (kubeflow.org/v1) where no training-operator runs: a pod and a headless Service for each replica, the variables
/// that the frameworks read, the conditions that Katib and people wait for (spec katib-and-training-operator 24, 25). Pure.
///
///   <job>-<type>-<index>: pod and Service   Created -> Running -> Succeeded | Failed;  Restarting while a replica is made anew

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/action.h"
#include "kinds/pod.h"
#include "kube/object.h"
#include "value/value.h"

namespace masu::training {

enum class RestartPolicy { always, on_failure, never, exit_code };
enum class CleanPods { none, running, all };

struct ReplicaType {
  std::string name;  // Chief, Master, PS, Worker, Evaluator
  std::int64_t replicas = 1;
  RestartPolicy restart = RestartPolicy::never;
  Value pod_template;
};

struct OperatorCondition {
  std::string type, status, reason, message;
  std::optional<Instant> updated, changed;
  bool operator==(const OperatorCondition&) const = default;
};

struct OperatorStatus {
  std::vector<OperatorCondition> conditions;  // the one that changed last is last
  std::optional<Instant> started, completed;
  std::int64_t restarts = 0;                  // of replicas, so far
  struct Counts {
    std::int64_t active = 0, succeeded = 0, failed = 0;
    bool operator==(const Counts&) const = default;
  };
  std::vector<std::pair<std::string, Counts>> replicas;

  bool is_true(std::string_view type) const;
  /// Same status and reason: nothing. Else the element moves to the end.
  void set(std::string_view type, bool value, std::string reason, std::string message, Instant now);
  static OperatorStatus decode(const Value& status);
  Value encode() const;
  bool operator==(const OperatorStatus&) const = default;
};

struct OperatorJob {
  kube::Metadata meta;
  kube::Resource resource;  // tf_jobs or pytorch_jobs
  std::vector<ReplicaType> types;
  CleanPods clean = CleanPods::none;
  std::optional<std::int64_t> ttl_s, deadline_s, backoff_limit;
  bool suspended = false, all_workers = false, elsewhere = false;  // successPolicy AllWorkers; managedBy another
  std::string processes_per_node;                                  // PyTorch nprocPerNode
  OperatorStatus status;
  Value stored_status;
  std::optional<std::string> wrong;  // why it can never run

  bool tensorflow() const { return resource.kind == "TFJob"; }
  std::int64_t replica_count() const;
  static OperatorJob decode(const kube::Resource& resource, const Value& object);
};

struct OperatorWorld {
  OperatorJob job;
  std::vector<kinds::Pod> pods;              // controlled by the job
  std::vector<kube::Metadata> services;      // controlled by the job
  Instant now;
};

struct OperatorDecision {
  controller::Actions actions;
  std::optional<Duration> look_again;
};
OperatorDecision decide(const OperatorWorld& world);

/// The pod of one replica, ready to be created.
Value replica_pod(const OperatorJob& job, const ReplicaType& type, std::int64_t index);

}  // namespace masu::training
