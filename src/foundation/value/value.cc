#include "value/value.h"

#include <cmath>

namespace masu {
namespace {

const Value null_value;
const Array empty_array;
const Object empty_object;

}  // namespace

bool Value::as_bool(bool otherwise) const {
  const bool* value = std::get_if<bool>(&data_);
  return value != nullptr ? *value : otherwise;
}

std::int64_t Value::as_integer(std::int64_t otherwise) const {
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return *value;
  if (const auto* value = std::get_if<double>(&data_))
    if (std::trunc(*value) == *value && std::abs(*value) < 9.2e18) return static_cast<std::int64_t>(*value);
  return otherwise;
}

double Value::as_number(double otherwise) const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  return otherwise;
}

std::string_view Value::as_string(std::string_view otherwise) const {
  const auto* value = std::get_if<std::string>(&data_);
  return value != nullptr ? std::string_view(*value) : otherwise;
}

const Array& Value::as_array() const {
  const auto* value = std::get_if<Array>(&data_);
  return value != nullptr ? *value : empty_array;
}

const Object& Value::as_object() const {
  const auto* value = std::get_if<Object>(&data_);
  return value != nullptr ? *value : empty_object;
}

Array& Value::array() {
  if (!is_array()) data_ = Array{};
  return std::get<Array>(data_);
}

Object& Value::object() {
  if (!is_object()) data_ = Object{};
  return std::get<Object>(data_);
}

std::string& Value::string() {
  if (!is_string()) data_ = std::string{};
  return std::get<std::string>(data_);
}

const Value& Value::operator[](std::string_view key) const {
  const auto* members = std::get_if<Object>(&data_);
  if (members == nullptr) return null_value;
  const auto found = members->find(key);
  return found != members->end() ? found->second : null_value;
}

Value& Value::operator[](std::string_view key) {
  Object& members = object();
  const auto found = members.find(key);
  return found != members.end() ? found->second : members[std::string(key)];
}

const Value& Value::operator[](std::size_t index) const {
  const Array& elements = as_array();
  return index < elements.size() ? elements[index] : null_value;
}

bool Value::contains(std::string_view key) const { return as_object().find(key) != as_object().end(); }

void Value::erase(std::string_view key) {
  if (!is_object()) return;
  Object& members = object();
  if (const auto found = members.find(key); found != members.end()) members.erase(found);
}

std::string_view name(Value::Type type) {
  switch (type) {
    case Value::Type::null: return "null";
    case Value::Type::boolean: return "boolean";
    case Value::Type::integer: return "integer";
    case Value::Type::number: return "number";
    case Value::Type::string: return "string";
    case Value::Type::array: return "array";
    case Value::Type::object: return "object";
  }
  return "null";
}

}  // namespace masu
