#include "apiserver/types.h"

#include <algorithm>
#include <charconv>

#include "apiserver/custom.h"
#include "apiserver/json_path.h"
#include "base/text.h"
#include "kube/selector.h"
#include "value/json.h"
#include "value/schema.h"

namespace masu::apiserver {

namespace {

/// The text of a scalar, as selectors and columns show it.
std::string scalar_text(const Value& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_null()) return {};
  return to_json(value);
}

/// A cell of a printer column; null where the object has nothing there.
Value cell(const CustomVersion::Printer& printer, const Value& object, Instant now) {
  const auto found = json_path(object, printer.path);
  if (!found.ok() || found->empty() || found->front().is_null()) return nullptr;
  const Value& value = found->front();
  const std::string& type = printer.column.type;
  if (type == "date") return builtin::age_cell(value.as_string(), now);
  if (type == "integer") return value.is_number() ? value : Value();
  if (type == "number") return value.is_number() ? value : Value();
  if (type == "boolean") return value.is_bool() ? value : Value();
  return scalar_text(value);
}

Value without(const Value& object, bool drop_status) {
  Value copy = object;
  copy.erase("metadata");
  copy.erase("apiVersion");
  copy.erase("kind");
  if (drop_status) copy.erase("status");
  return copy;
}

}  // namespace

std::string Type::full(const Record& record) const {
  return cat("{\"kind\":", quote(kind.kind), ",\"apiVersion\":", quote(api_version()), ",", std::string_view(record.bytes).substr(1));
}

Value Type::tree(const Record& record) const {
  auto object = parse_json(record.bytes);
  MASU_CHECK(object.ok(), "a stored object is JSON");
  (*object)["apiVersion"] = api_version();
  (*object)["kind"] = kind.kind;
  if (custom) {
    // Defaults that the schema got after the object was stored count on reading.
    return apply_schema(custom->schema, *object).value;
  }
  return std::move(*object);
}

std::vector<std::string> Type::unknown_fields(const Value& object) const {
  return custom ? apply_schema(custom->schema, object).unknown : builtin::unknown_fields(kind, object);
}

Check Type::check_types(const Value& object) const {
  if (!object["metadata"].is_null() && !object["metadata"].is_object()) return bad_request("metadata must be an object");
  if (custom) return {};
  TRY_OK(builtin::check_types(kind, object));
  return {};
}

void Type::prune_and_default(Value& object) const {
  if (custom) {
    object = apply_schema(custom->schema, object).value;
    return;
  }
  builtin::prune(kind, object);
  builtin::apply_defaults(kind, object);
}

void Type::prepare_create(Value& object) const {
  if (!custom) builtin::prepare_create(kind, object);
  else if (kind.has_status) object.erase("status");
}

void Type::prepare_update(std::string_view subresource, Value& object, const Value& old) const {
  if (!custom) {
    builtin::prepare_update(kind, subresource, object, old);
    return;
  }
  const auto keep = [](Value& into, const Value& from, std::string_view member) {
    if (from.contains(member)) into[member] = from[member];
    else into.erase(member);
  };
  if (subresource == "status") {
    Value status = std::as_const(object)["status"];
    Value managed = std::as_const(object)["metadata"]["managedFields"];
    object = old;
    if (status.is_null()) object.erase("status");
    else object["status"] = std::move(status);
    if (!managed.is_null()) object["metadata"]["managedFields"] = std::move(managed);
  } else if (kind.has_status) {
    keep(object, old, "status");
  }
}

bool Type::raises_generation(const Value& old, const Value& updated) const {
  if (!custom) return builtin::raises_generation(kind, old, updated);
  return without(old, kind.has_status) != without(updated, kind.has_status);
}

std::vector<Cause> Type::validate(const Value& object, const Value* old) const {
  if (!custom) return builtin::validate(kind, object, old);
  std::vector<Cause> causes = builtin::validate_metadata(object, old, kind.namespaced, kind.name_form);
  for (Cause& cause : validate_schema(custom->schema, object)) causes.push_back(std::move(cause));
  return causes;
}

bool Type::knows_field(std::string_view path) const {
  if (path == "metadata.name" || path == "metadata.namespace") return true;
  if (!custom) return builtin::knows_field(kind, path);
  return std::find(custom->selectable.begin(), custom->selectable.end(), path) != custom->selectable.end();
}

std::string Type::field_text(const Value& object, std::string_view path) const {
  if (path == "metadata.name") return std::string(object.at("metadata", "name").as_string());
  if (path == "metadata.namespace") return std::string(object.at("metadata", "namespace").as_string());
  if (!custom) return builtin::field_value(kind, object, path).value_or("");
  const auto found = json_path(object, cat(".", path));
  return found.ok() && !found->empty() ? scalar_text(found->front()) : std::string();
}

builtin::ApplyRule Type::apply_rule(std::string_view path) const {
  if (!custom) return builtin::apply_rule(kind, path);
  if (path == "metadata" || path.starts_with("metadata.")) {
    static const builtin::Kind* plain = builtin::find("", "v1", "configmaps");
    return builtin::apply_rule(*plain, path);
  }
  return schema_apply_rule(custom->schema, path);
}

