#pragma once
/// Garbage collection: what has lost all its owners goes; owners that wait for their dependents, or let them go free, are
/// served (spec kubernetes-api 12).

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/action.h"
#include "kube/object.h"

namespace masu::controlplane {

struct Item {
  kube::Resource resource;
  kube::Metadata meta;
  bool waits_for_dependents() const;  // deleted in the foreground
  bool frees_dependents() const;      // deleted, orphaning
};

/// All objects and who owns whom. Not thread-safe.
class Ownership {
 public:
  /// Adds or replaces. Gives the uids whose fate may have changed by it.
  std::vector<std::string> put(Item item);
  /// The same for an object that is gone.
  std::vector<std::string> remove(const std::string& uid);
  /// Forgets all objects of a resource that is served no more.
  void forget(const kube::Resource& resource);

  const Item* find(const std::string& uid) const;
  /// Objects that name this owner.
  std::vector<const Item*> dependents(const std::string& owner_uid) const;
  std::size_t size() const { return items_.size(); }

 private:
  std::map<std::string, Item> items_;                        // by uid
  std::map<std::string, std::set<std::string>> dependents_;  // owner's uid -> uids
};

/// Is the owner alive? `unknown` if it cannot be said now (its kind is not served).
enum class Owner { alive, gone, unknown };
/// Asked about owners that the graph does not hold, so that a cache that is behind deletes nothing.
using OwnerCheck = std::function<Result<Owner>(const kube::OwnerReference& owner, const kube::Metadata& dependent)>;

/// What to do about one object. `complete`: the graph holds every kind, so an owner without dependents really has none.
Result<controller::Actions> collect(const Ownership& graph, const std::string& uid, bool complete, const OwnerCheck& check);

}  // namespace masu::controlplane
