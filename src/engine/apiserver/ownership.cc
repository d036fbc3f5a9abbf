#include "apiserver/ownership.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

using Kind = builtin::ApplyRule::Type;

/// Metadata that the server owns or that names the object.
const std::set<std::string, std::less<>> untracked_metadata{"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
                                                            "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"};

bool tracked(std::string_view parent, std::string_view name) {
  if (parent.empty()) return name != "apiVersion" && name != "kind";
  return parent != "metadata" || !untracked_metadata.contains(name);
}

std::string below(std::string_view path, std::string_view name) { return path.empty() ? std::string(name) : cat(path, ".", name); }

/// "k:{...}" of an element, or empty if it lacks a key.
std::string element_key(const builtin::ApplyRule& rule, const Value& element) {
  Value key = Object{};
  for (const std::string& name : rule.keys) {
    Value part = element[name];
    if (part.is_null())
      for (const auto& [defaulted, value] : rule.key_defaults)
        if (defaulted == name) part = value;
    if (part.is_null()) return {};
    key[name] = std::move(part);
  }
  return cat("k:", to_json(key));
}

/// What a list is here: one whose elements do not have their keys, or have one twice, is owned whole.
Kind list_kind(const builtin::ApplyRule& rule, const Value& list) {
  if (rule.type != Kind::map_list) return rule.type == Kind::set ? Kind::set : Kind::atomic;
  std::set<std::string> seen;
  for (const Value& element : list.as_array()) {
    std::string key = element_key(rule, element);
    if (key.empty() || !seen.insert(std::move(key)).second) return Kind::atomic;
  }
  return Kind::map_list;
}

class Walk {
 public:
  explicit Walk(const Type& type) : type_(type) {}

  FieldSet fields(const Value& value, const std::string& path) const {
    FieldSet set;
    if (value.is_object() && !value.as_object().empty()) {
      if (!path.empty() && type_.apply_rule(path).type == Kind::atomic) return {.self = true};
      for (const auto& [name, member] : value.as_object()) {
        if (!tracked(path, name)) continue;
        FieldSet child = fields(member, below(path, name));
        if (!child.empty()) set.children.emplace("f:" + name, std::move(child));
      }
      return set;
    }
    if (value.is_array() && !value.as_array().empty()) {
      const builtin::ApplyRule rule = type_.apply_rule(path);
      const Kind kind = list_kind(rule, value);
      if (kind == Kind::atomic) return {.self = true};
      for (const Value& element : value.as_array()) {
        if (kind == Kind::set) {
          set.children["v:" + to_json(element)].self = true;
        } else {
          FieldSet child = fields(element, path);
          child.self = true;
          set.children.emplace(element_key(rule, element), std::move(child));
        }
      }
      return set;
    }
    return {.self = !path.empty() && path != "metadata"};
  }

  FieldSet changed(const Value& old, const Value& updated, const std::string& path, FieldSet& gone) const {
    FieldSet set;
    if (old == updated) return set;
    if (old.is_object() && updated.is_object() && (path.empty() || type_.apply_rule(path).type != Kind::atomic)) {
      for (const auto& [name, member] : updated.as_object()) {
        if (!tracked(path, name)) continue;
        const std::string place = below(path, name);
        FieldSet removed;
        FieldSet child = old.contains(name) ? changed(old[name], member, place, removed) : fields(member, place);
        if (!child.empty()) set.children.emplace("f:" + name, std::move(child));
        if (!removed.empty()) gone.children.emplace("f:" + name, std::move(removed));
      }
      for (const auto& [name, member] : old.as_object())
        if (!updated.contains(name) && tracked(path, name))
          if (FieldSet removed = fields(member, below(path, name)); !removed.empty()) gone.children.emplace("f:" + name, std::move(removed));
      return set;
    }
    if (old.is_array() && updated.is_array()) {
      const builtin::ApplyRule rule = type_.apply_rule(path);
      const Kind kind = list_kind(rule, updated);
      if (kind == Kind::set || (kind == Kind::map_list && list_kind(rule, old) == kind)) {
        const FieldSet before = fields(old, path), after = fields(updated, path);
        gone = before;
        for (const auto& [key, child] : after.children) gone.children.erase(key);
        gone.self = false;
        for (const auto& [key, child] : after.children) {
          if (!before.children.contains(key)) {
            set.children.emplace(key, child);
          } else if (kind == Kind::map_list) {
            FieldSet removed;
            FieldSet inner = changed(*element(rule, old, key), *element(rule, updated, key), path, removed);
            if (!inner.empty()) set.children.emplace(key, std::move(inner));
            if (!removed.empty()) gone.children.emplace(key, std::move(removed));
          }
        }
        return set;
      }
    }
    // A leaf, or something of another form than before.
    set = fields(updated, path);
    gone = fields(old, path);
    gone.subtract(set);
    return set;
  }

