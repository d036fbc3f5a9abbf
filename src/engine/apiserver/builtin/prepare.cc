/// What the server decides on its own before it stores an object, and what it admits.
#include <algorithm>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/paths.h"
#include "base/text.h"
#include "crypto/base64.h"

namespace masu::apiserver::builtin {
namespace {

constexpr std::string_view kTokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

const Value& member(const Value& object, std::string_view key) { return object[key]; }

/// Guaranteed, Burstable or BestEffort, from cpu and memory of all containers.
std::string quality(const Value& spec) {
  bool any = false, guaranteed = true;
  for (const char* list : {"initContainers", "containers"}) {
    for (const Value& container : member(spec, list).as_array()) {
      for (const char* resource : {"cpu", "memory"}) {
        const Value& request = container.at("resources", "requests", resource);
        const Value& limit = container.at("resources", "limits", resource);
        any = any || !request.is_null() || !limit.is_null();
        guaranteed = guaranteed && !limit.is_null() && (request.is_null() || request == limit);
      }
    }
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

void put_label(Value& labels, std::string_view key, const std::string& value) { labels.object()[std::string(key)] = value; }

/// A Job finds its pods by its own uid, unless the user chose the selector.
void prepare_job(Value& job) {
  job["status"] = Object{};
  Value& spec = job["spec"];
  if (member(spec, "manualSelector").as_bool()) return;
  const std::string uid(std::as_const(job).at("metadata", "uid").as_string()), name(std::as_const(job).at("metadata", "name").as_string());
  Value& labels = spec["template"]["metadata"]["labels"];
  for (const char* key : {"job-name", "batch.kubernetes.io/job-name"}) put_label(labels, key, name);
  for (const char* key : {"controller-uid", "batch.kubernetes.io/controller-uid"}) put_label(labels, key, uid);
  if (member(spec, "selector").is_null()) put_label(spec["selector"]["matchLabels"], "batch.kubernetes.io/controller-uid", uid);
}

void fold_string_data(Value& secret) {
  for (const auto& [key, text] : member(secret, "stringData").as_object()) secret["data"][std::string_view(key)] = crypto::base64(text.as_string());
  secret.erase("stringData");
}

void reset_status(const Kind& kind, Value& object) {
  if (!kind.has_status) return;
  object.erase("status");
  if (kind.message == "core/v1.Pod") {
    object["status"] = Value::object({{"phase", "Pending"}, {"qosClass", quality(member(object, "spec"))}});
  } else if (kind.message == "core/v1.Namespace") {
    object["status"] = Value::object({{"phase", "Active"}});
  } else if (kind.message == "core/v1.PersistentVolumeClaim" || kind.message == "core/v1.PersistentVolume") {
    object["status"] = Value::object({{"phase", "Pending"}});
  } else if (kind.message == "core/v1.Service") {
    object["status"] = Value::object({{"loadBalancer", Object{}}});
  } else {
    object["status"] = Object{};
  }
}

/// dataSource and dataSourceRef name the same thing; either alone fills the other.
void join_data_sources(Value& claim) {
  Value& spec = claim["spec"];
  const Value source = member(spec, "dataSource"), reference = member(spec, "dataSourceRef");
  if (!source.is_null() && reference.is_null()) spec["dataSourceRef"] = source;
  if (source.is_null() && !reference.is_null() && !reference.contains("namespace") &&
      (reference.at("kind") == Value("PersistentVolumeClaim") || reference.at("kind") == Value("VolumeSnapshot")))
    spec["dataSource"] = reference;
}

bool keeps_own_status(const Kind& kind) { return kind.has_status && !kind.is_virtual; }

Value token_volume(const std::string& name) {
  const Value namespace_item =
      Value::object({{"path", "namespace"}, {"fieldRef", Value::object({{"apiVersion", "v1"}, {"fieldPath", "metadata.namespace"}})}});
  const Value authority =
      Value::object({{"name", "kube-root-ca.crt"}, {"items", Value::array({Value::object({{"key", "ca.crt"}, {"path", "ca.crt"}})})}});
  const Value sources = Value::array({Value::object({{"serviceAccountToken", Value::object({{"expirationSeconds", 3607}, {"path", "token"}})}}),
                                      Value::object({{"configMap", authority}}),
                                      Value::object({{"downwardAPI", Value::object({{"items", Value::array({namespace_item})}})}})});
  return Value::object({{"name", name}, {"projected", Value::object({{"defaultMode", 420}, {"sources", sources}})}});
}

void mount_token(Value& pod) {
  Value& spec = pod["spec"];
  const std::string uid(std::as_const(pod).at("metadata", "uid").as_string());
  const std::string name = cat("kube-api-access-", uid.empty() ? "token" : uid.substr(0, 5));
  bool mounted = false;
  for (std::string_view list : {"initContainers", "containers"}) {
    if (member(spec, list).as_array().empty()) continue;
    for (Value& container : spec[list].array()) {
      const Array& mounts = member(container, "volumeMounts").as_array();
      if (std::any_of(mounts.begin(), mounts.end(), [](const Value& mount) { return mount["mountPath"].as_string() == kTokenFolder; })) continue;
      container["volumeMounts"].push_back(Value::object({{"name", name}, {"mountPath", kTokenFolder}, {"readOnly", true}}));
      mounted = true;
    }
  }
  if (mounted) spec["volumes"].push_back(token_volume(name));
}

void tolerate_lost_nodes(Value& spec) {
  for (std::string_view key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    const Array& present = member(spec, "tolerations").as_array();
    const bool covered = std::any_of(present.begin(), present.end(), [&](const Value& toleration) {
      const std::string_view effect = toleration["effect"].as_string(), name = toleration["key"].as_string();
      return (effect.empty() || effect == "NoExecute") && (name == key || name.empty());
    });
    if (!covered)
      spec["tolerations"].push_back(
          Value::object({{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}, {"tolerationSeconds", 300}}));
  }
}

Error refused(const Value& pod, std::string_view why) {
  return Error{Code::denied, cat("pods ", quote(pod.at("metadata", "name").as_string()), " is forbidden: ", why)};
}

}  // namespace

std::string pod_account(const Value& pod) {
  const std::string_view name = pod.at("spec", "serviceAccountName").as_string();
  return name.empty() ? "default" : std::string(name);
}

Status admit_pod(Value& pod, const Value* account, const Value* priority_class) {
  Value& spec = pod["spec"];
  const std::string name = pod_account(pod);
  if (!account) {
    const std::string_view space = std::as_const(pod).at("metadata", "namespace").as_string();
    return refused(pod, cat("error looking up service account ", space, "/", name, ": serviceaccount ", quote(name), " not found"));
  }
  spec["serviceAccountName"] = name;
  spec["serviceAccount"] = name;
  const Value &of_pod = member(spec, "automountServiceAccountToken"), &of_account = member(*account, "automountServiceAccountToken");
  if (of_pod.is_null() ? of_account.as_bool(true) : of_pod.as_bool()) mount_token(pod);
  if (member(spec, "imagePullSecrets").as_array().empty() && !member(*account, "imagePullSecrets").as_array().empty())
    spec["imagePullSecrets"] = member(*account, "imagePullSecrets");
  tolerate_lost_nodes(spec);

  const std::string_view wanted = member(spec, "priorityClassName").as_string();
  if (!wanted.empty() && !priority_class) return refused(pod, cat("no PriorityClass with name ", wanted, " was found"));
  const std::int64_t priority = priority_class ? (*priority_class)["value"].as_integer() : 0;
  if (!member(spec, "priority").is_null() && member(spec, "priority").as_integer() != priority)
    return refused(pod, cat("the integer value of priority (", member(spec, "priority").as_integer(),
                            ") must not be provided in pod spec; priority admission controller computed ", priority,
                            " from the given PriorityClass name"));
  spec["priority"] = priority;
  spec["preemptionPolicy"] = priority_class && !(*priority_class)["preemptionPolicy"].is_null() ? (*priority_class)["preemptionPolicy"]
                                                                                                : Value("PreemptLowerPriority");
  if (priority_class && wanted.empty()) spec["priorityClassName"] = (*priority_class).at("metadata", "name");
  return {};
}

bool is_default_class(const Value& storage_class) {
  return storage_class.at("metadata", "annotations", "storageclass.kubernetes.io/is-default-class").as_string() == "true";
}

void admit_claim(Value& claim, const Value* default_class) {
  if (default_class && std::as_const(claim).at("spec", "storageClassName").is_null())
    claim["spec"]["storageClassName"] = default_class->at("metadata", "name");
}

void prepare_create(const Kind& kind, Value& object) {
  reset_status(kind, object);
  if (kind.message == "batch/v1.Job") prepare_job(object);
  if (kind.message == "core/v1.Secret") fold_string_data(object);
  if (kind.message == "core/v1.PersistentVolumeClaim") {
    join_data_sources(object);
    Value& finalizers = object["metadata"]["finalizers"];
    const Array& present = finalizers.as_array();
    if (std::find(present.begin(), present.end(), Value("kubernetes.io/pvc-protection")) == present.end())
      finalizers.push_back("kubernetes.io/pvc-protection");
  }
  if (kind.message == "core/v1.Namespace") {
    Value& finalizers = object["spec"]["finalizers"];
    const Array& present = finalizers.as_array();
    if (std::find(present.begin(), present.end(), Value("kubernetes")) == present.end()) finalizers.push_back("kubernetes");
  }
}

void prepare_update(const Kind& kind, std::string_view subresource, Value& object, const Value& old) {
  if (kind.message == "core/v1.Secret") fold_string_data(object);
  if (!keeps_own_status(kind)) return;
  if (subresource == "status") {
    // Everything but status stays; a controller may move annotations and finalizers along with it, labels not.
    Value kept = old;
    if (object.contains("status")) kept["status"] = std::as_const(object)["status"];
    for (std::string_view name : {"annotations", "finalizers", "managedFields", "ownerReferences"}) {
      const Value given = std::as_const(object).at("metadata", name);
      if (given.is_null()) kept["metadata"].erase(name);
      else kept["metadata"][name] = given;
    }
    kept["metadata"]["resourceVersion"] = std::as_const(object).at("metadata", "resourceVersion");
    object = std::move(kept);
    return;
  }
  if (!subresource.empty()) return;
  if (old.contains("status")) object["status"] = old["status"];
  else object.erase("status");
  // A namespace's own finalizers change by its finalize path only; a pod's node by its binding only.
  if (kind.message == "core/v1.Namespace") object["spec"] = old["spec"];
}

bool raises_generation(const Kind& kind, const Value& old, const Value& updated) {
  if (!kind.has_generation) return false;
  if (old.at("metadata", "deletionTimestamp").is_null() != updated.at("metadata", "deletionTimestamp").is_null()) return true;
  if (kind.message == "apps/v1.Deployment" && old.at("metadata", "annotations") != updated.at("metadata", "annotations")) return true;
  const auto wanted = [](Value object) {
    for (std::string_view key : {"metadata", "status", "apiVersion", "kind"}) object.erase(key);
    return object;
  };
  return wanted(old) != wanted(updated);
}

}  // namespace masu::apiserver::builtin
