#include "value/reader.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "value/json.h"

namespace masu {
namespace {

const Value nothing = Value(Object{});

/// `5 (integer)`, shortened: what was found where something else was expected.
std::string shown(const Value& value) {
  std::string text = to_json(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return cat(text, " (", name(value.type()), ")");
}

}  // namespace

Reader::Reader(const Value& value, std::string path)
    : Reader(value, std::move(path), std::make_shared<std::vector<Cause>>()) {
  if (!value.is_object() && !value.is_null()) wrong("", cat("must be an object, not ", shown(value)), "FieldValueTypeInvalid");
}

Reader::Reader(const Value& value, std::string path, std::shared_ptr<std::vector<Cause>> causes)
    : value_(&value), path_(std::move(path)), causes_(std::move(causes)) {}

std::string Reader::path_of(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : cat(path_, ".", key);
}

bool Reader::has(std::string_view key) const { return !(*value_)[key].is_null(); }

std::optional<std::string> Reader::string(std::string_view key) const {
  const Value& member = (*value_)[key];
  if (member.is_null()) return {};
  if (member.is_string()) return std::string(member.as_string());
  wrong(key, cat("must be a string, not ", shown(member)), "FieldValueTypeInvalid");
  return {};
}

std::optional<std::int64_t> Reader::integer(std::string_view key) const {
  const Value& member = (*value_)[key];
  if (member.is_null()) return {};
  if (member.is_integer()) return member.as_integer();
  if (member.is_number()) {
    // A whole double has one integer; with two different defaults the answer shows whether it was one.
    const std::int64_t number = member.as_integer(0);
    if (number == member.as_integer(1)) return number;
  }
  if (member.is_string()) {
    const std::string_view text = member.as_string();
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem == std::errc{} && end == text.data() + text.size()) return number;
  }
  wrong(key, cat("must be an integer, not ", shown(member)), "FieldValueTypeInvalid");
  return {};
}

std::optional<double> Reader::number(std::string_view key) const {
  const Value& member = (*value_)[key];
  if (member.is_null()) return {};
  if (member.is_number()) return member.as_number();
  wrong(key, cat("must be a number, not ", shown(member)), "FieldValueTypeInvalid");
  return {};
}

std::optional<bool> Reader::boolean(std::string_view key) const {
  const Value& member = (*value_)[key];
  if (member.is_null()) return {};
  if (member.is_bool()) return member.as_bool();
  wrong(key, cat("must be true or false, not ", shown(member)), "FieldValueTypeInvalid");
  return {};
}

std::vector<std::string> Reader::strings(std::string_view key) const {
  std::vector<std::string> out;
  const Value& member = (*value_)[key];
  if (member.is_null()) return out;
  if (!member.is_array()) {
    wrong(key, cat("must be a list of strings, not ", shown(member)), "FieldValueTypeInvalid");
    return out;
  }
  for (std::size_t i = 0; i < member.as_array().size(); ++i) {
    const Value& element = member[i];
    if (element.is_string()) out.emplace_back(element.as_string());
    else wrong(cat(key, "[", i, "]"), cat("must be a string, not ", shown(element)), "FieldValueTypeInvalid");
  }
  return out;
}

std::map<std::string, std::string> Reader::string_map(std::string_view key) const {
  std::map<std::string, std::string> out;
  const Value& member = (*value_)[key];
  if (member.is_null()) return out;
  if (!member.is_object()) {
    wrong(key, cat("must be a map of strings, not ", shown(member)), "FieldValueTypeInvalid");
    return out;
  }
  for (const auto& [inner, text] : member.as_object()) {
    if (text.is_string()) out.emplace(inner, text.as_string());
    else wrong(cat(key, ".", inner), cat("must be a string, not ", shown(text)), "FieldValueTypeInvalid");
  }
  return out;
}

Reader Reader::object(std::string_view key) const {
  const Value& member = (*value_)[key];
  if (member.is_object()) return {member, path_of(key), causes_};
  if (!member.is_null()) wrong(key, cat("must be an object, not ", shown(member)), "FieldValueTypeInvalid");
  return {nothing, path_of(key), causes_};
}

std::vector<Reader> Reader::list(std::string_view key) const {
  std::vector<Reader> out;
  const Value& member = (*value_)[key];
  if (member.is_null()) return out;
  if (!member.is_array()) {
    wrong(key, cat("must be a list, not ", shown(member)), "FieldValueTypeInvalid");
    return out;
  }
  for (std::size_t i = 0; i < member.as_array().size(); ++i) {
    const Value& element = member[i];
    const std::string place = cat(key, "[", i, "]");
    if (element.is_object()) out.push_back(Reader(element, path_of(place), causes_));
    else wrong(place, cat("must be an object, not ", shown(element)), "FieldValueTypeInvalid");
  }
  return out;
}

void Reader::wrong(std::string_view key, std::string message, std::string reason) const {
  causes_->push_back(Cause{path_of(key), std::move(reason), std::move(message)});
}

void Reader::required(std::string_view key) const {
  if (!has(key)) wrong(key, "is required", "FieldValueRequired");
}

void Reader::only(const std::vector<std::string>& known) const {
  for (const auto& [key, member] : value_->as_object()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string near = nearest(key, known);
    wrong(key, near.empty() ? std::string("is no field known here") : cat("is no field known here; did you mean ", quote(near), "?"),
          "FieldValueNotSupported");
  }
}

Status Reader::finish() const {
  if (causes_->empty()) return {};
  std::vector<std::string> lines;
  for (const Cause& cause : *causes_) lines.push_back(cause.field.empty() ? cause.message : cat(cause.field, ": ", cause.message));
  return Error{Code::invalid, join(lines, "; "), *causes_};
}

}  // namespace masu
