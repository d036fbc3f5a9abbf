#include "value/patch.h"

#include <charconv>

#include "base/text.h"
#include "value/json.h"

namespace masu {
namespace {

std::string pointer_unescape(std::string_view token) { return replace_all(replace_all(token, "~1", "/"), "~0", "~"); }

Result<std::vector<std::string>> pointer_tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (pointer[0] != '/')
    return Error{Code::invalid, cat("JSON pointer ", quote(pointer), " must be empty or start with \"/\"")};
  for (const std::string& part : split(pointer.substr(1), '/')) tokens.push_back(pointer_unescape(part));
  return tokens;
}

/// An index below `size`; RFC 6901 allows no sign and no leading zeros.
std::optional<std::size_t> list_index(std::string_view token, std::size_t size) {
  if (token.empty() || (token.size() > 1 && token[0] == '0')) return {};
  std::size_t index = 0;
  const auto [end, problem] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (problem != std::errc{} || end != token.data() + token.size() || index >= size) return {};
  return index;
}

/// The child of a container, or null if there is none.
Value* child(Value& container, const std::string& token) {
  if (container.is_object()) {
    const auto found = container.object().find(token);
    return found == container.object().end() ? nullptr : &found->second;
  }
  if (container.is_array())
    if (const auto index = list_index(token, container.as_array().size())) return &container.array()[*index];
  return nullptr;
}

Result<Value*> walk(Value& document, const std::vector<std::string>& tokens, std::size_t count) {
  Value* at = &document;
  std::string path;
  for (std::size_t i = 0; i < count; ++i) {
    path += cat("/", pointer_escape(tokens[i]));
    at = child(*at, tokens[i]);
    if (at == nullptr) return Error{Code::not_found, cat("the document has nothing at ", quote(path))};
  }
  return at;
}

/// Equal as JSON: 1 and 1.0 are the same number.
bool same_json(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a == b || a.as_number() == b.as_number();
  if (a.type() != b.type()) return false;
  if (a.is_array()) {
    const Array &left = a.as_array(), &right = b.as_array();
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i)
      if (!same_json(left[i], right[i])) return false;
    return true;
  }
  if (a.is_object()) {
    const Object &left = a.as_object(), &right = b.as_object();
    if (left.size() != right.size()) return false;
    for (auto l = left.begin(), r = right.begin(); l != left.end(); ++l, ++r)
      if (l->first != r->first || !same_json(l->second, r->second)) return false;
    return true;
  }
  return a == b;
}

Status add_at(Value& document, const std::vector<std::string>& tokens, Value value) {
  if (tokens.empty()) {
    document = std::move(value);
    return {};
  }
  TRY(Value* const parent, walk(document, tokens, tokens.size() - 1));
  const std::string& last = tokens.back();
  if (parent->is_object()) {
    (*parent)[last] = std::move(value);
    return {};
  }
  if (!parent->is_array())
    return Error{Code::invalid, cat("a member ", quote(last), " cannot be added to a ", name(parent->type()))};
  Array& elements = parent->array();
  if (last == "-") {
    elements.push_back(std::move(value));
    return {};
  }
  const auto index = list_index(last, elements.size() + 1);
  if (!index) return Error{Code::invalid, cat(quote(last), " is no place in a list of ", elements.size())};
  elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return {};
}

Result<Value> remove_at(Value& document, const std::vector<std::string>& tokens) {
  if (tokens.empty()) return std::exchange(document, Value());
  TRY(Value* const parent, walk(document, tokens, tokens.size() - 1));
  TRY(Value* const found, walk(document, tokens, tokens.size()));
  Value removed = std::move(*found);
  if (parent->is_object()) parent->erase(tokens.back());
  else parent->array().erase(parent->array().begin() + static_cast<std::ptrdiff_t>(*list_index(tokens.back(), parent->as_array().size())));
  return removed;
}

