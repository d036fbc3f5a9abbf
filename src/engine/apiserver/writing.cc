#include "apiserver/writing.h"

#include <algorithm>

#include "apiserver/body.h"
#include "apiserver/custom.h"
#include "apiserver/ownership.h"
#include "apiserver/reading.h"
#include "base/text.h"
#include "crypto/random.h"
#include "value/json.h"
#include "value/patch.h"

namespace masu::apiserver {

namespace {

constexpr int generated_name_tries = 8;
constexpr int conflict_tries = 20;
constexpr std::size_t generated_prefix_max = 58;

void keep(Value& into, const Value& from, std::string_view member) {
  if (from.contains(member)) into[member] = from[member];
  else into.erase(member);
}

/// managedFields without their times: what decides whether a write changed anything.
Value comparable(const Value& object) {
  Value copy = object;
  copy["metadata"].erase("resourceVersion");
  if (std::as_const(copy)["metadata"].contains("managedFields"))
    for (Value& entry : copy["metadata"]["managedFields"].array()) entry.erase("time");
  return copy;
}

bool is(const Type& type, std::string_view group, std::string_view kind) { return type.kind.group == group && type.kind.kind == kind; }
bool is_definition(const Type& type) { return is(type, "apiextensions.k8s.io", "CustomResourceDefinition"); }
bool is_namespace(const Type& type) { return is(type, "", "Namespace"); }

/// Nothing holds an object back that is being deleted.
bool released(const Type& type, const Value& object) {
  const Value& metadata = object["metadata"];
  return !metadata["deletionTimestamp"].is_null() && metadata["finalizers"].as_array().empty() && metadata["deletionGracePeriodSeconds"].as_integer() == 0 &&
         (!is_namespace(type) || object.at("spec", "finalizers").as_array().empty());
}

/// The object as it went into the store: with the version it got there.
Value as_stored(Value object, const Record& record) {
  object["metadata"]["resourceVersion"] = std::to_string(record.version);
  return object;
}

std::vector<std::string> kinds_in_group(const Catalog& catalog, const Value& definition) {
  std::vector<std::string> taken;
  for (const TypePtr& type : catalog.all())
    if (type->kind.group == definition.at("spec", "group").as_string() && type->kind.plural != definition.at("spec", "names", "plural").as_string())
      taken.push_back(type->kind.kind);
  return taken;
}

}  // namespace

Randomness system_randomness() {
  return {[] { return crypto::uuid4(); }, [] { return crypto::name_suffix(5); }};
}

Check fit_identity(const Call& call, const Type& type, Value& object, const std::string& name) {
  if (!object.is_object()) return bad_request("the body of the request is not an object");
  const Value& body = object;
  const std::string_view api_version = body["apiVersion"].as_string(), kind = body["kind"].as_string();
  if (type.custom && (api_version.empty() || kind.empty()))
    return bad_request(cat("Object '", api_version.empty() ? "apiVersion" : "Kind", "' is missing in '", to_json(body), "'"));
  if ((!api_version.empty() && api_version != type.api_version()) || (!kind.empty() && kind != type.kind.kind))
    return bad_request(cat(type.kind.kind, " in version ", quote(type.kind.version), " cannot be handled as a ", type.kind.kind, ": the API version in the data (",
                           api_version.empty() ? type.api_version() : api_version, ", Kind=", kind.empty() ? type.kind.kind : kind,
                           ") does not match the expected API version (", type.api_version(), ", Kind=", type.kind.kind, ")"));
  object["apiVersion"] = type.api_version();
  object["kind"] = type.kind.kind;
  TRY_OK(type.check_types(object));
  if (!body["metadata"].is_object()) object["metadata"] = Object{};
  const std::string_view ns = body["metadata"]["namespace"].as_string();
  if (type.kind.namespaced) {
    if (!ns.empty() && ns != call.route.ns) return bad_request("the namespace of the provided object does not match the namespace sent on the request");
    object["metadata"]["namespace"] = call.route.ns;
  } else if (!ns.empty()) {
    return bad_request("namespace is not allowed on this type: it is not namespaced");
  } else {
    object["metadata"].erase("namespace");
  }
  const std::string_view given = body["metadata"]["name"].as_string();
  if (!name.empty()) {
    if (!given.empty() && given != name)
      return bad_request(cat("the name of the object (", given, ") does not match the name on the URL (", name, ")"));
    object["metadata"]["name"] = name;
  }
  return {};
}

Check Writing::strictness(Call& call, const Type& type, const Value& object, const std::vector<std::string>& duplicates, FieldValidation validation) const {
  if (validation == FieldValidation::ignore) return {};
  std::vector<std::string> problems;
  for (const std::string& path : type.unknown_fields(object)) problems.push_back(cat("unknown field ", quote(path)));
  for (const std::string& path : duplicates) problems.push_back(cat("duplicate field ", quote(path)));
  if (problems.empty()) return {};
  if (validation == FieldValidation::strict) {
    const std::string sentence = cat("strict decoding error: ", join(problems, ", "));
    if (call.route.verb == "patch") return bad_request(sentence);
    return bad_request(cat(type.kind.kind, " in version ", quote(type.kind.version), " cannot be handled as a ", type.kind.kind, ": ", sentence));
  }
  call.warnings.insert(call.warnings.end(), problems.begin(), problems.end());
  return {};
}

net::Answer Writing::answer(const Call& call, int code, const Value& object) const {
  auto form = accepted(call.request);
  const Rendering how{.type = call.type, .accepted = form.ok() ? *form : Accepted{}, .now = clock_.now()};
  return text_reply(how.accepted, code, render_tree(how, object));
}

// ---- Create

Outcome<net::Answer> Writing::create(Call& call) const {
  TRY(const WriteOptions options, write_options(call.request));
  TRY(Body body, read_body(call.request));
  if (body.value.is_null()) return bad_request("the body of the request is empty");
  TRY_OK(fit_identity(call, *call.type, body.value, ""));
  TRY_OK(strictness(call, *call.type, body.value, body.duplicates, options.validation));
  TRY(const Written written, create_object(call, *call.type, std::move(body.value), options));
  return answer(call, 201, written.object);
}

Outcome<Written> Writing::create_object(Call& call, const Type& type, Value object, const WriteOptions& options) const {
  const ResourceName resource = type.resource_name();
  if (!std::as_const(object)["metadata"]["resourceVersion"].as_string().empty()) return bad_request("resourceVersion should not be set on objects to be created");
  const Instant now = clock_.now();
  Value& metadata = object["metadata"];
  for (const char* member : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "generation"}) metadata.erase(member);
  const bool applying = !call.type || (call.route.verb == "patch" && body_type(call.request) == "application/apply-patch+yaml");
  if (!applying) metadata.erase("managedFields");
  metadata["uid"] = randomness_.uuid();
  metadata["creationTimestamp"] = to_rfc3339(now);
  if (type.kind.has_generation) metadata["generation"] = 1;
  if (is_definition(type)) {
    default_definition(object);
    Value& finalizers = metadata["finalizers"];
    if (std::find(finalizers.as_array().begin(), finalizers.as_array().end(), Value(definition_finalizer)) == finalizers.as_array().end())
      finalizers.push_back(definition_finalizer);
  }
  const std::string prefix(std::as_const(metadata)["generateName"].as_string());
  const bool generated = std::as_const(metadata)["name"].as_string().empty() && !prefix.empty();
  if (std::as_const(metadata)["name"].as_string().empty() && !generated)
    return invalid(resource, "", {missing_value("metadata.name", "name or generateName is required")});
  if (is_namespace(type) && !generated) metadata["labels"]["kubernetes.io/metadata.name"] = metadata["name"];

