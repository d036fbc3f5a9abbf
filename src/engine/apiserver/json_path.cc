#include "apiserver/json_path.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace masu::apiserver {

namespace {

struct Step {
  enum class Kind { member, index, slice, all, filter } kind = Kind::member;
  std::string name;                 // member
  std::int64_t index = 0;           // index, or the slice's begin; from the end if negative
  std::optional<std::int64_t> end = {};  // slice: behind its last element; no value: to the end of the list
  std::vector<std::string> left;    // filter: members below @
  std::string right;                // filter: the text compared with
};

Error broken(std::string_view path, std::string_view why) {
  return {Code::malformed, cat("JSON path ", quote(path), ": ", why)};
}

/// What stands between [ and ].
Result<Step> bracket(std::string_view path, std::string_view inside) {
  if (inside == "*") return Step{.kind = Step::Kind::all};
  if (inside.size() >= 2 && (inside.front() == '\'' || inside.front() == '"') && inside.back() == inside.front())
    return Step{.kind = Step::Kind::member, .name = std::string(inside.substr(1, inside.size() - 2))};
  if (inside.starts_with("?(@.") && inside.ends_with(")")) {
    const std::string_view condition = inside.substr(4, inside.size() - 5);
    const std::size_t equals = condition.find("==");
    if (equals == std::string_view::npos) return broken(path, "a filter must be of the form [?(@.name==\"value\")]");
    std::string_view right = trim(condition.substr(equals + 2));
    if (right.size() >= 2 && (right.front() == '"' || right.front() == '\'')) right = right.substr(1, right.size() - 2);
    return Step{.kind = Step::Kind::filter, .left = split(trim(condition.substr(0, equals)), '.'), .right = std::string(right)};
  }
  Step step{.kind = Step::Kind::index};
  if (const std::size_t colon = inside.find(':'); colon != std::string_view::npos) {
    step.kind = Step::Kind::slice;
    const std::string_view first = trim(inside.substr(0, colon)), last = trim(inside.substr(colon + 1));
    const auto number = [](std::string_view text, std::int64_t& into) {
      return std::from_chars(text.data(), text.data() + text.size(), into).ptr == text.data() + text.size();
    };
    std::int64_t behind = 0;
    if ((!first.empty() && !number(first, step.index)) || (!last.empty() && !number(last, behind))) return broken(path, cat("cannot read [", inside, "]"));
    if (!last.empty()) step.end = behind;
    return step;
  }
  const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
  if (error != std::errc{} || end != inside.data() + inside.size()) return broken(path, cat("cannot read [", inside, "]"));
  return step;
}

Result<std::vector<Step>> parse(std::string_view path) {
  std::vector<Step> steps;
  std::string_view rest = trim(path);
  if (rest.starts_with('{') && rest.ends_with('}')) rest = rest.substr(1, rest.size() - 2);
  if (rest.starts_with('$')) rest.remove_prefix(1);
  while (!rest.empty()) {
    if (rest.front() == '[') {
      char quoted = 0;
      std::size_t end = 1;
      for (; end < rest.size() && (quoted != 0 || rest[end] != ']'); ++end) {
        if (quoted != 0) quoted = rest[end] == quoted ? 0 : quoted;
        else if (rest[end] == '\'' || rest[end] == '"') quoted = rest[end];
      }
      if (end == rest.size()) return broken(path, "a [ is never closed");
      TRY(Step step, bracket(path, rest.substr(1, end - 1)));
      steps.push_back(std::move(step));
      rest.remove_prefix(end + 1);
      continue;
    }
    if (rest.front() == '.') rest.remove_prefix(1);
    Step step;
    while (!rest.empty() && rest.front() != '.' && rest.front() != '[') {
      if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);  // "a\.b": a dot in a name
      step.name += rest.front();
      rest.remove_prefix(1);
    }
    if (step.name.empty()) return broken(path, "an empty name");
    if (step.name == "*") step.kind = Step::Kind::all;
    steps.push_back(std::move(step));
  }
  return steps;
}

std::string text_of(const Value& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_integer()) return cat(value.as_integer());
  return {};
}

void take(const Value& from, const Step& step, std::vector<Value>& into) {
  switch (step.kind) {
    case Step::Kind::member:
      if (from.contains(step.name)) into.push_back(from[step.name]);
      break;
    case Step::Kind::index: {
      const auto size = static_cast<std::int64_t>(from.as_array().size());
      const std::int64_t at = step.index < 0 ? size + step.index : step.index;
      if (at >= 0 && at < size) into.push_back(from.as_array()[static_cast<std::size_t>(at)]);
      break;
    }
    case Step::Kind::slice: {
      const auto size = static_cast<std::int64_t>(from.as_array().size());
      const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? size + at : at, 0, size); };
      for (std::int64_t at = place(step.index); at < place(step.end.value_or(size)); ++at) into.push_back(from.as_array()[static_cast<std::size_t>(at)]);
      break;
    }
    case Step::Kind::all:
      for (const Value& element : from.as_array()) into.push_back(element);
      for (const auto& [name, member] : from.as_object()) into.push_back(member);
      break;
    case Step::Kind::filter:
      for (const Value& element : from.as_array()) {
        const Value* at = &element;
        for (const std::string& name : step.left) at = &(*at)[name];
        if (!at->is_null() && text_of(*at) == step.right) into.push_back(element);
      }
      break;
  }
}

}  // namespace

Result<std::vector<Value>> json_path(const Value& object, std::string_view path) {
  TRY(const std::vector<Step> steps, parse(path));
  std::vector<Value> found{object};
  for (const Step& step : steps) {
    std::vector<Value> next;
    for (const Value& value : found) take(value, step, next);
    found = std::move(next);
  }
  return found;
}

Status json_path_set(Value& object, std::string_view path, Value value) {
  TRY(const std::vector<Step> steps, parse(path));
  Value* at = &object;
  for (const Step& step : steps) {
    if (step.kind != Step::Kind::member) return broken(path, "only member names may stand here");
    at = &(*at)[step.name];
  }
  *at = std::move(value);
  return {};
}

}  // namespace masu::apiserver
