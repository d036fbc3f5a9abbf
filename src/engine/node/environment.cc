#include "node/environment.h"

#include <algorithm>

#include "base/text.h"
#include "value/quantity.h"

namespace masu::node {
namespace {

Error not_there(std::string_view kind, const std::string& name) {
  return Error{Code::not_found, cat(kind, " ", quote(name), " not found")};
}

/// The data of a reference; null if it may be missing and is.
Result<const std::map<std::string, std::string>*> data_of(const KeyRef& ref, bool secret, const References& references) {
  const auto& all = secret ? references.secrets : references.config_maps;
  const auto found = all.find(ref.name);
  if (found != all.end()) return &found->second;
  if (ref.optional) return static_cast<const std::map<std::string, std::string>*>(nullptr);
  return not_there(secret ? "secret" : "configmap", ref.name);
}

Result<std::optional<std::string>> key_value(const Pod& pod, const KeyRef& ref, bool secret, const References& references) {
  TRY(const auto* data, data_of(ref, secret, references));
  if (data == nullptr) return std::optional<std::string>{};
  const auto value = data->find(ref.key);
  if (value != data->end()) return std::optional<std::string>(value->second);
  if (ref.optional) return std::optional<std::string>{};
  return Error{
      Code::not_found, cat("couldn't find key ", ref.key, " in ", secret ? "Secret " : "ConfigMap ", pod.meta.name_space, "/", ref.name)};
}

/// Keys that a shell could not name are left out, as everywhere in Kubernetes.
bool is_variable_name(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
}

std::string map_text(const std::map<std::string, std::string>& map) {
  std::string out;
  for (const auto& [key, value] : map) out += cat(out.empty() ? "" : "\n", key, "=", quote(value));
  return out;
}

}  // namespace

Needed needed_by(const Container& container) {
  Needed out;
  for (const EnvVar& variable : container.env) {
    if (variable.config_map) out.config_maps.insert(variable.config_map->name);
    if (variable.secret) out.secrets.insert(variable.secret->name);
  }
  for (const EnvFrom& from : container.env_from) {
    if (from.config_map) out.config_maps.insert(from.config_map->name);
    if (from.secret) out.secrets.insert(from.secret->name);
  }
  return out;
}

Needed needed_by(const Volume& volume) {
  Needed out;
  for (const VolumeSource& source : volume.sources) {
    if (source.kind == VolumeSource::Kind::config_map) out.config_maps.insert(source.name);
    if (source.kind == VolumeSource::Kind::secret) out.secrets.insert(source.name);
  }
  return out;
}

std::string expand(std::string_view text, const std::map<std::string, std::string>& variables) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    const std::size_t end = text[i + 1] == '(' ? text.find(')', i + 2) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += '$';
      continue;
    }
    const auto found = variables.find(std::string(text.substr(i + 2, end - i - 2)));
    out += found != variables.end() ? std::string_view(found->second) : text.substr(i, end - i + 1);
    i = end;
  }
  return out;
}

Result<std::string> field_value(const Pod& pod, std::string_view path, const NodeFacts& facts) {
  if (path == "metadata.name") return pod.meta.name;
  if (path == "metadata.namespace") return pod.meta.name_space;
  if (path == "metadata.uid") return pod.meta.uid;
  if (path == "metadata.labels") return map_text(pod.meta.labels);
  if (path == "metadata.annotations") return map_text(pod.meta.annotations);
  if (path == "spec.nodeName") return facts.node_name;
  if (path == "spec.serviceAccountName") return pod.service_account;
  if (path == "status.hostIP" || path == "status.hostIPs") return facts.node_ip;
  if (path == "status.podIP" || path == "status.podIPs") return facts.pod_ip;
  for (const auto& [prefix, map] : {std::pair{std::string_view("metadata.labels['"), &pod.meta.labels},
           {std::string_view("metadata.annotations['"), &pod.meta.annotations}}) {
    if (!path.starts_with(prefix) || !path.ends_with("']")) continue;
    const auto found = map->find(std::string(path.substr(prefix.size(), path.size() - prefix.size() - 2)));
    return found != map->end() ? found->second : std::string();
  }
  return Error{Code::invalid, cat("fieldPath ", quote(path), " is no field that a container can be told")};
}

Result<std::string> resource_value(const Pod& pod, const Container& self, const ResourceRef& ref, const NodeFacts& facts) {
  const Container* container = ref.container.empty() ? &self : pod.container(ref.container);
  if (container == nullptr)
    return Error{Code::invalid, cat("resourceFieldRef names container ", quote(ref.container), ", which the pod does not have")};
  const bool limit = ref.resource.starts_with("limits.");
  if (!limit && !ref.resource.starts_with("requests."))
    return Error{Code::invalid, cat("resource ", quote(ref.resource), " begins with neither limits. nor requests.")};
  const std::string name = ref.resource.substr(limit ? 7 : 9);
  const auto& map = limit ? container->limits : container->requests;
  Quantity amount;
  if (const auto found = map.find(name); found != map.end()) {
    TRY(amount, Quantity::parse(found->second));
  } else if (limit) {
    amount.milli = name == "cpu" ? facts.cpu_milli : name == "memory" ? facts.memory_bytes * 1000 : 0;
  }
  Quantity divisor{.milli = 1000};
  if (!ref.divisor.empty() && ref.divisor != "0") {
    TRY(divisor, Quantity::parse(ref.divisor));
  }
  if (divisor.milli <= 0) return Error{Code::invalid, cat("divisor ", quote(ref.divisor), " is not above 0")};
  return cat((amount.milli + divisor.milli - 1) / divisor.milli);
}

Result<std::map<std::string, std::string>> environment_of(const Pod& pod, const Container& container, const ImageConfig& image,
                                                          const References& references, const NodeFacts& facts) {
  std::map<std::string, std::string> out = image.environment;
  out.try_emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");  // as every runtime gives it
  for (const auto& [name, value] : facts.service_variables) out[name] = value;
  out["HOSTNAME"] = pod.hostname;
  for (const EnvFrom& from : container.env_from) {
    for (const bool secret : {false, true}) {
      const auto& ref = secret ? from.secret : from.config_map;
      if (!ref) continue;
      TRY(const auto* data, data_of(*ref, secret, references));
      if (data == nullptr) continue;
      for (const auto& [key, value] : *data)
        if (is_variable_name(from.prefix + key)) out[from.prefix + key] = value;
    }
  }
  for (const EnvVar& variable : container.env) {
    std::optional<std::string> value;
    if (variable.config_map) {
      TRY(value, key_value(pod, *variable.config_map, false, references));
    } else if (variable.secret) {
      TRY(value, key_value(pod, *variable.secret, true, references));
    } else if (variable.field) {
      TRY(value, field_value(pod, *variable.field, facts));
    } else if (variable.resource) {
      TRY(value, resource_value(pod, container, *variable.resource, facts));
    } else {
      value = expand(variable.value, out);
    }
    if (value) out[variable.name] = *value;
  }
  return out;
}

std::vector<std::string> words_of(
    const Container& container, const ImageConfig& image, const std::map<std::string, std::string>& variables) {
  std::vector<std::string> out;
  for (const std::string& word : container.command) out.push_back(expand(word, variables));
  const bool own = !container.command.empty();
  if (!own) out = image.entrypoint;
  if (!container.args.empty()) {
    for (const std::string& word : container.args) out.push_back(expand(word, variables));
  } else if (!own) {
    out.insert(out.end(), image.command.begin(), image.command.end());
  }
  return out;
}

}  // namespace masu::node
