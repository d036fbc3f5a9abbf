#include "controlplane/scheduler_core.h"

#include <algorithm>

#include "base/text.h"

namespace masu::controlplane {
namespace {

using kube::Key;

struct Room {
  const Node* node = nullptr;
  Amounts used;
  std::int64_t pods = 0;
  std::set<std::string> ports;

  void take(const Pod& pod) {
    for (const auto& [name, amount] : pod.requests) used[name].milli += amount.milli;
    pods += 1;
    ports.insert(pod.host_ports.begin(), pod.host_ports.end());
  }
  std::int64_t total(const std::string& name) const {
    auto at = node->allocatable.find(name);
    return at == node->allocatable.end() ? 0 : at->second.milli;
  }
  std::int64_t free(const std::string& name) const {
    auto at = used.find(name);
    return total(name) - (at == used.end() ? 0 : at->second.milli);
  }
};

bool tolerates(const kinds::Toleration& toleration, const Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (toleration.key.empty()) return toleration.op == "Exists";
  if (toleration.key != taint.key) return false;
  return toleration.op == "Exists" || toleration.value == taint.value;
}

bool tolerated(const Pod& pod, const Taint& taint) {
  return std::any_of(pod.tolerations.begin(), pod.tolerations.end(), [&](const kinds::Toleration& one) { return tolerates(one, taint); });
}

/// What a pod's claims demand of the node.
struct VolumeNeeds {
  std::string trouble;   // the pod can run nowhere yet
  bool on_their_way = false;
  std::string node;      // chosen earlier
  std::vector<const Volume*> bound;
  std::vector<std::shared_ptr<const Claim>> unbound;  // to be told
};

VolumeNeeds needs_of(const Cluster& cluster, const Pod& pod) {
  VolumeNeeds needs;
  for (const std::string& name : pod.claims) {
    auto at = cluster.claims.find(Key{pod.meta.name_space, name});
    if (at == cluster.claims.end()) {
      needs.trouble = cat("persistentvolumeclaim ", quote(name), " not found");
      return needs;
    }
    const Claim& claim = *at->second;
    if (claim.deleting()) {
      needs.trouble = cat("persistentvolumeclaim ", quote(name), " is being deleted");
      return needs;
    }
    if (claim.bound()) {
      if (auto volume = cluster.volumes.find(claim.volume_name); volume != cluster.volumes.end()) needs.bound.push_back(volume->second.get());
      continue;
    }
    const std::string chosen = claim.meta.annotation(selected_node_annotation);
    auto storage = cluster.classes.find(claim.storage_class.value_or(""));
    const bool waits = storage != cluster.classes.end() && storage->second->wait_for_consumer;
    if (!chosen.empty() || !claim.volume_name.empty()) {
      needs.on_their_way = true;
      if (!chosen.empty()) needs.node = chosen;
    } else if (waits) {
      needs.unbound.push_back(at->second);
    } else {
      needs.trouble = "pod has unbound immediate PersistentVolumeClaims";
      return needs;
    }
  }
  return needs;
}

/// Why the pod cannot run there; empty: it can.
std::vector<std::string> obstacles(const Pod& pod, const VolumeNeeds& needs, const Room& room) {
  const Node& node = *room.node;
  if (node.unschedulable && !tolerated(pod, {"node.kubernetes.io/unschedulable", "", "NoSchedule"})) return {"node(s) were unschedulable"};
  if (!node.ready) return {"node(s) were not ready"};
  for (const Taint& taint : node.taints)
    if (taint.effect != "PreferNoSchedule" && !tolerated(pod, taint))
      return {cat("node(s) had untolerated taint {", taint.key, ": ", taint.value, "}")};
  const bool selected = std::all_of(pod.node_selector.begin(), pod.node_selector.end(), [&](const auto& want) {
    return node.meta.label(want.first) == want.second && node.meta.labels.contains(want.first);
  });
  if (!selected || (pod.has_node_terms && !matches_any(pod.node_terms, node.meta.name, node.meta.labels)))
    return {"node(s) didn't match Pod's node affinity/selector"};
  if (std::any_of(pod.host_ports.begin(), pod.host_ports.end(), [&](const std::string& port) { return room.ports.contains(port); }))
    return {"node(s) didn't have free ports for the requested pod ports"};
  std::vector<std::string> missing;
  if (room.pods * 1000 + 1000 > room.total("pods")) missing.emplace_back("Too many pods");
  for (const auto& [name, amount] : pod.requests)
    if (amount.milli > 0 && amount.milli > room.free(name)) missing.push_back(cat("Insufficient ", name));
  if (!missing.empty()) return missing;
  if (!needs.node.empty() && needs.node != node.meta.name) return {"node(s) didn't match the node chosen for its volumes"};
  for (const Volume* volume : needs.bound)
    if (volume->has_node_terms && !matches_any(volume->node_terms, node.meta.name, node.meta.labels))
      return {"node(s) had volume node affinity conflict"};
  return {};
}

/// More is better: room left after the pod, wishes of the pod.
double score(const Pod& pod, const Room& room) {
  double sum = 0;
  int parts = 0;
  for (const char* name : {"cpu", "memory"}) {
    const double total = static_cast<double>(room.total(name));
    if (total <= 0) continue;
    auto wanted = pod.requests.find(name);
    sum += 100 * (static_cast<double>(room.free(name)) - (wanted == pod.requests.end() ? 0.0 : static_cast<double>(wanted->second.milli))) / total;
    ++parts;
  }
  double result = parts == 0 ? 0 : sum / parts;
  for (const auto& [weight, term] : pod.preferred)
    if (matches_any({term}, room.node->meta.name, room.node->meta.labels)) result += static_cast<double>(weight);
  for (const Taint& taint : room.node->taints)
    if (taint.effect == "PreferNoSchedule" && !tolerated(pod, taint)) result -= 100;
  return result;
}

std::string refusal(std::size_t nodes, const std::map<std::string, int>& reasons) {
  if (nodes == 0) return "no nodes available to schedule pods";
  std::vector<std::string> parts;
  for (const auto& [reason, count] : reasons) parts.push_back(cat(count, " ", reason));
  std::sort(parts.begin(), parts.end());
  return cat("0/", nodes, " nodes are available: ", join(parts, ", "), ".");
}

Placement place(const Cluster& cluster, std::shared_ptr<const Pod> pod, std::vector<Room>& rooms) {
  Placement out{.pod = pod};
  const VolumeNeeds needs = needs_of(cluster, *pod);
  if (!needs.trouble.empty()) {
    out.message = rooms.empty() ? needs.trouble : cat("0/", rooms.size(), " nodes are available: ", needs.trouble, ".");
    return out;
  }
  std::map<std::string, int> reasons;
  Room* best = nullptr;
  double best_score = 0;
  for (Room& room : rooms) {
    const std::vector<std::string> why = obstacles(*pod, needs, room);
    for (const std::string& reason : why) ++reasons[reason];
    if (!why.empty()) continue;
    const double points = score(*pod, room);
    if (!best || points > best_score) best = &room, best_score = points;
  }
  if (!best) {
    out.message = refusal(rooms.size(), reasons);
    return out;
  }
  best->take(*pod);
  out.node = best->node->meta.name;
  out.kind = !needs.unbound.empty() ? Placement::Kind::volumes : needs.on_their_way ? Placement::Kind::wait : Placement::Kind::bind;
  out.claims = needs.unbound;
  return out;
}

bool waits_for_us(const Pod& pod) {
  return pod.node_name.empty() && !pod.deleting() && !pod.finished() && pod.gates.empty() && pod.scheduler_name == scheduler_name;
}

}  // namespace

std::vector<Placement> schedule(const Cluster& cluster) {
  std::vector<Room> rooms;
  std::map<std::string, std::size_t> at;
  for (const auto& node : cluster.nodes) {
    if (node->meta.deleted) continue;
    at[node->meta.name] = rooms.size();
    rooms.push_back({.node = node.get(), .used = {}, .ports = {}});
  }
  std::vector<std::shared_ptr<const Pod>> waiting;
  for (const auto& pod : cluster.pods) {
    auto assumed = cluster.assumed.find(pod->meta.uid);
    const std::string& node = pod->node_name.empty() && assumed != cluster.assumed.end() ? assumed->second : pod->node_name;
    if (!node.empty()) {
      if (auto room = at.find(node); room != at.end() && !pod->finished()) rooms[room->second].take(*pod);
    } else if (waits_for_us(*pod)) {
      waiting.push_back(pod);
    }
  }
  std::stable_sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    return a->meta.created.value_or(Instant{}) < b->meta.created.value_or(Instant{});
  });
  std::vector<Placement> out;
  for (const auto& pod : waiting) out.push_back(place(cluster, pod, rooms));
  return out;
}

