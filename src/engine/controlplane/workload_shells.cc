/// Shells of the controllers that make pods, or follow them.
#include "controlplane/endpoints_core.h"
#include "controlplane/shells.h"

namespace masu::controlplane {
namespace resources = kube::resources;

void JobShell::watch(controller::Controller& own) {
  own.watch(tools_.caches.jobs);
  own.watch_owned(tools_.caches.pods, resources::jobs);
}

Result<controller::Outcome> JobShell::reconcile(const kube::Key& key, Deadline deadline) {
  const auto job = tools_.caches.jobs.get(key);
  if (!job) return controller::Outcome{};
  const JobDecision decision = decide(JobWorld{*job, tools_.caches.pods.controlled_by(job->meta.uid), tools_.clock.now()});
  TRY_OK(performer_.perform(decision.actions, deadline));
  return controller::Outcome{decision.look_again};
}

void ReplicaSetShell::watch(controller::Controller& own) {
  own.watch(tools_.caches.replica_sets);
  own.watch_owned(tools_.caches.pods, resources::replica_sets);
}

Result<controller::Outcome> ReplicaSetShell::reconcile(const kube::Key& key, Deadline deadline) {
  const auto set = tools_.caches.replica_sets.get(key);
  if (!set) return controller::Outcome{};
  const ReplicaSetDecision decision = decide(ReplicaSetWorld{*set, tools_.caches.pods.controlled_by(set->meta.uid), tools_.clock.now()});
  TRY_OK(performer_.perform(decision.actions, deadline));
  return controller::Outcome{decision.look_again};
}

void DeploymentShell::watch(controller::Controller& own) {
  own.watch(tools_.caches.deployments);
  own.watch_owned(tools_.caches.replica_sets, resources::deployments);
  // Recreate waits for the last old pod.
  tools_.caches.pods.on_change([this, &own](const Pod* before, const Pod* after) {
    if (after) return;
    const kube::OwnerReference* set = before->meta.controller();
    if (!set || set->kind != resources::replica_sets.kind) return;
    const auto owner = tools_.caches.replica_sets.get({before->meta.name_space, set->name});
    if (const kube::OwnerReference* deployment = owner ? owner->meta.controller() : nullptr)
      own.queue().add({before->meta.name_space, deployment->name});
  });
}

Result<controller::Outcome> DeploymentShell::reconcile(const kube::Key& key, Deadline deadline) {
  const auto deployment = tools_.caches.deployments.get(key);
  if (!deployment) return controller::Outcome{};
  DeploymentWorld world{*deployment, tools_.caches.replica_sets.controlled_by(deployment->meta.uid), 0, tools_.clock.now()};
  for (const auto& set : world.sets)
    if (set->replicas == 0) world.old_pods += static_cast<std::int64_t>(tools_.caches.pods.controlled_by(set->meta.uid).size());
  const DeploymentDecision decision = decide(world);
  TRY_OK(performer_.perform(decision.actions, deadline));
  return controller::Outcome{decision.look_again};
}

void StatefulSetShell::watch(controller::Controller& own) {
  own.watch(tools_.caches.stateful_sets);
  own.watch_owned(tools_.caches.pods, resources::stateful_sets);
}

Result<controller::Outcome> StatefulSetShell::reconcile(const kube::Key& key, Deadline deadline) {
  const auto set = tools_.caches.stateful_sets.get(key);
  if (!set) return controller::Outcome{};
  StatefulSetWorld world{*set, tools_.caches.pods.controlled_by(set->meta.uid), {}, tools_.clock.now()};
  for (const auto& claim : tools_.caches.claims.list(key.name_space)) world.claims.insert(claim->meta.name);
  const StatefulSetDecision decision = decide(world);
  TRY_OK(performer_.perform(decision.actions, deadline));
  return controller::Outcome{decision.look_again};
}

void EndpointsShell::watch(controller::Controller& own) {
  own.watch(tools_.caches.services);
  own.watch(tools_.caches.endpoints);
  tools_.caches.pods.on_change([this, &own](const Pod* before, const Pod* after) {
    const Pod& pod = after ? *after : *before;
    for (const auto& service : tools_.caches.services.list(pod.meta.name_space)) {
      if (service->selector.empty()) continue;
      const kube::LabelSelector selector = kube::LabelSelector::from(service->selector);
      if ((before && selector.matches(before->meta.labels)) || (after && selector.matches(after->meta.labels))) own.queue().add(service->meta.key());
    }
  });
}

Result<controller::Outcome> EndpointsShell::reconcile(const kube::Key& key, Deadline deadline) {
  const auto service = tools_.caches.services.get(key);
  if (!service) return controller::Outcome{};
  const controller::Actions actions = decide(EndpointsWorld{*service, tools_.caches.pods.list(key.name_space), tools_.caches.endpoints.get(key)});
  TRY_OK(performer_.perform(actions, deadline));
  return controller::Outcome{};
}

void PodCollector::watch(controller::Controller& own) {
  own.watch(tools_.caches.pods);
  tools_.caches.nodes.on_change([this, &own](const Node* before, const Node* after) {
    if (after) return;
    for (const auto& pod : tools_.caches.pods.list())
      if (pod->node_name == before->meta.name) own.queue().add(pod->meta.key());
  });
}

Result<controller::Outcome> PodCollector::reconcile(const kube::Key& key, Deadline deadline) {
  const auto pod = tools_.caches.pods.get(key);
  if (!pod || pod->node_name.empty() || tools_.caches.nodes.get({"", pod->node_name})) return controller::Outcome{};
  // The cache of nodes may be behind that of pods: only the API server itself is believed.
  const auto node = tools_.client.get(resources::nodes, {"", pod->node_name}, deadline);
  if (node.ok()) return controller::Outcome{};
  if (node.error().code != Code::not_found) return node.error();
  const controller::Actions actions = {controller::Delete{resources::pods, key, pod->meta.uid, "Background", 0}};
  TRY_OK(performer_.perform(actions, deadline));
  return controller::Outcome{};
}

}  // namespace masu::controlplane