  for (int tries = 1;; ++tries) {
    if (generated) object["metadata"]["name"] = prefix.substr(0, generated_prefix_max) + randomness_.suffix();
    if (is_namespace(type)) object["metadata"]["labels"]["kubernetes.io/metadata.name"] = std::as_const(object)["metadata"]["name"];
    Value candidate = object;
    type.prune_and_default(candidate);
    if (!applying) {
      // The creator owns what he sent and its defaults, not what admission adds.
      Value sent = candidate;
      if (type.kind.has_status) sent.erase("status");
      track_update(type, nullptr, sent, {options.field_manager, ""}, now);
      keep(candidate["metadata"], std::as_const(sent)["metadata"], "managedFields");
    }
    TRY_OK(admission_.create(call, type, candidate));
    type.prune_and_default(candidate);
    type.prepare_create(candidate);
    if (is_definition(type)) {
      settle_definition(candidate, kinds_in_group(*call.catalog, candidate), now);
      if (has_rules(candidate)) call.warnings.push_back("the schema has x-kubernetes-validations; this server does not evaluate them");
    }
    const std::string name(std::as_const(candidate)["metadata"]["name"].as_string());
    const std::string ns(std::as_const(candidate)["metadata"]["namespace"].as_string());
    std::vector<Cause> causes = type.validate(candidate, nullptr);
    if (is_definition(type))
      for (Cause& cause : validate_definition(candidate, nullptr)) causes.push_back(std::move(cause));
    if (!causes.empty()) return invalid(resource, name, causes);
    const Key key = type.key(ns, name);
    const auto present_failure = [&](const RecordPtr& present) {
      Failure failure = already_exists(resource, name);
      if (present && present->deleting) failure.message = "object is being deleted: " + failure.message;
      return failure;
    };
    if (options.dry_run) {
      if (const RecordPtr present = store_.get(key)) return present_failure(present);
      return Written{.object = std::move(candidate), .created = true};
    }
    auto stored = store_.create(key, candidate);
    if (stored.ok()) {
      Written written{.object = as_stored(std::move(candidate), **stored), .created = true};
      after_write_(type, written.object);
      return written;
    }
    if (stored.error().code != Code::already_exists) return stored.error();
    if (!generated) return present_failure(store_.get(key));
    if (tries == generated_name_tries) {
      Failure failure = already_exists(resource, name);
      failure.details["retryAfterSeconds"] = 1;
      return failure;
    }
  }
}

