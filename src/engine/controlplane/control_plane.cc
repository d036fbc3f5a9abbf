#include "controlplane/control_plane.h"

#include <deque>
#include <vector>

#include "controlplane/garbage.h"
#include "controlplane/namespaces_core.h"
#include "controlplane/shells.h"

namespace masu::controlplane {

namespace resources = kube::resources;

namespace {
kube::ListOptions named(const char* name) {
  kube::ListOptions options;
  options.field_selector = std::string("metadata.name=") + name;
  return options;
}
}  // namespace

Caches::Caches(const kube::Client& client)
    : pods(client, resources::pods, &Pod::decode),
      nodes(client, resources::nodes, &Node::decode),
      claims(client, resources::claims, &Claim::decode),
      volumes(client, resources::volumes, &Volume::decode),
      classes(client, resources::storage_classes, &StorageClass::decode),
      namespaces(client, resources::namespaces, &Namespace::decode),
      accounts(client, resources::service_accounts, &Named::decode, "", named("default")),
      authorities(client, resources::config_maps, &RootAuthority::decode, "", named(root_authority_name)),
      jobs(client, resources::jobs, &Job::decode),
      replica_sets(client, resources::replica_sets, &ReplicaSet::decode),
      deployments(client, resources::deployments, &Deployment::decode),
      stateful_sets(client, resources::stateful_sets, &StatefulSet::decode),
      services(client, resources::services, &Service::decode),
      endpoints(client, {"", "v1", "endpoints", "Endpoints", true}, &Endpoints::decode),
      definitions(client, resources::crds, &Named::decode) {}

std::vector<kube::InformerBase*> Caches::all() {
  return {&pods, &nodes,        &claims,      &volumes,       &classes,  &namespaces, &accounts,   &authorities,
          &jobs, &replica_sets, &deployments, &stateful_sets, &services, &endpoints,  &definitions};
}

struct ControlPlane::Parts {
  Parts(const kube::Client& client, const Clock& clock, Options options)
      : caches(client),
        scheduler({client, clock, caches}),
        jobs({client, clock, caches}),
        replica_sets({client, clock, caches}),
        deployments({client, clock, caches}),
        stateful_sets({client, clock, caches}),
        endpoints({client, clock, caches}),
        namespaces({client, clock, caches}, options.root_ca),
        volumes({client, clock, caches}, options.volumes),
        pods({client, clock, caches}),
        garbage({client, clock, caches}),
        runner(clock) {
    add(scheduler, clock);
    add(jobs, clock);
    add(replica_sets, clock);
    add(deployments, clock);
    add(stateful_sets, clock);
    add(endpoints, clock);
    add(namespaces, clock);
    add(volumes, clock);
    add(pods, clock);
    add(garbage, clock);
  }

  template <class Shell>
  void add(Shell& shell, const Clock& clock) {
    controllers.emplace_back(shell, clock);
    shell.watch(controllers.back());
    runner.add(controllers.back());
  }

  Caches caches;
  SchedulerShell scheduler;
  JobShell jobs;
  ReplicaSetShell replica_sets;
  DeploymentShell deployments;
  StatefulSetShell stateful_sets;
  EndpointsShell endpoints;
  NamespaceShell namespaces;
  VolumeShell volumes;
  PodCollector pods;
  GarbageCollector garbage;
  std::deque<controller::Controller> controllers;
  controller::Runner runner;
  kube::Informers informers;
};

ControlPlane::ControlPlane(const kube::Client& client, const Clock& clock, Options options)
    : parts_(std::make_unique<Parts>(client, clock, std::move(options))) {}

ControlPlane::~ControlPlane() { stop(); }

Status ControlPlane::start(Deadline deadline) {
  for (kube::InformerBase* informer : parts_->caches.all()) parts_->informers.start(*informer);
  TRY_OK(parts_->informers.wait_synced(deadline));
  parts_->garbage.use_threads();
  parts_->runner.start(1);
  return {};
}

void ControlPlane::stop() {
  parts_->runner.stop();
  parts_->garbage.stop();
  parts_->informers.stop();
}

bool ControlPlane::step() {
  bool worked = false;
  bool synced = true;
  for (kube::InformerBase* informer : parts_->caches.all()) {
    worked = informer->pump() || worked;
    synced = synced && informer->synced();
  }
  worked = parts_->garbage.pump() || worked;
  if (!synced) return worked;  // as start() does: nobody decides before every cache has seen everything once
  for (controller::Controller& controller : parts_->controllers) worked = controller.step() || worked;
  return worked;
}

std::optional<Instant> ControlPlane::next_due() const {
  std::optional<Instant> next;
  for (const controller::Controller& controller : parts_->controllers)
    if (const auto due = controller.queue().next_due(); due && (!next || *due < *next)) next = due;
  return next;
}

}  // namespace masu::controlplane
