/// Shells of the controllers that make pods.
#include "controlplane/job_core.h"
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
