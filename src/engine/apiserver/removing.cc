/// delete and deletecollection: grace, finalizers, propagation (spec kubernetes-api 12).

#include <algorithm>

#include "apiserver/body.h"
#include "apiserver/custom.h"
#include "apiserver/reading.h"
#include "apiserver/writing.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

constexpr int conflict_tries = 20;

bool is_pod(const Type& type) { return type.kind.group.empty() && type.kind.kind == "Pod"; }
bool is_namespace(const Type& type) { return type.kind.group.empty() && type.kind.kind == "Namespace"; }

/// How long a pod may take to end. Only a node can end one that runs.
std::int64_t grace_of(const Type& type, const Value& object, const DeleteOptions& options) {
  if (!is_pod(type)) return 0;
  const std::string_view phase = object.at("status", "phase").as_string();
  if (object.at("spec", "nodeName").as_string().empty() || phase == "Succeeded" || phase == "Failed") return 0;
  return options.grace_seconds.value_or(object.at("spec", "terminationGracePeriodSeconds").as_integer(30));
}

/// The finalizers after the propagation policy had its say; the collector acts on them.
Array finalizers_after(const Type& type, const Value& object, const DeleteOptions& options) {
  Array finalizers = object.at("metadata", "finalizers").as_array();
  std::string policy = options.propagation;
  if (policy.empty() && type.kind.delete_orphans) policy = "Orphan";
  if (policy.empty()) return finalizers;
  std::erase_if(finalizers, [](const Value& name) { return name.as_string() == "orphan" || name.as_string() == "foregroundDeletion"; });
  if (policy == "Orphan") finalizers.emplace_back("orphan");
  if (policy == "Foreground") finalizers.emplace_back("foregroundDeletion");
  return finalizers;
}

Outcome<DeleteOptions> read_options(const net::Request& request) {
  TRY(const Body body, read_body(request));
  if (const std::string_view kind = body.value["kind"].as_string(); !kind.empty() && kind != "DeleteOptions")
    return bad_request(cat("the body of a DELETE is a DeleteOptions, not a ", kind));
  return delete_options(request.query, body.value);
}

}  // namespace

Outcome<net::Answer> Writing::remove(Call& call) const {
  TRY(const DeleteOptions options, read_options(call.request));
  const Type& type = *call.type;
  if (type.kind.delete_orphans && options.propagation.empty())
    call.warnings.push_back("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning");
  TRY(const Written written, remove_object(call, type, call.route.ns, call.route.name, options));
  if (!written.removed || type.kind.delete_answers_object) return answer(call, 200, written.object);
  return net::Answer(json_reply(200, success_status(type.resource_name(), call.route.name, written.object.at("metadata", "uid").as_string())));
}

Outcome<net::Answer> Writing::remove_collection(Call& call) const {
  TRY(const DeleteOptions options, read_options(call.request));
  const TypePtr& type = call.type;
  TRY(const Selection chosen, selection(type, call.request.query));
  TRY(const Listing listing, store_.list({.resource = type->storage(), .ns = type->kind.namespaced ? call.route.ns : "", .name = chosen.name, .matches = chosen.matches}));
  Listing removed;
  for (const RecordPtr& record : listing.items) {
    auto written = remove_object(call, *type, record->key.ns, record->key.name, options);
    if (!written.ok() && written.error().code != 404) return written.error();
    removed.items.push_back(record);
  }
  removed.revision = store_.revision();
  auto form = accepted(call.request);
  const Rendering how{.type = type, .accepted = form.ok() ? *form : Accepted{}, .now = clock_.now()};
  return net::Answer(text_reply(how.accepted, 200, render_list(how, removed, "")));
}

