#include "apiserver/custom.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/text.h"
#include "kube/object.h"

namespace masu::apiserver {

namespace {

const std::vector<std::string> resource_verbs{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"};

std::vector<std::string> words(const Value& list) {
  std::vector<std::string> out;
  for (const Value& word : list.as_array()) out.emplace_back(word.as_string());
  return out;
}

bool condition_true(const Value& object, std::string_view type) {
  for (const Value& condition : object.at("status", "conditions").as_array())
    if (condition["type"].as_string() == type) return condition["status"].as_string() == "True";
  return false;
}

bool contains_rules(const Value& schema) {
  if (schema.contains("x-kubernetes-validations")) return true;
  for (const auto& [name, member] : schema.as_object())
    if (contains_rules(member)) return true;
  for (const Value& element : schema.as_array())
    if (contains_rules(element)) return true;
  return false;
}

/// {major, stability (2 stable, 1 beta, 0 alpha), minor}; no value for other words.
std::optional<std::tuple<int, int, int>> version_parts(std::string_view text) {
  if (!text.starts_with('v')) return std::nullopt;
  const char* at = text.data() + 1;
  const char* end = text.data() + text.size();
  int major = 0, minor = 0;
  auto step = std::from_chars(at, end, major);
  if (step.ec != std::errc{}) return std::nullopt;
  if (step.ptr == end) return std::tuple(2, major, 0);
  const std::string_view rest(step.ptr, static_cast<std::size_t>(end - step.ptr));
  const int stability = rest.starts_with("beta") ? 1 : rest.starts_with("alpha") ? 0 : -1;
  if (stability < 0) return std::nullopt;
  at = step.ptr + (stability == 1 ? 4 : 5);
  step = std::from_chars(at, end, minor);
  if (step.ec != std::errc{} || step.ptr != end) return std::nullopt;
  return std::tuple(stability, major, minor);
}

CustomVersion read_version(const Value& version, const std::string& storage_api_version) {
  CustomVersion custom;
  custom.schema = version.at("schema", "openAPIV3Schema");
  custom.storage_api_version = storage_api_version;
  for (const Value& column : version["additionalPrinterColumns"].as_array())
    custom.printers.push_back({{std::string(column["name"].as_string()), std::string(column["type"].as_string()), std::string(column["format"].as_string()),
                                std::string(column["description"].as_string()), static_cast<int>(column["priority"].as_integer())},
                               std::string(column["jsonPath"].as_string())});
  if (custom.printers.empty()) custom.printers.push_back({{"Age", "date", "", "When the object was made.", 0}, ".metadata.creationTimestamp"});
  for (const Value& field : version["selectableFields"].as_array()) {
    std::string_view path = field["jsonPath"].as_string();
    if (path.starts_with('.')) path.remove_prefix(1);
    custom.selectable.emplace_back(path);
  }
  const Value& scale = version.at("subresources", "scale");
  custom.scale_spec = scale["specReplicasPath"].as_string();
  custom.scale_status = scale["statusReplicasPath"].as_string();
  custom.scale_selector = scale["labelSelectorPath"].as_string();
  return custom;
}

Value condition(std::string_view type, bool holds, std::string_view reason, std::string_view message, Instant now) {
  return Value::object({{"type", type}, {"status", holds ? "True" : "False"}, {"lastTransitionTime", to_rfc3339(now)}, {"reason", reason}, {"message", message}});
}

/// Sets one condition; its time changes only with its status.
void set_condition(Value& definition, Value wanted) {
  Array& conditions = definition["status"]["conditions"].array();
  for (Value& present : conditions) {
    if (std::as_const(present)["type"] != std::as_const(wanted)["type"]) continue;
    if (std::as_const(present)["status"] == std::as_const(wanted)["status"]) wanted["lastTransitionTime"] = std::as_const(present)["lastTransitionTime"];
    present = std::move(wanted);
    return;
  }
  conditions.push_back(std::move(wanted));
}

}  // namespace

bool version_before(std::string_view a, std::string_view b) {
  const auto left = version_parts(a), right = version_parts(b);
  if (left && right) return *left > *right;
  if (left.has_value() != right.has_value()) return left.has_value();
  return a < b;
}

std::vector<Type> custom_types(const Value& definition) {
  if (!condition_true(definition, "Established")) return {};
  const Value& spec = definition["spec"];
  const Value& names = definition.at("status", "acceptedNames");
  std::string storage;
  for (const Value& version : spec["versions"].as_array())
    if (version["storage"].as_bool()) storage = cat(spec["group"].as_string(), "/", version["name"].as_string());
  std::vector<Type> types;
  for (const Value& version : spec["versions"].as_array()) {
    if (!version["served"].as_bool()) continue;
    Type type;
    builtin::Kind& kind = type.kind;
    kind.group = spec["group"].as_string();
    kind.version = version["name"].as_string();
    kind.kind = names["kind"].as_string();
    kind.plural = names["plural"].as_string();
    kind.singular = names["singular"].as_string();
    kind.short_names = words(names["shortNames"]);
    kind.categories = words(names["categories"]);
    kind.verbs = resource_verbs;
    kind.namespaced = spec["scope"].as_string() == "Namespaced";
    kind.has_generation = true;
    kind.update_needs_version = true;
    const Value& subresources = version["subresources"];
    if (subresources.contains("status")) {
      kind.has_status = true;
      kind.subresources.push_back({"status", kind.gvk(), {"get", "patch", "update"}});
    }
    if (subresources.contains("scale")) kind.subresources.push_back({"scale", {"autoscaling", "v1", "Scale"}, {"get", "patch", "update"}});
    kind.description = version.at("schema", "openAPIV3Schema", "description").as_string();
    type.list_kind = names["listKind"].as_string();
    type.custom = std::make_shared<const CustomVersion>(read_version(version, storage));
    types.push_back(std::move(type));
  }
  return types;
}

void default_definition(Value& definition) {
  Value& names = definition["spec"]["names"];
  const std::string kind(std::as_const(names)["kind"].as_string());
  if (std::as_const(names)["singular"].as_string().empty()) names["singular"] = lower(kind);
  if (std::as_const(names)["listKind"].as_string().empty()) names["listKind"] = kind + "List";
  if (std::as_const(definition)["spec"]["conversion"].is_null()) definition["spec"]["conversion"] = Value::object({{"strategy", "None"}});
}

std::vector<Cause> validate_definition(const Value& definition, const Value* old) {
  std::vector<Cause> causes;
  const Value& spec = definition["spec"];
  if (spec.at("conversion", "strategy").as_string() == "Webhook")
    causes.push_back({"spec.conversion.strategy", "FieldValueNotSupported", "Unsupported value: \"Webhook\": supported values: \"None\""});
  if (spec["preserveUnknownFields"].as_bool())
    causes.push_back(wrong_value("spec.preserveUnknownFields", "true", "must be false in order to use defaults in the schema"));
  if (old != nullptr) {
    for (const char* member : {"group", "scope"})
      if ((*old)["spec"][member] != spec[member])
        causes.push_back(wrong_value(cat("spec.", member), spec[member].as_string(), "field is immutable"));
  }
  return causes;
}

bool has_rules(const Value& definition) {
  for (const Value& version : definition.at("spec", "versions").as_array())
    if (contains_rules(version.at("schema", "openAPIV3Schema"))) return true;
  return false;
}

void settle_definition(Value& definition, const std::vector<std::string>& kinds_taken, Instant now) {
  const Value names = std::as_const(definition)["spec"]["names"];
  const bool conflict = std::find(kinds_taken.begin(), kinds_taken.end(), names["kind"].as_string()) != kinds_taken.end();
  if (conflict) {
    set_condition(definition, condition("NamesAccepted", false, "KindConflict", cat(quote(names["kind"].as_string()), " is already in use"), now));
    set_condition(definition, condition("Established", false, "NotAccepted", "not all names are accepted", now));
  } else {
    set_condition(definition, condition("NamesAccepted", true, "NoConflicts", "no conflicts found", now));
    set_condition(definition, condition("Established", true, "InitialNamesAccepted", "the initial names have been accepted", now));
    definition["status"]["acceptedNames"] = names;
  }
  if (has_rules(definition))
    set_condition(definition, condition("RulesEvaluated", false, "CelNotSupported",
                                        "the schema has x-kubernetes-validations; this server does not evaluate them", now));
  std::vector<std::string> stored = words(std::as_const(definition)["status"]["storedVersions"]);
  for (const Value& version : std::as_const(definition)["spec"]["versions"].as_array())
    if (version["storage"].as_bool() && std::find(stored.begin(), stored.end(), version["name"].as_string()) == stored.end())
      stored.emplace_back(version["name"].as_string());
  definition["status"]["storedVersions"] = Value::strings(stored);
}

builtin::ApplyRule schema_apply_rule(const Value& schema, std::string_view path) {
  using Type = builtin::ApplyRule::Type;
  static const Value nothing;
  const Value* at = &schema;
  for (const std::string& name : split(path, '.')) {
    if (at->contains("items")) at = &(*at)["items"];
    if (at->at("properties").contains(name)) at = &(*at)["properties"][name];
    else if ((*at)["additionalProperties"].is_object()) at = &(*at)["additionalProperties"];
    else at = &nothing;
  }
  builtin::ApplyRule rule;
  if (at->contains("items") || (*at)["type"].as_string() == "array") {
    const std::string_view list = (*at)["x-kubernetes-list-type"].as_string();
    rule.type = list == "map" ? Type::map_list : list == "set" ? Type::set : Type::atomic;
    if (rule.type == Type::map_list) {
      rule.keys = words((*at)["x-kubernetes-list-map-keys"]);
      for (const std::string& key : rule.keys)
        if (const Value& standard = (*at)["items"]["properties"][key]["default"]; !standard.is_null()) rule.key_defaults.emplace_back(key, standard);
    }
  } else if ((*at)["x-kubernetes-map-type"].as_string() == "atomic") {
    rule.type = Type::atomic;
  } else if (at->is_null() || ((*at)["type"].as_string() == "object" && !at->contains("properties") && !at->contains("additionalProperties"))) {
    rule.type = Type::granular;
  }
  return rule;
}

}  // namespace masu::apiserver
