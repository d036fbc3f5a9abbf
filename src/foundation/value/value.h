#pragma once
/// The JSON tree: what a Kubernetes object, a config.yaml or a REST body is before it is decoded into a plain struct.
///
/// A Value copies, compares and prints deterministically: an Object is sorted by key, so equal trees have equal text.
/// Integers of 64 bits keep their digits; anything larger is a double, as in Go's JSON.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace masu {

class Value;
using Array = std::vector<Value>;
using Object = std::map<std::string, Value, std::less<>>;

class Value {
 public:
  enum class Type { null, boolean, integer, number, string, array, object };

  Value() = default;
  Value(std::nullptr_t) {}                                       // NOLINT: implicit by design, as all below
  Value(bool value) : data_(value) {}                            // NOLINT
  Value(int value) : data_(std::int64_t{value}) {}               // NOLINT
  Value(long value) : data_(std::int64_t{value}) {}              // NOLINT
  Value(long long value) : data_(std::int64_t{value}) {}         // NOLINT
  Value(unsigned value) : data_(std::int64_t{value}) {}          // NOLINT
  Value(unsigned long value) : data_(static_cast<std::int64_t>(value)) {}  // NOLINT
  Value(double value) : data_(value) {}                          // NOLINT
  Value(const char* value) : data_(std::string(value)) {}        // NOLINT
  Value(std::string_view value) : data_(std::string(value)) {}   // NOLINT
  Value(std::string value) : data_(std::move(value)) {}          // NOLINT
  Value(Array value) : data_(std::move(value)) {}                // NOLINT
  Value(Object value) : data_(std::move(value)) {}               // NOLINT

  /// Value::object({{"kind", "Pod"}, {"spec", ...}}) and Value::array({1, "two"}).
  static Value object(std::initializer_list<std::pair<const std::string, Value>> members) { return Value(Object(members)); }
  static Value array(std::initializer_list<Value> elements) { return Value(Array(elements)); }
  static Value strings(const std::vector<std::string>& words) { return Value(Array(words.begin(), words.end())); }

  Type type() const { return static_cast<Type>(data_.index()); }
  bool is_null() const { return type() == Type::null; }
  bool is_bool() const { return type() == Type::boolean; }
  bool is_integer() const { return type() == Type::integer; }
  /// An integer or a double.
  bool is_number() const { return type() == Type::integer || type() == Type::number; }
  bool is_string() const { return type() == Type::string; }
  bool is_array() const { return type() == Type::array; }
  bool is_object() const { return type() == Type::object; }

  // Forgiving reads: another type gives the default. Use value/reader.h where a wrong type must be told to the user.
  bool as_bool(bool otherwise = false) const;
  std::int64_t as_integer(std::int64_t otherwise = 0) const;  // also a double that is a whole number
  double as_number(double otherwise = 0) const;
  std::string_view as_string(std::string_view otherwise = {}) const;
  const Array& as_array() const;    // empty for another type
  const Object& as_object() const;  // empty for another type

  // Writing turns a value of another type into an empty array or object first.
  Array& array();
  Object& object();
  std::string& string();

  /// The member, or null if this is no object or has no such member.
  const Value& operator[](std::string_view key) const;
  /// The member, made (as null) if it is not there.
  Value& operator[](std::string_view key);
  /// The element, or null beyond the end.
  const Value& operator[](std::size_t index) const;
  const Value& operator[](int index) const { return (*this)[static_cast<std::size_t>(index)]; }
  bool contains(std::string_view key) const;
  void erase(std::string_view key);
  void push_back(Value element) { array().push_back(std::move(element)); }

  /// at("metadata", "labels", "app"): a walk through objects, null where it ends early.
  template <class... Keys>
  const Value& at(std::string_view key, Keys... rest) const {
    if constexpr (sizeof...(rest) == 0) return (*this)[key];
    else return (*this)[key].at(rest...);
  }

  /// Same type and same content; 1 and 1.0 differ. (Use same_json for numbers compared by value.)
  bool operator==(const Value& other) const = default;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> data_;
};

std::string_view name(Value::Type type);  // "integer", "object" ...: the words of JSON Schema

}  // namespace masu