// ---- Update

Outcome<net::Answer> Writing::update(Call& call) const {
  TRY(const WriteOptions options, write_options(call.request));
  TRY(Body body, read_body(call.request));
  if (body.value.is_null()) return bad_request("the body of the request is empty");
  const Type& type = *call.type;
  TRY_OK(fit_identity(call, type, body.value, call.route.name));
  TRY_OK(strictness(call, type, body.value, body.duplicates, options.validation));
  const bool versionless = std::as_const(body.value)["metadata"]["resourceVersion"].as_string().empty();
  if (!store_.get(type.key(call.route.ns, call.route.name))) {
    if (!type.kind.create_on_update || !call.route.subresource.empty()) return not_found(type.resource_name(), call.route.name);
    if (!versionless) return not_found(type.resource_name(), call.route.name);
    TRY(const Written written, create_object(call, type, std::move(body.value), options));
    return answer(call, 201, written.object);
  }
  if (versionless && type.kind.update_needs_version)
    return invalid({type.kind.group, type.kind.plural, type.kind.plural}, call.route.name,
                   {{"metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update"}});
  TRY(const Written written, change(call, type, call.route.name, call.route.subresource, [&](const Value&) -> Outcome<Value> { return body.value; }, options));
  return answer(call, 200, written.object);
}

Outcome<Written> Writing::change(Call& call, const Type& type, const std::string& name, std::string_view subresource, const Make& make,
                                 const WriteOptions& options) const {
  const Key key = type.key(call.route.ns, name);
  for (int tries = 1;; ++tries) {
    const RecordPtr record = store_.get(key);
    if (!record) return not_found(type.resource_name(), name);
    const std::size_t warned = call.warnings.size();
    auto written = attempt(call, type, *record, subresource, make, options);
    if (written.ok()) return written;
    // Somebody was faster: 0 marks what the store says, as opposed to what the client asked for.
    if (written.error().code != 0) return written;
    if (tries == conflict_tries) return modified(type.resource_name(), name);
    call.warnings.resize(warned);
  }
}

