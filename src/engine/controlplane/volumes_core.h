#pragma once
/// Claims and volumes: binding, and local volumes (folders) of the provisioner masu.dev/local.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controlplane/objects.h"

namespace masu::controlplane {

inline constexpr const char* local_provisioner = "masu.dev/local";
inline constexpr const char* claim_protection = "kubernetes.io/pvc-protection";

struct ClaimWorld {
  Claim claim;
  std::vector<std::shared_ptr<const Volume>> volumes;
  std::shared_ptr<const StorageClass> storage_class;  // null: the claim names none, or one that does not exist
  bool used = false;                                  // by a pod that has not ended
  std::string root;                                   // folder of all local volumes
};
struct ClaimDecision {
  std::string make_folder;  // before the actions; empty: none
  controller::Actions actions;
  std::optional<controller::Event> remark;  // to be said once, not at each look
};
ClaimDecision decide(const ClaimWorld& world);

struct VolumeWorld {
  Volume volume;
  std::shared_ptr<const Claim> claim;  // of the name in claimRef; null: there is none
  std::string root;
};
struct VolumeDecision {
  bool destroy = false;       // the claim is gone: its folder `remove_folder` and the volume go too
  std::string remove_folder;
  controller::Actions actions;
};
VolumeDecision decide(const VolumeWorld& world);

/// StorageClass `standard`, local; nothing if there is one of that name.
controller::Actions ensure_standard_class(const std::vector<std::shared_ptr<const StorageClass>>& classes);

}  // namespace masu::controlplane
