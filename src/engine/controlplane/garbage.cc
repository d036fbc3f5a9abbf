#include "controlplane/garbage.h"

#include "base/log.h"

namespace masu::controlplane {
namespace {

const kube::Key kKinds{"", "kinds"};

/// Objects that own nothing, are owned by nobody and change often.
bool is_noise(const kube::Resource& resource) { return resource.plural == "events"; }

}  // namespace

GarbageCollector::GarbageCollector(Tools tools) : tools_(tools), performer_(tools.client, tools.clock, "garbage-collector") {}

GarbageCollector::~GarbageCollector() { stop(); }

void GarbageCollector::stop() {
  for (auto& [name, kind] : kinds_) kind.thread.request_stop();
  kinds_.clear();  // joins
}

void GarbageCollector::watch(controller::Controller& own) {
  queue_ = &own.queue();
  own.queue().add(kKinds);
  tools_.caches.definitions.on_change([&own](const Named*, const Named*) { own.queue().add(kKinds); });
}

bool GarbageCollector::pump() {
  bool worked = false;
  for (auto& [name, kind] : kinds_) worked = kind.informer->pump() || worked;
  return worked;
}

bool GarbageCollector::complete() const {
  if (!kinds_known_) return false;
  for (const auto& [name, kind] : kinds_)
    if (!kind.informer->synced()) return false;
  return true;
}

void GarbageCollector::start(const kube::Resource& resource) {
  Kind& kind = kinds_[{resource.group, resource.plural}];
  kind.informer = std::make_unique<kube::Informer<Named>>(tools_.client, resource, &Named::decode);
  kind.informer->on_change([this, resource](const Named* before, const Named* after) { take(resource, before, after); });
  if (threaded_) kind.thread = std::jthread([informer = kind.informer.get()](const std::stop_token& stop) { informer->run(stop); });
}

void GarbageCollector::take(const kube::Resource& resource, const Named* before, const Named* after) {
  std::vector<std::string> touched;
  {
    const std::scoped_lock lock(mutex_);
    if (before && (!after || before->meta.uid != after->meta.uid)) touched = graph_.remove(before->meta.uid);
    if (after) {
      for (std::string& uid : graph_.put({resource, after->meta})) touched.push_back(std::move(uid));
    }
    // Only those that may have to be acted upon: dependents, and owners on their way out.
    std::erase_if(touched, [&](const std::string& uid) {
      const Item* item = graph_.find(uid);
      return !item || (item->meta.owners.empty() && !item->meta.deleted);
    });
  }
  for (const std::string& uid : touched) queue_->add({"", uid});
}

Result<controller::Outcome> GarbageCollector::look_for_kinds(Deadline deadline) {
  TRY(const std::vector<Discovered> found, discover(tools_.client, deadline));
  std::set<std::pair<std::string, std::string>> served;
  by_kind_.clear();
  for (const Discovered& one : found) {
    by_kind_.emplace(std::pair(one.resource.api_version(), one.resource.kind), one.resource);
    if (!one.verbs.contains("list") || !one.verbs.contains("watch") || !one.verbs.contains("delete") || is_noise(one.resource)) continue;
    const std::pair key(one.resource.group, one.resource.plural);
    served.insert(key);
    if (!kinds_.contains(key)) start(one.resource);
  }
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    if (served.contains(at->first)) {
      ++at;
      continue;
    }
    const kube::Resource gone = at->second.informer->resource();
    log::debug("kind is served no more", {{"resource", gone.qualified()}});
    at->second.thread.request_stop();
    at = kinds_.erase(at);  // joins
    const std::scoped_lock lock(mutex_);
    graph_.forget(gone);
  }
  kinds_known_ = true;
  return controller::Outcome{};
}

Result<Owner> GarbageCollector::ask(const kube::OwnerReference& owner, const kube::Metadata& dependent, Deadline deadline) {
  auto at = by_kind_.find({owner.api_version, owner.kind});
  if (at == by_kind_.end()) {
    // Another version of a kind that is served is the same kind.
    const std::string group = owner.api_version.substr(0, owner.api_version.find('/') == std::string::npos ? 0 : owner.api_version.find('/'));
    for (at = by_kind_.begin(); at != by_kind_.end(); ++at)
      if (at->second.group == group && at->second.kind == owner.kind) break;
    if (at == by_kind_.end()) return Owner::unknown;
  }
  const kube::Resource& resource = at->second;
  if (resource.namespaced && dependent.name_space.empty()) return Owner::unknown;  // a cluster-wide object cannot have such an owner
  const auto there = tools_.client.get(resource, {resource.namespaced ? dependent.name_space : "", owner.name}, deadline);
  if (there.ok()) return kube::Metadata::decode(*there).uid == owner.uid ? Owner::alive : Owner::gone;
  if (there.error().code == Code::not_found) return Owner::gone;
  return there.error();
}

Result<controller::Outcome> GarbageCollector::reconcile(const kube::Key& key, Deadline deadline) {
  if (key == kKinds) return look_for_kinds(deadline);
  const bool all_seen = complete();
  controller::Actions actions;
  bool waits = false;
  {
    // The check of an absent owner asks the API server, so the graph is copied out of the lock: the object, its owners
    // and its dependents are all that a decision looks at.
    Ownership part;
    {
      const std::scoped_lock lock(mutex_);
      const Item* item = graph_.find(key.name);
      if (!item) return controller::Outcome{};
      waits = item->waits_for_dependents() || item->frees_dependents();
      part.put(*item);
      for (const kube::OwnerReference& owner : item->meta.owners)
        if (const Item* there = graph_.find(owner.uid)) part.put(*there);
      for (const Item* dependent : graph_.dependents(key.name)) {
        part.put(*dependent);
        for (const Item* below : graph_.dependents(dependent->meta.uid)) part.put(*below);
        for (const kube::OwnerReference& owner : dependent->meta.owners)
          if (const Item* there = graph_.find(owner.uid)) part.put(*there);
      }
    }
    TRY(actions, collect(part, key.name, all_seen, [&](const kube::OwnerReference& owner, const kube::Metadata& dependent) {
          return ask(owner, dependent, deadline);
        }));
  }
  TRY_OK(performer_.perform(actions, deadline));
  if (waits && !all_seen) return controller::Outcome{200ms};
  return controller::Outcome{};
}

}  // namespace masu::controlplane
