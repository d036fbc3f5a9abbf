#include "controlplane/replicas_core.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"
#include "crypto/hash.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

namespace resources = kube::resources;
using PodPointer = std::shared_ptr<const Pod>;
using SetPointer = std::shared_ptr<const ReplicaSet>;

constexpr const char* kHash = "pod-template-hash";
constexpr const char* kRevision = "deployment.kubernetes.io/revision";

bool lives(const Pod& pod) { return !pod.finished() && !pod.deleting(); }

/// The pods that are missed least come first: without a node, not ready, young.
void sort_for_removal(std::vector<PodPointer>& pods) {
  const auto rank = [](const Pod& pod) { return pod.node_name.empty() ? 0 : pod.phase == "Pending" ? 1 : !pod.ready() ? 2 : 3; };
  std::stable_sort(pods.begin(), pods.end(), [&](const PodPointer& a, const PodPointer& b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    return a->meta.created.value_or(Instant{}) > b->meta.created.value_or(Instant{});
  });
}

/// A whole number, or a percentage of `of`.
std::int64_t resolve(const Value& value, std::int64_t of, bool up, std::int64_t otherwise) {
  if (value.is_number()) return value.as_integer();
  std::string_view text = value.as_string();
  if (!text.ends_with('%')) return otherwise;
  text.remove_suffix(1);
  std::int64_t percent = 0;
  std::from_chars(text.data(), text.data() + text.size(), percent);
  return up ? (of * percent + 99) / 100 : of * percent / 100;
}

std::int64_t revision_of(const kube::Metadata& meta) {
  const std::string text = meta.annotation(kRevision);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Value without_hash(Value pod_template) {
  if (pod_template.contains("metadata") && std::as_const(pod_template)["metadata"].contains("labels"))
    pod_template["metadata"]["labels"].erase(kHash);
  return pod_template;
}

}  // namespace

std::int64_t count_available(const std::vector<PodPointer>& pods, std::int64_t min_ready_s, Instant now, std::optional<Duration>& next) {
  std::int64_t count = 0;
  for (const PodPointer& pod : pods) {
    const kube::Condition* ready = kube::find_condition(pod->conditions, "Ready");
    if (!lives(*pod) || !ready || !ready->is_true()) continue;
    const Instant due = ready->last_transition.value_or(now) + std::chrono::seconds(min_ready_s);
    if (min_ready_s == 0 || due <= now) ++count;
    else next = next ? std::min<Duration>(*next, due - now) : due - now;
  }
  return count;
}

Result<ReplicaSet> ReplicaSet::decode(const Value& object) {
  const Value& spec = object["spec"];
  ReplicaSet out;
  out.meta = kube::Metadata::decode(object);
  out.replicas = spec["replicas"].as_integer(1);
  out.min_ready_s = spec["minReadySeconds"].as_integer();
  TRY(out.selector, kube::LabelSelector::from(spec["selector"]));
  out.pod_template = spec["template"];
  out.status = object["status"];
  out.current = object.at("status", "replicas").as_integer();
  out.available = object.at("status", "availableReplicas").as_integer();
  return out;
}

