#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/clock.h"
#include "base/text.h"
#include "value/json.h"
#include "value/number_text.h"
#include "value/schema.h"

namespace masu {
namespace {

/// Characters, not bytes, as JSON Schema counts.
std::size_t utf8_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// A value inside a message: upstream names the type of objects and lists instead of printing them.
std::string shown(const Value& value) { return value.is_object() ? "\"object\"" : value.is_array() ? "\"array\"" : to_json(value); }

class Validator {
 public:
  std::vector<Cause> causes;

  void check(const Value& schema, const Value& value, const std::string& path, bool resource = false) {
    if (value.is_null() && schema["nullable"].as_bool()) return;
    if (!check_type(schema, value, path)) return;
    check_enum(schema, value, path);
    check_combinations(schema, value, path, resource);
    if (value.is_number()) check_number(schema, value, path);
    else if (value.is_string()) check_string(schema, value.as_string(), path);
    else if (value.is_array()) check_list(schema, value.as_array(), path);
    else if (value.is_object()) check_object(schema, value, path, resource);
  }

 private:
  void add(const std::string& path, std::string reason, std::string message) {
    causes.push_back(Cause{path.empty() ? "<nil>" : path, std::move(reason), std::move(message)});
  }
  void invalid(const std::string& path, const Value& value, std::string_view sentence) {
    add(path, "FieldValueInvalid", cat("Invalid value: ", shown(value), ": ", path, path.empty() ? "" : " ", "in body ", sentence));
  }

  bool check_type(const Value& schema, const Value& value, const std::string& path) {
    if (schema["x-kubernetes-int-or-string"].as_bool()) {
      if (value.is_integer() || value.is_string()) return true;
      return wrong_type(path, "integer,string", value);
    }
    const std::string_view wanted = schema["type"].as_string();
    if (wanted.empty()) return true;
    const bool whole = value.is_number() && std::trunc(value.as_number()) == value.as_number();
    const bool fits = wanted == "integer" ? value.is_integer() || whole : wanted == "number" ? value.is_number() : wanted == name(value.type());
    return fits || wrong_type(path, wanted, value);
  }
  bool wrong_type(const std::string& path, std::string_view wanted, const Value& value) {
    const std::string found = quote(name(value.type()));
    add(path, "FieldValueTypeInvalid",
        cat("Invalid value: ", found, ": ", path, path.empty() ? "" : " ", "in body must be of type ", wanted, ": ", found));
    return false;
  }

  void check_enum(const Value& schema, const Value& value, const std::string& path) {
    if (!schema.contains("enum")) return;
    std::vector<std::string> allowed;
    for (const Value& one : schema["enum"].as_array()) {
      if (one == value || (one.is_number() && value.is_number() && one.as_number() == value.as_number())) return;
      allowed.push_back(to_json(one));
    }
    add(path, "FieldValueNotSupported", cat("Unsupported value: ", shown(value), ": supported values: ", join(allowed, ", ")));
  }

  bool holds(const Value& schema, const Value& value, const std::string& path, bool resource) const {
    Validator inner;
    inner.check(schema, value, path, resource);
    return inner.causes.empty();
  }
  void check_combinations(const Value& schema, const Value& value, const std::string& path, bool resource) {
    for (const Value& one : schema["allOf"].as_array()) check(one, value, path, resource);
    const auto count = [&](const Value& list) {
      return std::count_if(list.as_array().begin(), list.as_array().end(), [&](const Value& one) { return holds(one, value, path, resource); });
    };
    if (schema.contains("anyOf") && count(schema["anyOf"]) == 0) invalid(path, value, "must validate at least one schema (anyOf)");
    if (schema.contains("oneOf") && count(schema["oneOf"]) != 1)
      invalid(path, value, cat("must validate one and only one schema (oneOf). Found ", count(schema["oneOf"]), " valid alternatives"));
    if (schema.contains("not") && holds(schema["not"], value, path, resource)) invalid(path, value, "must not validate the schema (not)");
  }

  void check_number(const Value& schema, const Value& value, const std::string& path) {
    const double number = value.as_number();
    if (const Value& limit = schema["minimum"]; limit.is_number()) {
      const bool exclusive = schema["exclusiveMinimum"].as_bool();
      if (exclusive ? number <= limit.as_number() : number < limit.as_number())
        invalid(path, value, cat("should be greater than ", exclusive ? "" : "or equal to ", to_json(limit)));
    }
    if (const Value& limit = schema["maximum"]; limit.is_number()) {
      const bool exclusive = schema["exclusiveMaximum"].as_bool();
      if (exclusive ? number >= limit.as_number() : number > limit.as_number())
        invalid(path, value, cat("should be less than ", exclusive ? "" : "or equal to ", to_json(limit)));
    }
    if (const Value& step = schema["multipleOf"]; step.is_number() && step.as_number() > 0) {
      const double times = number / step.as_number();
      if (std::trunc(times) != times) invalid(path, value, cat("should be a multiple of ", to_json(step)));
    }
    if (schema["format"].as_string() == "int32" && (number < -2147483648.0 || number > 2147483647.0))
      invalid(path, value, "must be of type int32: " + quote(to_json(value)));
  }