  /// Puts `applied` into `into`.
  void merge(Value& into, const Value& applied, const std::string& path) const {
    if (into.is_object() && applied.is_object() && (path.empty() || type_.apply_rule(path).type != Kind::atomic)) {
      for (const auto& [name, member] : applied.as_object()) {
        if (!path.empty() || tracked("", name)) {
          if (into.contains(name)) merge(into[name], member, below(path, name));
          else into[name] = member;
        }
      }
      return;
    }
    if (into.is_array() && applied.is_array()) {
      const builtin::ApplyRule rule = type_.apply_rule(path);
      const Kind kind = list_kind(rule, applied);
      if (kind == Kind::set) {
        for (const Value& value : applied.as_array())
          if (std::find(into.as_array().begin(), into.as_array().end(), value) == into.as_array().end()) into.push_back(value);
        return;
      }
      if (kind == Kind::map_list && list_kind(rule, into) == kind) {
        for (const Value& element : applied.as_array()) {
          const std::string key = element_key(rule, element);
          const auto found = std::find_if(into.array().begin(), into.array().end(), [&](const Value& present) { return element_key(rule, present) == key; });
          if (found == into.array().end()) into.push_back(element);
          else merge(*found, element, path);
        }
        return;
      }
    }
    into = applied;
  }

  /// Takes out what `path` (from `at` on) leads to. Containers that are left empty go too.
  void erase(Value& value, const std::vector<std::string>& path, std::size_t at, const std::string& place) const {
    const std::string& part = path[at];
    const bool last = at + 1 == path.size();
    if (part.starts_with("f:")) {
      const std::string name = part.substr(2);
      if (!value.contains(name)) return;
      Value& member = value[name];
      if (!last) erase(member, path, at + 1, below(place, name));
      if (last || hollow(member)) value.erase(name);
      return;
    }
    if (!value.is_array()) return;
    const builtin::ApplyRule rule = type_.apply_rule(place);
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      Value& element = value.array()[i];
      if ((part.starts_with("v:") ? "v:" + to_json(element) : element_key(rule, element)) != part) continue;
      if (last) value.array().erase(value.array().begin() + static_cast<std::ptrdiff_t>(i));
      else erase(element, path, at + 1, place);
      return;
    }
  }

 private:
  static bool hollow(const Value& value) {
    return (value.is_object() && value.as_object().empty()) || (value.is_array() && value.as_array().empty());
  }
  static const Value* element(const builtin::ApplyRule& rule, const Value& list, const std::string& key) {
    for (const Value& present : list.as_array())
      if (element_key(rule, present) == key) return &present;
    return nullptr;
  }
  const Type& type_;
};

/// One entry of managedFields.
struct Entry {
  std::string manager, operation, api_version, subresource, time;
  FieldSet fields;

  static Entry decode(const Value& entry) {
    return {std::string(entry["manager"].as_string()), std::string(entry["operation"].as_string()), std::string(entry["apiVersion"].as_string()),
            std::string(entry["subresource"].as_string()), std::string(entry["time"].as_string()), FieldSet::decode(entry["fieldsV1"])};
  }
  Value encode() const {
    Value out = Value::object({{"manager", manager}, {"operation", operation}, {"apiVersion", api_version}, {"fieldsType", "FieldsV1"}, {"fieldsV1", fields.encode()}});
    if (!time.empty()) out["time"] = time;
    if (!subresource.empty()) out["subresource"] = subresource;
    return out;
  }
  bool is(std::string_view other_operation, const Manager& other) const {
    return operation == other_operation && manager == other.name && subresource == other.subresource;
  }
};

std::vector<Entry> decode_entries(const Value& object) {
  std::vector<Entry> entries;
  for (const Value& entry : object.at("metadata", "managedFields").as_array()) entries.push_back(Entry::decode(entry));
  return entries;
}

void encode_entries(std::vector<Entry> entries, Value& object) {
  std::erase_if(entries, [](const Entry& entry) { return entry.fields.empty(); });
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.operation, a.time, a.manager, a.subresource) < std::tie(b.operation, b.time, b.manager, b.subresource);  // Apply before Update
  });
  if (entries.empty()) {
    object["metadata"].erase("managedFields");
    return;
  }
  Array list;
  for (const Entry& entry : entries) list.push_back(entry.encode());
  object["metadata"]["managedFields"] = std::move(list);
}

Entry& entry_for(std::vector<Entry>& entries, const Type& type, const char* operation, const Manager& manager) {
  for (Entry& entry : entries)
    if (entry.is(operation, manager)) return entry;
  entries.push_back({manager.name, operation, type.api_version(), manager.subresource, "", {}});
  return entries.back();
}

/// The field is part of the key of the element it stands in.
bool is_key_field(const std::vector<std::string>& path) {
  if (path.size() < 2 || !path[path.size() - 2].starts_with("k:")) return false;
  const auto key = parse_json(std::string_view(path[path.size() - 2]).substr(2));
  return key.ok() && key->contains(std::string_view(path.back()).substr(2));
}