Outcome<Written> Writing::attempt(Call& call, const Type& type, const Record& record, std::string_view subresource, const Make& make,
                                  const WriteOptions& options) const {
  const ResourceName resource = type.resource_name();
  const std::string& name = record.key.name;
  const Value old = type.tree(record);
  TRY(Value object, make(old));
  if (!object.is_object()) return bad_request("the result of the change is not an object");
  if (!std::as_const(object)["metadata"].is_object()) object["metadata"] = Object{};
  {
    const Value& metadata = std::as_const(object)["metadata"];
    if (const std::string_view version = metadata["resourceVersion"].as_string(); !version.empty() && version != cat(record.version)) return modified(resource, name);
    if (const std::string_view uid = metadata["uid"].as_string(); !uid.empty() && uid != record.uid)
      return conflict(resource, name, cat("Precondition failed: UID in precondition: ", uid, ", UID in object meta: ", record.uid));
    if (const std::string_view given = metadata["name"].as_string(); given != name)
      return bad_request(cat("the name of the object (", given, ") does not match the name on the URL (", name, ")"));
    if (const std::string_view ns = metadata["namespace"].as_string(); ns != record.key.ns)
      return bad_request("the namespace of the provided object does not match the namespace sent on the request");
  }
  if (std::as_const(object)["apiVersion"] != std::as_const(old)["apiVersion"] || std::as_const(object)["kind"] != std::as_const(old)["kind"])
    return bad_request(cat("apiVersion and kind of ", resource.qualified(), " ", quote(name), " may not change"));
  for (const char* member : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion", "generateName"})
    keep(object["metadata"], old["metadata"], member);
  object["metadata"].erase("selfLink");
  TRY_OK(type.check_types(object));
  type.prune_and_default(object);
  type.prepare_update(subresource, object, old);
  if (subresource.empty() || subresource == "status") {
    if (is_definition(type)) {
      default_definition(object);
      settle_definition(object, kinds_in_group(*call.catalog, object), clock_.now());
    }
  }
  TRY_OK(admission_.update(call, type, subresource, object, old));

  Value before = old;
  if (subresource == "binding") before["spec"]["nodeName"] = std::as_const(object)["spec"]["nodeName"];  // what only a binding may set
  std::vector<Cause> causes = type.validate(object, &before);
  if (is_definition(type))
    for (Cause& cause : validate_definition(object, &old)) causes.push_back(std::move(cause));
  if (!causes.empty()) return invalid(resource, name, causes);

  const bool applying = call.route.verb == "patch" && body_type(call.request) == "application/apply-patch+yaml";
  if (!applying) track_update(type, old, object, {options.field_manager, std::string(subresource)}, clock_.now());
  if (type.kind.has_generation && subresource != "status" && type.raises_generation(old, object))
    object["metadata"]["generation"] = old.at("metadata", "generation").as_integer() + 1;

  if (released(type, object)) {
    if (options.dry_run) return Written{.object = std::move(object), .removed = true};
    auto removed = store_.remove(record.key, record.version, object);
    if (!removed.ok()) return removed.error().code == Code::conflict || removed.error().code == Code::not_found ? Failure(0, "", "") : Failure(removed.error());
    Written written{.object = as_stored(std::move(object), **removed), .removed = true};
    after_write_(type, written.object);
    return written;
  }
  if (comparable(object) == comparable(old)) return Written{.object = old};
  if (options.dry_run) return Written{.object = std::move(object)};
  auto stored = store_.update(record.key, record.version, object);
  if (!stored.ok()) return stored.error().code == Code::conflict || stored.error().code == Code::not_found ? Failure(0, "", "") : Failure(stored.error());
  Written written{.object = as_stored(std::move(object), **stored)};
  after_write_(type, written.object);
  return written;
}

// ---- Patch

Outcome<Value> Writing::patched(const Call& call, const Type& type, const Value& value, const Value& body) const {
  const std::string media = body_type(call.request);
  const auto cannot = [](const Error&) { return unprocessable("the server rejected our request due to an error in our request"); };
  if (media == "application/json-patch+json") {
    auto result = json_patch(value, body);
    if (!result.ok()) return cannot(result.error());
    return std::move(*result);
  }
  if (media == "application/merge-patch+json") {
    if (!body.is_object()) return bad_request("a merge patch is an object");
    return merge_patch(value, body);
  }
  if (media == "application/strategic-merge-patch+json") {
    if (type.custom) return unsupported_media("application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
    if (!body.is_object()) return bad_request("a strategic merge patch is an object");
    auto result = strategic_merge(value, body, builtin::merge_schema(type.kind));
    if (!result.ok()) return bad_request(result.error().message);
    return std::move(*result);
  }
  return unsupported_media("application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml");
}

Outcome<net::Answer> Writing::patch(Call& call) const {
  TRY(const WriteOptions options, write_options(call.request));
  TRY(Body body, read_body(call.request));
  const std::string media = body_type(call.request);
  if (media == "application/apply-patch+yaml") return apply(call, body.value, options);
  if (options.force) return invalid({"meta.k8s.io", "", "PatchOptions"}, "", {forbidden_value("force", "may not be specified for non-apply patch")});
  const Type& type = *call.type;
  const Make make = [&](const Value& old) -> Outcome<Value> {
    TRY(Value object, patched(call, type, old, body.value));
    // What a patch makes of an object is the patch's fault: 422, as opposed to a body that cannot be read.
    const auto blamed = [&](const Failure& failure) {
      if (failure.code != 400) return failure;
      return invalid({}, "", {wrong_value("patch", to_json(body.value), failure.message)});
    };
    if (const Check types = type.check_types(object); !types.ok()) return blamed(types.error());
    if (const Check strict = strictness(call, type, object, body.duplicates, options.validation); !strict.ok()) return blamed(strict.error());
    return object;
  };
  TRY(const Written written, change(call, type, call.route.name, call.route.subresource, make, options));
  return answer(call, 200, written.object);
}

Outcome<net::Answer> Writing::apply(Call& call, const Value& body, const WriteOptions& options) const {
  const Type& type = *call.type;
  const ResourceName patch_options{"meta.k8s.io", "", "PatchOptions"};
  if (!options.manager_given) return invalid(patch_options, "", {missing_value("fieldManager", "is required for apply patch")});
  if (!body["metadata"]["managedFields"].is_null()) return bad_request("metadata.managedFields must be nil");
  if (body["apiVersion"].as_string().empty() || body["kind"].as_string().empty()) return bad_request("an apply needs apiVersion and kind");
  Value applied = body;
  TRY_OK(fit_identity(call, type, applied, call.route.name));
  TRY_OK(strictness(call, type, applied, {}, options.validation));
  const Manager manager{options.field_manager, call.route.subresource};
  const Key key = type.key(call.route.ns, call.route.name);
  if (!store_.get(key)) {
    if (!call.route.subresource.empty()) return not_found(type.resource_name(), call.route.name);
    if (!std::as_const(applied)["metadata"]["uid"].as_string().empty())
      return conflict(type.resource_name(), call.route.name, cat("Precondition failed: UID in precondition: ", std::as_const(applied)["metadata"]["uid"].as_string(), ", UID in object meta: "));
    TRY(Value object, apply_owned(type, nullptr, applied, manager, options.force, clock_.now()));
    auto created = create_object(call, type, std::move(object), options);
    if (created.ok()) return answer(call, 201, created->object);
    if (created.error().reason != "AlreadyExists") return created.error();  // else: made meanwhile, applied onto below
  }
  const Make make = [&](const Value& old) -> Outcome<Value> { return apply_owned(type, old, applied, manager, options.force, clock_.now()); };
  TRY(const Written written, change(call, type, call.route.name, call.route.subresource, make, options));
  return answer(call, 200, written.object);
}

}  // namespace masu::apiserver
