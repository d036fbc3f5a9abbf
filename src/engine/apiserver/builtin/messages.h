#pragma once
/// The message table: what each message of the Kubernetes API consists of. Read once from messages.def.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace masu::apiserver::builtin {

struct Message;

struct Field {
  enum class Type {
    string, boolean, int32, int64, number, bytes,
    quantity, int_or_string, time, micro_time, duration,
    raw,          // any JSON; in protobuf {1: the JSON text}
    string_list,  // a named list of strings: in protobuf {1: items}
    props_or_array, props_or_bool, props_or_strings,  // the three unions of JSON schemas
    message,
  };
  enum class Shape { single, list, map };

  std::string name;  // JSON; empty for an inlined message
  int number = 0;
  Type type = Type::string;
  Shape shape = Shape::single;
  const Message* message = nullptr;  // Type::message and the schema unions
  bool inlined = false;     // its fields stand in the parent's JSON
  bool optional = false;    // a present zero has a meaning: kept when read from protobuf
  bool always = false;      // printed even when it is zero
  bool merges = false;      // strategic merge: by merge_key, or as a set of values if that is empty
  bool retain_keys = false;
  std::string merge_key;
  std::vector<std::string> list_keys;  // server-side apply: a keyed list
  bool is_set = false;
  bool is_atomic = false;
};

struct Message {
  std::string name;  // "core/v1.Pod"
  bool atomic = false;
  bool typed = false;  // apiVersion and kind stand in its JSON, also where it is a part of another
  std::vector<Field> fields;
  std::map<std::string, const Field*, std::less<>> by_name;  // inlined messages' fields included
  std::map<int, const Field*> by_number;

  const Field* field(std::string_view json_name) const;
  /// "Pod".
  std::string_view short_name() const;
};

/// The message of that name, or null.
const Message* find_message(std::string_view name);
/// The field at a path of names ("spec.containers.env"), elements of lists left out; null if there is none or the path
/// leads into free-form data.
const Field* field_at(const Message& root, std::string_view path);
/// "int32", "string", "[]string": the type as Go names it, for messages to users.
std::string go_type(const Field& field);

}  // namespace masu::apiserver::builtin
