/// Causes of a refusal in upstream's words, and the rules of names.
#include <algorithm>

#include "apiserver/builtin/paths.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver::builtin {
namespace {

bool alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// Allowed inside, and at both ends.
template <class Inner, class Outer>
bool shaped(std::string_view text, Inner inner, Outer outer) {
  return !text.empty() && outer(text.front()) && outer(text.back()) && std::all_of(text.begin(), text.end(), inner);
}
bool is_label(std::string_view text) {
  return shaped(text, [](char c) { return lower_alnum(c) || c == '-'; }, lower_alnum);
}
bool is_name_part(std::string_view text) {
  return shaped(text, [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; }, alnum);
}

constexpr std::string_view kLabelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view kServiceRule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end "
    "with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kQualifiedRule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
constexpr std::string_view kValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

std::string longest(std::size_t limit) { return cat("must be no more than ", limit, " characters"); }

std::string shown(const Value& value) { return value.is_string() ? quote(value.as_string()) : to_json(value); }

}  // namespace

std::string not_a_label(std::string_view text) { return text.size() > 63 ? longest(63) : is_label(text) ? "" : std::string(kLabelRule); }

std::string not_a_subdomain(std::string_view text) {
  if (text.size() > 253) return longest(253);
  for (const std::string& part : split(text, '.'))
    if (!is_label(part)) return std::string(kSubdomainRule);
  return "";
}

std::string not_a_service_name(std::string_view text) {
  if (text.size() > 63) return longest(63);
  return is_label(text) && !(text[0] >= '0' && text[0] <= '9') ? "" : std::string(kServiceRule);
}

std::string not_a_qualified_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (text.find('/', slash + 1) != std::string_view::npos)
      return cat(
          "a qualified name must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
    if (slash == 0) return "prefix part must be non-empty";
    if (std::string why = not_a_subdomain(text.substr(0, slash)); !why.empty()) return cat("prefix part ", why);
    text.remove_prefix(slash + 1);
  }
  if (text.empty()) return "name part must be non-empty";
  if (text.size() > 63) return cat("name part ", longest(63));
  return is_name_part(text) ? "" : std::string(kQualifiedRule);
}

std::string not_a_label_value(std::string_view text) {
  if (text.size() > 63) return longest(63);
  return text.empty() || is_name_part(text) ? "" : std::string(kValueRule);
}

std::string not_a_path_segment(std::string_view text) {
  if (text == "." || text == "..") return cat("may not be '", text, "'");
  for (char c : {'/', '%'})
    if (text.find(c) != std::string_view::npos) return cat("may not contain '", c, "'");
  return "";
}

void Causes::required(std::string field, std::string_view text) {
  causes_.push_back({field, "FieldValueRequired", text.empty() ? std::string("Required value") : cat("Required value: ", text)});
}
void Causes::invalid(std::string field, const Value& value, std::string_view text) {
  causes_.push_back({std::move(field), "FieldValueInvalid", cat("Invalid value: ", shown(value), ": ", text)});
}
void Causes::unsupported(std::string field, const Value& value, const std::vector<std::string>& supported) {
  std::vector<std::string> quoted;
  for (const std::string& word : supported) quoted.push_back(quote(word));
  causes_.push_back(
      {std::move(field), "FieldValueNotSupported", cat("Unsupported value: ", shown(value), ": supported values: ", join(quoted, ", "))});
}
void Causes::duplicate(std::string field, const Value& value) {
  causes_.push_back({std::move(field), "FieldValueDuplicate", cat("Duplicate value: ", shown(value))});
}
void Causes::forbidden(std::string field, std::string_view text) {
  causes_.push_back({std::move(field), "FieldValueForbidden", cat("Forbidden: ", text)});
}
void Causes::not_found(std::string field, const Value& value) {
  causes_.push_back({std::move(field), "FieldValueNotFound", cat("Not found: ", shown(value))});
}
void Causes::too_long(std::string field, std::size_t limit) {
  causes_.push_back({std::move(field), "FieldValueTooLong", cat("Too long: must have at most ", limit, " bytes")});
}
void Causes::append(std::vector<Cause> more) {
  causes_.insert(causes_.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace masu::apiserver::builtin