Outcome<Written> Writing::remove_object(Call& call, const Type& type, const std::string& ns, const std::string& name, const DeleteOptions& options) const {
  const Key key = type.key(ns, name);
  for (int tries = 1;; ++tries) {
    const RecordPtr record = store_.get(key);
    if (!record) return not_found(type.resource_name(), name);
    TRY_OK(admission_.remove(call, type, ns, name));
    auto written = remove_attempt(call, type, *record, options);
    if (written.ok()) {
      if (!options.dry_run) after_write_(type, written->object);
      return written;
    }
    if (written.error().code != 0) return written;
    if (tries == conflict_tries) return modified(type.resource_name(), name);
  }
}

Outcome<Written> Writing::remove_attempt(Call&, const Type& type, const Record& record, const DeleteOptions& options) const {
  const Value old = type.tree(record);
  const ResourceName by_kind{type.kind.group, type.kind.kind, type.kind.kind};  // as upstream names it in these two
  if (!options.uid.empty() && options.uid != record.uid)
    return conflict(by_kind, record.key.name, cat("the UID in the precondition (", options.uid, ") does not match the UID in record (", record.uid,
                                                  "). The object might have been deleted and then recreated"));
  if (!options.resource_version.empty() && options.resource_version != cat(record.version))
    return conflict(by_kind, record.key.name, cat("the ResourceVersion in the precondition (", options.resource_version, ") does not match the ResourceVersion in record (", record.version,
                                                  "). The object might have been modified"));

  const Instant now = clock_.now();
  Value object = old;
  Value& metadata = object["metadata"];
  const bool already = !std::as_const(old)["metadata"]["deletionTimestamp"].is_null();
  std::int64_t grace = grace_of(type, old, options);
  if (already) {
    const std::int64_t before = old.at("metadata", "deletionGracePeriodSeconds").as_integer();
    // A repeated delete may shorten the time, never lengthen it; without a word of its own it changes nothing.
    grace = is_pod(type) && (options.grace_seconds || grace == 0) ? std::min(grace, before) : before;
    if (grace != before) {
      metadata["deletionGracePeriodSeconds"] = grace;
      metadata["deletionTimestamp"] = to_rfc3339(now + std::chrono::seconds(grace));
    }
    if (!options.propagation.empty()) metadata["finalizers"] = finalizers_after(type, old, options);
  } else {
    metadata["deletionTimestamp"] = to_rfc3339(now + std::chrono::seconds(grace));
    if (!is_namespace(type)) metadata["deletionGracePeriodSeconds"] = grace;
    metadata["finalizers"] = finalizers_after(type, old, options);
    if (type.kind.has_generation) metadata["generation"] = old.at("metadata", "generation").as_integer() + 1;
    if (is_namespace(type)) object["status"]["phase"] = "Terminating";
    if (type.kind.group == "apiextensions.k8s.io" && type.kind.kind == "CustomResourceDefinition")
      object["status"]["conditions"].push_back(Value::object({{"type", "Terminating"}, {"status", "True"}, {"lastTransitionTime", to_rfc3339(now)},
                                                              {"reason", "InstanceDeletionInProgress"}, {"message", "CustomResource deletion is in progress"}}));
  }
  if (std::as_const(metadata)["finalizers"].as_array().empty()) metadata.erase("finalizers");

  const bool held = grace > 0 || std::as_const(object)["metadata"].contains("finalizers") ||
                    (is_namespace(type) && !std::as_const(object)["spec"]["finalizers"].as_array().empty());
  const auto lost = [](const Error& error) { return error.code == Code::conflict || error.code == Code::not_found ? Failure(0, "", "") : Failure(error); };
  if (!held) {
    if (options.dry_run) return Written{.object = old, .removed = true};
    auto removed = store_.remove(record.key, record.version, object);
    if (!removed.ok()) return lost(removed.error());
    return Written{.object = type.tree(**removed), .removed = true};
  }
  if (object == old || options.dry_run) return Written{.object = std::move(object)};
  auto stored = store_.update(record.key, record.version, std::move(object));
  if (!stored.ok()) return lost(stored.error());
  return Written{.object = type.tree(**stored)};
}

}  // namespace masu::apiserver
