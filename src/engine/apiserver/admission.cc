#include "apiserver/admission.h"

#include <algorithm>

#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

const std::vector<std::string> permanent_namespaces{"default", "kube-system", "kube-public"};

std::optional<Value> read(const Store& store, const Key& key) {
  const RecordPtr record = store.get(key);
  if (!record) return std::nullopt;
  auto value = parse_json(record->bytes);
  return value.ok() ? std::optional(std::move(*value)) : std::nullopt;
}

std::vector<Value> read_all(const Store& store, const std::string& resource) {
  std::vector<Value> all;
  if (const auto listing = store.list({.resource = resource}); listing.ok())
    for (const RecordPtr& record : listing->items)
      if (auto value = parse_json(record->bytes); value.ok()) all.push_back(std::move(*value));
  return all;
}

std::string user_text(const Identity& user) {
  std::vector<std::string> groups;
  for (const std::string& group : user.groups) groups.push_back(quote(group));
  return cat("user ", quote(user.name), " (groups=[", join(groups, " "), "])");
}

}  // namespace

Check Admission::living_namespace(const Type& type, const std::string& ns, const std::string& name) const {
  const RecordPtr space = store_.get({"/namespaces", "", ns});
  if (!space) return not_found({"", "namespaces", "Namespace"}, ns);
  if (space->deleting) {
    Failure failure = forbidden(type.resource_name(), name, cat("unable to create new content in namespace ", ns, " because it is being terminated"));
    failure.details["causes"] = Value::array({Value::object({{"reason", "NamespaceTerminating"}, {"message", cat("namespace ", ns, " is being terminated")}, {"field", "metadata.namespace"}})});
    return failure;
  }
  return {};
}

Check Admission::create(const Call& call, const Type& type, Value& object) const {
  const std::string ns(std::as_const(object)["metadata"]["namespace"].as_string());
  const std::string name(std::as_const(object)["metadata"]["name"].as_string());
  if (type.kind.namespaced) TRY_OK(living_namespace(type, ns, name));
  if (type.kind.group.empty() && type.kind.kind == "Pod") TRY_OK(pod(object));
  if (type.kind.group.empty() && type.kind.kind == "PersistentVolumeClaim") TRY_OK(claim(object));
  if (type.kind.group == rbac_group) TRY_OK(escalation(call, type, object, nullptr));
  return {};
}

Check Admission::update(const Call& call, const Type& type, std::string_view subresource, Value& object, const Value& old) const {
  if (type.kind.group == rbac_group && subresource.empty()) TRY_OK(escalation(call, type, object, &old));
  return {};
}

Check Admission::remove(const Call&, const Type& type, const std::string&, const std::string& name) const {
  if (type.kind.group.empty() && type.kind.kind == "Namespace" &&
      std::find(permanent_namespaces.begin(), permanent_namespaces.end(), name) != permanent_namespaces.end())
    return forbidden(type.resource_name(), name, "this namespace may not be deleted");
  return {};
}

Check Admission::pod(Value& pod) const {
  const std::string ns(std::as_const(pod)["metadata"]["namespace"].as_string());
  const auto account = read(store_, {"/serviceaccounts", ns, builtin::pod_account(pod)});
  const std::string wanted(std::as_const(pod)["spec"]["priorityClassName"].as_string());
  std::optional<Value> priority;
  if (!wanted.empty()) {
    priority = read(store_, {"scheduling.k8s.io/priorityclasses", "", wanted});
  } else {
    for (Value& candidate : read_all(store_, "scheduling.k8s.io/priorityclasses"))
      if (std::as_const(candidate)["globalDefault"].as_bool()) priority = std::move(candidate);
  }
  const Status admitted = builtin::admit_pod(pod, account ? &*account : nullptr, priority ? &*priority : nullptr);
  if (admitted.ok()) return {};
  Failure failure(admitted.error());
  failure.details = Value::object({{"name", std::as_const(pod)["metadata"]["name"]}, {"kind", "pods"}});
  return failure;
}

Check Admission::claim(Value& claim) const {
  const std::vector<Value> classes = read_all(store_, "storage.k8s.io/storageclasses");
  const auto standard = std::find_if(classes.begin(), classes.end(), builtin::is_default_class);
  builtin::admit_claim(claim, standard == classes.end() ? nullptr : &*standard);
  return {};
}

Check Admission::escalation(const Call& call, const Type& type, const Value& object, const Value* old) const {
  const std::string_view kind = type.kind.kind;
  const std::string ns(object.at("metadata", "namespace").as_string());
  const std::string name(object.at("metadata", "name").as_string());
  if (call.user.in_group("system:masters")) return {};
  const auto index = authorizer_.index();
  const auto may = [&](const char* verb, std::string_view plural, std::string_view target) {
    return authorizer_.authorize(call.user, {.verb = verb, .group = std::string(rbac_group), .plural = std::string(plural), .ns = ns, .name = std::string(target)}).allowed;
  };
  std::vector<Rule> wanted;
  if (kind == "Role" || kind == "ClusterRole") {
    if (old != nullptr && (*old)["rules"] == object["rules"] && (*old)["aggregationRule"] == object["aggregationRule"]) return {};
    if (may("escalate", type.kind.plural, name)) return {};
    wanted = decode_rules(object);
    // What an aggregated role will hold is not known now: only somebody who holds everything may make one.
    if (!object["aggregationRule"].is_null()) {
      wanted.push_back({.verbs = {"*"}, .groups = {"*"}, .resources = {"*"}, .names = {}, .paths = {}});
      wanted.push_back({.verbs = {"*"}, .groups = {}, .resources = {}, .names = {}, .paths = {"*"}});
    }
  } else {
    if (old != nullptr && (*old)["roleRef"] == object["roleRef"] && (*old)["subjects"] == object["subjects"]) return {};
    const std::string_view role_kind = object.at("roleRef", "kind").as_string(), role_name = object.at("roleRef", "name").as_string();
    if (may("bind", role_kind == "ClusterRole" ? "clusterroles" : "roles", role_name)) return {};
    const std::vector<Rule>* rules = index->role(ns, role_kind, role_name);
    if (rules == nullptr) return not_found({std::string(rbac_group), role_kind == "ClusterRole" ? "clusterroles" : "roles", std::string(role_kind)}, role_name);
    wanted = *rules;
  }
  const std::vector<Rule> missing = missing_rules(index->rules_for(call.user, ns), wanted);
  if (missing.empty()) return {};
  std::string text;
  for (const Rule& rule : missing) text += "\n" + rule_text(rule);
  return forbidden(type.resource_name(), name, cat(user_text(call.user), " is attempting to grant RBAC permissions not currently held:", text));
}

}  // namespace masu::apiserver