  void check_string(const Value& schema, std::string_view text, const std::string& path) {
    const auto length = static_cast<std::int64_t>(utf8_characters(text));
    const Value value(text);
    if (schema.contains("minLength") && length < schema["minLength"].as_integer())
      invalid(path, value, cat("should be at least ", schema["minLength"].as_integer(), " chars long"));
    if (schema.contains("maxLength") && length > schema["maxLength"].as_integer())
      add(path, "FieldValueTooLong", cat("Too long: may not be longer than ", schema["maxLength"].as_integer()));
    if (schema.contains("pattern")) {
      RE2::Options options;
      options.set_log_errors(false);
      const RE2 pattern(std::string(schema["pattern"].as_string()), options);
      // A pattern that cannot be compiled is refused with its CRD; here it refuses nothing.
      if (pattern.ok() && !RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern))
        invalid(path, value, cat("should match '", schema["pattern"].as_string(), "'"));
    }
    const std::string_view format = schema["format"].as_string();
    if (format == "date-time" && !parse_rfc3339(text).ok()) invalid(path, value, cat("must be of type date-time: ", quote(text)));
  }

  void check_list(const Value& schema, const Array& elements, const std::string& path) {
    const auto size = static_cast<std::int64_t>(elements.size());
    if (schema.contains("minItems") && size < schema["minItems"].as_integer())
      invalid(path, Value(size), cat("should have at least ", schema["minItems"].as_integer(), " items"));
    if (schema.contains("maxItems") && size > schema["maxItems"].as_integer())
      add(path, "FieldValueTooMany", cat("Too many: ", size, ": must have at most ", schema["maxItems"].as_integer(), " items"));
    const std::string_view sort = schema["x-kubernetes-list-type"].as_string();
    const bool is_map = sort == "map", is_set = sort == "set" || schema["uniqueItems"].as_bool();
    std::set<std::string> seen;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const std::string place = cat(path, "[", i, "]");
      if (is_map || is_set) {
        Value identity = is_map ? Value(Object{}) : elements[i];
        if (is_map)
          for (const Value& key : schema["x-kubernetes-list-map-keys"].as_array()) identity[key.as_string()] = elements[i][key.as_string()];
        if (!seen.insert(to_json(identity)).second) add(place, "FieldValueDuplicate", cat("Duplicate value: ", to_json(identity)));
      }
      if (schema["items"].is_object()) check(schema["items"], elements[i], place, schema["items"]["x-kubernetes-embedded-resource"].as_bool());
    }
  }

  void check_object(const Value& schema, const Value& value, const std::string& path, bool resource) {
    const auto size = static_cast<std::int64_t>(value.as_object().size());
    if (schema.contains("minProperties") && size < schema["minProperties"].as_integer())
      invalid(path, Value(size), cat("should have at least ", schema["minProperties"].as_integer(), " properties"));
    if (schema.contains("maxProperties") && size > schema["maxProperties"].as_integer())
      add(path, "FieldValueTooMany", cat("Too many: ", size, ": must have at most ", schema["maxProperties"].as_integer(), " items"));
    const auto below = [&](std::string_view key) { return path.empty() ? std::string(key) : cat(path, ".", key); };
    for (const Value& key : schema["required"].as_array())
      if (!value.contains(key.as_string())) add(below(key.as_string()), "FieldValueRequired", "Required value");
    if (resource && schema["x-kubernetes-embedded-resource"].as_bool())
      for (const std::string_view key : {"apiVersion", "kind"})
        if (value[key].as_string().empty()) add(below(key), "FieldValueRequired", "Required value: must not be empty");
    const Object& properties = schema["properties"].as_object();
    for (const auto& [key, member] : value.as_object()) {
      const auto property = properties.find(key);
      if (property != properties.end()) check(property->second, member, below(key), property->second["x-kubernetes-embedded-resource"].as_bool());
      else if (schema["additionalProperties"].is_object()) check(schema["additionalProperties"], member, below(key));
    }
  }
};

}  // namespace

std::vector<Cause> validate_schema(const Value& schema, const Value& object) {
  Validator validator;
  validator.check(schema, object, "", true);
  return std::move(validator.causes);
}

}  // namespace masu
