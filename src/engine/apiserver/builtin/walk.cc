/// Walks an object along the message table: what it does not know, and what has the wrong JSON type.
#include <cmath>
#include <limits>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/messages.h"
#include "base/text.h"
#include "crypto/base64.h"
#include "value/quantity.h"

namespace masu::apiserver::builtin {
namespace {

std::string member(const std::string& path, std::string_view name) { return path.empty() ? std::string(name) : cat(path, ".", name); }

/// Calls step(field, value, path) for every message value below a field, whatever its shape.
template <class V, class Step>
void each_element(const Field& field, V& value, const std::string& path, Step step) {
  if (field.shape == Field::Shape::single) {
    step(value, path);
  } else if (field.shape == Field::Shape::list && value.is_array()) {
    std::size_t index = 0;
    if constexpr (std::is_const_v<V>) {
      for (const Value& element : value.as_array()) step(element, cat(path, "[", index++, "]"));
    } else {
      for (Value& element : value.array()) step(element, cat(path, "[", index++, "]"));
    }
  } else if (field.shape == Field::Shape::map && value.is_object()) {
    if constexpr (std::is_const_v<V>) {
      for (const auto& [key, element] : value.as_object()) step(element, cat(path, ".", key));
    } else {
      for (auto& [key, element] : value.object()) step(element, cat(path, ".", key));
    }
  }
}

void find_unknown(const Message& message, const Value& object, const std::string& path, std::vector<std::string>& out) {
  for (const auto& [name, value] : object.as_object()) {
    if (message.typed && (name == "apiVersion" || name == "kind")) continue;
    const Field* field = message.field(name);
    if (!field) {
      out.push_back(member(path, name));
      continue;
    }
    if (!field->message) continue;
    each_element(*field, value, member(path, name), [&](const Value& element, const std::string& at) {
      if (field->type == Field::Type::message || element.is_object()) find_unknown(*field->message, element, at, out);
      else for (const Value& one : element.as_array()) find_unknown(*field->message, one, at, out);
    });
  }
}

Value zero_of(const Field& field) {
  switch (field.type) {
    case Field::Type::message: return Object{};
    case Field::Type::boolean: return false;
    case Field::Type::int32:
    case Field::Type::int64: return 0;
    case Field::Type::number: return 0.0;
    case Field::Type::string_list: return Array{};
    case Field::Type::string:
    case Field::Type::bytes: return "";
    default: return {};
  }
}

void prune_message(const Message& message, Value& object) {
  if (!object.is_object()) return;
  Object& members = object.object();
  for (auto at = members.begin(); at != members.end();) {
    const Field* field = message.field(at->first);
    if (!field || at->second.is_null()) {
      const bool type_meta = message.typed && (at->first == "apiVersion" || at->first == "kind");
      at = type_meta && !at->second.is_null() ? std::next(at) : members.erase(at);
      continue;
    }
    if (field->type != Field::Type::raw) {
      each_element(*field, at->second, "", [&](Value& element, const std::string&) {
        if (element.is_null()) element = zero_of(*field);
        if (field->message && element.is_object()) prune_message(*field->message, element);
      });
    }
    ++at;
  }
}

std::string_view json_word(const Value& value) {
  switch (value.type()) {
    case Value::Type::boolean: return "bool";
    case Value::Type::integer:
    case Value::Type::number: return "number";
    case Value::Type::null: return "null";
    default: return name(value.type());
  }
}

struct TypeCheck {
  const Kind& kind;

  Error fail(const std::string& text) const {
    return Error{Code::malformed, cat(kind.kind, " in version ", quote(kind.version), " cannot be handled as a ", kind.kind, ": ", text)};
  }

  Error wrong(const Message& parent, const Field& field, const Value& value, const std::string& path, std::string_view type = {}) const {
    std::string bare;  // Go names the path without indices
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (path[i] == '[') i = std::min(path.find(']', i), path.size());
      else bare += path[i];
    }
    std::string what(json_word(value));
    if (value.is_number() && !type.empty()) what = cat("number ", value.is_integer() ? cat(value.as_integer()) : cat(value.as_number()));
    return fail(cat("json: cannot unmarshal ", what, " into Go struct field ", parent.short_name(), ".", bare, " of type ",
                    type.empty() ? go_type(field) : std::string(type)));
  }

