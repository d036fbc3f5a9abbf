#include "controlplane/stateful_core.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "controlplane/replicas_core.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

namespace resources = kube::resources;
using PodPointer = std::shared_ptr<const Pod>;

constexpr const char* kRevisionLabel = "controller-revision-hash";
constexpr const char* kNameLabel = "statefulset.kubernetes.io/pod-name";
constexpr const char* kIndexLabel = "apps.kubernetes.io/pod-index";

std::optional<std::int64_t> ordinal_of(const StatefulSet& set, const std::string& pod) {
  if (!pod.starts_with(set.meta.name + "-")) return std::nullopt;
  const std::string_view rest = std::string_view(pod).substr(set.meta.name.size() + 1);
  std::int64_t value = 0;
  const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return end.ec == std::errc() && end.ptr == rest.data() + rest.size() ? std::optional(value) : std::nullopt;
}

std::string claim_name(const Value& claim_template, const std::string& pod) {
  return cat(claim_template.at("metadata", "name").as_string(), "-", pod);
}

class Plan {
 public:
  explicit Plan(const StatefulSetWorld& world)
      : world_(world), set_(world.set), revision_(cat(set_.meta.name, "-", template_hash(set_.pod_template))) {}

  StatefulSetDecision make() {
    for (const PodPointer& pod : world_.pods)
      if (const auto ordinal = ordinal_of(set_, pod->meta.name)) pods_[*ordinal] = pod;
    if (!set_.meta.deleted) step();
    write_status();
    events_last(out_.actions);
    return std::move(out_);
  }

 private:
  bool in_range(std::int64_t ordinal) const { return ordinal >= set_.first && ordinal < set_.first + set_.replicas; }

  void event(std::string reason, std::string message) {
    out_.actions.push_back(
        controller::Event{resources::stateful_sets, set_.meta.key(), set_.meta.uid, "Normal", std::move(reason), std::move(message)});
  }

  bool healthy(const Pod& pod) {
    if (pod.deleting() || pod.phase != "Running" || !pod.ready()) return false;
    return count_available({std::make_shared<const Pod>(pod)}, set_.min_ready_s, world_.now, out_.look_again) == 1;
  }

  /// One step: pods that are missing, in order; then those that are too many, from the top; then those of an old template.
  void step() {
    for (std::int64_t ordinal = set_.first; ordinal < set_.first + set_.replicas; ++ordinal) {
      auto at = pods_.find(ordinal);
      if (at == pods_.end()) {
        create(ordinal);
        if (!set_.parallel) return;
      } else if (at->second->finished() && !at->second->deleting()) {
        remove(at->second);  // its name is needed
        if (!set_.parallel) return;
      } else if (!set_.parallel && !healthy(*at->second)) {
        return;
      }
    }
    for (auto at = pods_.rbegin(); at != pods_.rend(); ++at) {
      if (in_range(at->first)) continue;
      if (!at->second->deleting()) remove(at->second);
      if (!set_.parallel) return;
    }
    if (set_.delete_scaled) drop_claims();
    if (!set_.on_delete) update();
  }

  void update() {
    for (auto at = pods_.rbegin(); at != pods_.rend(); ++at) {
      if (at->first < set_.partition || !in_range(at->first)) continue;
      const Pod& pod = *at->second;
      if (pod.meta.label(kRevisionLabel) != revision_) {
        if (!pod.deleting()) remove(at->second);
        return;
      }
      if (!healthy(pod)) return;
    }
  }

  void create(std::int64_t ordinal) {
    const std::string name = set_.pod_name(ordinal);
    Value pod = pod_from_template(set_.pod_template, resources::stateful_sets, set_.meta, name);
    Value& labels = pod["metadata"]["labels"];
    labels[kNameLabel] = name;
    labels[kIndexLabel] = cat(ordinal);
    labels[kRevisionLabel] = revision_;
    Value& spec = pod["spec"];
    spec["hostname"] = name;
    if (!set_.service.empty()) spec["subdomain"] = set_.service;
    for (const Value& claim : set_.claim_templates) {
      const std::string claim_of_pod = claim_name(claim, name);
      if (!world_.claims.contains(claim_of_pod)) create_claim(claim, claim_of_pod, name);
      const std::string volume(claim.at("metadata", "name").as_string());
      Array& volumes = spec["volumes"].array();
      std::erase_if(volumes, [&](const Value& one) { return one["name"].as_string() == volume; });
      volumes.push_back(Value::object({{"name", volume}, {"persistentVolumeClaim", Value::object({{"claimName", claim_of_pod}})}}));
    }
    out_.actions.push_back(controller::Create{resources::pods, std::move(pod)});
    event("SuccessfulCreate", cat("create Pod ", name, " in StatefulSet ", set_.meta.name, " successful"));
    ++created_;
  }

