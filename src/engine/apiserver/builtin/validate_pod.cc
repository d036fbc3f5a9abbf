/// Validation of pods and of pod templates.
#include <algorithm>
#include <set>

#include "apiserver/builtin/paths.h"
#include "base/text.h"
#include "value/quantity.h"

namespace masu::apiserver::builtin {
namespace {

bool one_of(const Value& value, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), value.as_string()) != words.end();
}

struct PodCheck {
  Causes& causes;
  std::set<std::string, std::less<>> volumes = {}, names = {};

  void port_number(const Value& value, const std::string& path) {
    if (value.as_integer() < 1 || value.as_integer() > 65535) causes.invalid(path, value, "must be between 1 and 65535, inclusive");
  }

  void probe(const Value& probe, const std::string& path) {
    if (probe.is_null()) return;
    int handlers = 0;
    for (std::string_view handler : {"exec", "httpGet", "tcpSocket", "grpc"}) handlers += probe[handler].is_null() ? 0 : 1;
    if (handlers == 0) causes.required(path, "must specify a handler type");
    if (handlers > 1) causes.forbidden(path, "may not specify more than 1 handler type");
    for (std::string_view field : {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"})
      if (probe[field].as_integer() < 0) causes.invalid(cat(path, ".", field), probe[field], "must be greater than or equal to 0");
  }

  void environment(const Value& list, const std::string& path) {
    int index = 0;
    for (const Value& variable : list.as_array()) {
      const std::string at = cat(path, "[", index++, "]");
      const std::string_view name = variable["name"].as_string();
      if (name.empty()) causes.required(at + ".name");
      else if (name.find('=') != std::string_view::npos)
        causes.invalid(at + ".name", name,
                       "a valid environment variable name must consist only of printable ASCII characters other than '='");
      const Value& from = variable["valueFrom"];
      if (from.is_null()) continue;
      if (!variable["value"].as_string().empty()) causes.invalid(at + ".valueFrom", "", "may not be specified when `value` is not empty");
      int sources = 0;
      for (std::string_view source : {"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"}) sources += from[source].is_null() ? 0 : 1;
      if (sources != 1)
        causes.invalid(at + ".valueFrom", "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
    }
  }

  void resources(const Value& resources, const std::string& path) {
    for (std::string_view part : {"limits", "requests"}) {
      for (const auto& [name, amount] : resources[part].as_object()) {
        const std::string at = cat(path, ".", part, "[", name, "]");
        if (std::string why = not_a_qualified_name(name); !why.empty()) causes.invalid(at, name, why);
        auto quantity = Quantity::from(amount);
        if (quantity.ok() && quantity->milli < 0) causes.invalid(at, amount, "must be greater than or equal to 0");
        const bool extended = name.find('/') != std::string::npos;
        if (quantity.ok() && extended && quantity->milli % 1000 != 0) causes.invalid(at, amount, "must be an integer");
      }
    }
    for (const auto& [name, amount] : resources["requests"].as_object()) {
      const Value& limit = resources["limits"][name];
      auto wanted = Quantity::from(amount), most = Quantity::from(limit);
      if (limit.is_null()) {
        if (name.find('/') != std::string::npos) causes.required(cat(path, ".limits"), "Limit must be set for non overcommitable resources");
      } else if (wanted.ok() && most.ok()) {
        if (*wanted > *most)
          causes.invalid(cat(path, ".requests"), amount,
                         cat("must be less than or equal to ", name, " limit of ",
                             limit.is_string() ? std::string(limit.as_string()) : cat(limit.as_integer())));
        else if (name.find('/') != std::string::npos && *wanted != *most)
          causes.invalid(cat(path, ".requests"), amount, cat("must be equal to ", name, " limit of ", most->text()));
      }
    }
  }

  void mounts(const Value& list, const std::string& path) {
    std::set<std::string, std::less<>> places;
    int index = 0;
    for (const Value& mount : list.as_array()) {
      const std::string at = cat(path, "[", index++, "]");
      if (mount["name"].as_string().empty()) causes.required(at + ".name");
      else if (!volumes.contains(mount["name"].as_string())) causes.not_found(at + ".name", mount["name"]);
      const std::string_view place = mount["mountPath"].as_string();
      if (place.empty()) causes.required(at + ".mountPath");
      else if (!places.insert(std::string(place)).second) causes.invalid(at + ".mountPath", place, "must be unique");
      for (const std::string& part : split(mount["subPath"].as_string(), '/'))
        if (part == "..") causes.invalid(at + ".subPath", mount["subPath"], "must not contain '..'");
    }
  }

  void container(const Value& container, const std::string& path, bool init) {
    const std::string_view name = container["name"].as_string();
    if (name.empty()) causes.required(path + ".name");
    else if (std::string why = not_a_label(name); !why.empty()) causes.invalid(path + ".name", name, why);
    else if (!names.insert(std::string(name)).second) causes.duplicate(path + ".name", name);
    const std::string_view image = container["image"].as_string();
    if (image.empty()) causes.required(path + ".image");
    else if (trim(image) != image) causes.invalid(path + ".image", image, "must not have leading or trailing whitespace");
    if (!one_of(container["imagePullPolicy"], {"Always", "IfNotPresent", "Never"}))
      causes.unsupported(path + ".imagePullPolicy", container["imagePullPolicy"], {"Always", "IfNotPresent", "Never"});
    if (!one_of(container["terminationMessagePolicy"], {"File", "FallbackToLogsOnError"}))
      causes.unsupported(path + ".terminationMessagePolicy", container["terminationMessagePolicy"], {"FallbackToLogsOnError", "File"});
    std::set<std::string> port_names;
    int index = 0;
    for (const Value& port : container["ports"].as_array()) {
      const std::string at = cat(path, ".ports[", index++, "]");
      port_number(port["containerPort"], at + ".containerPort");
      if (!one_of(port["protocol"], {"TCP", "UDP", "SCTP"})) causes.unsupported(at + ".protocol", port["protocol"], {"SCTP", "TCP", "UDP"});
      const std::string port_name(port["name"].as_string());
      if (!port_name.empty() && (port_name.size() > 15 || !not_a_label(port_name).empty()))
        causes.invalid(at + ".name", port_name, "must be no more than 15 characters, lower case letters, digits and '-'");
      if (!port_name.empty() && !port_names.insert(port_name).second) causes.duplicate(at + ".name", port_name);
    }
    environment(container["env"], path + ".env");
    resources(container["resources"], path + ".resources");
    mounts(container["volumeMounts"], path + ".volumeMounts");
    const Value& restart = container["restartPolicy"];
    const bool sidecar = init && restart == Value("Always");
    if (!restart.is_null() && !init) causes.forbidden(path + ".restartPolicy", "may not be set for non-init containers");
    if (!restart.is_null() && init && !sidecar) causes.unsupported(path + ".restartPolicy", restart, {"Always"});
    for (std::string_view field : {"livenessProbe", "readinessProbe", "startupProbe"}) {
      if (init && !sidecar && !container[field].is_null())
        causes.forbidden(cat(path, ".", field), "may not be set for init containers without restartPolicy=Always");
      probe(container[field], cat(path, ".", field));
    }
    if (init && !sidecar && !container["lifecycle"].is_null())
      causes.forbidden(path + ".lifecycle", "may not be set for init containers without restartPolicy=Always");
  }

  void volume_list(const Value& list, const std::string& path) {
    int index = 0;
    for (const Value& volume : list.as_array()) {
      const std::string at = cat(path, "[", index++, "]");
      const std::string_view name = volume["name"].as_string();
      if (name.empty()) causes.required(at + ".name");
      else if (std::string why = not_a_label(name); !why.empty()) causes.invalid(at + ".name", name, why);
      else if (!volumes.insert(std::string(name)).second) causes.duplicate(at + ".name", name);
      int sources = 0;
      for (const auto& [key, value] : volume.as_object()) sources += key != "name" && !value.is_null() ? 1 : 0;
      if (sources == 0) causes.required(at, "must specify a volume type");
      if (sources > 1) causes.forbidden(at, "may not specify more than 1 volume type");
      if (volume.contains("persistentVolumeClaim") && volume.at("persistentVolumeClaim", "claimName").as_string().empty())
        causes.required(at + ".persistentVolumeClaim.claimName");
      if (volume.contains("hostPath") && volume.at("hostPath", "path").as_string().empty()) causes.required(at + ".hostPath.path");
      if (volume.contains("secret") && volume.at("secret", "secretName").as_string().empty()) causes.required(at + ".secret.secretName");
      if (volume.contains("configMap") && volume.at("configMap", "name").as_string().empty()) causes.required(at + ".configMap.name");
    }
  }

  void tolerations(const Value& list, const std::string& path) {
    int index = 0;
    for (const Value& toleration : list.as_array()) {
      const std::string at = cat(path, "[", index++, "]");
      const std::string_view op = toleration["operator"].as_string(), key = toleration["key"].as_string();
      if (!one_of(toleration["operator"], {"", "Equal", "Exists"})) causes.unsupported(at + ".operator", op, {"Equal", "Exists"});
      if (key.empty() && op != "Exists")
        causes.invalid(at + ".operator", op, "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
      if (op == "Exists" && !toleration["value"].as_string().empty())
        causes.invalid(at + ".operator", toleration, "value must be empty when `operator` is 'Exists'");
      if (!one_of(toleration["effect"], {"", "NoSchedule", "PreferNoSchedule", "NoExecute"}))
        causes.unsupported(at + ".effect", toleration["effect"], {"NoExecute", "NoSchedule", "PreferNoSchedule"});
      if (!toleration["tolerationSeconds"].is_null() && toleration["effect"] != Value("NoExecute"))
        causes.invalid(at + ".effect", toleration["effect"], "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
  }
};

}  // namespace

void validate_pod_spec(const Value& spec, const std::string& path, bool is_template, Causes& causes) {
  PodCheck check{causes};
  check.volume_list(spec["volumes"], path + ".volumes");
  const Array& containers = spec["containers"].as_array();
  if (containers.empty()) causes.required(path + ".containers");
  for (std::size_t i = 0; i < containers.size(); ++i) check.container(containers[i], cat(path, ".containers[", i, "]"), false);
  const Array& inits = spec["initContainers"].as_array();
  for (std::size_t i = 0; i < inits.size(); ++i) check.container(inits[i], cat(path, ".initContainers[", i, "]"), true);
  if (!one_of(spec["restartPolicy"], {"Always", "OnFailure", "Never"}))
    causes.unsupported(path + ".restartPolicy", spec["restartPolicy"], {"Always", "OnFailure", "Never"});
  if (!one_of(spec["dnsPolicy"], {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"}))
    causes.unsupported(path + ".dnsPolicy", spec["dnsPolicy"], {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"});
  validate_labels(spec["nodeSelector"], path + ".nodeSelector", causes);
  check.tolerations(spec["tolerations"], path + ".tolerations");
  for (std::string_view field : {"terminationGracePeriodSeconds"})
    if (spec[field].as_integer() < 0) causes.invalid(cat(path, ".", field), spec[field], "must be greater than or equal to 0");
  if (!spec["activeDeadlineSeconds"].is_null() && spec["activeDeadlineSeconds"].as_integer() < 1)
    causes.invalid(path + ".activeDeadlineSeconds", spec["activeDeadlineSeconds"], "must be between 1 and 2147483647, inclusive");
  for (std::string_view field : {"serviceAccountName", "priorityClassName"})
    if (const std::string_view name = spec[field].as_string(); !name.empty() && !not_a_subdomain(name).empty())
      causes.invalid(cat(path, ".", field), name, not_a_subdomain(name));
  for (std::string_view field : {"hostname", "subdomain"})
    if (const std::string_view name = spec[field].as_string(); !name.empty() && !not_a_label(name).empty())
      causes.invalid(cat(path, ".", field), name, not_a_label(name));
  if (is_template && !spec["ephemeralContainers"].as_array().empty())
    causes.forbidden(path + ".ephemeralContainers", "ephemeral containers not allowed in pod template");
}

void validate_pod_update(const Value& pod, const Value& old, Causes& causes) {
  Value now = pod["spec"], before = old["spec"];
  for (std::string_view list : {"containers", "initContainers"}) {
    Array &left = now[list].array(), &right = before[list].array();
    if (left.size() != right.size()) {
      causes.forbidden("spec", "pod updates may not add or remove containers");
      return;
    }
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i]["image"].as_string().empty()) causes.required(cat("spec.", list, "[", i, "].image"));
      left[i]["image"] = std::as_const(right[i])["image"];
    }
  }
  // Tolerations may be added, a deadline may come closer, the grace period may become 1, scheduling gates may go.
  const Value tolerations = std::as_const(now)["tolerations"], had = std::as_const(before)["tolerations"];
  for (const Value& one : had.as_array())
    if (std::find(tolerations.as_array().begin(), tolerations.as_array().end(), one) == tolerations.as_array().end())
      causes.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds");
  const Value &deadline = std::as_const(now)["activeDeadlineSeconds"], &earlier = std::as_const(before)["activeDeadlineSeconds"];
  if (!earlier.is_null() && (deadline.is_null() || deadline.as_integer() > earlier.as_integer()))
    causes.invalid("spec.activeDeadlineSeconds", deadline, "must be less than or equal to previous value");
  if (std::as_const(now)["terminationGracePeriodSeconds"] == Value(1))
    now["terminationGracePeriodSeconds"] = std::as_const(before)["terminationGracePeriodSeconds"];
  for (Value* spec : {&now, &before})
    for (std::string_view field : {"tolerations", "activeDeadlineSeconds", "schedulingGates", "ephemeralContainers"}) spec->erase(field);
  if (now != before)
    causes.forbidden(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)");
}

}  // namespace masu::apiserver::builtin