  Status whole(const Message& parent, const Field& field, const Value& value, const std::string& path) const {
    if (!value.is_number()) return wrong(parent, field, value, path);
    const bool fits = value.is_integer() ? true : std::floor(value.as_number()) == value.as_number() && std::abs(value.as_number()) < 9.2e18;
    if (!fits) return wrong(parent, field, value, path, field.type == Field::Type::int32 ? "int32" : "int64");
    const std::int64_t number = value.as_integer();
    if (field.type == Field::Type::int32 && (number > std::numeric_limits<std::int32_t>::max() || number < std::numeric_limits<std::int32_t>::min()))
      return wrong(parent, field, value, path, "int32");
    return {};
  }

  Status scalar(const Message& parent, const Field& field, const Value& value, const std::string& path) const {
    using Type = Field::Type;
    switch (field.type) {
      case Type::string: return value.is_string() ? Status() : wrong(parent, field, value, path);
      case Type::boolean: return value.is_bool() ? Status() : wrong(parent, field, value, path);
      case Type::int32:
      case Type::int64: return whole(parent, field, value, path);
      case Type::number: return value.is_number() ? Status() : wrong(parent, field, value, path);
      case Type::bytes:
        if (!value.is_string()) return wrong(parent, field, value, path);
        if (auto bytes = crypto::base64_decode(value.as_string()); !bytes.ok())
          return fail(cat(path, ": illegal base64 data: ", bytes.error().message));
        return {};
      case Type::quantity:
        if (auto amount = Quantity::from(value); !amount.ok())
          return fail(cat("quantities must be numbers with an optional suffix such as 500m, 2Gi or 1e3; ", path, " is ",
                          value.is_string() ? quote(value.as_string()) : std::string(json_word(value))));
        return {};
      case Type::int_or_string: return value.is_string() || value.is_integer() ? Status() : wrong(parent, field, value, path);
      case Type::time:
      case Type::micro_time:
        if (!value.is_string()) return wrong(parent, field, value, path);
        if (auto time = parse_rfc3339(value.as_string()); !time.ok())
          return fail(cat("parsing time ", quote(value.as_string()), " of ", path, ": not of the form 2006-01-02T15:04:05Z07:00"));
        return {};
      case Type::duration: return value.is_string() ? Status() : wrong(parent, field, value, path);
      case Type::string_list:
        if (!value.is_array()) return wrong(parent, field, value, path);
        for (const Value& element : value.as_array())
          if (!element.is_string()) return wrong(parent, field, element, path);
        return {};
      case Type::raw: return {};
      case Type::message:
        if (!value.is_object()) return wrong(parent, field, value, path);
        return object(*field.message, value, path);
      case Type::props_or_array:
      case Type::props_or_bool:
      case Type::props_or_strings:
        if (value.is_object()) return object(*field.message, value, path);
        if (field.type == Type::props_or_bool ? !value.is_bool() : !value.is_array()) return wrong(parent, field, value, path);
        return {};
    }
    return {};
  }

  Status object(const Message& message, const Value& value, const std::string& path) const {
    for (const auto& [name, inner] : value.as_object()) {
      const Field* field = message.field(name);
      if (!field || inner.is_null()) continue;
      const std::string at = member(path, name);
      if (field->type != Field::Type::raw) {
        if (field->shape == Field::Shape::list && !inner.is_array()) return wrong(message, *field, inner, at);
        if (field->shape == Field::Shape::map && !inner.is_object()) return wrong(message, *field, inner, at);
      }
      Status status;
      each_element(*field, inner, at, [&](const Value& element, const std::string& place) {
        if (status.ok() && !element.is_null()) {
          Field single = *field;
          single.shape = Field::Shape::single;
          status = scalar(message, single, element, place);
        }
      });
      TRY_OK(std::move(status));
    }
    return {};
  }
};

const Message& message_of(const Kind& kind) {
  const Message* message = find_message(kind.message);
  MASU_CHECK(message, "every kind names a message of the table");
  return *message;
}

}  // namespace

std::vector<std::string> unknown_fields(const Kind& kind, const Value& object) {
  std::vector<std::string> out;
  find_unknown(message_of(kind), object, "", out);
  return out;
}

void prune(const Kind& kind, Value& object) { prune_message(message_of(kind), object); }

Status check_types(const Kind& kind, const Value& object) {
  if (!object.is_object()) return Error{Code::malformed, cat("the body is no JSON object but ", json_word(object))};
  const TypeCheck check{kind};
  for (std::string_view name : {"apiVersion", "kind"})
    if (object.contains(name) && !object[name].is_string())
      return check.fail(
          cat("json: cannot unmarshal ", json_word(object[name]), " into Go struct field ", kind.kind, ".", name, " of type string"));
  return check.object(message_of(kind), object, "");
}

}  // namespace masu::apiserver::builtin