ReplicaSetDecision decide(const ReplicaSetWorld& world) {
  ReplicaSetDecision out;
  const ReplicaSet& set = world.set;
  std::vector<PodPointer> living;
  std::set<std::string> names;
  for (const PodPointer& pod : world.pods) {
    names.insert(pod->meta.name);
    if (lives(*pod)) living.push_back(pod);
  }
  const auto event = [&](std::string reason, std::string message) {
    out.actions.push_back(controller::Event{resources::replica_sets, set.meta.key(), set.meta.uid, "Normal", std::move(reason), std::move(message)});
  };
  auto count = static_cast<std::int64_t>(living.size());
  if (!set.meta.deleted) {
    for (int attempt = 0; count < set.replicas; ++attempt) {
      std::string name = cat(set.meta.name.substr(0, 57), "-", name_suffix(cat(set.meta.uid, "/", attempt)));
      if (!names.insert(name).second) continue;
      out.actions.push_back(controller::Create{resources::pods, pod_from_template(set.pod_template, resources::replica_sets, set.meta, name)});
      event("SuccessfulCreate", cat("Created pod: ", name));
      ++count;
    }
    if (count > set.replicas) {
      sort_for_removal(living);
      for (std::int64_t i = 0; i < count - set.replicas; ++i) {
        const PodPointer& pod = living[static_cast<std::size_t>(i)];
        out.actions.push_back(controller::Delete{resources::pods, pod->meta.key(), pod->meta.uid, "Background", {}});
        event("SuccessfulDelete", cat("Deleted pod: ", pod->meta.name));
      }
      living.erase(living.begin(), living.begin() + (count - set.replicas));
      count = set.replicas;
    }
  }
  std::int64_t ready = 0, labelled = 0;
  const kube::LabelSelector whole = kube::LabelSelector::from([&] {
    kube::Labels labels;
    for (const auto& [key, value] : set.pod_template.at("metadata", "labels").as_object()) labels.emplace(key, value.as_string());
    return labels;
  }());
  for (const PodPointer& pod : living) {
    ready += pod->ready() ? 1 : 0;
    labelled += whole.matches(pod->meta.labels) ? 1 : 0;
  }
  labelled += count - static_cast<std::int64_t>(living.size());  // those just made
  Value status = set.status.is_object() ? set.status : Value(Object{});
  const auto put = [&](std::string_view key, std::int64_t value, bool always = false) {
    if (value != 0 || always) status[key] = value;
    else status.erase(key);
  };
  put("replicas", count, true);
  put("fullyLabeledReplicas", labelled);
  put("readyReplicas", ready);
  put("availableReplicas", count_available(living, set.min_ready_s, world.now, out.look_again));
  put("observedGeneration", set.meta.generation);
  if (Value patch = controller::status_patch(set.status, status); !patch.is_null())
    out.actions.push_back(controller::Patch{resources::replica_sets, set.meta.key(), std::move(patch), set.meta.resource_version, "status"});
  events_last(out.actions);
  return out;
}

Result<Deployment> Deployment::decode(const Value& object) {
  const Value& spec = object["spec"];
  Deployment out;
  out.meta = kube::Metadata::decode(object);
  out.replicas = spec["replicas"].as_integer(1);
  out.min_ready_s = spec["minReadySeconds"].as_integer();
  out.history = spec["revisionHistoryLimit"].as_integer(10);
  if (spec["progressDeadlineSeconds"].is_number()) out.deadline_s = spec["progressDeadlineSeconds"].as_integer();
  out.recreate = spec.at("strategy", "type").as_string() == "Recreate";
  out.paused = spec["paused"].as_bool();
  const Value& rolling = spec.at("strategy", "rollingUpdate");
  out.surge = resolve(rolling["maxSurge"], out.replicas, true, 1);
  out.unavailable = resolve(rolling["maxUnavailable"], out.replicas, false, 0);
  if (out.surge == 0 && out.unavailable == 0) out.unavailable = 1;  // or nothing could ever move
  out.selector = spec["selector"];
  out.pod_template = spec["template"];
  out.status = object["status"];
  out.conditions = kube::decode_conditions(object.at("status", "conditions"));
  return out;
}

std::string template_hash(const Value& pod_template) {
  return name_suffix(to_json(pod_template)) + name_suffix(cat("more ", to_json(pod_template))).substr(0, 4);
}

namespace {

struct Rollout {
  const DeploymentWorld& world;
  DeploymentDecision out = {};

  const Deployment& deployment() const { return world.deployment; }

