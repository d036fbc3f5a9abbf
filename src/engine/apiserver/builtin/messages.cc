/// Format of messages.def, one thing a line:
///
///   @core/v1.Container                     a message begins
///   *typed                                 it has apiVersion and kind
///   *atomic                                server-side apply owns it as a whole
///   env 7 [core/v1.EnvVar m=name k=name    JSON name ("-": inlined), protobuf number, type, words
///
/// Types: s string, b bool, i int32, l int64, d double, B bytes, Q quantity, I int or string, T time, M micro time,
/// D duration, R raw JSON, X named list of strings, oa/ob/os schema or array/bool/strings, else a message. "[" before it
/// is a list, "{" a map from strings. Words: ? a present zero counts, ! always printed, ^ inlined, m merge by value,
/// m=key merge by key, keep retainKeys, k=a,b list keys of server-side apply, set, atomic.
#include "apiserver/builtin/messages.h"

#include <memory>

#include "base/result.h"
#include "base/text.h"

namespace masu::apiserver::builtin {
namespace {

const char* const kText =
#include "apiserver/builtin/messages.def"
    ;

class Table {
 public:
  Table() {
    Message* message = nullptr;
    for (const std::string& line : split(kText, '\n')) {
      if (line.empty() || line[0] == '#') continue;
      if (line[0] == '@') {
        message = messages_.emplace(line.substr(1), std::make_unique<Message>()).first->second.get();
        message->name = line.substr(1);
      } else if (line == "*atomic") {
        message->atomic = true;
      } else if (line == "*typed") {
        message->typed = true;
      } else {
        message->fields.push_back(read_field(line));
      }
    }
    for (auto& [name, entry] : messages_)
      for (Field& field : entry->fields) resolve(field);
    for (auto& [name, entry] : messages_) {
      for (const Field& field : entry->fields) entry->by_number.emplace(field.number, &field);
      index(*entry, *entry);
    }
  }

  const Message* find(std::string_view name) const {
    auto at = messages_.find(name);
    return at == messages_.end() ? nullptr : at->second.get();
  }

 private:
  Field read_field(const std::string& line) {
    const std::vector<std::string> words = split(line, ' ');
    MASU_CHECK(words.size() >= 3, "a line of messages.def has name, number and type");
    Field field;
    field.name = words[0] == "-" ? "" : words[0];
    field.number = std::stoi(words[1]);
    std::string type = words[2];
    if (type[0] == '[' || type[0] == '{') {
      field.shape = type[0] == '[' ? Field::Shape::list : Field::Shape::map;
      type.erase(0, 1);
    }
    static const std::map<std::string, Field::Type, std::less<>> types = {
        {"s", Field::Type::string},     {"b", Field::Type::boolean},         {"i", Field::Type::int32},
        {"l", Field::Type::int64},      {"d", Field::Type::number},          {"B", Field::Type::bytes},
        {"Q", Field::Type::quantity},   {"I", Field::Type::int_or_string},   {"T", Field::Type::time},
        {"M", Field::Type::micro_time}, {"D", Field::Type::duration},        {"R", Field::Type::raw},
        {"X", Field::Type::string_list}, {"oa", Field::Type::props_or_array}, {"ob", Field::Type::props_or_bool},
        {"os", Field::Type::props_or_strings}};
    if (auto at = types.find(type); at != types.end()) {
      field.type = at->second;
      if (type[0] == 'o') type = "apiextensions/v1.JSONSchemaProps";
    } else {
      field.type = Field::Type::message;
    }
    field.merge_key = type;  // kept here until all messages are known
    for (std::size_t i = 3; i < words.size(); ++i) read_word(field, words[i]);
    return field;
  }

  void read_word(Field& field, const std::string& word) {
    if (word == "?") field.optional = true;
    else if (word == "!") field.always = true;
    else if (word == "^") field.inlined = true;
    else if (word == "keep") field.retain_keys = true;
    else if (word == "set") field.is_set = true;
    else if (word == "atomic") field.is_atomic = true;
    else if (word == "m") field.merges = true;
    else if (word.starts_with("k=")) field.list_keys = split(word.substr(2), ',');
    else if (word.starts_with("m=")) field.merges = true, field.merge_key += " " + word.substr(2);
  }

  void resolve(Field& field) {
    const std::vector<std::string> words = split(field.merge_key, ' ');
    field.merge_key = words.size() > 1 ? words[1] : "";
    field.message = find(words[0]);
    MASU_CHECK(field.type != Field::Type::message || field.message, "a message of messages.def names another that is not there");
  }

  void index(Message& root, const Message& part) {
    for (const Field& field : part.fields) {
      if (field.inlined) index(root, *field.message);
      else root.by_name.emplace(field.name, &field);
    }
  }

  std::map<std::string, std::unique_ptr<Message>, std::less<>> messages_;
};

const Table& table() {
  static const Table instance;
  return instance;
}

}  // namespace

const Field* Message::field(std::string_view json_name) const {
  auto at = by_name.find(json_name);
  return at == by_name.end() ? nullptr : at->second;
}

std::string_view Message::short_name() const { return std::string_view(name).substr(name.rfind('.') + 1); }

const Message* find_message(std::string_view name) { return table().find(name); }

const Field* field_at(const Message& root, std::string_view path) {
  const Message* message = &root;
  const Field* field = nullptr;
  std::size_t at = 0;
  while (at <= path.size()) {
    const std::size_t dot = std::min(path.find('.', at), path.size());
    if (!message) return nullptr;
    field = message->field(path.substr(at, dot - at));
    if (!field) return nullptr;
    message = field->message;
    at = dot + 1;
    if (field->shape == Field::Shape::map && at <= path.size()) {
      // A map's own keys stand in the path: one more name, which may itself hold dots only for maps of scalars.
      if (!message) return nullptr;
      at = std::min(path.find('.', at), path.size()) + 1;
    }
  }
  return field;
}

std::string go_type(const Field& field) {
  std::string type;
  switch (field.type) {
    case Field::Type::boolean: type = "bool"; break;
    case Field::Type::int32: type = "int32"; break;
    case Field::Type::int64: type = "int64"; break;
    case Field::Type::number: type = "float64"; break;
    case Field::Type::bytes: type = "[]uint8"; break;
    case Field::Type::message:
    case Field::Type::props_or_array:
    case Field::Type::props_or_bool:
    case Field::Type::props_or_strings: type = field.message->name.substr(field.message->name.find('/') + 1); break;
    case Field::Type::string_list: type = "[]string"; break;
    default: type = "string"; break;
  }
  if (field.shape == Field::Shape::list) return "[]" + type;
  if (field.shape == Field::Shape::map) return "map[string]" + type;
  return type;
}

}  // namespace masu::apiserver::builtin
