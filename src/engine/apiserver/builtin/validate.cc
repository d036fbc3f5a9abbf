/// Validation: metadata for everybody, and what each kind demands (spec kubernetes-api 6, 12, 18).
#include <algorithm>
#include <functional>
#include <set>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/paths.h"
#include "base/text.h"
#include "value/quantity.h"

namespace masu::apiserver::builtin {
namespace {

const std::set<std::string, std::less<>> kStandardFinalizers = {"customresourcecleanup.apiextensions.k8s.io", "foregroundDeletion",
                                                                "orphan", "kubernetes"};

std::string wrong_name(std::string_view name, NameForm form) {
  switch (form) {
    case NameForm::label: return not_a_label(name);
    case NameForm::service: return not_a_service_name(name);
    case NameForm::path_segment: return not_a_path_segment(name);
    case NameForm::subdomain: break;
  }
  return not_a_subdomain(name);
}

void check_owners(const Value& owners, Causes& causes) {
  int controllers = 0, index = 0;
  for (const Value& owner : owners.as_array()) {
    const std::string path = cat("metadata.ownerReferences[", index++, "]");
    for (const char* key : {"apiVersion", "kind", "name", "uid"})
      if (owner[std::string_view(key)].as_string().empty()) causes.invalid(cat(path, ".", key), "", cat(key, " must not be empty"));
    if (owner["controller"].as_bool() && ++controllers == 2)
      causes.invalid("metadata.ownerReferences", owner["name"], "Only one reference can have Controller set to true. Found a second");
  }
}

void check_finalizers(const Value& metadata, const Value* old, Causes& causes) {
  int index = 0;
  for (const Value& finalizer : metadata["finalizers"].as_array()) {
    const std::string path = cat("metadata.finalizers[", index++, "]");
    const std::string_view name = finalizer.as_string();
    if (std::string why = not_a_qualified_name(name); !why.empty()) causes.invalid(path, finalizer, why);
    else if (name.find('/') == std::string_view::npos && !kStandardFinalizers.contains(name))
      causes.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified");
  }
  if (!old || old->at("metadata", "deletionTimestamp").is_null()) return;
  const Array& before = old->at("metadata", "finalizers").as_array();
  for (const Value& finalizer : metadata["finalizers"].as_array())
    if (std::find(before.begin(), before.end(), finalizer) == before.end())
      causes.forbidden("metadata.finalizers",
                       "no new finalizers can be added if the object is being deleted, found new finalizers []string{" +
                           quote(finalizer.as_string()) + "}");
}

void check_annotations(const Value& annotations, Causes& causes) {
  std::size_t total = 0;
  for (const auto& [key, value] : annotations.as_object()) {
    if (std::string why = not_a_qualified_name(lower(key)); !why.empty()) causes.invalid("metadata.annotations", key, why);
    total += key.size() + value.as_string().size();
  }
  if (total > 256 * 1024) causes.too_long("metadata.annotations", 256 * 1024);
}

void check_keys(const Value& object, std::string_view field, Causes& causes) {
  for (const auto& [key, value] : object[field].as_object()) {
    const bool good = !key.empty() && key.size() <= 253 && key != "." && !key.starts_with("..") &&
                      std::all_of(key.begin(), key.end(),
                                  [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.'; });
    if (!good)
      causes.invalid(
          cat(field, "[", key, "]"), key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')");
  }
}

std::size_t data_size(const Value& object) {
  std::size_t size = 0;
  for (std::string_view field : {"data", "binaryData"})
    for (const auto& [key, value] : object[field].as_object()) size += value.as_string().size();
  return size;
}

void same(const Value& object, const Value& old, std::initializer_list<std::string_view> path, Causes& causes,
          std::string_view text = "field is immutable") {
  const Value *now = &object, *before = &old;
  std::string name;
  for (std::string_view key : path) {
    now = &(*now)[key];
    before = &(*before)[key];
    name += name.empty() ? std::string(key) : cat(".", key);
  }
  if (*now != *before) causes.invalid(name, *now, text);
}

void check_config(const Kind& kind, const Value& object, const Value* old, Causes& causes) {
  const bool secret = kind.kind == "Secret";
  check_keys(object, "data", causes);
  if (!secret) check_keys(object, "binaryData", causes);
  for (const auto& [key, value] : object["binaryData"].as_object())
    if (object["data"].contains(key)) causes.invalid(cat("binaryData[", key, "]"), key, "duplicate of key present in data");
  if (data_size(object) > (secret ? 1024 * 1024 * 4 / 3 + 4 : 1024 * 1024)) causes.too_long(secret ? "data" : "", 1024 * 1024);
  if (!old) return;
  if (secret) same(object, *old, {"type"}, causes);
  if (!(*old)["immutable"].as_bool()) return;
  if (!object["immutable"].as_bool()) causes.forbidden("immutable", "field is immutable when `immutable` is set");
  for (std::string_view field : {"data", "binaryData"})
    if (object[field] != (*old)[field]) causes.forbidden(std::string(field), "field is immutable when `immutable` is set");
}

/// The pods' spec as its containers see it: with the volumes that a StatefulSet's claims will be.
Value spec_with_claims(const Value& spec) {
  Value pod = spec.at("template", "spec");
  const Array present = std::as_const(pod)["volumes"].as_array();
  for (const Value& claim : spec["volumeClaimTemplates"].as_array()) {
    const Value& name = claim.at("metadata", "name");
    if (std::none_of(present.begin(), present.end(), [&](const Value& volume) { return volume["name"] == name; }))
      pod["volumes"].push_back(Value::object({{"name", name}, {"emptyDir", Object{}}}));
  }
  return pod;
}

void check_selector_and_template(const Value& object, Causes& causes) {
  const Value& spec = object["spec"];
  if (spec["selector"].as_object().empty()) causes.required("spec.selector");
  else validate_label_selector(spec["selector"], "spec.selector", causes);
  const Value& labels = spec.at("template", "metadata", "labels");
  validate_labels(labels, "spec.template.metadata.labels", causes);
  for (const auto& [key, value] : spec.at("selector", "matchLabels").as_object())
    if (labels[key] != value) {
      causes.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
      break;
    }
  validate_pod_spec(spec_with_claims(spec), "spec.template.spec", true, causes);
}

void not_negative(const Value& spec, std::initializer_list<std::string_view> fields, Causes& causes) {
  for (std::string_view field : fields)
    if (spec[field].as_integer() < 0) causes.invalid(cat("spec.", field), spec[field], "must be greater than or equal to 0");
}

void check_workload(const Kind& kind, const Value& object, const Value* old, Causes& causes) {
  const Value& spec = object["spec"];
  check_selector_and_template(object, causes);
  not_negative(spec, {"replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"}, causes);
  if (spec.at("template", "spec", "restartPolicy").as_string() != "Always")
    causes.unsupported("spec.template.spec.restartPolicy", spec.at("template", "spec", "restartPolicy"), {"Always"});
  if (kind.kind == "Deployment" && spec.at("strategy", "type") != Value("RollingUpdate") && spec.at("strategy", "type") != Value("Recreate"))
    causes.unsupported("spec.strategy.type", spec.at("strategy", "type"), {"Recreate", "RollingUpdate"});
  if (kind.kind == "StatefulSet" && spec["podManagementPolicy"] != Value("OrderedReady") && spec["podManagementPolicy"] != Value("Parallel"))
    causes.unsupported("spec.podManagementPolicy", spec["podManagementPolicy"], {"OrderedReady", "Parallel"});
  if (!old) return;
  same(object, *old, {"spec", "selector"}, causes);
  if (kind.kind != "StatefulSet") return;
  for (const auto& [name, value] : spec.as_object()) {
    static const std::set<std::string, std::less<>> open = {"replicas",
                                                            "ordinals",
                                                            "template",
                                                            "updateStrategy",
                                                            "persistentVolumeClaimRetentionPolicy",
                                                            "minReadySeconds",
                                                            "revisionHistoryLimit"};
    if (!open.contains(name) && value != (*old)["spec"][name])
      causes.forbidden(
          "spec",
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
  }
}

void check_job(const Value& job, const Value* old, Causes& causes) {
  const Value& spec = job["spec"];
  not_negative(spec,
               {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex", "maxFailedIndexes",
                "ttlSecondsAfterFinished"},
               causes);
  const bool indexed = spec["completionMode"].as_string() == "Indexed";
  if (!indexed && spec["completionMode"].as_string() != "NonIndexed")
    causes.unsupported("spec.completionMode", spec["completionMode"], {"Indexed", "NonIndexed"});
  if (indexed && spec["completions"].is_null()) causes.required("spec.completions", "when completion mode is Indexed");
  if (!indexed)
    for (std::string_view field : {"backoffLimitPerIndex", "maxFailedIndexes"})
      if (!spec[field].is_null()) causes.invalid(cat("spec.", field), spec[field], "requires indexed completion mode");
  const Value& restart = spec.at("template", "spec", "restartPolicy");
  if (restart != Value("OnFailure") && restart != Value("Never")) {
    if (restart == Value("Always")) causes.required("spec.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\"");
    else causes.unsupported("spec.template.spec.restartPolicy", restart, {"OnFailure", "Never"});
  }
  if (!spec["podFailurePolicy"].is_null() && restart == Value("OnFailure"))
    causes.invalid("spec.template.spec.restartPolicy", restart, "only \"Never\" is supported when podFailurePolicy is specified");
  int index = 0;
  for (const Value& rule : spec.at("podFailurePolicy", "rules").as_array()) {
    const std::string path = cat("spec.podFailurePolicy.rules[", index++, "]");
    static const std::vector<std::string> actions = {"Count", "FailIndex", "FailJob", "Ignore"};
    if (std::find(actions.begin(), actions.end(), rule["action"].as_string()) == actions.end())
      causes.unsupported(cat(path, ".action"), rule["action"], actions);
    if (rule["onExitCodes"].is_null() == rule["onPodConditions"].as_array().empty())
      causes.invalid(path, rule, "exactly one of onExitCodes and onPodConditions is required");
  }
  validate_pod_spec(spec.at("template", "spec"), "spec.template.spec", true, causes);
  validate_labels(spec.at("template", "metadata", "labels"), "spec.template.metadata.labels", causes);
  if (!old) return;
  const Value& before = (*old)["spec"];
  same(job, *old, {"spec", "selector"}, causes);
  same(job, *old, {"spec", "completionMode"}, causes);
  same(job, *old, {"spec", "podFailurePolicy"}, causes);
  if (!indexed || spec["completions"] != spec["parallelism"]) same(job, *old, {"spec", "completions"}, causes);
  // While a job is suspended and has not begun, queueing systems may still choose where its pods go.
  const bool may_move = before["suspend"].as_bool() && old->at("status", "startTime").is_null();
  Value now = spec["template"], then = before["template"];
  if (may_move) {
    for (Value* part : {&now, &then}) {
      for (std::string_view key : {"nodeSelector", "affinity", "tolerations", "schedulingGates"}) (*part)["spec"].erase(key);
      for (std::string_view key : {"annotations", "labels"}) (*part)["metadata"].erase(key);
    }
  }
  if (now != then) causes.invalid("spec.template", spec["template"], "field is immutable");
}

void check_service(const Value& service, const Value* old, Causes& causes) {
  const Value& spec = service["spec"];
  static const std::vector<std::string> types = {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"};
  if (std::find(types.begin(), types.end(), spec["type"].as_string()) == types.end()) causes.unsupported("spec.type", spec["type"], types);
  const bool needs_ports = spec["clusterIP"].as_string() != "None" && spec["type"].as_string() != "ExternalName";
  const Array& ports = spec["ports"].as_array();
  if (needs_ports && ports.empty()) causes.required("spec.ports");
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string path = cat("spec.ports[", i, "]"), name(ports[i]["name"].as_string());
    if (ports.size() > 1 && name.empty()) causes.required(path + ".name");
    if (!name.empty() && !names.insert(name).second) causes.duplicate(path + ".name", name);
    if (!name.empty() && !not_a_label(name).empty()) causes.invalid(path + ".name", name, not_a_label(name));
    const std::int64_t port = ports[i]["port"].as_integer();
    if (port < 1 || port > 65535) causes.invalid(path + ".port", port, "must be between 1 and 65535, inclusive");
  }
  validate_labels(spec["selector"], "spec.selector", causes);
  if (old && !(*old).at("spec", "clusterIP").as_string().empty() && (*old).at("spec", "type").as_string() != "ExternalName" &&
      spec["type"].as_string() != "ExternalName")
    same(service, *old, {"spec", "clusterIP"}, causes);
}

void check_claim(const Value& claim, const Value* old, Causes& causes) {
  const Value& spec = claim["spec"];
  if (spec["accessModes"].as_array().empty()) causes.required("spec.accessModes", "at least 1 access mode is required");
  static const std::vector<std::string> modes = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"};
  for (const Value& mode : spec["accessModes"].as_array())
    if (std::find(modes.begin(), modes.end(), mode.as_string()) == modes.end()) causes.unsupported("spec.accessModes", mode, modes);
  const Value& size = spec.at("resources", "requests", "storage");
  if (size.is_null()) causes.required("spec.resources[storage]");
  else if (auto amount = Quantity::from(size); !amount.ok() || amount->milli <= 0)
    causes.invalid("spec.resources[storage]", size, "must be greater than zero");
  if (!old) return;
  Value now = spec, before = (*old)["spec"];
  for (Value* part : {&now, &before}) {
    part->erase("resources");
    part->erase("volumeAttributesClassName");
  }
  // The binder fills in the volume; a class may still be given to a claim that has none.
  if (before["volumeName"].as_string().empty()) now.erase("volumeName"), before.erase("volumeName");
  if (before["storageClassName"].is_null()) now.erase("storageClassName"), before.erase("storageClassName");
  if (now != before)
    causes.forbidden("spec", "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims");
  auto wanted = Quantity::from(size), had = Quantity::from((*old).at("spec", "resources", "requests", "storage"));
  if (wanted.ok() && had.ok() && *wanted < *had) causes.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity");
}

void check_volume(const Value& volume, const Value* old, Causes& causes) {
  const Value& spec = volume["spec"];
  if (spec["accessModes"].as_array().empty()) causes.required("spec.accessModes");
  if (spec.at("capacity", "storage").is_null()) causes.required("spec.capacity", "supported values: storage");
  if (spec["hostPath"].is_null() && spec["local"].is_null() && spec["csi"].is_null() && spec["nfs"].is_null())
    causes.required("spec", "must specify a volume type");
  if (spec.at("hostPath", "path").as_string().find("..") != std::string_view::npos)
    causes.invalid("spec.hostPath.path", spec.at("hostPath", "path"), "must not contain '..'");
  if (old && (spec["hostPath"] != (*old).at("spec", "hostPath") || spec["local"] != (*old).at("spec", "local")))
    causes.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation");
}

void check_rules(const Value& role, Causes& causes) {
  int index = 0;
  for (const Value& rule : role["rules"].as_array()) {
    const std::string path = cat("rules[", index++, "]");
    if (rule["verbs"].as_array().empty()) causes.required(path + ".verbs", "verbs must contain at least one value");
    if (!rule["nonResourceURLs"].as_array().empty()) continue;
    if (rule["apiGroups"].as_array().empty()) causes.required(path + ".apiGroups", "resource rules must supply at least one api group");
    if (rule["resources"].as_array().empty()) causes.required(path + ".resources", "resource rules must supply at least one resource");
  }
}

void check_binding(const Value& binding, const Value* old, Causes& causes) {
  const Value& role = binding["roleRef"];
  if (role["kind"] != Value("Role") && role["kind"] != Value("ClusterRole"))
    causes.unsupported("roleRef.kind", role["kind"], {"Role", "ClusterRole"});
  if (role["name"].as_string().empty()) causes.required("roleRef.name");
  int index = 0;
  for (const Value& subject : binding["subjects"].as_array()) {
    const std::string path = cat("subjects[", index++, "]");
    const std::string_view kind = subject["kind"].as_string();
    if (kind != "User" && kind != "Group" && kind != "ServiceAccount")
      causes.unsupported(path + ".kind", subject["kind"], {"ServiceAccount", "User", "Group"});
    if (subject["name"].as_string().empty()) causes.required(path + ".name");
    // In a RoleBinding the binding's own namespace is meant.
    if (kind == "ServiceAccount" && subject["namespace"].as_string().empty() && binding.at("metadata", "namespace").as_string().empty())
      causes.required(path + ".namespace");
  }
  if (old && role != (*old)["roleRef"]) causes.invalid("roleRef", role, "cannot change roleRef");
}

void check_storage_class(const Value& object, const Value* old, Causes& causes) {
  if (object["provisioner"].as_string().empty()) causes.required("provisioner");
  if (object["reclaimPolicy"] != Value("Delete") && object["reclaimPolicy"] != Value("Retain"))
    causes.unsupported("reclaimPolicy", object["reclaimPolicy"], {"Delete", "Retain"});
  if (object["volumeBindingMode"] != Value("Immediate") && object["volumeBindingMode"] != Value("WaitForFirstConsumer"))
    causes.unsupported("volumeBindingMode", object["volumeBindingMode"], {"Immediate", "WaitForFirstConsumer"});
  if (!old) return;
  for (std::string_view field : {"provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"})
    if (object[field] != (*old)[field]) causes.forbidden(std::string(field), "updates to " + std::string(field) + " are forbidden.");
}

void check_priority(const Value& object, const Value* old, Causes& causes) {
  if (object["value"].as_integer() > 1'000'000'000 && !object.at("metadata", "name").as_string().starts_with("system-"))
    causes.forbidden("value", "maximum allowed value of a user defined priority is 1000000000");
  if (old && object["value"] != (*old)["value"]) causes.forbidden("value", "may not be changed in an update.");
}

void check_lease(const Value& lease, Causes& causes) {
  const Value& spec = lease["spec"];
  if (!spec["leaseDurationSeconds"].is_null() && spec["leaseDurationSeconds"].as_integer() <= 0)
    causes.invalid("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0");
}

void check_crd(const Value& crd, const Value* old, Causes& causes) {
  const Value& spec = crd["spec"];
  const std::string plural(spec.at("names", "plural").as_string()), group(spec["group"].as_string());
  if (group.empty()) causes.required("spec.group");
  else if (group.find('.') == std::string::npos) causes.invalid("spec.group", group, "should be a domain with at least one dot");
  if (plural.empty()) causes.required("spec.names.plural");
  if (spec.at("names", "kind").as_string().empty()) causes.required("spec.names.kind");
  if (const Value& name = crd.at("metadata", "name"); name.as_string() != cat(plural, ".", group))
    causes.invalid("metadata.name", name, cat("must be spec.names.plural+\".\"+spec.group"));
  if (spec["scope"] != Value("Namespaced") && spec["scope"] != Value("Cluster"))
    causes.unsupported("spec.scope", spec["scope"], {"Cluster", "Namespaced"});
  int stored = 0, index = 0;
  std::set<std::string> seen;
  for (const Value& version : spec["versions"].as_array()) {
    const std::string path = cat("spec.versions[", index++, "]"), name(version["name"].as_string());
    if (std::string why = not_a_service_name(name); !why.empty()) causes.invalid(path + ".name", name, why);
    if (!seen.insert(name).second) causes.duplicate(path + ".name", name);
    stored += version["storage"].as_bool() ? 1 : 0;
    const Value& schema = version.at("schema", "openAPIV3Schema");
    if (schema.is_null()) causes.required(path + ".schema.openAPIV3Schema", "schemas are required");
    else if (schema["type"] != Value("object"))
      causes.invalid(cat("spec.validation.openAPIV3Schema.type"), schema["type"], "must be object at the root");
  }
  if (stored != 1) causes.invalid("spec.versions", spec["versions"], "must have exactly one version marked as storage version");
  if (!old) return;
  same(crd, *old, {"spec", "group"}, causes);
  same(crd, *old, {"spec", "scope"}, causes);
  same(crd, *old, {"spec", "names", "kind"}, causes);
  same(crd, *old, {"spec", "names", "plural"}, causes);
}

void check_event(const Value& event, Causes& causes) {
  const std::string_view space = event.at("involvedObject", "namespace").as_string(), own = event.at("metadata", "namespace").as_string();
  if (space.empty() ? own != "default" && own != "kube-system" : space != own)
    causes.invalid("involvedObject.namespace", space, "does not match event.namespace");
}

void check_kind(const Kind& kind, const Value& object, const Value* old, Causes& causes) {
  using Check = std::function<void(const Kind&, const Value&, const Value*, Causes&)>;
  static const std::map<std::string, Check, std::less<>> checks = {
      {"core/v1.Pod", [](const Kind&, const Value& o, const Value* before, Causes& c) {
         if (before) validate_pod_update(o, *before, c);
         else validate_pod_spec(o["spec"], "spec", false, c);
       }},
      {"core/v1.ConfigMap", check_config},
      {"core/v1.Secret", check_config},
      {"core/v1.Service", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_service(o, before, c); }},
      {"core/v1.PersistentVolumeClaim", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_claim(o, before, c); }},
      {"core/v1.PersistentVolume", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_volume(o, before, c); }},
      {"core/v1.Event", [](const Kind&, const Value& o, const Value*, Causes& c) { check_event(o, c); }},
      {"apps/v1.Deployment", check_workload},
      {"apps/v1.ReplicaSet", check_workload},
      {"apps/v1.StatefulSet", check_workload},
      {"batch/v1.Job", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_job(o, before, c); }},
      {"coordination/v1.Lease", [](const Kind&, const Value& o, const Value*, Causes& c) { check_lease(o, c); }},
      {"rbac/v1.Role", [](const Kind&, const Value& o, const Value*, Causes& c) { check_rules(o, c); }},
      {"rbac/v1.ClusterRole", [](const Kind&, const Value& o, const Value*, Causes& c) { check_rules(o, c); }},
      {"rbac/v1.RoleBinding", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_binding(o, before, c); }},
      {"rbac/v1.ClusterRoleBinding", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_binding(o, before, c); }},
      {"storage/v1.StorageClass", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_storage_class(o, before, c); }},
      {"scheduling/v1.PriorityClass", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_priority(o, before, c); }},
      {"apiextensions/v1.CustomResourceDefinition", [](const Kind&, const Value& o, const Value* before, Causes& c) { check_crd(o, before, c); }},
  };
  if (auto at = checks.find(kind.message); at != checks.end()) at->second(kind, object, old, causes);
}

}  // namespace

