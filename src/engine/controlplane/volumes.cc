#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "controlplane/shells.h"
#include "controlplane/volumes_core.h"

namespace masu::controlplane {
namespace {

namespace resources = kube::resources;

kube::Key claim_key(const kube::Key& key) { return {key.name_space, cat("claim ", key.name)}; }
kube::Key volume_key(const std::string& name) { return {"", cat("volume ", name)}; }
const kube::Key kClass{"", "class"};

}  // namespace

void VolumeShell::watch(controller::Controller& own) {
  Caches& caches = tools_.caches;
  own.queue().add(kClass);
  caches.claims.on_change([&own](const Claim* before, const Claim* after) {
    const Claim& claim = after ? *after : *before;
    own.queue().add(claim_key(claim.meta.key()));
    for (const Claim* one : {before, after})
      if (one && !one->volume_name.empty()) own.queue().add(volume_key(one->volume_name));
    own.queue().add(volume_key(cat("pvc-", claim.meta.uid)));
  });
  const auto open_claims = [&caches, &own] {
    for (const auto& claim : caches.claims.list())
      if (!claim->bound()) own.queue().add(claim_key(claim->meta.key()));
  };
  caches.volumes.on_change([&own, open_claims](const Volume* before, const Volume* after) {
    const Volume& volume = after ? *after : *before;
    own.queue().add(volume_key(volume.meta.name));
    if (!volume.claim.name.empty()) own.queue().add(claim_key(volume.claim));
    else open_claims();
  });
  caches.classes.on_change([open_claims](const StorageClass*, const StorageClass*) { open_claims(); });
  // A claim that is going waits for the end of its pods.
  caches.pods.on_change([&own](const Pod* before, const Pod* after) {
    if (after && !after->finished()) return;
    const Pod& pod = after ? *after : *before;
    for (const std::string& claim : pod.claims) own.queue().add(claim_key({pod.meta.name_space, claim}));
  });
}

Result<controller::Outcome> VolumeShell::reconcile(const kube::Key& key, Deadline deadline) {
  if (key == kClass) {
    if (!tools_.caches.classes.synced()) return controller::Outcome{100ms};
    TRY_OK(performer_.perform(ensure_standard_class(tools_.caches.classes.list()), deadline));
  } else if (key.name.starts_with("claim ")) {
    TRY_OK(look_at_claim({key.name_space, key.name.substr(6)}, deadline));
  } else {
    TRY_OK(look_at_volume(key.name.substr(7), deadline));
  }
  return controller::Outcome{};
}

Status VolumeShell::look_at_claim(const kube::Key& key, Deadline deadline) {
  Caches& caches = tools_.caches;
  const auto claim = caches.claims.get(key);
  if (!claim) {
    const std::scoped_lock lock(mutex_);
    said_.erase(key);
    return {};
  }
  ClaimWorld world{*claim, caches.volumes.list(), nullptr, false, root_.string()};
  if (claim->storage_class) world.storage_class = caches.classes.get({"", *claim->storage_class});
  for (const auto& pod : caches.pods.list(key.name_space))
    world.used = world.used || (!pod->finished() && std::find(pod->claims.begin(), pod->claims.end(), key.name) != pod->claims.end());
  ClaimDecision decision = decide(world);
  if (decision.remark) {
    const std::scoped_lock lock(mutex_);
    std::string& last = said_[key];
    if (last != decision.remark->message) decision.actions.emplace_back(*decision.remark);
    last = decision.remark->message;
  }
  if (!decision.make_folder.empty()) {
    TRY_OK(make_directories(decision.make_folder, 0777));
    // Pods run as any user: the folder is theirs to write, as upstream's local provisioners do it.
    std::error_code failed;
    std::filesystem::permissions(decision.make_folder, std::filesystem::perms::all, failed);
    if (failed) return Error{Code::unavailable, cat("making the volume's folder ", decision.make_folder, " writable: ", failed.message())};
  }
  return performer_.perform(decision.actions, deadline);
}

Status VolumeShell::look_at_volume(const std::string& name, Deadline deadline) {
  Caches& caches = tools_.caches;
  const auto volume = caches.volumes.get({"", name});
  if (!volume) return {};
  VolumeWorld world{*volume, volume->claim.name.empty() ? nullptr : caches.claims.get(volume->claim), root_.string()};
  const VolumeDecision decision = decide(world);
  if (decision.destroy) {
    // Data goes only on the API server's own word that the claim is gone, never on a cache's.
    const auto claim = tools_.client.get(resources::claims, volume->claim, deadline);
    if (claim.ok() && kube::Metadata::decode(*claim).uid == volume->claim_uid) return {};
    if (!claim.ok() && claim.error().code != Code::not_found) return claim.error();
    if (!decision.remove_folder.empty()) {
      log::info("removing the folder of a volume whose claim is gone", {{"volume", name}, {"folder", decision.remove_folder}});
      TRY_OK(remove_tree(decision.remove_folder));
    }
  }
  return performer_.perform(decision.actions, deadline);
}

}  // namespace masu::controlplane
