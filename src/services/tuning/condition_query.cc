#include "tuning/condition_query.h"

#include <charconv>

#include "base/text.h"
#include "value/json.h"

namespace masu::tuning {
namespace {

constexpr int depth_max = 32;

/// Where the component that starts at `at` ends: at a `.` or `|` outside of brackets and quotes, or at the end.
/// npos: brackets or quotes are not closed.
std::size_t component_end(std::string_view path, std::size_t at, std::string_view stops) {
  std::string open;
  for (std::size_t i = at; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '\\') {
      ++i;
    } else if (!open.empty() && open.back() == '"') {
      if (c == '"') open.pop_back();
    } else if (c == '"' && !open.empty()) {
      open.push_back(c);
    } else if (c == '(' || c == '[') {
      open.push_back(c == '(' ? ')' : ']');
    } else if (!open.empty() && c == open.back()) {
      open.pop_back();
    } else if (open.empty() && stops.find(c) != std::string_view::npos) {
      return i;
    }
  }
  return open.empty() ? path.size() : std::string_view::npos;
}

bool glob(std::string_view pattern, std::string_view text) {
  // Greedy with one point of return: linear in practice, quadratic at worst.
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') star = p++, mark = t;
    else if (p < pattern.size() && pattern[p] == '\\' && p + 1 < pattern.size() && pattern[p + 1] == text[t]) p += 2, ++t;
    else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) ++p, ++t;
    else if (star != std::string_view::npos) p = star + 1, t = ++mark;
    else return false;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

struct Filter {
  std::string_view path, op, literal;
};

/// `type=="Complete"`: the operator is the first one outside of brackets and quotes.
Filter split_filter(std::string_view text) {
  const std::size_t at = component_end(text, 0, "=!<>%");
  if (at == std::string_view::npos || at == text.size()) return {trim(text), {}, {}};
  std::size_t length = 1;
  if (at + 1 < text.size() && (text[at + 1] == '=' || (text[at] == '!' && text[at + 1] == '%'))) length = 2;
  return {trim(text.substr(0, at)), text.substr(at, length), trim(text.substr(at + length))};
}

std::optional<Value> literal_of(std::string_view text) {
  if (auto parsed = parse_json(text); parsed.ok() && !parsed->is_object() && !parsed->is_array()) return std::move(*parsed);
  return {};
}

bool compares(const Value& left, std::string_view op, const Value& right) {
  if (op == "%" || op == "!%") return left.is_string() && right.is_string() && glob(right.as_string(), left.as_string()) == (op == "%");
  if (op == "==" || op == "=") return left.is_number() && right.is_number() ? left.as_number() == right.as_number() : left == right;
  if (op == "!=") return !compares(left, "==", right);
  int order = 0;
  if (left.is_number() && right.is_number()) order = left.as_number() < right.as_number() ? -1 : left.as_number() > right.as_number();
  else if (left.is_string() && right.is_string()) order = left.as_string().compare(right.as_string());
  else return false;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

std::optional<Value> walk(const Value& value, std::string_view path, int depth);

bool passes(const Value& element, const Filter& filter, int depth) {
  const std::optional<Value> left = filter.path.empty() ? std::optional(element) : walk(element, filter.path, depth + 1);
  if (!left) return false;
  if (filter.op.empty()) return true;
  const auto right = literal_of(filter.literal);
  return right && compares(*left, filter.op, *right);
}

/// `path` applied to each element; those where it leads nowhere are left out.
Value for_each(const Array& elements, std::string_view path, int depth) {
  Array out;
  for (const Value& element : elements) {
    if (auto found = walk(element, path, depth + 1)) out.push_back(std::move(*found));
  }
  return out;
}

std::optional<Value> member(const Value& value, std::string_view key) {
  if (value.is_array()) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (error != std::errc{} || end != key.data() + key.size() || index >= value.as_array().size()) return {};
    return value[index];
  }
  if (!value.is_object()) return {};
  if (key.find_first_of("*?") != std::string_view::npos) {
    for (const auto& [name, child] : value.as_object()) {
      if (glob(key, name)) return child;
    }
    return {};
  }
  const std::string name = unescape(key);
  if (!value.contains(name)) return {};
  return value[name];
}

std::optional<Value> walk(const Value& value, std::string_view path, int depth) {
  if (depth > depth_max) return {};
  if (path.empty()) return value;
  const std::size_t end = component_end(path, 0, ".|");
  if (end == std::string_view::npos) return {};
  const std::string_view component = path.substr(0, end);
  const bool more = end < path.size(), mapped = more && path[end] == '.';
  const std::string_view rest = more ? path.substr(end + 1) : std::string_view{};

  // After a list of results `.` goes into each element, up to the next `|`.
  const auto into_each = [&](const Array& elements) -> std::optional<Value> {
    const std::size_t pipe = component_end(rest, 0, "|");
    if (pipe == std::string_view::npos) return {};
    Value each = for_each(elements, rest.substr(0, pipe), depth);
    return pipe < rest.size() ? walk(each, rest.substr(pipe + 1), depth + 1) : std::optional<Value>(std::move(each));
  };

  if (component == "#") {
    if (!value.is_array()) return {};
    if (mapped) return into_each(value.as_array());
    return walk(Value(value.as_array().size()), rest, depth + 1);
  }
  if (component.starts_with("#(")) {
    if (!value.is_array()) return {};
    const bool all = component.ends_with(")#");
    if (!all && !component.ends_with(")")) return {};
    const Filter filter = split_filter(component.substr(2, component.size() - (all ? 4 : 3)));
    Array matches;
    for (const Value& element : value.as_array()) {
      if (!passes(element, filter, depth)) continue;
      if (!all) return walk(element, rest, depth + 1);
      matches.push_back(element);
    }
    if (!all) return {};
    if (mapped) return into_each(matches);
    return walk(Value(std::move(matches)), rest, depth + 1);
  }
  if (component == "@this") return walk(value, rest, depth + 1);
  if (component.starts_with('[') && component.ends_with(']')) {
    Array out;
    std::string_view inner = component.substr(1, component.size() - 2);
    while (!inner.empty()) {
      const std::size_t comma = component_end(inner, 0, ",");
      if (comma == std::string_view::npos) return {};
      if (auto found = walk(value, trim(inner.substr(0, comma)), depth + 1)) out.push_back(std::move(*found));
      inner = comma < inner.size() ? inner.substr(comma + 1) : std::string_view{};
    }
    return walk(Value(std::move(out)), rest, depth + 1);
  }
  const auto found = member(value, component);
  if (!found) return {};
  return walk(*found, rest, depth + 1);
}

}  // namespace

