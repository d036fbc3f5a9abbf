/// OpenAPI: v3 documents with the schemas of the message table, and the smallest v2 document that lets old clients leave
/// validation to the server (spec kubernetes-api 4).
#include <functional>
#include <set>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/messages.h"
#include "base/text.h"

namespace masu::apiserver::builtin {
namespace {

std::string schema_name(const Message& message) {
  std::string name = message.name;
  const std::size_t slash = name.find('/');
  const std::string package = name.substr(0, slash);
  name[slash] = '.';
  if (package == "meta") return cat("io.k8s.apimachinery.pkg.apis.", name);
  if (package == "apiextensions") return cat("io.k8s.apiextensions-apiserver.pkg.apis.", name);
  return cat("io.k8s.api.", name);
}

Value reference(const std::string& name) { return Value::object({{"$ref", cat("#/components/schemas/", name)}}); }

Value gvk_value(const GroupVersionKind& gvk) { return Value::object({{"group", gvk.group}, {"version", gvk.version}, {"kind", gvk.kind}}); }

class Document {
 public:
  Value schemas = Object{};

  void add(const Message& message) {
    if (!done_.insert(message.name).second) return;
    Value properties = Object{};
    Value required = Array{};
    for (const auto& [name, field] : message.by_name) {
      properties[name] = property(*field);
      if (field->always) required.push_back(name);
    }
    Value& schema = schemas[schema_name(message)] = Value::object({{"type", "object"}, {"properties", properties}});
    if (!required.as_array().empty()) schema["required"] = required;
  }

 private:
  Value single(const Field& field) {
    using Type = Field::Type;
    const auto typed = [](const char* type, const char* format = nullptr) {
      Value out = Value::object({{"type", type}});
      if (format) out["format"] = format;
      return out;
    };
    switch (field.type) {
      case Type::boolean: return typed("boolean");
      case Type::int32: return typed("integer", "int32");
      case Type::int64: return typed("integer", "int64");
      case Type::number: return typed("number", "double");
      case Type::bytes: return typed("string", "byte");
      case Type::time:
      case Type::micro_time: return typed("string", "date-time");
      case Type::int_or_string: return Value::object({{"format", "int-or-string"}, {"oneOf", Value::array({typed("integer"), typed("string")})}});
      case Type::quantity: return Value::object({{"oneOf", Value::array({typed("string"), typed("number")})}});
      case Type::string_list: return Value::object({{"type", "array"}, {"items", typed("string")}});
      case Type::raw: return typed("object");
      case Type::props_or_array:
      case Type::props_or_bool:
      case Type::props_or_strings: return Object{};
      case Type::message:
        add(*field.message);
        return reference(schema_name(*field.message));
      default: return typed("string");
    }
  }

  Value property(const Field& field) {
    Value one = single(field);
    if (field.shape == Field::Shape::map) return Value::object({{"type", "object"}, {"additionalProperties", one}});
    if (field.shape == Field::Shape::single) return one;
    Value list = Value::object({{"type", "array"}, {"items", one}});
    if (field.merges) list["x-kubernetes-patch-strategy"] = field.retain_keys ? "merge,retainKeys" : "merge";
    if (!field.merge_key.empty()) list["x-kubernetes-patch-merge-key"] = field.merge_key;
    list["x-kubernetes-list-type"] = field.is_set ? "set" : field.list_keys.empty() ? "atomic" : "map";
    if (!field.list_keys.empty()) list["x-kubernetes-list-map-keys"] = Value::strings(field.list_keys);
    return list;
  }

