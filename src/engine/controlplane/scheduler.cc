#include "base/log.h"
#include "base/text.h"
#include "controlplane/scheduler_core.h"
#include "controlplane/shells.h"

namespace masu::controlplane {
namespace {

namespace resources = kube::resources;
const kube::Key kPass{"", "pass"};  // one key: a pass looks at everything

}  // namespace

void SchedulerShell::watch(controller::Controller& own) {
  const auto again = [&own](const auto*, const auto*) { own.queue().add(kPass); };
  // Most changes of a pod (a container has started) move nobody.
  tools_.caches.pods.on_change([&own](const Pod* before, const Pod* after) {
    const bool same = before && after && before->finished() == after->finished() && before->node_name == after->node_name &&
                      before->gates == after->gates && before->deleting() == after->deleting();
    if (!same) own.queue().add(kPass);
  });
  tools_.caches.nodes.on_change([&own](const Node* before, const Node* after) {
    const bool same = before && after && before->allocatable == after->allocatable && before->taints == after->taints &&
                      before->ready == after->ready && before->unschedulable == after->unschedulable &&
                      before->meta.labels == after->meta.labels;
    if (!same) own.queue().add(kPass);
  });
  tools_.caches.claims.on_change(again);
  tools_.caches.volumes.on_change(again);
  tools_.caches.classes.on_change(again);
}

Status SchedulerShell::bind(const Pod& pod, const std::string& node, Deadline deadline) {
  const Value target = Value::object({{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}});
  const Value binding =
      Value::object({{"apiVersion", "v1"},
                     {"kind", "Binding"},
                     {"metadata", Value::object({{"name", pod.meta.name}, {"namespace", pod.meta.name_space}, {"uid", pod.meta.uid}})},
                     {"target", target}});
  const auto bound = tools_.client.post(resources::pods, pod.meta.key(), "binding", binding, deadline);
  if (!bound.ok()) return bound.error();
  const std::scoped_lock lock(mutex_);
  assumed_[pod.meta.uid] = node;
  return {};
}

Result<controller::Outcome> SchedulerShell::reconcile(const kube::Key&, Deadline deadline) {
  Caches& caches = tools_.caches;
  Cluster cluster;
  cluster.pods = caches.pods.list();
  cluster.nodes = caches.nodes.list();
  for (const auto& claim : caches.claims.list()) cluster.claims[claim->meta.key()] = claim;
  for (const auto& volume : caches.volumes.list()) cluster.volumes[volume->meta.name] = volume;
  for (const auto& one : caches.classes.list()) cluster.classes[one->meta.name] = one;
  cluster.now = tools_.clock.now();
  {
    // An assumption has served when the cache shows the pod on its node, or no more.
    const std::scoped_lock lock(mutex_);
    std::map<std::string, std::string> still;
    for (const auto& pod : cluster.pods)
      if (auto at = assumed_.find(pod->meta.uid); at != assumed_.end() && pod->node_name.empty()) still.insert(*at);
    assumed_ = still;
    cluster.assumed = std::move(still);
  }
  Status first;
  const auto note = [&](Status status, const Pod& pod) {
    if (status.ok() || status.error().code == Code::not_found) return;
    log::debug("pod not placed in this pass", {{"pod", pod.meta.key().text()}, {"error", status.error().message}});
    if (first.ok()) first = std::move(status);
  };
  for (const Placement& placement : schedule(cluster)) {
    if (placement.kind == Placement::Kind::bind) {
      Status bound = bind(*placement.pod, placement.node, deadline);
      if (bound.ok()) {
        const kube::Key key = placement.pod->meta.key();
        const controller::Actions said = {controller::Event{resources::pods, key, placement.pod->meta.uid, "Normal", "Scheduled",
                                                            cat("Successfully assigned ", key.text(), " to ", placement.node)}};
        bound = performer_.perform(said, deadline);
      }
      note(std::move(bound), *placement.pod);
    } else {
      note(performer_.perform(actions_for(placement, cluster.now), deadline), *placement.pod);
    }
  }
  if (!first.ok()) return std::move(first).error();
  return controller::Outcome{};
}

}  // namespace masu::controlplane
