#include "kube/selector.h"

#include <algorithm>

#include "base/text.h"

namespace masu::kube {
namespace {

using Requirement = LabelSelector::Requirement;
using Operator = Requirement::Operator;

/// Splits at commas outside parentheses.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.emplace_back(trim(text.substr(start, i - start)));
      start = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return parts;
}

bool is_label_key(std::string_view key) {
  if (key.empty() || key.size() > 317) return false;
  return std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/'; });
}

Result<Requirement> parse_set(std::string_view part, std::string_view whole, Operator op, std::size_t word_at, std::size_t word_size) {
  const std::string_view key = trim(part.substr(0, word_at));
  const std::string_view rest = trim(part.substr(word_at + word_size));
  if (!is_label_key(key) || rest.size() < 2 || rest.front() != '(' || rest.back() != ')')
    return Error{Code::malformed, cat("unable to parse the label selector ", quote(whole), ": ", quote(part), " is not of the form key in (a,b)")};
  Requirement out{op, std::string(key), {}};
  for (const std::string& value : split(rest.substr(1, rest.size() - 2), ',')) out.values.emplace_back(trim(value));
  return out;
}

Result<Requirement> parse_requirement(std::string_view part, std::string_view whole) {
  if (const std::size_t at = part.find(" notin"); at != std::string_view::npos) return parse_set(part, whole, Operator::not_in, at, 6);
  if (const std::size_t at = part.find(" in"); at != std::string_view::npos && part.find('(') != std::string_view::npos)
    return parse_set(part, whole, Operator::in, at, 3);
  const auto bad = [&] {
    return Error{Code::malformed, cat("unable to parse the label selector ", quote(whole), ": ", quote(part), " is no requirement")};
  };
  const std::size_t equals = part.find('=');
  if (equals == std::string_view::npos) {
    const bool absent = !part.empty() && part.front() == '!';
    const std::string_view key = trim(absent ? part.substr(1) : part);
    if (!is_label_key(key)) return bad();
    return Requirement{absent ? Operator::absent : Operator::exists, std::string(key), {}};
  }
  const bool negative = equals > 0 && part[equals - 1] == '!';
  const std::string_view key = trim(part.substr(0, negative ? equals - 1 : equals));
  std::string_view value = part.substr(equals + 1);
  if (!negative && value.starts_with("=")) value.remove_prefix(1);
  if (!is_label_key(key) || value.find('=') != std::string_view::npos) return bad();
  return Requirement{negative ? Operator::not_in : Operator::in, std::string(key), {std::string(trim(value))}};
}

}  // namespace

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  if (trim(text).empty()) return out;
  for (const std::string& part : parts_of(text)) {
    TRY(Requirement requirement, parse_requirement(part, text));
    out.requirements_.push_back(std::move(requirement));
  }
  return out;
}

Result<LabelSelector> LabelSelector::from(const Value& selector) {
  LabelSelector out;
  for (const auto& [key, value] : selector["matchLabels"].as_object())
    out.requirements_.push_back({Operator::in, key, {std::string(value.as_string())}});
  for (const Value& expression : selector["matchExpressions"].as_array()) {
    Requirement requirement;
    requirement.key = expression["key"].as_string();
    for (const Value& value : expression["values"].as_array()) requirement.values.emplace_back(value.as_string());
    const std::string_view op = expression["operator"].as_string();
    if (op == "In") requirement.op = Operator::in;
    else if (op == "NotIn") requirement.op = Operator::not_in;
    else if (op == "Exists") requirement.op = Operator::exists;
    else if (op == "DoesNotExist") requirement.op = Operator::absent;
    else return Error{Code::invalid, cat("label selector operator ", quote(op), " is not one of In, NotIn, Exists, DoesNotExist")};
    out.requirements_.push_back(std::move(requirement));
  }
  return out;
}

LabelSelector LabelSelector::from(const Labels& labels) {
  LabelSelector out;
  for (const auto& [key, value] : labels) out.requirements_.push_back({Operator::in, key, {value}});
  return out;
}

bool LabelSelector::matches(const Labels& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    const auto found = labels.find(requirement.key);
    const bool there = found != labels.end();
    const bool listed = there && std::find(requirement.values.begin(), requirement.values.end(), found->second) != requirement.values.end();
    switch (requirement.op) {
      case Operator::in: return listed;
      case Operator::not_in: return !listed;
      case Operator::exists: return there;
      case Operator::absent: return !there;
    }
    return false;
  });
}

std::string LabelSelector::text() const {
  std::vector<std::string> parts;
  for (const Requirement& requirement : requirements_) {
    switch (requirement.op) {
      case Operator::exists: parts.push_back(requirement.key); break;
      case Operator::absent: parts.push_back("!" + requirement.key); break;
      case Operator::in:
        parts.push_back(requirement.values.size() == 1 ? cat(requirement.key, "=", requirement.values[0])
                                                       : cat(requirement.key, " in (", join(requirement.values, ","), ")"));
        break;
      case Operator::not_in:
        parts.push_back(requirement.values.size() == 1 ? cat(requirement.key, "!=", requirement.values[0])
                                                       : cat(requirement.key, " notin (", join(requirement.values, ","), ")"));
        break;
    }
  }
  return join(parts, ",");
}

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector out;
  if (trim(text).empty()) return out;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error{Code::malformed, cat("invalid field selector ", quote(text), ": ", quote(part), " is not of the form path=value")};
    const bool negative = part[equals - 1] == '!';
    std::string_view value = std::string_view(part).substr(equals + 1);
    if (!negative && value.starts_with("=")) value.remove_prefix(1);
    out.requirements_.push_back({std::string(trim(part.substr(0, negative ? equals - 1 : equals))), !negative, std::string(trim(value))});
  }
  return out;
}

bool FieldSelector::matches(const std::function<std::string(std::string_view)>& field) const {
  return std::all_of(requirements_.begin(), requirements_.end(),
                     [&](const Requirement& requirement) { return (field(requirement.path) == requirement.value) == requirement.equal; });
}

}  // namespace masu::kube
