#pragma once
/// A cache of one kind, kept by one list and one watch. Holds plain structs, never trees (unless T is Dynamic).
///
///   Informer<Pod> pods(client, resources::pods, &Pod::decode);
///   pods.on_change([&](const Pod* before, const Pod* after) { queue.add(...); });
///   informers.start(pods);                   // a thread of its own, or pump() by a simulation
///   std::shared_ptr<const Pod> pod = pods.get({"ml", "nb-0"});
///
/// What is read is a snapshot and may be behind the API server; writers carry the resourceVersion they decided on.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "kube/client.h"
#include "kube/selector.h"

namespace masu::kube {

/// The list-and-watch loop, without the cache.
class InformerBase {
 public:
  InformerBase(const Client& client, Resource resource, std::string name_space, ListOptions options);
  virtual ~InformerBase() = default;
  InformerBase(const InformerBase&) = delete;
  InformerBase& operator=(const InformerBase&) = delete;

  /// Lists, watches, starts again after errors (backing off to 30 s), until stop. Blocks.
  void run(const std::stop_token& stop);
  /// One step without waiting, for a single-threaded simulation: lists if needed, else takes at most one event.
  /// True if something was taken in.
  bool pump();
  /// Forgets the watch (not the cache): the next step lists anew. A fault for simulations.
  void drop_watch();
  /// True after the first complete list.
  bool synced() const;
  const Resource& resource() const { return resource_; }

 protected:
  /// The whole truth of a list. Called without locks held.
  virtual void replace(std::vector<Value> items) = 0;
  virtual void apply(const WatchEvent& event) = 0;

 private:
  Status list_and_watch();
  Result<bool> take(Deadline deadline, const std::stop_token& stop);

  const Client& client_;
  const Resource resource_;
  const std::string name_space_;
  const ListOptions options_;
  std::string version_;
  std::unique_ptr<Watch> watch_;
  mutable std::mutex mutex_;
  bool synced_ = false;
};

template <class T>
class Informer final : public InformerBase {
 public:
  using Pointer = std::shared_ptr<const T>;
  using Decode = std::function<Result<T>(const Value&)>;
  using Change = std::function<void(const T* before, const T* after)>;

  Informer(const Client& client, Resource resource, Decode decode, std::string name_space = {}, ListOptions options = {})
      : InformerBase(client, std::move(resource), std::move(name_space), std::move(options)), decode_(std::move(decode)) {}

  /// Called for each change after the cache has it, on the informer's thread. Add all before the start.
  void on_change(Change change) { changes_.push_back(std::move(change)); }

  /// Null if it is not in the cache.
  Pointer get(const Key& key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(key);
    return found != objects_.end() ? found->second : nullptr;
  }
  /// In order of namespace and name; of all namespaces if `name_space` is empty.
  std::vector<Pointer> list(std::string_view name_space = {}) const {
    const std::scoped_lock lock(mutex_);
    std::vector<Pointer> out;
    for (auto it = objects_.lower_bound(Key{std::string(name_space), ""}); it != objects_.end(); ++it) {
      if (!name_space.empty() && it->first.name_space != name_space) break;
      out.push_back(it->second);
    }
    return out;
  }
  std::vector<Pointer> select(std::string_view name_space, const LabelSelector& selector) const {
    std::vector<Pointer> out;
    for (Pointer& object : list(name_space))
      if (selector.matches(object->meta.labels)) out.push_back(std::move(object));
    return out;
  }
  /// Those whose controller (owner reference with controller: true) has this uid.
  std::vector<Pointer> controlled_by(const std::string& uid) const {
    const std::scoped_lock lock(mutex_);
    std::vector<Pointer> out;
    for (auto it = by_controller_.lower_bound({uid, Key{}}); it != by_controller_.end() && it->first == uid; ++it)
      out.push_back(objects_.at(it->second));
    return out;
  }

 private:
  void replace(std::vector<Value> items) override {
    std::set<Key> seen;
    for (const Value& item : items) {
      seen.insert(key_of(item));
      put(item);
    }
    for (const Pointer& old : list())
      if (!seen.contains(old->meta.key())) drop(old->meta.key());
  }

  void apply(const WatchEvent& event) override {
    if (event.type == WatchEvent::Type::deleted) drop(key_of(event.object));
    else put(event.object);
  }

  void put(const Value& object) {
    auto decoded = decode_(object);
    if (!decoded.ok()) {
      log::warn("object cannot be read and is left out", {{"resource", resource().qualified()}, {"object", key_of(object).text()}, {"error", decoded.error().message}});
      drop(key_of(object));
      return;
    }
    auto now = std::make_shared<const T>(std::move(*decoded));
    Pointer before;
    {
      const std::scoped_lock lock(mutex_);
      Pointer& slot = objects_[now->meta.key()];
      before = std::exchange(slot, now);
      if (before) unindex(*before);
      if (const OwnerReference* owner = now->meta.controller()) by_controller_.emplace(owner->uid, now->meta.key());
    }
    if (before && before->meta.resource_version == now->meta.resource_version && before->meta.uid == now->meta.uid) return;
    for (const Change& change : changes_) change(before.get(), now.get());
  }

  void drop(const Key& key) {
    Pointer before;
    {
      const std::scoped_lock lock(mutex_);
      const auto found = objects_.find(key);
      if (found == objects_.end()) return;
      before = found->second;
      unindex(*before);
      objects_.erase(found);
    }
    for (const Change& change : changes_) change(before.get(), nullptr);
  }

  void unindex(const T& object) {
    if (const OwnerReference* owner = object.meta.controller()) by_controller_.erase({owner->uid, object.meta.key()});
  }

  Decode decode_;
  std::vector<Change> changes_;
  mutable std::mutex mutex_;
  std::map<Key, Pointer> objects_;
  std::set<std::pair<std::string, Key>> by_controller_;
};

/// Owns the threads of a process's informers.
class Informers {
 public:
  ~Informers() { stop(); }
  void start(InformerBase& informer);
  /// Waits until all are synced; timeout names the first that is not.
  Status wait_synced(Deadline deadline) const;
  void stop();

 private:
  std::vector<InformerBase*> started_;
  std::vector<std::jthread> threads_;
};

}  // namespace masu::kube
