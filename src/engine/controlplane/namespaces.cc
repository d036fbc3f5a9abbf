#include "base/text.h"
#include "controlplane/namespaces_core.h"
#include "controlplane/shells.h"

namespace masu::controlplane {
namespace {

namespace resources = kube::resources;
/// Content that goes by itself (pods within their grace) is looked at again after this.
constexpr Duration kLookAgain = 200ms;

Status delete_all(const kube::Client& client, const kube::Resource& resource, const std::string& space, Deadline deadline) {
  net::Request request;
  request.method = "DELETE";
  request.path = resource.path(space);
  request.headers.set("Content-Type", "application/json");
  request.body = R"({"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"})";
  request.body_size = request.body.size();
  TRY_OK(client.raw(std::move(request), deadline));
  return {};
}

Result<Remainder> clear(const kube::Client& client, const kube::Resource& resource, const std::string& space, Deadline deadline) {
  Remainder left{resource.qualified(), 0, {}};
  for (int round = 0; round < 2; ++round) {
    TRY(const kube::List list, client.list(resource, space, {}, deadline));
    left.count = static_cast<std::int64_t>(list.items.size());
    left.finalizers.clear();
    bool untouched = false;
    for (const Value& item : list.items) {
      untouched = untouched || item.at("metadata", "deletionTimestamp").is_null();
      for (const Value& finalizer : item.at("metadata", "finalizers").as_array()) left.finalizers.emplace_back(finalizer.as_string());
    }
    if (!untouched || round == 1) break;
    TRY_OK(delete_all(client, resource, space, deadline));
  }
  return left;
}

}  // namespace

void NamespaceShell::watch(controller::Controller& own) {
  own.watch(tools_.caches.namespaces);
  // What was taken away is put back.
  const auto owner_of = [&own](const auto* before, const auto* after) { own.queue().add({"", (after ? after : before)->meta.name_space}); };
  tools_.caches.accounts.on_change(owner_of);
  tools_.caches.authorities.on_change(owner_of);
}

Result<controller::Outcome> NamespaceShell::reconcile(const kube::Key& key, Deadline deadline) {
  const auto space = tools_.caches.namespaces.get(key);
  if (!space) return controller::Outcome{};
  if (space->deleting()) return end(*space, deadline);
  NamespaceContents has;
  has.has_account = tools_.caches.accounts.get({key.name, "default"}) != nullptr;
  if (const auto authority = tools_.caches.authorities.get({key.name, root_authority_name})) has.authority = authority->pem;
  TRY_OK(performer_.perform(furnish(*space, has, root_ca_), deadline));
  return controller::Outcome{};
}

Result<controller::Outcome> NamespaceShell::end(const Namespace& space, Deadline deadline) {
  if (space.finalizers.empty()) return controller::Outcome{};
  TRY(const std::vector<Discovered> found, discover(tools_.client, deadline));
  std::vector<Remainder> left;
  for (const Discovered& one : found) {
    if (!one.resource.namespaced || !one.verbs.contains("list") || !one.verbs.contains("deletecollection")) continue;
    TRY(Remainder remainder, clear(tools_.client, one.resource, space.meta.name, deadline));
    // Events about what is going on here must not keep the namespace from going.
    if (remainder.count > 0 && one.resource.plural != "events") left.push_back(std::move(remainder));
  }
  const NamespaceEnd decision = decide_end(space, left, tools_.clock.now());
  TRY_OK(performer_.perform(decision.actions, deadline));
  if (!decision.finalize) return controller::Outcome{kLookAgain};
  auto here = tools_.client.get(resources::namespaces, space.meta.key(), deadline);
  if (!here.ok() && here.error().code == Code::not_found) return controller::Outcome{};  // the cache has not heard of its end yet
  TRY(Value object, std::move(here));
  object["spec"]["finalizers"] = Array{};
  const auto finished = tools_.client.replace(resources::namespaces, object, deadline, "finalize");
  if (!finished.ok() && finished.error().code != Code::not_found) return finished.error();
  return controller::Outcome{};
}

}  // namespace masu::controlplane