Status check_condition(std::string_view path) {
  if (path.empty()) return {};
  std::size_t at = 0;
  while (at <= path.size()) {
    const std::size_t end = component_end(path, at, ".|");
    const auto wrong = [&](std::string_view what) {
      return Error{Code::malformed, cat("condition ", quote(path), ": ", what, " at character ", at + 1)};
    };
    if (end == std::string_view::npos) return wrong("a bracket or quote is not closed");
    const std::string_view component = path.substr(at, end - at);
    if (component.empty()) return wrong("an empty component");
    if (component.starts_with('@') && component != "@this") return wrong(cat("modifier ", component, " is not served (only @this is)"));
    if (component.starts_with('{')) return wrong("an object construction is not served");
    if (component.starts_with("#(")) {
      const bool all = component.ends_with(")#");
      if (!all && !component.ends_with(")")) return wrong("a query is not closed by )");
      const Filter filter = split_filter(component.substr(2, component.size() - (all ? 4 : 3)));
      if (!filter.op.empty() && !literal_of(filter.literal))
        return wrong(cat("the query compares with ", filter.literal, ", which is no JSON literal"));
      if (!filter.path.empty()) TRY_OK(check_condition(filter.path));
    }
    at = end + 1;
  }
  return {};
}

std::optional<Value> query(const Value& document, std::string_view path) {
  if (!check_condition(path).ok()) return {};
  return walk(document, path, 0);
}

std::optional<Matched> condition_holds(const Value& document, std::string_view path) {
  const auto found = query(document, path);
  if (path.empty() || !found) return {};
  const Value& first = found->is_array() ? (*found)[std::size_t{0}] : *found;
  if (found->is_array() ? found->as_array().empty() : !found->is_object()) return {};
  return Matched{std::string(first["reason"].as_string()), std::string(first["message"].as_string()),
      std::string(first["lastTransitionTime"].as_string())};
}

}  // namespace masu::tuning
