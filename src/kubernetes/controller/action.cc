#include "controller/action.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "value/patch.h"

namespace masu::controller {

std::string describe(const Action& action) {
  struct Words {
    std::string operator()(const Create& a) const { return cat("create ", a.resource.qualified(), " ", kube::key_of(a.object).text()); }
    std::string operator()(const Patch& a) const {
      return cat("patch ", a.resource.qualified(), a.subresource.empty() ? "" : "/", a.subresource, " ", a.key.text());
    }
    std::string operator()(const Delete& a) const { return cat("delete ", a.resource.qualified(), " ", a.key.text()); }
    std::string operator()(const Event& a) const { return cat("event ", a.reason, " on ", a.resource.qualified(), " ", a.key.text()); }
  };
  return std::visit(Words{}, action);
}

Value status_patch(const Value& old_status, const Value& new_status) {
  const Value difference = merge_diff(old_status.is_null() ? Value(Object{}) : old_status, new_status);
  if (difference.is_null() || (difference.is_object() && difference.as_object().empty())) return nullptr;
  return Value::object({{"status", difference}});
}

Performer::Performer(const kube::Client& client, const Clock& clock, std::string component)
    : client_(client), clock_(clock), component_(std::move(component)) {}

Status Performer::perform(std::span<const Action> actions, Deadline deadline) const {
  for (const Action& action : actions) {
    if (before_) TRY_OK(before_(action));
    TRY_OK(std::visit([&](const auto& one_action) { return one(one_action, deadline); }, action).context(describe(action)));
  }
  return {};
}

Status Performer::one(const Create& action, Deadline deadline) const {
  const auto created = client_.create(action.resource, action.object, deadline);
  if (created.ok()) return {};
  if (created.error().code != Code::already_exists) return created.error();
  TRY(const Value there, client_.get(action.resource, kube::key_of(action.object), deadline));
  const kube::Metadata wanted = kube::Metadata::decode(action.object), found = kube::Metadata::decode(there);
  const kube::OwnerReference *ours = wanted.controller(), *theirs = found.controller();
  if ((ours == nullptr && theirs == nullptr) || (ours != nullptr && theirs != nullptr && ours->uid == theirs->uid)) return {};
  return Error{Code::already_exists,
               cat(action.resource.qualified(), " ", quote(found.key().text()), " exists and belongs to ",
                   theirs == nullptr ? std::string("nobody") : cat(theirs->kind, " ", quote(theirs->name)), "; delete it or choose another name")};
}

Status Performer::one(const Patch& action, Deadline deadline) const {
  Value patch = action.patch;
  if (!action.resource_version.empty()) patch["metadata"]["resourceVersion"] = action.resource_version;
  TRY_OK(client_.patch(action.resource, action.key, kube::PatchType::merge, patch, deadline, action.subresource));
  return {};
}

Status Performer::one(const Delete& action, Deadline deadline) const {
  kube::DeleteOptions options;
  options.propagation = action.propagation;
  options.uid = action.uid;
  options.grace_s = action.grace_s;
  const Status deleted = client_.remove(action.resource, action.key, options, deadline);
  const bool gone = !deleted.ok() && (deleted.error().code == Code::not_found || (!action.uid.empty() && deleted.error().code == Code::conflict));
  return gone ? Status{} : deleted;
}

Status Performer::one(const Event& action, Deadline deadline) const {
  const std::string name_space = action.key.name_space.empty() ? "default" : action.key.name_space;
  const std::string id = crypto::sha256_hex(cat(action.uid, "\n", component_, "\n", action.reason, "\n", action.message)).substr(0, 16);
  const kube::Key key{name_space, cat(action.key.name.substr(0, 200), ".", id)};
  const std::string now = to_rfc3339(clock_.now());
  const Value event = Value::object({
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata", Value::object({{"name", key.name}, {"namespace", key.name_space}})},
      {"involvedObject", Value::object({{"apiVersion", action.resource.api_version()}, {"kind", action.resource.kind},
                                        {"name", action.key.name}, {"namespace", action.key.name_space}, {"uid", action.uid}})},
      {"type", action.type},
      {"reason", action.reason},
      {"message", action.message.substr(0, 1024)},
      {"source", Value::object({{"component", component_}})},
      {"reportingComponent", component_},
      {"firstTimestamp", now},
      {"lastTimestamp", now},
      {"count", 1},
  });
  auto written = client_.create(kube::resources::events, event, deadline);
  if (!written.ok() && written.error().code == Code::already_exists) {
    auto there = client_.get(kube::resources::events, key, deadline);
    if (there.ok())
      written = client_.patch(kube::resources::events, key, kube::PatchType::merge,
                              Value::object({{"count", (*there)["count"].as_integer(1) + 1}, {"lastTimestamp", now}}), deadline);
  }
  if (!written.ok()) log::warn("event not written", {{"event", action.reason}, {"object", action.key.text()}, {"error", written.error().message}});
  return {};
}

}  // namespace masu::controller