std::vector<builtin::Column> Type::columns() const {
  if (!custom) return builtin::columns(kind);
  std::vector<builtin::Column> columns{{"Name", "string", "name", "Name must be unique within a namespace.", 0}};
  for (const CustomVersion::Printer& printer : custom->printers) columns.push_back(printer.column);
  return columns;
}

std::vector<Value> Type::cells(const Value& object, Instant now) const {
  if (!custom) return builtin::cells(kind, object, now);
  std::vector<Value> cells{object.at("metadata", "name")};
  for (const CustomVersion::Printer& printer : custom->printers) cells.push_back(cell(printer, object, now));
  return cells;
}

Value Type::row_conditions(const Value& object) const { return custom ? Value() : builtin::row_conditions(kind, object); }

Outcome<Value> Type::scale_of(const Value& object) const {
  if (!custom) return builtin::scale_of(kind, object);
  Value scale = Value::object({{"apiVersion", "autoscaling/v1"}, {"kind", "Scale"}, {"spec", Object{}}, {"status", Object{}}});
  for (const char* member : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"})
    if (const Value& value = object["metadata"][member]; !value.is_null()) scale["metadata"][member] = value;
  const auto number = [&](const std::string& path) {
    const auto found = json_path(object, path);
    return found.ok() && !found->empty() ? found->front().as_integer() : 0;
  };
  if (const auto replicas = number(custom->scale_spec); replicas != 0) scale["spec"]["replicas"] = replicas;
  scale["status"]["replicas"] = number(custom->scale_status);
  if (!custom->scale_selector.empty()) {
    const auto found = json_path(object, custom->scale_selector);
    if (found.ok() && !found->empty()) scale["status"]["selector"] = scalar_text(found->front());
  }
  return scale;
}

Check Type::set_scale(Value& object, const Value& scale) const {
  const Value& replicas = scale.at("spec", "replicas");
  if (replicas.as_integer() < 0)
    return invalid({"autoscaling", "scales", "Scale"}, std::as_const(object).at("metadata", "name").as_string(),
                   {{"spec.replicas", "FieldValueInvalid", cat("Invalid value: ", replicas.as_integer(), ": must be greater than or equal to 0")}});
  if (!custom) {
    TRY_OK(builtin::set_scale(kind, object, scale));
    return {};
  }
  TRY_OK(json_path_set(object, custom->scale_spec, replicas.as_integer()));
  return {};
}

// ---- Catalog

std::shared_ptr<const Catalog> Catalog::make(const std::vector<Value>& definitions) {
  auto catalog = std::make_shared<Catalog>();
  const auto add = [&](Type type) {
    const std::string path = cat(type.kind.group, "/", type.kind.version, "/", type.kind.plural);
    if (catalog->by_path_.contains(path)) return;
    const std::pair<std::string, std::string> version{type.kind.group, type.kind.version};
    auto& versions = catalog->versions_;
    if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(version);
    TypePtr shared = std::make_shared<const Type>(std::move(type));
    catalog->by_path_.emplace(path, shared);
    catalog->types_.push_back(std::move(shared));
  };
  for (const builtin::Kind& kind : builtin::all()) add({.kind = kind, .custom = nullptr, .list_kind = kind.kind + "List"});
  for (const Value& definition : definitions)
    for (Type& type : custom_types(definition)) add(std::move(type));
  // Versions of one group stand together, in order of preference.
  auto& versions = catalog->versions_;
  std::vector<std::pair<std::string, std::string>> ordered;
  for (const auto& version : versions) {
    if (std::any_of(ordered.begin(), ordered.end(), [&](const auto& seen) { return seen.first == version.first; })) continue;
    std::vector<std::pair<std::string, std::string>> group;
    for (const auto& other : versions)
      if (other.first == version.first) group.push_back(other);
    std::stable_sort(group.begin(), group.end(), [](const auto& a, const auto& b) { return version_before(a.second, b.second); });
    ordered.insert(ordered.end(), group.begin(), group.end());
  }
  versions = std::move(ordered);
  return catalog;
}

TypePtr Catalog::find(std::string_view group, std::string_view version, std::string_view plural) const {
  const auto found = by_path_.find(cat(group, "/", version, "/", plural));
  return found == by_path_.end() ? nullptr : found->second;
}

TypePtr Catalog::find_kind(std::string_view group, std::string_view version, std::string_view kind) const {
  for (const TypePtr& type : types_)
    if (type->kind.group == group && type->kind.version == version && type->kind.kind == kind) return type;
  return nullptr;
}

TypePtr Catalog::find_resource(std::string_view group, std::string_view plural) const {
  for (const TypePtr& type : types_)
    if (type->kind.group == group && type->kind.plural == plural) return type;
  return nullptr;
}

bool Catalog::has_group(std::string_view group) const {
  return std::any_of(versions_.begin(), versions_.end(), [&](const auto& version) { return version.first == group; });
}

bool Catalog::has_version(std::string_view group, std::string_view version) const {
  return std::any_of(versions_.begin(), versions_.end(), [&](const auto& known) { return known.first == group && known.second == version; });
}

std::vector<TypePtr> Catalog::of(std::string_view group, std::string_view version) const {
  std::vector<TypePtr> types;
  for (const TypePtr& type : types_)
    if (type->kind.group == group && type->kind.version == version) types.push_back(type);
  return types;
}

}  // namespace masu::apiserver