  void create_claim(const Value& claim_template, const std::string& name, const std::string& pod) {
    Value metadata = Value::object({{"name", name}, {"namespace", set_.meta.name_space}});
    for (std::string_view part : {"annotations", "labels"})
      if (!claim_template.at("metadata", part).is_null()) metadata[part] = claim_template.at("metadata", part);
    for (const auto& [key, value] : set_.pod_template.at("metadata", "labels").as_object())
      if (std::as_const(metadata)["labels"][key].is_null()) metadata["labels"][key] = value;
    if (set_.delete_claims) {
      kube::OwnerReference owner = kube::owned_by(resources::stateful_sets, set_.meta);
      owner.controller = false;
      metadata["ownerReferences"] = Value::array({owner.encode()});
    }
    out_.actions.push_back(controller::Create{
        resources::claims,
        Value::object(
            {{"apiVersion", "v1"}, {"kind", "PersistentVolumeClaim"}, {"metadata", metadata}, {"spec", claim_template["spec"]}})});
    event("SuccessfulCreate", cat("create Claim ", name, " Pod ", pod, " in StatefulSet ", set_.meta.name, " success"));
  }

  void remove(const PodPointer& pod) {
    out_.actions.push_back(controller::Delete{resources::pods, pod->meta.key(), pod->meta.uid, "Background", {}});
    event("SuccessfulDelete", cat("delete Pod ", pod->meta.name, " in StatefulSet ", set_.meta.name, " successful"));
  }

  /// Claims of ordinals beyond the wanted ones whose pod has gone.
  void drop_claims() {
    for (const Value& claim : set_.claim_templates) {
      const std::string stem = cat(claim.at("metadata", "name").as_string(), "-");
      for (const std::string& name : world_.claims) {
        if (!name.starts_with(stem)) continue;
        const auto ordinal = ordinal_of(set_, name.substr(stem.size()));
        if (ordinal && !in_range(*ordinal) && !pods_.contains(*ordinal))
          out_.actions.push_back(controller::Delete{resources::claims, {set_.meta.name_space, name}, "", "Background", {}});
      }
    }
  }

  void write_status() {
    std::int64_t ready = 0, updated = 0, current = 0;
    std::vector<PodPointer> all;
    const std::string before(set_.status["currentRevision"].as_string(revision_));
    for (const auto& [ordinal, pod] : pods_) {
      all.push_back(pod);
      if (pod->deleting()) continue;
      ready += pod->phase == "Running" && pod->ready() ? 1 : 0;
      const std::string label = pod->meta.label(kRevisionLabel);
      updated += label == revision_ ? 1 : 0;
      current += label == before ? 1 : 0;
    }
    const auto total = static_cast<std::int64_t>(all.size()) + created_;
    const std::int64_t available = count_available(all, set_.min_ready_s, world_.now, out_.look_again);
    // The rollout is over when all pods are of the new template and ready: then it is the current one.
    const bool over = updated + created_ == set_.replicas && total == set_.replicas && (before == revision_ || ready == set_.replicas);
    Value status = set_.status.is_object() ? set_.status : Value(Object{});
    const auto put = [&](std::string_view key, std::int64_t value, bool always = false) {
      if (value != 0 || always) status[key] = value;
      else status.erase(key);
    };
    put("replicas", total, true);
    put("readyReplicas", ready);
    put("availableReplicas", available, true);
    put("updatedReplicas", updated + created_);
    put("currentReplicas", over || before == revision_ ? updated + created_ : current);
    put("observedGeneration", set_.meta.generation);
    put("collisionCount", 0, true);
    status["currentRevision"] = over ? revision_ : before;
    status["updateRevision"] = revision_;
    if (Value patch = controller::status_patch(set_.status, status); !patch.is_null())
      out_.actions.push_back(controller::Patch{resources::stateful_sets, set_.meta.key(), std::move(patch), set_.meta.resource_version, "status"});
  }

  const StatefulSetWorld& world_;
  const StatefulSet& set_;
  const std::string revision_;
  std::map<std::int64_t, PodPointer> pods_;
  std::int64_t created_ = 0;
  StatefulSetDecision out_;
};

}  // namespace

std::string StatefulSet::pod_name(std::int64_t ordinal) const { return cat(meta.name, "-", ordinal); }

Result<StatefulSet> StatefulSet::decode(const Value& object) {
  const Value& spec = object["spec"];
  StatefulSet out;
  out.meta = kube::Metadata::decode(object);
  out.replicas = spec["replicas"].as_integer(1);
  out.first = spec.at("ordinals", "start").as_integer();
  out.partition = spec.at("updateStrategy", "rollingUpdate", "partition").as_integer();
  out.min_ready_s = spec["minReadySeconds"].as_integer();
  out.parallel = spec["podManagementPolicy"].as_string() == "Parallel";
  out.on_delete = spec.at("updateStrategy", "type").as_string() == "OnDelete";
  out.delete_claims = spec.at("persistentVolumeClaimRetentionPolicy", "whenDeleted").as_string() == "Delete";
  out.delete_scaled = spec.at("persistentVolumeClaimRetentionPolicy", "whenScaled").as_string() == "Delete";
  out.service = spec["serviceName"].as_string();
  out.pod_template = spec["template"];
  for (const Value& claim : spec["volumeClaimTemplates"].as_array()) out.claim_templates.push_back(claim);
  out.status = object["status"];
  return out;
}

StatefulSetDecision decide(const StatefulSetWorld& world) { return Plan(world).make(); }

}  // namespace masu::controlplane
