/// Defaults (spec kubernetes-api 18). Written as code: most depend on what stands beside them.
#include <functional>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/messages.h"
#include "apiserver/builtin/paths.h"
#include "base/text.h"
#include "value/quantity.h"

namespace masu::apiserver::builtin {
namespace {

/// Sets a member that is not there.
void put(Value& object, std::string_view key, Value value) {
  if (object[std::string_view(key)].is_null()) object[key] = std::move(value);
}
/// Sets a member that is not there, or zero, or empty text: fields that are no pointers upstream.
void put_nonzero(Value& object, std::string_view key, Value value) {
  const Value& now = std::as_const(object)[key];
  if (now.is_null() || (now.is_number() && now.as_number() == 0) || (now.is_string() && now.as_string().empty())) object[key] = std::move(value);
}
bool has(const Value& object, std::string_view key) { return !object[key].is_null(); }

template <class Step>
void each(Value& object, std::string_view list, Step step) {
  if (!std::as_const(object)[list].is_array()) return;
  for (Value& element : object[list].array()) step(element);
}

void default_http_get(Value& get) {
  put_nonzero(get, "path", "/");
  put_nonzero(get, "scheme", "HTTP");
}

void default_probe(Value& probe) {
  put_nonzero(probe, "timeoutSeconds", 1);
  put_nonzero(probe, "periodSeconds", 10);
  put_nonzero(probe, "successThreshold", 1);
  put_nonzero(probe, "failureThreshold", 3);
  if (has(probe, "httpGet")) default_http_get(probe["httpGet"]);
  if (has(probe, "grpc")) put(probe["grpc"], "service", "");
}

void default_container(Value& container, bool host_network) {
  put_nonzero(container, "imagePullPolicy", default_pull_policy(std::as_const(container)["image"].as_string()));
  put_nonzero(container, "terminationMessagePath", "/dev/termination-log");
  put_nonzero(container, "terminationMessagePolicy", "File");
  put(container, "resources", Object{});
  each(container, "ports", [&](Value& port) {
    put_nonzero(port, "protocol", "TCP");
    if (host_network) put_nonzero(port, "hostPort", std::as_const(port)["containerPort"]);
  });
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"})
    if (has(container, probe)) default_probe(container[std::string_view(probe)]);
  if (has(container, "lifecycle"))
    for (auto& [name, handler] : container["lifecycle"].object())
      if (has(handler, "httpGet")) default_http_get(handler["httpGet"]);
  each(container, "env", [](Value& variable) {
    if (!has(variable, "valueFrom")) return;
    Value& from = variable["valueFrom"];
    if (has(from, "fieldRef")) put_nonzero(from["fieldRef"], "apiVersion", "v1");
    if (has(from, "resourceFieldRef")) put(from["resourceFieldRef"], "divisor", "0");
  });
}

void default_downward_items(Value& source) {
  each(source, "items", [](Value& item) {
    if (has(item, "fieldRef")) put_nonzero(item["fieldRef"], "apiVersion", "v1");
  });
}

void default_claim_spec(Value& spec) {
  put(spec, "volumeMode", "Filesystem");
  put(spec, "resources", Object{});
}

void default_volume(Value& volume) {
  bool has_source = false;
  for (const auto& [name, value] : volume.as_object()) has_source = has_source || (name != "name" && !value.is_null());
  if (!has_source) volume["emptyDir"] = Object{};
  for (const char* source : {"secret", "configMap", "downwardAPI", "projected"})
    if (has(volume, source)) put(volume[std::string_view(source)], "defaultMode", 420);
  if (has(volume, "downwardAPI")) default_downward_items(volume["downwardAPI"]);
  if (has(volume, "hostPath")) put(volume["hostPath"], "type", "");
  if (has(volume, "projected")) {
    each(volume["projected"], "sources", [](Value& source) {
      if (has(source, "serviceAccountToken")) put(source["serviceAccountToken"], "expirationSeconds", 3600);
      if (has(source, "downwardAPI")) default_downward_items(source["downwardAPI"]);
    });
  }
  if (has(volume, "ephemeral") && has(volume["ephemeral"], "volumeClaimTemplate"))
    default_claim_spec(volume["ephemeral"]["volumeClaimTemplate"]["spec"]);
}

void default_pod_spec(Value& spec) {
  put_nonzero(spec, "dnsPolicy", "ClusterFirst");
  put_nonzero(spec, "restartPolicy", "Always");
  put_nonzero(spec, "schedulerName", "default-scheduler");
  put(spec, "terminationGracePeriodSeconds", 30);
  put(spec, "securityContext", Object{});
  // The old name of the account's field goes along with the new one.
  if (!std::as_const(spec)["serviceAccountName"].as_string().empty()) spec["serviceAccount"] = std::as_const(spec)["serviceAccountName"];
  else if (!std::as_const(spec)["serviceAccount"].as_string().empty()) spec["serviceAccountName"] = std::as_const(spec)["serviceAccount"];
  const bool host_network = std::as_const(spec)["hostNetwork"].as_bool();
  for (const char* list : {"initContainers", "containers", "ephemeralContainers"})
    each(spec, list, [&](Value& container) { default_container(container, host_network); });
  each(spec, "volumes", default_volume);
}

/// What is not asked for is asked for as much as it is limited to.
void copy_limits(Value& container) {
  const Object limits = std::as_const(container).at("resources", "limits").as_object();
  for (const auto& [name, amount] : limits) put(container["resources"]["requests"], name, amount);
}

void default_pod(Value& pod) {
  Value& spec = pod["spec"];
  default_pod_spec(spec);
  put(spec, "enableServiceLinks", true);
  for (const char* list : {"initContainers", "containers"}) each(spec, list, copy_limits);
}

void default_template(Value& spec) {
  put(spec["template"], "metadata", Object{});
  default_pod_spec(spec["template"]["spec"]);
}

void default_rolling_update(Value& strategy) {
  put_nonzero(strategy, "type", "RollingUpdate");
  if (std::as_const(strategy)["type"].as_string() != "RollingUpdate") return;
  put(strategy["rollingUpdate"], "maxUnavailable", "25%");
  put(strategy["rollingUpdate"], "maxSurge", "25%");
}

void default_deployment(Value& object) {
  Value& spec = object["spec"];
  put(spec, "replicas", 1);
  default_rolling_update(spec["strategy"]);
  put(spec, "revisionHistoryLimit", 10);
  put(spec, "progressDeadlineSeconds", 600);
  default_template(spec);
}

void default_replica_set(Value& object) {
  put(object["spec"], "replicas", 1);
  default_template(object["spec"]);
}

void default_claim(Value& claim) {
  default_claim_spec(claim["spec"]);
  put_nonzero(claim["status"], "phase", "Pending");
}

void default_stateful_set(Value& object) {
  Value& spec = object["spec"];
  put(spec, "replicas", 1);
  put_nonzero(spec, "podManagementPolicy", "OrderedReady");
  put_nonzero(spec["updateStrategy"], "type", "RollingUpdate");
  if (std::as_const(spec)["updateStrategy"]["type"].as_string() == "RollingUpdate") put(spec["updateStrategy"]["rollingUpdate"], "partition", 0);
  put(spec, "revisionHistoryLimit", 10);
  put(spec["persistentVolumeClaimRetentionPolicy"], "whenDeleted", "Retain");
  put(spec["persistentVolumeClaimRetentionPolicy"], "whenScaled", "Retain");
  each(spec, "volumeClaimTemplates", [](Value& claim) {
    put(claim, "apiVersion", "v1");
    put(claim, "kind", "PersistentVolumeClaim");
    default_claim(claim);
  });
  default_template(spec);
}

void default_job(Value& object) {
  Value& spec = object["spec"];
  if (!has(spec, "completions") && !has(spec, "parallelism")) spec["completions"] = 1;
  put(spec, "parallelism", 1);
  put(spec, "backoffLimit", has(spec, "backoffLimitPerIndex") ? 2147483647 : 6);
  spec.erase("successPolicy");  // nobody acts upon it: dropped, as upstream drops what is switched off
  put_nonzero(spec, "completionMode", "NonIndexed");
  put(spec, "suspend", false);
  put_nonzero(spec, "podReplacementPolicy", has(spec, "podFailurePolicy") ? "Failed" : "TerminatingOrFailed");
  if (has(spec, "podFailurePolicy"))
    each(spec["podFailurePolicy"], "rules",
         [](Value& rule) { each(rule, "onPodConditions", [](Value& condition) { put_nonzero(condition, "status", "True"); }); });
  default_template(spec);
  const Value labels = std::as_const(spec).at("template", "metadata", "labels");
  if (std::as_const(object).at("metadata", "labels").as_object().empty() && !labels.as_object().empty()) object["metadata"]["labels"] = labels;
}

void default_service(Value& object) {
  Value& spec = object["spec"];
  put_nonzero(spec, "type", "ClusterIP");
  put_nonzero(spec, "sessionAffinity", "None");
  if (std::as_const(spec)["sessionAffinity"].as_string() == "ClientIP") put(spec["sessionAffinityConfig"]["clientIP"], "timeoutSeconds", 10800);
  if (std::as_const(spec)["type"].as_string() != "ExternalName") {
    put_nonzero(spec, "internalTrafficPolicy", "Cluster");
    put_nonzero(spec, "ipFamilyPolicy", "SingleStack");
    if (std::as_const(spec)["ipFamilies"].as_array().empty()) spec["ipFamilies"] = Value::strings({"IPv4"});
    if (std::as_const(spec)["clusterIPs"].as_array().empty() && !std::as_const(spec)["clusterIP"].as_string().empty())
      spec["clusterIPs"] = Value::array({std::as_const(spec)["clusterIP"]});
  }
  each(spec, "ports", [](Value& port) {
    put_nonzero(port, "protocol", "TCP");
    put_nonzero(port, "targetPort", std::as_const(port)["port"]);
  });
}

void default_binding_subjects(Value& object) {
  constexpr const char* kGroup = "rbac.authorization.k8s.io";
  put_nonzero(object["roleRef"], "apiGroup", kGroup);
  each(object, "subjects", [&](Value& subject) {
    const std::string_view kind = std::as_const(subject)["kind"].as_string();
    if (kind == "User" || kind == "Group") put_nonzero(subject, "apiGroup", kGroup);
  });
}

void default_crd(Value& object) {
  Value& spec = object["spec"];
  Value& names = spec["names"];
  const std::string kind(std::as_const(names)["kind"].as_string());
  put_nonzero(names, "singular", lower(kind));
  put_nonzero(names, "listKind", cat(kind, "List"));
  if (!has(spec, "conversion")) spec["conversion"] = Value::object({{"strategy", "None"}});
}

void default_node(Value& node) {
  if (!has(node, "status")) return;
  Value& status = node["status"];
  if (has(status, "capacity") && !has(status, "allocatable")) status["allocatable"] = std::as_const(status)["capacity"];
}

using Step = void (*)(Value&);
const std::map<std::string, Step, std::less<>>& steps() {
  static const std::map<std::string, Step, std::less<>> table = {
      {"core/v1.Pod", default_pod},
      {"core/v1.Namespace", [](Value& space) {
         put_nonzero(space["metadata"]["labels"], "kubernetes.io/metadata.name", std::as_const(space).at("metadata", "name"));
       }},
      {"core/v1.Node", default_node},
      {"core/v1.Secret", [](Value& secret) { put_nonzero(secret, "type", "Opaque"); }},
      {"core/v1.Service", default_service},
      {"core/v1.Endpoints", [](Value& object) {
         each(object, "subsets", [](Value& subset) { each(subset, "ports", [](Value& port) { put_nonzero(port, "protocol", "TCP"); }); });
       }},
      {"core/v1.PersistentVolumeClaim", default_claim},
      {"core/v1.PersistentVolume", [](Value& volume) {
         put_nonzero(volume["spec"], "persistentVolumeReclaimPolicy", "Retain");
         put(volume["spec"], "volumeMode", "Filesystem");
         if (has(volume["spec"], "hostPath")) put(volume["spec"]["hostPath"], "type", "");
         put_nonzero(volume["status"], "phase", "Pending");
       }},
      {"apps/v1.Deployment", default_deployment},
      {"apps/v1.ReplicaSet", default_replica_set},
      {"apps/v1.StatefulSet", default_stateful_set},
      {"batch/v1.Job", default_job},
      {"rbac/v1.RoleBinding", default_binding_subjects},
      {"rbac/v1.ClusterRoleBinding", default_binding_subjects},
      {"storage/v1.StorageClass", [](Value& object) {
         put(object, "reclaimPolicy", "Delete");
         put(object, "volumeBindingMode", "Immediate");
       }},
      {"scheduling/v1.PriorityClass", [](Value& object) { put(object, "preemptionPolicy", "PreemptLowerPriority"); }},
      {"apiextensions/v1.CustomResourceDefinition", default_crd},
      {"authentication/v1.TokenRequest", [](Value& object) { put(object["spec"], "expirationSeconds", 3600); }},
  };
  return table;
}

Value canonical_quantity(const Value& value) {
  auto amount = Quantity::from(value);
  if (!amount.ok()) return value;
  const bool binary = value.is_string() && value.as_string().ends_with('i');
  return Value(amount->text(binary));
}

Value zero_of(Field::Type type) {
  switch (type) {
    case Field::Type::boolean: return false;
    case Field::Type::string: return "";
    default: return 0;
  }
}

/// Writes zeros that upstream always prints, and quantities in their canonical form.
void complete(const Message& message, Value& object) {
  for (const auto& [name, field] : message.by_name) {
    auto at = object.object().find(name);
    if (at == object.object().end() || at->second.is_null()) {
      if (field->always && field->shape == Field::Shape::single && field->type <= Field::Type::int64) object[name] = zero_of(field->type);
      continue;
    }
    const auto one = [&](Value& value) {
      if (field->type == Field::Type::quantity) value = canonical_quantity(value);
      else if (field->type == Field::Type::message && value.is_object()) complete(*field->message, value);
    };
    Value& value = at->second;
    if (field->shape == Field::Shape::single) one(value);
    else if (field->shape == Field::Shape::list && value.is_array()) for (Value& element : value.array()) one(element);
    else if (field->shape == Field::Shape::map && value.is_object()) for (auto& [key, element] : value.object()) one(element);
  }
}

}  // namespace

void apply_defaults(const Kind& kind, Value& object) {
  if (!object.is_object()) return;
  if (auto at = steps().find(kind.message); at != steps().end()) at->second(object);
  if (const Message* message = find_message(kind.message)) complete(*message, object);
}

std::string default_pull_policy(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return "IfNotPresent";
  const std::string_view last = image.substr(image.rfind('/') == std::string_view::npos ? 0 : image.rfind('/') + 1);
  const std::size_t colon = last.find(':');
  return colon == std::string_view::npos || last.substr(colon + 1) == "latest" ? "Always" : "IfNotPresent";
}

}  // namespace masu::apiserver::builtin
