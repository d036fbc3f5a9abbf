/// Pruning and defaulting by structural schemas; validation is in schema_validate.cc.
#include "value/schema.h"

#include "base/text.h"

namespace masu {
namespace {

bool is_meta(std::string_view key) { return key == "apiVersion" || key == "kind" || key == "metadata"; }

/// Everything that apply_schema does, in one walk: `schema` null means that nothing is known and nothing is touched.
class Applier {
 public:
  explicit Applier(std::vector<std::string>& unknown) : unknown_(unknown) {}

  void apply(const Value& schema, Value& value, const std::string& path, bool resource) {
    if (value.is_array()) {
      const Value& items = schema["items"];
      if (!items.is_object()) return;
      Array& elements = value.array();
      for (std::size_t i = 0; i < elements.size(); ++i) {
        replace_null(items, elements[i]);
        apply(items, elements[i], cat(path, "[", i, "]"), items["x-kubernetes-embedded-resource"].as_bool());
      }
      return;
    }
    if (!value.is_object()) return;
    const Object& properties = schema["properties"].as_object();
    const Value& others = schema["additionalProperties"];
    const bool keep = schema["x-kubernetes-preserve-unknown-fields"].as_bool() || others.as_bool();
    Object& members = value.object();
    for (auto at = members.begin(); at != members.end();) {
      const std::string member_path = path.empty() ? at->first : cat(path, ".", at->first);
      const auto property = properties.find(at->first);
      if (resource && is_meta(at->first)) {
        ++at;  // the API's own fields: not the schema's business
      } else if (property != properties.end() || others.is_object()) {
        at = keep_known(property != properties.end() ? property->second : others, members, at, member_path);
      } else if (keep) {
        ++at;
      } else {
        unknown_.push_back(member_path);
        at = members.erase(at);
      }
    }
    for (const auto& [key, property] : properties) {
      if (!property.contains("default") || members.contains(key)) continue;
      Value& added = members[key] = property["default"];
      apply(property, added, path.empty() ? key : cat(path, ".", key), property["x-kubernetes-embedded-resource"].as_bool());
    }
  }

 private:
  static bool refuses_null(const Value& schema) { return !schema["nullable"].as_bool() && !preserves(schema); }
  static bool preserves(const Value& schema) {
    return schema["x-kubernetes-preserve-unknown-fields"].as_bool() && !schema.contains("type");
  }
  static void replace_null(const Value& schema, Value& value) {
    if (value.is_null() && refuses_null(schema) && schema.contains("default")) value = schema["default"];
  }

  /// Applies to a member that the schema knows; a null that it does not allow is dropped (a default may follow).
  Object::iterator keep_known(const Value& schema, Object& members, Object::iterator at, const std::string& path) {
    if (at->second.is_null() && refuses_null(schema)) return members.erase(at);
    apply(schema, at->second, path, schema["x-kubernetes-embedded-resource"].as_bool());
    return std::next(at);
  }

  std::vector<std::string>& unknown_;
};

}  // namespace

SchemaOutcome apply_schema(const Value& schema, const Value& object) {
  SchemaOutcome outcome;
  outcome.value = object;
  Applier(outcome.unknown).apply(schema, outcome.value, "", true);
  return outcome;
}

}  // namespace masu