  std::set<std::string> done_;
};

std::string root_path(std::string_view group, std::string_view version) {
  return group.empty() ? cat("/api/", version) : cat("/apis/", group, "/", version);
}

std::string object_path(const Kind& kind) {
  return cat(root_path(kind.group, kind.version), kind.namespaced ? "/namespaces/{namespace}/" : "/", kind.plural);
}

Value query(std::string_view name) { return Value::object({{"name", name}, {"in", "query"}, {"schema", Value::object({{"type", "string"}})}}); }

Value operation(const Kind& kind, bool writes) {
  Value out = Value::object({{"responses", Value::object({{"200", Value::object({{"description", "OK"}})}})},
                             {"x-kubernetes-group-version-kind", gvk_value(kind.gvk())}});
  if (writes) out["parameters"] = Value::array({query("dryRun"), query("fieldManager"), query("fieldValidation")});
  return out;
}

// ---- The v2 document in protobuf

std::string varint(std::uint64_t value) {
  std::string out;
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
  return out;
}
/// A length-delimited member.
std::string put(int number, std::string_view bytes) { return cat(varint(static_cast<std::uint64_t>(number) << 3 | 2), varint(bytes.size()), bytes); }

std::string patch_item(const OpenApiV2Kind& kind) {
  const std::string parameter = put(2, put(3, put(2, "query") + put(4, "fieldValidation") + put(6, "string")));  // NonBodyParameter.query
  const std::string yaml =
      cat("group: ", kind.gvk.group.empty() ? "\"\"" : kind.gvk.group, "\nkind: ", kind.gvk.kind, "\nversion: ", kind.gvk.version, "\n");
  const std::string extension = put(1, "x-kubernetes-group-version-kind") + put(2, put(2, yaml));
  return put(8, put(8, put(1, parameter)) + put(9, "") + put(13, extension));  // PathItem.patch
}

}  // namespace

Value openapi_v3(std::string_view group, std::string_view version) {
  Document document;
  Value paths = Object{};
  for (const Kind& kind : all()) {
    if (kind.group != group || kind.version != version) continue;
    const Message& message = *find_message(kind.message);
    document.add(message);
    Value& schema = document.schemas[schema_name(message)];
    schema["description"] = kind.description;
    schema["x-kubernetes-group-version-kind"] = Value::array({gvk_value(kind.gvk())});
    for (std::string_view name : {"apiVersion", "kind"}) schema["properties"][name] = Value::object({{"type", "string"}});
    const std::string path = object_path(kind);
    paths[path] = kind.is_virtual ? Value::object({{"post", operation(kind, true)}})
                                  : Value::object({{"get", operation(kind, false)}, {"post", operation(kind, true)}});
    if (!kind.is_virtual)
      paths[path + "/{name}"] =
          Value::object({{"get", operation(kind, false)}, {"put", operation(kind, true)}, {"patch", operation(kind, true)}});
  }
  if (paths.as_object().empty()) return {};
  return Value::object({{"openapi", "3.0.0"},
                        {"info", Value::object({{"title", "Kubernetes"}, {"version", "v1.30.4"}})},
                        {"paths", paths},
                        {"components", Value::object({{"schemas", document.schemas}})}});
}

std::vector<OpenApiV2Kind> openapi_v2_kinds() {
  std::vector<OpenApiV2Kind> out;
  for (const Kind& kind : all())
    if (!kind.is_virtual) out.push_back({kind.gvk(), object_path(kind) + "/{name}"});
  return out;
}

std::string openapi_v2_protobuf(const std::vector<OpenApiV2Kind>& kinds) {
  std::string paths;
  for (const OpenApiV2Kind& kind : kinds) paths += put(2, put(1, kind.path) + put(2, patch_item(kind)));
  return put(1, "2.0") + put(2, put(1, "Kubernetes") + put(2, "v1.30.4")) + put(8, paths);
}

Value openapi_v2_json(const std::vector<OpenApiV2Kind>& kinds) {
  Value paths = Object{};
  for (const OpenApiV2Kind& kind : kinds) {
    const Value parameter = Value::object({{"name", "fieldValidation"}, {"in", "query"}, {"type", "string"}});
    paths[kind.path] = Value::object({{"patch", Value::object({{"parameters", Value::array({parameter})},
                                                               {"responses", Object{}},
                                                               {"x-kubernetes-group-version-kind", gvk_value(kind.gvk)}})}});
  }
  return Value::object({{"swagger", "2.0"},
                        {"info", Value::object({{"title", "Kubernetes"}, {"version", "v1.30.4"}})},
                        {"paths", paths},
                        {"definitions", Object{}}});
}

}  // namespace masu::apiserver::builtin