Failure conflict_of(const std::vector<std::pair<Entry, FieldSet>>& conflicts) {
  Array causes;
  std::string text;
  for (const auto& [entry, fields] : conflicts) {
    const auto paths = fields.paths();
    std::string who = quote(entry.manager);
    if (!entry.subresource.empty()) who += cat(" with subresource ", quote(entry.subresource));
    if (entry.operation == "Update") who += cat(" using ", entry.api_version, entry.time.empty() ? "" : " at ", entry.time);
    if (!text.empty()) text += "\n";
    text += paths.size() == 1 ? cat("conflict with ", who, ": ", path_text(paths[0])) : cat("conflicts with ", who, ":");
    for (const auto& path : paths) {
      if (paths.size() > 1) text += cat("\n- ", path_text(path));
      causes.push_back(Value::object({{"reason", "FieldManagerConflict"}, {"message", cat("conflict with ", who)}, {"field", path_text(path)}}));
    }
  }
  const std::size_t count = causes.size();
  Value details = Value::object({{"causes", std::move(causes)}});
  return {409, "Conflict", cat("Apply failed with ", count, count == 1 ? " conflict: " : " conflicts: ", text), std::move(details)};
}

}  // namespace

FieldSet fields_of(const Type& type, const Value& object) { return Walk(type).fields(object, ""); }

FieldSet changed_fields(const Type& type, const Value& old, const Value& updated, FieldSet& gone) { return Walk(type).changed(old, updated, "", gone); }

void track_update(const Type& type, const Value& old, Value& updated, const Manager& manager, Instant now) {
  const Value given = std::as_const(updated)["metadata"]["managedFields"];
  // One empty element: forget who owns what.
  if (given.as_array().size() == 1 && given[0].as_object().empty()) {
    updated["metadata"].erase("managedFields");
    return;
  }
  std::vector<Entry> entries = decode_entries(given.as_array().empty() ? old : updated);
  // Tracking that was cleared begins again with the next apply.
  const bool cleared = !old.is_null() && entries.empty();
  FieldSet gone;
  const FieldSet changed = old.is_null() ? fields_of(type, updated) : changed_fields(type, old, updated, gone);
  if (cleared) {
    updated["metadata"].erase("managedFields");
    return;
  }
  if (changed.empty() && gone.empty()) {
    encode_entries(std::move(entries), updated);
    return;
  }
  for (Entry& entry : entries) {
    if (entry.is("Update", manager)) continue;
    entry.fields.subtract(changed);
    entry.fields.subtract(gone);
  }
  Entry& mine = entry_for(entries, type, "Update", manager);
  mine.fields.subtract(gone);
  mine.fields.merge(changed);
  mine.api_version = type.api_version();
  mine.time = to_rfc3339(now);
  encode_entries(std::move(entries), updated);
}

Outcome<Value> apply_owned(const Type& type, const Value& old, const Value& applied, const Manager& manager, bool force, Instant now) {
  const Walk walk(type);
  const FieldSet wanted = fields_of(type, applied);
  std::vector<Entry> entries = decode_entries(old);
  if (!old.is_null() && entries.empty()) entries.push_back({"before-first-apply", "Update", type.api_version(), "", to_rfc3339(now), fields_of(type, old)});
  Value object = old.is_null() ? Value::object({{"apiVersion", type.api_version()}, {"kind", type.kind.kind}, {"metadata", Object{}}}) : old;
  walk.merge(object, applied, "");

  FieldSet gone;
  const FieldSet changed = old.is_null() ? FieldSet{} : changed_fields(type, old, object, gone);
  std::vector<std::pair<Entry, FieldSet>> conflicts;
  for (Entry& entry : entries) {
    if (entry.is("Apply", manager)) continue;
    FieldSet touched = entry.fields.intersect(changed).intersect(wanted);
    if (touched.empty()) continue;
    if (force) entry.fields.subtract(touched);
    else conflicts.emplace_back(entry, std::move(touched));
  }
  if (!conflicts.empty()) return conflict_of(conflicts);

  Entry& mine = entry_for(entries, type, "Apply", manager);
  FieldSet dropped = mine.fields;
  dropped.subtract(wanted);
  FieldSet others;
  for (const Entry& entry : entries)
    if (!entry.is("Apply", manager)) others.merge(entry.fields);
  // Whole elements before their parts: one that others have a part in stays, and keeps its key.
  std::vector<std::vector<std::string>> paths = dropped.paths();
  std::stable_sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  for (const auto& path : paths)
    if (!path.empty() && others.at(path) == nullptr && !is_key_field(path)) walk.erase(object, path, 0, "");

  const bool same = mine.fields == wanted && !mine.time.empty();
  mine.fields = wanted;
  mine.api_version = type.api_version();
  if (!same || object != old) mine.time = to_rfc3339(now);
  encode_entries(std::move(entries), object);
  return object;
}

}  // namespace masu::apiserver