void validate_labels(const Value& labels, const std::string& path, Causes& causes) {
  for (const auto& [key, value] : labels.as_object()) {
    if (std::string why = not_a_qualified_name(key); !why.empty()) causes.invalid(path, key, why);
    if (std::string why = not_a_label_value(value.as_string()); !why.empty()) causes.invalid(path, value, why);
  }
}

void validate_label_selector(const Value& selector, const std::string& path, Causes& causes) {
  validate_labels(selector["matchLabels"], path + ".matchLabels", causes);
  int index = 0;
  for (const Value& term : selector["matchExpressions"].as_array()) {
    const std::string at = cat(path, ".matchExpressions[", index++, "]");
    const std::string_view op = term["operator"].as_string();
    const bool listed = op == "In" || op == "NotIn", bare = op == "Exists" || op == "DoesNotExist";
    if (!listed && !bare) causes.invalid(at + ".operator", op, "not a valid selector operator");
    if (listed && term["values"].as_array().empty()) causes.required(at + ".values", "must be specified when `operator` is 'In' or 'NotIn'");
    if (bare && !term["values"].as_array().empty())
      causes.forbidden(at + ".values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    if (std::string why = not_a_qualified_name(term["key"].as_string()); !why.empty()) causes.invalid(at + ".key", term["key"], why);
  }
}

std::vector<Cause> validate_metadata(const Value& object, const Value* old, bool namespaced, NameForm form) {
  Causes causes;
  const Value& metadata = object["metadata"];
  const std::string_view name = metadata["name"].as_string(), generate = metadata["generateName"].as_string();
  if (!generate.empty() && name.empty()) {
    std::string_view stem = generate;
    while (form != NameForm::path_segment && (stem.ends_with('-') || stem.ends_with('.'))) stem.remove_suffix(1);
    if (std::string why = wrong_name(stem, form); !why.empty()) causes.invalid("metadata.generateName", generate, why);
  }
  if (name.empty() && generate.empty()) causes.required("metadata.name", "name or generateName is required");
  else if (std::string why = name.empty() ? "" : wrong_name(name, form); !why.empty()) causes.invalid("metadata.name", name, why);
  if (namespaced && metadata["namespace"].as_string().empty()) causes.required("metadata.namespace");
  if (!namespaced && !metadata["namespace"].as_string().empty()) causes.forbidden("metadata.namespace", "not allowed on this type");
  validate_labels(metadata["labels"], "metadata.labels", causes);
  check_annotations(metadata["annotations"], causes);
  check_owners(metadata["ownerReferences"], causes);
  check_finalizers(metadata, old, causes);
  return causes.take();
}

std::vector<Cause> validate(const Kind& kind, const Value& object, const Value* old) {
  Causes causes;
  if (!kind.is_virtual) causes.append(validate_metadata(object, old, kind.namespaced, kind.name_form));
  check_kind(kind, object, old, causes);
  return causes.take();
}

}  // namespace masu::apiserver::builtin
