/// Field selectors (spec kubernetes-api, appendix F) and the scale subresource.
#include <algorithm>
#include <map>
#include <set>

#include "apiserver/builtin/kind.h"
#include "base/text.h"
#include "kube/selector.h"

namespace masu::apiserver::builtin {
namespace {

using Paths = std::set<std::string, std::less<>>;

const Paths& paths_of(const Kind& kind) {
  static const std::map<std::string, Paths, std::less<>> table = {
      {"core/v1.Pod",
       {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase",
        "status.podIP", "status.podIPs", "status.nominatedNodeName"}},
      {"core/v1.Node", {"spec.unschedulable"}},
      {"core/v1.Namespace", {"status.phase"}},
      {"core/v1.Secret", {"type"}},
      {"core/v1.Service", {"spec.clusterIP", "spec.type"}},
      {"core/v1.Event",
       {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
        "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"}},
      {"batch/v1.Job", {"status.successful"}},
      {"apps/v1.ReplicaSet", {"status.replicas"}},
  };
  static const Paths none;
  auto at = table.find(kind.message);
  return at == table.end() ? none : at->second;
}

std::string text(const Value& value) {
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_integer()) return cat(value.as_integer());
  return std::string(value.as_string());
}

const Value& walk(const Value& object, std::string_view path) {
  const Value* value = &object;
  for (const std::string& part : split(path, '.')) value = &(*value)[part];
  return *value;
}

}  // namespace

bool knows_field(const Kind& kind, std::string_view path) {
  return path == "metadata.name" || (path == "metadata.namespace" && kind.namespaced) || paths_of(kind).contains(path);
}

Result<std::string> field_value(const Kind& kind, const Value& object, std::string_view path) {
  if (!knows_field(kind, path)) return Error{Code::not_found, cat("field label not supported: ", path)};
  if (path == "source") {
    const std::string source = text(object.at("source", "component"));
    return source.empty() ? text(object["reportingComponent"]) : source;
  }
  if (path == "status.successful") return text(Value(object.at("status", "succeeded").as_integer()));
  if (path == "status.podIPs") {
    std::vector<std::string> addresses;
    for (const Value& one : object.at("status", "podIPs").as_array()) addresses.push_back(text(one["ip"]));
    return join(addresses, ",");
  }
  const Value& value = walk(object, path);
  // Upstream compares fields that are no pointers: an absent switch is "false", an absent count "0".
  if (value.is_null() && (path == "spec.unschedulable" || path == "spec.hostNetwork")) return std::string("false");
  if (value.is_null() && path == "status.replicas") return std::string("0");
  return text(value);
}

Value scale_of(const Kind&, const Value& object) {
  const Value& from = object["metadata"];
  Value metadata = Object{};
  for (std::string_view key : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"})
    if (from.contains(key)) metadata[key] = from[key];
  Value spec = Object{}, status = Object{};
  if (const std::int64_t wanted = object.at("spec", "replicas").as_integer(); wanted != 0) spec["replicas"] = wanted;
  status["replicas"] = object.at("status", "replicas").as_integer();
  if (auto selector = kube::LabelSelector::from(object.at("spec", "selector")); selector.ok() && !selector->empty())
    status["selector"] = selector->text();
  return Value::object({{"apiVersion", "autoscaling/v1"}, {"kind", "Scale"}, {"metadata", metadata}, {"spec", spec}, {"status", status}});
}

Status set_scale(const Kind&, Value& object, const Value& scale) {
  const std::int64_t wanted = scale.at("spec", "replicas").as_integer();
  if (wanted < 0)
    return Error{Code::invalid,
                 cat("Scale.autoscaling ", quote(std::as_const(object).at("metadata", "name").as_string()),
                     " is invalid: spec.replicas: Invalid value: ", wanted, ": must be greater than or equal to 0"),
                 {{"spec.replicas", "FieldValueInvalid", cat("Invalid value: ", wanted, ": must be greater than or equal to 0")}}};
  object["spec"]["replicas"] = wanted;
  return {};
}

}  // namespace masu::apiserver::builtin
