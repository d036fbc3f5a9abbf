#include "controlplane/volumes_core.h"

#include <algorithm>

#include "base/text.h"

namespace masu::controlplane {
namespace {

namespace resources = kube::resources;

Value modes(const std::vector<std::string>& words) { return Value::strings(words); }

/// A volume that is free, or kept for this very claim, and is what the claim asks for.
bool suits(const Volume& volume, const Claim& claim) {
  if (volume.meta.deleted || volume.volume_mode != claim.volume_mode || volume.size < claim.size) return false;
  if (volume.storage_class != claim.storage_class.value_or("")) return false;
  for (const std::string& mode : claim.access_modes)
    if (std::find(volume.access_modes.begin(), volume.access_modes.end(), mode) == volume.access_modes.end()) return false;
  if (claim.selector && !claim.selector->matches(volume.meta.labels)) return false;
  if (!volume.claim.name.empty()) return volume.claim == claim.meta.key() && (volume.claim_uid.empty() || volume.claim_uid == claim.meta.uid);
  return volume.phase != "Released" && volume.phase != "Failed";
}

/// Kept for the claim first, then the smallest.
const Volume* best_volume(const ClaimWorld& world) {
  const Volume* best = nullptr;
  const auto better = [](const Volume& a, const Volume& b) {
    const bool kept_a = !a.claim.name.empty(), kept_b = !b.claim.name.empty();
    return kept_a != kept_b ? kept_a : a.size < b.size;
  };
  for (const auto& volume : world.volumes)
    if (suits(*volume, world.claim) && (!best || better(*volume, *best))) best = volume.get();
  return best;
}

controller::Event event(const Claim& claim, std::string type, std::string reason, std::string message) {
  return {resources::claims, claim.meta.key(), claim.meta.uid, std::move(type), std::move(reason), std::move(message)};
}

void bind_claim(const Claim& claim, const std::string& volume, const std::vector<std::string>& access, const Value& capacity, ClaimDecision& out) {
  if (claim.volume_name.empty()) {
    const Value annotations = Value::object({{"pv.kubernetes.io/bind-completed", "yes"}, {"pv.kubernetes.io/bound-by-controller", "yes"}});
    out.actions.push_back(controller::Patch{
        resources::claims, claim.meta.key(),
        Value::object({{"metadata", Value::object({{"annotations", annotations}})}, {"spec", Value::object({{"volumeName", volume}})}}),
        claim.meta.resource_version, ""});
  }
  const Value status = Value::object({{"phase", "Bound"}, {"accessModes", modes(access)}, {"capacity", Value::object({{"storage", capacity}})}});
  out.actions.push_back(controller::Patch{resources::claims, claim.meta.key(), Value::object({{"status", status}}), "", "status"});
}

Value reference_to(const Claim& claim) {
  return Value::object({{"apiVersion", "v1"},
                        {"kind", "PersistentVolumeClaim"},
                        {"namespace", claim.meta.name_space},
                        {"name", claim.meta.name},
                        {"uid", claim.meta.uid}});
}

void provision(const ClaimWorld& world, ClaimDecision& out) {
  const Claim& claim = world.claim;
  const std::string name = cat("pvc-", claim.meta.uid), folder = cat(claim.meta.name_space, "_", claim.meta.name, "_", claim.meta.uid.substr(0, 8));
  out.make_folder = cat(world.root, "/", folder);
  const Value capacity(claim.size.text(true));
  const Value spec = Value::object({{"capacity", Value::object({{"storage", capacity}})},
                                    {"accessModes", modes(claim.access_modes)},
                                    {"persistentVolumeReclaimPolicy", world.storage_class->reclaim},
                                    {"storageClassName", world.storage_class->meta.name},
                                    {"volumeMode", claim.volume_mode},
                                    {"claimRef", reference_to(claim)},
                                    {"hostPath", Value::object({{"path", out.make_folder}, {"type", "DirectoryOrCreate"}})}});
  const Value metadata = Value::object({{"name", name}, {"annotations", Value::object({{"pv.kubernetes.io/provisioned-by", local_provisioner}})}});
  out.actions.push_back(controller::Create{
      resources::volumes, Value::object({{"apiVersion", "v1"}, {"kind", "PersistentVolume"}, {"metadata", metadata}, {"spec", spec}})});
  bind_claim(claim, name, claim.access_modes, capacity, out);
  out.actions.push_back(event(claim, "Normal", "ProvisioningSucceeded", cat("Successfully provisioned volume ", name)));
}

ClaimDecision keep_or_lose(const ClaimWorld& world) {
  ClaimDecision out;
  const Claim& claim = world.claim;
  auto at = std::find_if(world.volumes.begin(), world.volumes.end(), [&](const auto& volume) { return volume->meta.name == claim.volume_name; });
  if (at == world.volumes.end()) {
    if (claim.phase == "Bound") {
      out.actions.push_back(controller::Patch{resources::claims, claim.meta.key(),
                                              Value::object({{"status", Value::object({{"phase", "Lost"}})}}), claim.meta.resource_version,
                                              "status"});
      out.actions.push_back(
          event(claim, "Warning", "ClaimLost",
                cat("Bound claim has lost its PersistentVolume ", quote(claim.volume_name), ". Any data on the volume is lost!")));
    }
    return out;
  }
  const Volume& volume = **at;
  const bool other =
      !volume.claim.name.empty() && (volume.claim != claim.meta.key() || (!volume.claim_uid.empty() && volume.claim_uid != claim.meta.uid));
  if (other) {
    out.remark = event(claim, "Warning", "FailedBinding", cat("volume ", quote(claim.volume_name), " already bound to a different claim."));
    return out;
  }
  if (volume.claim_uid.empty())
    out.actions.push_back(controller::Patch{resources::volumes, volume.meta.key(),
                                            Value::object({{"spec", Value::object({{"claimRef", reference_to(claim)}})}}),
                                            volume.meta.resource_version, ""});
  if (claim.phase != "Bound") bind_claim(claim, volume.meta.name, volume.access_modes, Value(volume.size.text(true)), out);
  return out;
}

}  // namespace

ClaimDecision decide(const ClaimWorld& world) {
  const Claim& claim = world.claim;
  ClaimDecision out;
  if (claim.deleting()) {
    std::vector<std::string> rest = claim.meta.finalizers;
    if (world.used || std::erase(rest, claim_protection) == 0) return out;
    out.actions.push_back(controller::Patch{resources::claims, claim.meta.key(),
                                            Value::object({{"metadata", Value::object({{"finalizers", Value::strings(rest)}})}}),
                                            claim.meta.resource_version, ""});
    return out;
  }
  if (!claim.volume_name.empty()) return keep_or_lose(world);
  const bool told = !claim.meta.annotation(selected_node_annotation).empty();
  const bool must_wait = world.storage_class && world.storage_class->wait_for_consumer && !told;
  if (!must_wait) {
    if (const Volume* volume = best_volume(world)) {
      if (volume->claim_uid.empty())
        out.actions.push_back(controller::Patch{resources::volumes, volume->meta.key(),
                                                Value::object({{"spec", Value::object({{"claimRef", reference_to(claim)}})}}),
                                                volume->meta.resource_version, ""});
      bind_claim(claim, volume->meta.name, volume->access_modes, Value(volume->size.text(true)), out);
      return out;
    }
  }
  if (claim.storage_class.value_or("").empty()) {
    out.remark = event(claim, "Normal", "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
  } else if (!world.storage_class) {
    out.remark = event(claim, "Warning", "ProvisioningFailed", cat("storageclass.storage.k8s.io ", quote(*claim.storage_class), " not found"));
  } else if (must_wait) {
    out.remark = event(claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
  } else if (world.storage_class->provisioner != local_provisioner) {
    out.remark = event(claim, "Normal", "ExternalProvisioning",
                       cat("Waiting for a volume to be created either by the external provisioner '", world.storage_class->provisioner,
                           "' or manually by the system administrator."));
  } else if (claim.has_data_source) {
    out.remark = event(claim, "Warning", "ProvisioningFailed",
                       cat("provisioner ", local_provisioner, " makes empty volumes only: it cannot fill one from a data source"));
  } else if (claim.volume_mode != "Filesystem") {
    out.remark = event(claim, "Warning", "ProvisioningFailed",
                       cat("provisioner ", local_provisioner, " makes file systems only, not volumeMode ", claim.volume_mode));
  } else {
    provision(world, out);
  }
  return out;
}

VolumeDecision decide(const VolumeWorld& world) {
  const Volume& volume = world.volume;
  VolumeDecision out;
  if (volume.meta.deleted) return out;
  std::string phase = "Available";
  if (!volume.claim.name.empty()) {
    const bool there = world.claim && world.claim->meta.uid == volume.claim_uid;
    // With the claim's uid in it the volume is given away, even before the claim shows its name.
    phase = volume.claim_uid.empty() ? "Available" : there ? "Bound" : "Released";
  }
  if (phase == "Released" && volume.reclaim == "Delete" && volume.meta.annotation("pv.kubernetes.io/provisioned-by") == local_provisioner) {
    out.destroy = true;
    // Only what the provisioner made itself: a folder directly below its root.
    const std::string prefix = cat(world.root, "/");
    const bool ours = !world.root.empty() && volume.path.starts_with(prefix) && volume.path.size() > prefix.size() &&
                      volume.path.find('/', prefix.size()) == std::string::npos && volume.path.find("..") == std::string::npos;
    if (ours) out.remove_folder = volume.path;
    out.actions.push_back(controller::Delete{resources::volumes, volume.meta.key(), volume.meta.uid, "Background", {}});
    return out;
  }
  if (phase != volume.phase)
    out.actions.push_back(controller::Patch{resources::volumes, volume.meta.key(),
                                            Value::object({{"status", Value::object({{"phase", phase}})}}), volume.meta.resource_version,
                                            "status"});
  return out;
}

controller::Actions ensure_standard_class(const std::vector<std::shared_ptr<const StorageClass>>& classes) {
  bool has_default = false;
  for (const auto& one : classes) {
    if (one->meta.name == "standard") return {};
    has_default = has_default || one->is_default;
  }
  Value metadata = Value::object({{"name", "standard"}});
  if (!has_default) metadata["annotations"] = Value::object({{"storageclass.kubernetes.io/is-default-class", "true"}});
  return {controller::Create{resources::storage_classes, Value::object({{"apiVersion", "storage.k8s.io/v1"},
                                                                        {"kind", "StorageClass"},
                                                                        {"metadata", metadata},
                                                                        {"provisioner", local_provisioner},
                                                                        {"reclaimPolicy", "Delete"},
                                                                        {"volumeBindingMode", "Immediate"}})}};
}

}  // namespace masu::controlplane
