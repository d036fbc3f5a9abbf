#include "node/pod.h"

#include <algorithm>

namespace masu::node {
namespace {

std::string text(const Value& value) { return std::string(value.as_string()); }

/// A quantity or port may come as a number or as text.
std::string loose_text(const Value& value) {
  if (value.is_integer()) return std::to_string(value.as_integer());
  if (value.is_number()) return std::to_string(value.as_number());
  return text(value);
}

std::vector<std::string> texts(const Value& list) {
  std::vector<std::string> out;
  for (const Value& word : list.as_array()) out.push_back(text(word));
  return out;
}

std::optional<KeyRef> key_ref(const Value& value) {
  if (!value.is_object()) return std::nullopt;
  return KeyRef{.name = text(value["name"]), .key = text(value["key"]), .optional = value["optional"].as_bool()};
}

std::optional<ResourceRef> resource_ref(const Value& value) {
  if (!value.is_object()) return std::nullopt;
  return ResourceRef{
      .container = text(value["containerName"]), .resource = text(value["resource"]), .divisor = loose_text(value["divisor"])};
}

std::optional<Probe> probe(const Value& value) {
  if (!value.is_object()) return std::nullopt;
  Probe out;
  const auto number = [&](std::string_view key, int otherwise) { return static_cast<int>(value[key].as_integer(otherwise)); };
  const auto set_port = [&](const Value& port) {
    if (port.is_integer()) out.port = static_cast<int>(port.as_integer());
    else out.port_name = text(port);
  };
  if (const Value& http = value["httpGet"]; http.is_object()) {
    out.kind = Probe::Kind::http;
    out.host = text(http["host"]);
    out.path = http["path"].as_string("/");
    out.scheme = http["scheme"].as_string("HTTP");
    for (const Value& header : http["httpHeaders"].as_array()) out.headers.emplace_back(text(header["name"]), text(header["value"]));
    set_port(http["port"]);
  } else if (const Value& tcp = value["tcpSocket"]; tcp.is_object()) {
    out.kind = Probe::Kind::tcp;
    out.host = text(tcp["host"]);
    set_port(tcp["port"]);
  } else if (const Value& exec = value["exec"]; exec.is_object()) {
    out.command = texts(exec["command"]);
  } else {
    return std::nullopt;  // grpc: said by a condition of the pod
  }
  out.initial_delay_s = number("initialDelaySeconds", 0);
  out.timeout_s = std::max(1, number("timeoutSeconds", 1));
  out.period_s = std::max(1, number("periodSeconds", 10));
  out.success_threshold = std::max(1, number("successThreshold", 1));
  out.failure_threshold = std::max(1, number("failureThreshold", 3));
  if (value["terminationGracePeriodSeconds"].is_integer()) out.grace_s = value["terminationGracePeriodSeconds"].as_integer();
  return out;
}

SecurityContext decode_security(const Value& value, const SecurityContext& outer) {
  SecurityContext out = outer;
  if (value["runAsUser"].is_integer()) out.user = value["runAsUser"].as_integer();
  if (value["runAsGroup"].is_integer()) out.group = value["runAsGroup"].as_integer();
  out.run_as_non_root = value["runAsNonRoot"].as_bool(outer.run_as_non_root);
  out.privileged = value["privileged"].as_bool();
  out.read_only_root = value["readOnlyRootFilesystem"].as_bool();
  out.no_new_privileges = value["allowPrivilegeEscalation"].is_bool() && !value["allowPrivilegeEscalation"].as_bool();
  out.add_capabilities = texts(value["capabilities"]["add"]);
  out.drop_capabilities = texts(value["capabilities"]["drop"]);
  return out;
}

Container decode_container(const Value& value, const SecurityContext& outer, bool init) {
  Container out;
  out.name = text(value["name"]);
  out.image = text(value["image"]);
  out.pull_policy = value["imagePullPolicy"].as_string("IfNotPresent");
  out.command = texts(value["command"]);
  out.args = texts(value["args"]);
  out.working_directory = text(value["workingDir"]);
  for (const Value& entry : value["env"].as_array()) {
    const Value& from = entry["valueFrom"];
    EnvVar variable{.name = text(entry["name"]),
        .value = text(entry["value"]),
        .config_map = key_ref(from["configMapKeyRef"]),
        .secret = key_ref(from["secretKeyRef"]),
        .field = std::nullopt,
        .resource = resource_ref(from["resourceFieldRef"])};
    if (from["fieldRef"].is_object()) variable.field = text(from["fieldRef"]["fieldPath"]);
    out.env.push_back(std::move(variable));
  }
  for (const Value& entry : value["envFrom"].as_array())
    out.env_from.push_back(
        {.prefix = text(entry["prefix"]), .config_map = key_ref(entry["configMapRef"]), .secret = key_ref(entry["secretRef"])});
  for (const Value& entry : value["volumeMounts"].as_array()) {
    out.mounts.push_back({.volume = text(entry["name"]), .path = text(entry["mountPath"]), .sub_path = text(entry["subPath"]),
                          .sub_path_expr = text(entry["subPathExpr"]), .read_only = entry["readOnly"].as_bool()});
  }
  for (const auto& [name, quantity] : value["resources"]["requests"].as_object()) out.requests[name] = loose_text(quantity);
  for (const auto& [name, quantity] : value["resources"]["limits"].as_object()) out.limits[name] = loose_text(quantity);
  for (const Value& port : value["ports"].as_array())
    if (port["name"].is_string()) out.ports[text(port["name"])] = static_cast<int>(port["containerPort"].as_integer());
  out.liveness = probe(value["livenessProbe"]);
  out.readiness = probe(value["readinessProbe"]);
  out.startup = probe(value["startupProbe"]);
  if (const Value& hook = value["lifecycle"]["preStop"]; hook.is_object()) {
    out.pre_stop = Handler{.command = texts(hook["exec"]["command"]), .sleep_s = std::nullopt};
    if (hook["sleep"]["seconds"].is_integer()) out.pre_stop->sleep_s = static_cast<int>(hook["sleep"]["seconds"].as_integer());
  }
  out.security = decode_security(value["securityContext"], outer);
  out.termination_path = value["terminationMessagePath"].as_string("/dev/termination-log");
  out.termination_policy = value["terminationMessagePolicy"].as_string("File");
  out.sidecar = init && value["restartPolicy"].as_string() == "Always";
  out.tty = value["tty"].as_bool();
  return out;
}

std::vector<VolumeItem> items(const Value& list) {
  std::vector<VolumeItem> out;
  for (const Value& entry : list.as_array()) {
    VolumeItem item{.key = text(entry["key"]),
        .path = text(entry["path"]),
        .mode = std::nullopt,
        .field = std::nullopt,
        .resource = resource_ref(entry["resourceFieldRef"])};
    if (entry["mode"].is_integer()) item.mode = static_cast<int>(entry["mode"].as_integer());
    if (entry["fieldRef"].is_object()) item.field = text(entry["fieldRef"]["fieldPath"]);
    out.push_back(std::move(item));
  }
  return out;
}

/// One source, of a volume or within a projected one (there, names stand in `name`).
VolumeSource source(const Value& value) {
  VolumeSource out;
  using Kind = VolumeSource::Kind;
  const auto common = [&](Kind kind, const Value& inner) {
    out.kind = kind;
    out.items = items(inner["items"]);
    out.optional = inner["optional"].as_bool();
    out.read_only = inner["readOnly"].as_bool();
  };
  if (const Value& inner = value["emptyDir"]; inner.is_object()) {
    common(Kind::empty_dir, inner);
    out.memory = inner["medium"].as_string() == "Memory";
    out.size_limit = loose_text(inner["sizeLimit"]);
  } else if (const Value& host = value["hostPath"]; host.is_object()) {
    common(Kind::host_path, host);
    out.name = text(host["path"]);
    out.host_type = text(host["type"]);
  } else if (const Value& map = value["configMap"]; map.is_object()) {
    common(Kind::config_map, map);
    out.name = text(map["name"]);
  } else if (const Value& secret = value["secret"]; secret.is_object()) {
    common(Kind::secret, secret);
    out.name = secret["secretName"].is_string() ? text(secret["secretName"]) : text(secret["name"]);
  } else if (const Value& downward = value["downwardAPI"]; downward.is_object()) {
    common(Kind::downward, downward);
  } else if (const Value& token = value["serviceAccountToken"]; token.is_object()) {
    common(Kind::token, token);
    out.audience = text(token["audience"]);
    out.token_path = text(token["path"]);
    out.expiration_s = token["expirationSeconds"].as_integer(3600);
  } else if (const Value& claim = value["persistentVolumeClaim"]; claim.is_object()) {
    common(Kind::claim, claim);
    out.name = text(claim["claimName"]);
  } else {
    for (const auto& [key, ignored] : value.as_object())
      if (key != "name") out.name = key;
    if (out.name.empty()) out.kind = Kind::empty_dir;  // a volume without source is an emptyDir
  }
  return out;
}

Volume decode_volume(const Value& value) {
  Volume out{.name = text(value["name"]), .sources = {}};
  const Value& projected = value["projected"];
  out.projected = projected.is_object();
  if (out.projected) {
    out.mode = static_cast<int>(projected["defaultMode"].as_integer(0644));
    for (const Value& entry : projected["sources"].as_array()) out.sources.push_back(source(entry));
    return out;
  }
  for (const std::string_view kind : {"configMap", "secret", "downwardAPI"})
    if (value[kind]["defaultMode"].is_integer()) out.mode = static_cast<int>(value[kind]["defaultMode"].as_integer());
  out.sources.push_back(source(value));
  return out;
}

}  // namespace

const Container* Pod::container(std::string_view name) const {
  for (const auto* list : {&containers, &init_containers})
    for (const Container& entry : *list)
      if (entry.name == name) return &entry;
  return nullptr;
}

bool Pod::finished() const {
  const std::string_view phase = status["phase"].as_string();
  return phase == "Succeeded" || phase == "Failed";
}

Result<Pod> Pod::decode(const Value& object) {
  Pod pod;
  pod.meta = kube::Metadata::decode(object);
  const Value& spec = object["spec"];
  pod.node_name = text(spec["nodeName"]);
  pod.restart_policy = spec["restartPolicy"].as_string("Always");
  pod.service_account = spec["serviceAccountName"].as_string("default");
  pod.hostname = spec["hostname"].is_string() ? text(spec["hostname"]) : pod.meta.name;
  if (pod.hostname.size() > 63) {
    pod.hostname.resize(63);
    while (!pod.hostname.empty() && (pod.hostname.back() == '-' || pod.hostname.back() == '.')) pod.hostname.pop_back();
  }
  pod.subdomain = text(spec["subdomain"]);
  pod.priority_class = text(spec["priorityClassName"]);
  pod.grace_s = spec["terminationGracePeriodSeconds"].as_integer(30);
  if (spec["activeDeadlineSeconds"].is_integer()) pod.active_deadline_s = spec["activeDeadlineSeconds"].as_integer();
  pod.host_network = spec["hostNetwork"].as_bool();
  pod.automount_token = spec["automountServiceAccountToken"].as_bool(true);
  pod.set_hostname_as_fqdn = spec["setHostnameAsFQDN"].as_bool();
  for (const Value& alias : spec["hostAliases"].as_array()) pod.host_aliases.emplace_back(text(alias["ip"]), texts(alias["hostnames"]));
  pod.security = decode_security(spec["securityContext"], {});
  if (spec["securityContext"]["fsGroup"].is_integer()) pod.fs_group = spec["securityContext"]["fsGroup"].as_integer();
  for (const Value& secret : spec["imagePullSecrets"].as_array()) pod.pull_secrets.push_back(text(secret["name"]));
  for (const Value& entry : spec["containers"].as_array()) pod.containers.push_back(decode_container(entry, pod.security, false));
  for (const Value& entry : spec["initContainers"].as_array()) pod.init_containers.push_back(decode_container(entry, pod.security, true));
  for (const Value& entry : spec["volumes"].as_array()) pod.volumes.push_back(decode_volume(entry));
  pod.status = object["status"];
  return pod;
}

}  // namespace masu::node