controller::Actions actions_for(const Placement& placement, Instant now) {
  namespace resources = kube::resources;
  controller::Actions actions;
  for (const auto& claim : placement.claims) {
    const Value annotations = Value::object({{selected_node_annotation, placement.node}});
    actions.push_back(controller::Patch{resources::claims, claim->meta.key(),
                                        Value::object({{"metadata", Value::object({{"annotations", annotations}})}}),
                                        claim->meta.resource_version, ""});
  }
  if (placement.kind != Placement::Kind::none) return actions;
  const Pod& pod = *placement.pod;
  const kube::Condition* said = kube::find_condition(pod.conditions, "PodScheduled");
  if (said && said->status == "False" && said->message == placement.message) return actions;
  std::vector<kube::Condition> conditions = pod.conditions;
  kube::set_condition(conditions, {"PodScheduled", "False", "Unschedulable", placement.message, {}}, now);
  const Value status = Value::object({{"status", Value::object({{"conditions", kube::encode_conditions(conditions)}})}});
  actions.push_back(controller::Patch{resources::pods, pod.meta.key(), status, pod.meta.resource_version, "status"});
  actions.push_back(controller::Event{resources::pods, pod.meta.key(), pod.meta.uid, "Warning", "FailedScheduling", placement.message});
  return actions;
}

}  // namespace masu::controlplane