  void event(std::string reason, std::string message) {
    out.actions.push_back(controller::Event{resources::deployments, deployment().meta.key(), deployment().meta.uid, "Normal",
                                            std::move(reason), std::move(message)});
  }
  void scale(const ReplicaSet& set, std::int64_t to) {
    if (set.replicas == to) return;
    event("ScalingReplicaSet", cat("Scaled ", to > set.replicas ? "up" : "down", " replica set ", set.meta.name, " from ", set.replicas, " to ", to));
    out.actions.push_back(controller::Patch{resources::replica_sets, set.meta.key(),
                                            Value::object({{"spec", Value::object({{"replicas", to}})}}), set.meta.resource_version, ""});
  }
  void create(std::int64_t replicas, std::int64_t revision) {
    const std::string hash = template_hash(deployment().pod_template), name = cat(deployment().meta.name.substr(0, 50), "-", hash);
    Value pod_template = deployment().pod_template;
    pod_template["metadata"]["labels"][kHash] = hash;
    Value selector = deployment().selector;
    selector["matchLabels"][kHash] = hash;
    const Value metadata = Value::object({{"name", name},
                                          {"namespace", deployment().meta.name_space},
                                          {"labels", std::as_const(pod_template).at("metadata", "labels")},
                                          {"annotations", Value::object({{kRevision, cat(revision)}})},
                                          {"ownerReferences", Value::array({kube::owned_by(resources::deployments, deployment().meta).encode()})}});
    const Value spec = Value::object(
        {{"replicas", replicas}, {"minReadySeconds", deployment().min_ready_s}, {"selector", selector}, {"template", pod_template}});
    out.actions.push_back(
        controller::Create{resources::replica_sets,
                           Value::object({{"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"metadata", metadata}, {"spec", spec}})});
    event("ScalingReplicaSet", cat("Scaled up replica set ", name, " from 0 to ", replicas));
  }
};

}  // namespace

DeploymentDecision decide(const DeploymentWorld& world) {
  Rollout rollout{world};
  const Deployment& deployment = world.deployment;
  if (deployment.meta.deleted) return {};

  SetPointer current;
  std::vector<SetPointer> old;
  std::int64_t newest = 0, old_wanted = 0, available = 0, total = 0, ready = 0;
  for (const SetPointer& set : world.sets) {
    if (!current && without_hash(set->pod_template) == without_hash(deployment.pod_template)) current = set;
    else old.push_back(set), old_wanted += set->replicas;
    newest = std::max(newest, revision_of(set->meta));
    available += set->available;
    total += set->current;
    ready += set->status["readyReplicas"].as_integer();
  }
  std::sort(old.begin(), old.end(), [](const SetPointer& a, const SetPointer& b) { return revision_of(a->meta) < revision_of(b->meta); });
  std::int64_t revision = current ? revision_of(current->meta) : newest + 1;

  if (!deployment.paused) {
    const bool may_start = !deployment.recreate || (old_wanted == 0 && world.old_pods == 0);
    const std::int64_t room = deployment.replicas + deployment.surge - old_wanted - (current ? current->replicas : 0);
    const std::int64_t first = deployment.recreate ? (may_start ? deployment.replicas : 0) : std::clamp<std::int64_t>(room, 0, deployment.replicas);
    if (!current) {
      rollout.create(first, revision);
    } else if (current->replicas > deployment.replicas) {
      rollout.scale(*current, deployment.replicas);
    } else if (may_start) {
      rollout.scale(*current, deployment.recreate ? deployment.replicas
                                                  : std::min(deployment.replicas, current->replicas + std::max<std::int64_t>(room, 0)));
    }
    if (current && revision < newest) {  // an earlier template is wanted again: it is the newest revision now
      revision = newest + 1;
      rollout.out.actions.push_back(controller::Patch{
          resources::replica_sets, current->meta.key(),
          Value::object({{"metadata", Value::object({{"annotations", Value::object({{kRevision, cat(revision)}})}})}}), "", ""});
    }
    // Old pods go as far as enough others are available; those that never became so go first.
    std::int64_t spare = deployment.recreate ? old_wanted : available - (deployment.replicas - deployment.unavailable);
    for (const SetPointer& set : old) {
      const std::int64_t broken = std::max<std::int64_t>(0, set->replicas - set->available);
      const std::int64_t go = std::min(set->replicas, broken + std::max<std::int64_t>(0, std::min(spare, set->replicas - broken)));
      if (go <= 0) continue;
      spare -= go - std::min(go, broken);
      rollout.scale(*set, set->replicas - go);
    }
    const auto idle = std::count_if(old.begin(), old.end(), [](const SetPointer& set) { return set->replicas == 0 && set->current == 0; });
    std::int64_t surplus = idle - deployment.history;
    for (const SetPointer& set : old) {
      if (surplus <= 0) break;
      if (set->replicas != 0 || set->current != 0) continue;
      rollout.out.actions.push_back(controller::Delete{resources::replica_sets, set->meta.key(), set->meta.uid, "Background", {}});
      --surplus;
    }
  }

  const std::int64_t updated = current ? current->current : 0, updated_available = current ? current->available : 0;
  std::vector<kube::Condition> conditions = deployment.conditions;
  if (available >= deployment.replicas - deployment.unavailable)
    kube::set_condition(conditions, {"Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", {}},
                        world.now);
  else
    kube::set_condition(
        conditions, {"Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", {}}, world.now);
  const std::string set_name = current ? current->meta.name : cat(deployment.meta.name.substr(0, 50), "-", template_hash(deployment.pod_template));
  const bool complete = updated == deployment.replicas && total == updated && updated_available >= deployment.replicas;
  const kube::Condition* progress = kube::find_condition(deployment.conditions, "Progressing");
  const bool moved = updated != deployment.status["updatedReplicas"].as_integer() ||
                     available != deployment.status["availableReplicas"].as_integer() ||
                     total != deployment.status["replicas"].as_integer();
  if (complete) {
    kube::set_condition(
        conditions,
        {"Progressing", "True", "NewReplicaSetAvailable", cat("ReplicaSet \"", set_name, "\" has successfully progressed."), {}},
        world.now);
  } else if (progress && progress->reason == "NewReplicaSetAvailable" && updated == deployment.replicas && total == updated) {
    // Rolled out before; a pod that is unwell since then is no rollout.
  } else if (!progress || moved || progress->reason == "NewReplicaSetAvailable" || !current) {
    // The deadline counts from the last step, so a step renews the condition's time.
    std::erase_if(conditions, [](const kube::Condition& one) { return one.type == "Progressing"; });
    kube::set_condition(conditions,
                        {"Progressing",
                         "True",
                         current ? "ReplicaSetUpdated" : "NewReplicaSetCreated",
                         cat(current ? "ReplicaSet \"" : "Created new replica set \"", set_name, current ? "\" is progressing." : "\""),
                         {}},
                        world.now);
  } else if (deployment.deadline_s && !deployment.paused && progress->is_true() && progress->last_transition) {
    const Instant due = *progress->last_transition + std::chrono::seconds(*deployment.deadline_s);
    if (due <= world.now)
      kube::set_condition(
          conditions,
          {"Progressing", "False", "ProgressDeadlineExceeded", cat("ReplicaSet \"", set_name, "\" has timed out progressing."), {}},
          world.now);
    else rollout.out.look_again = due - world.now;
  }

  Value status = deployment.status.is_object() ? deployment.status : Value(Object{});
  const auto put = [&](std::string_view key, std::int64_t value) {
    if (value != 0) status[key] = value;
    else status.erase(key);
  };
  put("replicas", total);
  put("updatedReplicas", updated);
  put("readyReplicas", ready);
  put("availableReplicas", available);
  put("unavailableReplicas", std::max<std::int64_t>(0, std::max(deployment.replicas, total) - available));
  put("observedGeneration", deployment.meta.generation);
  status["conditions"] = kube::encode_conditions(conditions);
  if (Value patch = controller::status_patch(deployment.status, status); !patch.is_null())
    rollout.out.actions.push_back(
        controller::Patch{resources::deployments, deployment.meta.key(), std::move(patch), deployment.meta.resource_version, "status"});
  // kubectl rollout reads the revision; it goes along where a revision is new.
  if (revision_of(deployment.meta) != revision)
    rollout.out.actions.push_back(controller::Patch{
        resources::deployments, deployment.meta.key(),
        Value::object({{"metadata", Value::object({{"annotations", Value::object({{kRevision, cat(revision)}})}})}}), "", ""});
  events_last(rollout.out.actions);
  return std::move(rollout.out);
}

}  // namespace masu::controlplane
