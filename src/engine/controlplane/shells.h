#pragma once
/// The thin halves: each reads the caches, asks its core what to do, and does it.

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "controller/action.h"
#include "controller/controller.h"
#include "controlplane/control_plane.h"
#include "controlplane/job_core.h"
#include "controlplane/objects.h"
#include "controlplane/replicas_core.h"
#include "controlplane/stateful_core.h"
#include "kube/informer.h"

namespace masu::controlplane {

/// What all controllers share. Built before and torn down after them.
struct Caches {
  explicit Caches(const kube::Client& client);
  kube::Informer<Pod> pods;
  kube::Informer<Node> nodes;
  kube::Informer<Claim> claims;
  kube::Informer<Volume> volumes;
  kube::Informer<StorageClass> classes;
  kube::Informer<Namespace> namespaces;
  kube::Informer<Named> accounts;            // those named "default"
  kube::Informer<RootAuthority> authorities;
  kube::Informer<Job> jobs;
  kube::Informer<ReplicaSet> replica_sets;
  kube::Informer<Deployment> deployments;
  kube::Informer<StatefulSet> stateful_sets;
  kube::Informer<Service> services;
  kube::Informer<Endpoints> endpoints;
  kube::Informer<Named> definitions;  // CustomResourceDefinitions
  std::vector<kube::InformerBase*> all();
};

struct Tools {
  const kube::Client& client;
  const Clock& clock;
  Caches& caches;
};

class SchedulerShell final : public controller::Reconciler {
 public:
  explicit SchedulerShell(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "default-scheduler") {}
  std::string_view name() const override { return "scheduler"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Status bind(const Pod& pod, const std::string& node, Deadline deadline);
  Tools tools_;
  controller::Performer performer_;
  std::mutex mutex_;
  std::map<std::string, std::string> assumed_;  // uid -> node
};

class JobShell final : public controller::Reconciler {
 public:
  explicit JobShell(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "job-controller") {}
  std::string_view name() const override { return "job"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Tools tools_;
  controller::Performer performer_;
};

class ReplicaSetShell final : public controller::Reconciler {
 public:
  explicit ReplicaSetShell(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "replicaset-controller") {}
  std::string_view name() const override { return "replicaset"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Tools tools_;
  controller::Performer performer_;
};

class DeploymentShell final : public controller::Reconciler {
 public:
  explicit DeploymentShell(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "deployment-controller") {}
  std::string_view name() const override { return "deployment"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Tools tools_;
  controller::Performer performer_;
};

class StatefulSetShell final : public controller::Reconciler {
 public:
  explicit StatefulSetShell(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "statefulset-controller") {}
  std::string_view name() const override { return "statefulset"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Tools tools_;
  controller::Performer performer_;
};

class EndpointsShell final : public controller::Reconciler {
 public:
  explicit EndpointsShell(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "endpoint-controller") {}
  std::string_view name() const override { return "endpoints"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Tools tools_;
  controller::Performer performer_;
};

class NamespaceShell final : public controller::Reconciler {
 public:
  NamespaceShell(Tools tools, std::string root_ca)
      : tools_(tools), root_ca_(std::move(root_ca)), performer_(tools.client, tools.clock, "namespace-controller") {}
  std::string_view name() const override { return "namespace"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Result<controller::Outcome> end(const Namespace& space, Deadline deadline);
  Tools tools_;
  const std::string root_ca_;
  controller::Performer performer_;
};

/// Keys: "claim namespace/name", "volume name" and "class" in the name part.
class VolumeShell final : public controller::Reconciler {
 public:
  VolumeShell(Tools tools, std::filesystem::path root)
      : tools_(tools), root_(std::move(root)), performer_(tools.client, tools.clock, "persistentvolume-controller") {}
  std::string_view name() const override { return "volume"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Status look_at_claim(const kube::Key& key, Deadline deadline);
  Status look_at_volume(const std::string& name, Deadline deadline);
  Tools tools_;
  const std::filesystem::path root_;
  controller::Performer performer_;
  std::mutex mutex_;
  std::map<kube::Key, std::string> said_;  // last remark about each claim
};

/// Pods that nobody will ever run or end: their node is gone.
class PodCollector final : public controller::Reconciler {
 public:
  explicit PodCollector(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "pod-garbage-collector") {}
  std::string_view name() const override { return "pod-gc"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

 private:
  Tools tools_;
  controller::Performer performer_;
};

/// A resource that can be listed, as discovery tells it.
struct Discovered {
  kube::Resource resource;
  std::set<std::string> verbs;
};
/// All resources of the API server, one version of each. Reads the old form of discovery.
Result<std::vector<Discovered>> discover(const kube::Client& client, Deadline deadline);

}  // namespace masu::controlplane