Status apply_operation(Value& document, const Value& operation) {
  if (!operation.is_object()) return Error{Code::invalid, "an operation must be an object"};
  const std::string_view op = operation["op"].as_string();
  if (!operation["path"].is_string()) return Error{Code::invalid, "\"path\" is missing"};
  TRY(const auto path, pointer_tokens(operation["path"].as_string()));
  const bool wants_value = op == "add" || op == "replace" || op == "test";
  if (wants_value && !operation.contains("value")) return Error{Code::invalid, "\"value\" is missing"};
  if (op == "add") return add_at(document, path, operation["value"]);
  if (op == "remove") {
    TRY_OK(remove_at(document, path));
    return {};
  }
  if (op == "replace") {
    TRY(Value* const found, walk(document, path, path.size()));
    *found = operation["value"];
    return {};
  }
  if (op == "test") {
    TRY(const Value* const found, walk(document, path, path.size()));
    if (same_json(*found, operation["value"])) return {};
    return Error{Code::invalid, cat("the test failed: found ", to_json(*found), ", expected ", to_json(operation["value"]))};
  }
  if (op == "move" || op == "copy") {
    if (!operation["from"].is_string()) return Error{Code::invalid, "\"from\" is missing"};
    TRY(const auto from, pointer_tokens(operation["from"].as_string()));
    if (op == "copy") {
      TRY(const Value* const found, walk(document, from, from.size()));
      return add_at(document, path, Value(*found));
    }
    const bool into_itself = path.size() > from.size() && std::equal(from.begin(), from.end(), path.begin());
    if (into_itself) return Error{Code::invalid, "a value cannot be moved into itself"};
    TRY(Value moved, remove_at(document, from));
    return add_at(document, path, std::move(moved));
  }
  return Error{Code::invalid, cat("\"op\" must be add, remove, replace, move, copy or test, not ", to_json(operation["op"]))};
}

}  // namespace

std::string pointer_escape(std::string_view token) { return replace_all(replace_all(token, "~", "~0"), "/", "~1"); }

Result<Value> pointer_get(const Value& document, std::string_view pointer) {
  TRY(const auto tokens, pointer_tokens(pointer));
  const Value* at = &document;
  std::string path;
  for (const std::string& token : tokens) {
    path += cat("/", pointer_escape(token));
    const auto index = at->is_array() ? list_index(token, at->as_array().size()) : std::nullopt;
    if (index) at = &(*at)[*index];
    else if (at->is_object() && at->contains(token)) at = &(*at)[token];
    else return Error{Code::not_found, cat("the document has nothing at ", quote(path))};
  }
  return *at;
}

Result<Value> json_patch(const Value& document, const Value& patch) {
  if (!patch.is_array()) return Error{Code::invalid, cat("a JSON patch must be a list of operations, not ", name(patch.type()))};
  Value result = document;
  for (std::size_t i = 0; i < patch.as_array().size(); ++i) {
    const Value& operation = patch[i];
    if (auto done = apply_operation(result, operation); !done.ok()) {
      const std::string what = cat(operation["op"].as_string("?"), " ", quote(operation["path"].as_string()));
      return Error{Code::invalid, cat("JSON patch operation ", i, " (", what, "): ", done.error().message)};
    }
  }
  return result;
}

Value merge_patch(const Value& document, const Value& patch) {
  if (!patch.is_object()) return patch;
  Value result = document.is_object() ? document : Value(Object{});
  Object& members = result.object();
  for (const auto& [key, change] : patch.as_object()) {
    if (change.is_null()) {
      members.erase(key);
    } else if (change.is_object()) {
      members[key] = merge_patch(members[key], change);
    } else {
      members[key] = change;
    }
  }
  return result;
}

Value merge_diff(const Value& from, const Value& to) {
  // 1 and 1.0 are written alike: their difference would be found again in what was stored, for ever.
  if (same_json(from, to)) return Value();
  if (!from.is_object() || !to.is_object()) return to;
  Object patch;
  for (const auto& [key, member] : from.as_object())
    if (!to.contains(key)) patch.emplace(key, Value());
  for (const auto& [key, member] : to.as_object()) {
    const Value& before = from[key];
    if (!from.contains(key)) patch.emplace(key, member);
    else if (!same_json(before, member)) patch.emplace(key, merge_diff(before, member));
  }
  return Value(std::move(patch));
}

}  // namespace masu
