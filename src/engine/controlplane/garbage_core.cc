#include "controlplane/garbage_core.h"

#include <algorithm>

namespace masu::controlplane {
namespace {

constexpr const char* kForeground = "foregroundDeletion";
constexpr const char* kOrphan = "orphan";

bool has(const std::vector<std::string>& list, std::string_view word) { return std::find(list.begin(), list.end(), word) != list.end(); }

controller::Action without_finalizer(const Item& item, std::string_view finalizer) {
  std::vector<std::string> rest = item.meta.finalizers;
  std::erase(rest, finalizer);
  return controller::Patch{item.resource, item.meta.key(),
                           Value::object({{"metadata", Value::object({{"finalizers", Value::strings(rest)}})}}), item.meta.resource_version,
                           ""};
}

controller::Action without_owners(const Item& item, const std::set<std::string>& uids) {
  Value kept = Array{};
  for (const kube::OwnerReference& owner : item.meta.owners)
    if (!uids.contains(owner.uid)) kept.push_back(owner.encode());
  return controller::Patch{item.resource, item.meta.key(), Value::object({{"metadata", Value::object({{"ownerReferences", kept}})}}),
                           item.meta.resource_version, ""};
}

controller::Action removal(const Ownership& graph, const Item& item, bool owner_waits) {
  // One that has dependents of its own goes in the foreground too, so that the whole tree is gone before its root.
  const bool foreground = owner_waits && !graph.dependents(item.meta.uid).empty();
  return controller::Delete{item.resource,
                            item.meta.key(),
                            item.meta.uid,
                            foreground                           ? "Foreground"
                            : has(item.meta.finalizers, kOrphan) ? "Orphan"
                                                                 : "Background",
                            {}};
}

bool blocks(const Item& dependent, const std::string& owner) {
  return std::any_of(dependent.meta.owners.begin(), dependent.meta.owners.end(),
                     [&](const kube::OwnerReference& one) { return one.uid == owner && one.block_owner_deletion; });
}

/// A namespaced owner counts only for dependents of its own namespace.
bool reachable(const Item& owner, const kube::Metadata& dependent) {
  return !owner.resource.namespaced || owner.meta.name_space == dependent.name_space;
}

controller::Actions free_dependents(const Ownership& graph, const Item& item) {
  controller::Actions actions;
  for (const Item* dependent : graph.dependents(item.meta.uid)) actions.push_back(without_owners(*dependent, {item.meta.uid}));
  actions.push_back(without_finalizer(item, kOrphan));
  return actions;
}

controller::Actions clear_dependents(const Ownership& graph, const Item& item, bool complete) {
  controller::Actions actions;
  bool blocked = false;
  for (const Item* dependent : graph.dependents(item.meta.uid)) {
    if (!blocks(*dependent, item.meta.uid) || !reachable(item, dependent->meta)) continue;
    // One with another living owner is not deleted; it drops the reference when it is looked at itself.
    const bool shared = std::any_of(dependent->meta.owners.begin(), dependent->meta.owners.end(), [&](const kube::OwnerReference& owner) {
      const Item* other = graph.find(owner.uid);
      return other && owner.uid != item.meta.uid && !other->waits_for_dependents();
    });
    blocked = true;
    if (!dependent->meta.deleted && !shared) actions.push_back(removal(graph, *dependent, true));
  }
  if (!blocked && complete) actions.push_back(without_finalizer(item, kForeground));
  return actions;
}

}  // namespace

bool Item::waits_for_dependents() const { return meta.deleted && has(meta.finalizers, kForeground); }
bool Item::frees_dependents() const { return meta.deleted && has(meta.finalizers, kOrphan); }

std::vector<std::string> Ownership::put(Item item) {
  std::vector<std::string> touched{item.meta.uid};
  const std::string uid = item.meta.uid;
  if (auto at = items_.find(uid); at != items_.end()) {
    for (const kube::OwnerReference& owner : at->second.meta.owners) {
      dependents_[owner.uid].erase(uid);
      if (dependents_[owner.uid].empty()) dependents_.erase(owner.uid);
      touched.push_back(owner.uid);
    }
  }
  for (const kube::OwnerReference& owner : item.meta.owners) {
    dependents_[owner.uid].insert(uid);
    touched.push_back(owner.uid);
  }
  items_.insert_or_assign(uid, std::move(item));
  return touched;
}

std::vector<std::string> Ownership::remove(const std::string& uid) {
  std::vector<std::string> touched;
  auto at = items_.find(uid);
  if (at == items_.end()) return touched;
  for (const kube::OwnerReference& owner : at->second.meta.owners) {
    dependents_[owner.uid].erase(uid);
    if (dependents_[owner.uid].empty()) dependents_.erase(owner.uid);
    touched.push_back(owner.uid);
  }
  if (auto below = dependents_.find(uid); below != dependents_.end()) touched.insert(touched.end(), below->second.begin(), below->second.end());
  items_.erase(at);
  return touched;
}

void Ownership::forget(const kube::Resource& resource) {
  std::vector<std::string> uids;
  for (const auto& [uid, item] : items_)
    if (item.resource.group == resource.group && item.resource.plural == resource.plural) uids.push_back(uid);
  for (const std::string& uid : uids) remove(uid);
}

const Item* Ownership::find(const std::string& uid) const {
  auto at = items_.find(uid);
  return at == items_.end() ? nullptr : &at->second;
}

std::vector<const Item*> Ownership::dependents(const std::string& owner_uid) const {
  std::vector<const Item*> out;
  if (auto at = dependents_.find(owner_uid); at != dependents_.end())
    for (const std::string& uid : at->second) out.push_back(find(uid));
  return out;
}

Result<controller::Actions> collect(const Ownership& graph, const std::string& uid, bool complete, const OwnerCheck& check) {
  controller::Actions actions;
  const Item* item = graph.find(uid);
  if (!item) return actions;
  if (item->frees_dependents()) return complete ? free_dependents(graph, *item) : actions;
  if (item->waits_for_dependents()) return clear_dependents(graph, *item, complete);
  if (item->meta.deleted || item->meta.owners.empty()) return actions;

  std::set<std::string> dead;  // gone, or about to go
  bool alive = false, waiting = false;
  for (const kube::OwnerReference& owner : item->meta.owners) {
    if (const Item* there = graph.find(owner.uid)) {
      if (!reachable(*there, item->meta)) {
        dead.insert(owner.uid);
      } else if (there->waits_for_dependents()) {
        waiting = true;
        dead.insert(owner.uid);
      } else {
        alive = true;
      }
      continue;
    }
    TRY(const Owner state, check(owner, item->meta));
    if (state == Owner::unknown) return controller::Actions{};  // nobody is deleted on a guess
    if (state == Owner::alive) alive = true;
    else dead.insert(owner.uid);
  }
  if (dead.empty()) return actions;
  if (alive) actions.push_back(without_owners(*item, dead));
  else actions.push_back(removal(graph, *item, waiting));
  return actions;
}

}  // namespace masu::controlplane
