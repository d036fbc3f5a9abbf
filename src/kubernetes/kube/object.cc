#include "kube/object.h"

#include "base/text.h"

namespace masu::kube {

std::string Key::text() const { return name_space.empty() ? name : cat(name_space, "/", name); }

Key Key::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {"", std::string(text)};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

std::string Resource::api_version() const { return group.empty() ? version : cat(group, "/", version); }

std::string Resource::path(std::string_view name_space, std::string_view name, std::string_view subresource) const {
  std::string out = group.empty() ? cat("/api/", version) : cat("/apis/", group, "/", version);
  if (namespaced && !name_space.empty()) out += cat("/namespaces/", name_space);
  out += cat("/", plural);
  if (!name.empty()) out += cat("/", name);
  if (!subresource.empty()) out += cat("/", subresource);
  return out;
}

std::string Resource::qualified() const { return group.empty() ? plural : cat(plural, ".", group); }

Value OwnerReference::encode() const {
  Value out = Value::object({{"apiVersion", api_version}, {"kind", kind}, {"name", name}, {"uid", uid}});
  if (controller) out["controller"] = true;
  if (block_owner_deletion) out["blockOwnerDeletion"] = true;
  return out;
}

const OwnerReference* Metadata::controller() const {
  for (const OwnerReference& owner : owners)
    if (owner.controller) return &owner;
  return nullptr;
}

namespace {

std::string find_or_empty(const Labels& labels, std::string_view name) {
  const auto found = labels.find(std::string(name));
  return found != labels.end() ? found->second : std::string();
}

std::optional<Instant> time_of(const Value& value) {
  auto parsed = parse_rfc3339(value.as_string());
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

Labels labels_of(const Value& value) {
  Labels out;
  for (const auto& [key, text] : value.as_object()) out.emplace(key, text.as_string());
  return out;
}

}  // namespace

std::string Metadata::label(std::string_view wanted) const { return find_or_empty(labels, wanted); }
std::string Metadata::annotation(std::string_view wanted) const { return find_or_empty(annotations, wanted); }

Metadata Metadata::decode(const Value& object) {
  const Value& from = object["metadata"];
  Metadata out;
  out.name = from["name"].as_string();
  out.name_space = from["namespace"].as_string();
  out.uid = from["uid"].as_string();
  out.resource_version = from["resourceVersion"].as_string();
  out.generation = from["generation"].as_integer();
  out.created = time_of(from["creationTimestamp"]);
  out.deleted = time_of(from["deletionTimestamp"]);
  if (from.contains("deletionGracePeriodSeconds")) out.deletion_grace_s = from["deletionGracePeriodSeconds"].as_integer();
  out.labels = labels_of(from["labels"]);
  out.annotations = labels_of(from["annotations"]);
  for (const Value& owner : from["ownerReferences"].as_array())
    out.owners.push_back({std::string(owner["apiVersion"].as_string()), std::string(owner["kind"].as_string()),
                          std::string(owner["name"].as_string()), std::string(owner["uid"].as_string()),
                          owner["controller"].as_bool(), owner["blockOwnerDeletion"].as_bool()});
  for (const Value& finalizer : from["finalizers"].as_array()) out.finalizers.emplace_back(finalizer.as_string());
  return out;
}

OwnerReference owned_by(const Resource& resource, const Metadata& owner) {
  return {resource.api_version(), resource.kind, owner.name, owner.uid, true, true};
}

Value Condition::encode() const {
  Value out = Value::object({{"type", type}, {"status", status}, {"reason", reason}, {"message", message}});
  if (last_transition) out["lastTransitionTime"] = to_rfc3339(*last_transition);
  return out;
}

std::vector<Condition> decode_conditions(const Value& list) {
  std::vector<Condition> out;
  for (const Value& item : list.as_array())
    out.push_back({std::string(item["type"].as_string()), std::string(item["status"].as_string()),
                   std::string(item["reason"].as_string()), std::string(item["message"].as_string()),
                   time_of(item["lastTransitionTime"])});
  return out;
}

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
  for (const Condition& condition : conditions)
    if (condition.type == type) return &condition;
  return nullptr;
}

void set_condition(std::vector<Condition>& conditions, Condition condition, Instant now) {
  for (Condition& existing : conditions) {
    if (existing.type != condition.type) continue;
    condition.last_transition = existing.status == condition.status ? existing.last_transition : std::optional(std::chrono::floor<std::chrono::seconds>(now));
    existing = std::move(condition);
    return;
  }
  condition.last_transition = std::chrono::floor<std::chrono::seconds>(now);
  conditions.push_back(std::move(condition));
}

Value encode_conditions(const std::vector<Condition>& conditions) {
  Value out = Value::array({});
  for (const Condition& condition : conditions) out.push_back(condition.encode());
  return out;
}

Key key_of(const Value& object) {
  return {std::string(object.at("metadata", "namespace").as_string()), std::string(object.at("metadata", "name").as_string())};
}

Resource resource_of(const Value& object) {
  Resource out;
  const std::string_view api_version = object["apiVersion"].as_string();
  const std::size_t slash = api_version.find('/');
  out.group = slash == std::string_view::npos ? std::string() : std::string(api_version.substr(0, slash));
  out.version = slash == std::string_view::npos ? std::string(api_version) : std::string(api_version.substr(slash + 1));
  out.kind = object["kind"].as_string();
  const std::string word = lower(out.kind);
  if (word.ends_with("y") && word.size() > 1 && std::string_view("aeiou").find(word[word.size() - 2]) == std::string_view::npos)
    out.plural = word.substr(0, word.size() - 1) + "ies";
  else if (word.ends_with("s") || word.ends_with("x") || word.ends_with("ch"))
    out.plural = word + "es";
  else
    out.plural = word + "s";
  return out;
}

}  // namespace masu::kube
