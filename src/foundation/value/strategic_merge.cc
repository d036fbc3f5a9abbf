/// Strategic merge, as k8s.io/apimachinery/pkg/util/strategicpatch applies it on the server.
#include <algorithm>

#include "base/text.h"
#include "value/json.h"
#include "value/patch.h"

namespace masu {
namespace {

constexpr std::string_view directive = "$patch";
constexpr std::string_view retain_keys = "$retainKeys";
constexpr std::string_view order_prefix = "$setElementOrder/";
constexpr std::string_view delete_prefix = "$deleteFromPrimitiveList/";

Error refused(std::string_view path, std::string_view what) {
  return Error{Code::invalid, cat("strategic merge patch at ", path.empty() ? "the root" : path, ": ", what)};
}

std::string below(std::string_view path, std::string_view key) { return path.empty() ? std::string(key) : cat(path, ".", key); }

class Merge {
 public:
  explicit Merge(const MergeSchema& schema) : schema_(schema) {}

  Result<Value> map(const Value& original, const Value& patch, const std::string& path) const {
    if (patch.contains(directive)) {
      const std::string_view how = patch[directive].as_string();
      Value rest = patch;
      rest.erase(directive);
      if (how == "replace") return map(Value(Object{}), rest, path);
      if (how == "delete") return Value(Object{});
      if (how == "merge") return map(original, rest, path);
      return refused(path, cat("$patch must be replace, delete or merge, not ", to_json(patch[directive])));
    }
    Value result = original.is_object() ? original : Value(Object{});
    TRY_OK(retain(result, patch, path));
    for (const auto& [key, change] : patch.as_object()) {
      if (key == retain_keys) continue;
      if (key.starts_with(delete_prefix)) {
        remove_values(result, key.substr(delete_prefix.size()), change);
        continue;
      }
      if (key.starts_with(order_prefix)) {
        // A list that the patch does not name may still be put into another order.
        const std::string list_key = key.substr(order_prefix.size());
        if (!patch.contains(list_key) && result[list_key].is_array()) {
          TRY(result[list_key], list(result[list_key], Value(Array{}), change, below(path, list_key)));
        }
        continue;
      }
      const std::string member_path = below(path, key);
      if (change.is_null()) {
        result.erase(key);
      } else if (change.is_object()) {
        TRY(result[key], map(std::as_const(result)[key], change, member_path));
      } else if (change.is_array()) {
        TRY(result[key], list(std::as_const(result)[key], change, patch[cat(order_prefix, key)], member_path));
      } else {
        result[key] = change;
      }
    }
    return result;
  }

 private:
  static Status retain(Value& result, const Value& patch, const std::string& path) {
    if (!patch.contains(retain_keys)) return {};
    const Array& kept = patch[retain_keys].as_array();
    const auto is_kept = [&](const std::string& key) { return std::find(kept.begin(), kept.end(), Value(key)) != kept.end(); };
    for (const auto& [key, change] : patch.as_object())
      if (!key.starts_with('$') && !change.is_null() && !is_kept(key))
        return refused(path, cat("$retainKeys does not name ", quote(key), ", which the patch sets"));
    std::erase_if(result.object(), [&](const auto& member) { return !is_kept(member.first); });
    return {};
  }

  static void remove_values(Value& result, std::string_view key, const Value& doomed) {
    if (!std::as_const(result)[key].is_array()) return;
    std::erase_if(result[key].array(), [&](const Value& element) {
      const Array& all = doomed.as_array();
      return std::find(all.begin(), all.end(), element) != all.end();
    });
  }

  Result<Value> list(const Value& original, const Value& patch, const Value& order, const std::string& path) const {
    const ListMerge how = schema_(path);
    switch (how.strategy) {
      case ListMerge::Strategy::replace: return without_directives(patch, path);
      case ListMerge::Strategy::merge_values: {
        Array result = original.as_array();
        for (const Value& element : patch.as_array())
          if (std::find(result.begin(), result.end(), element) == result.end()) result.push_back(element);
        return ordered(std::move(result), original.as_array(), order, "");
      }
      case ListMerge::Strategy::merge_by_key: {
        TRY(Array merged, by_key(original.as_array(), patch.as_array(), how.key, path));
        return ordered(std::move(merged), original.as_array(), order, how.key);
      }
    }
    return patch;
  }

  /// A list that is taken whole still may not carry directives into storage.
  Result<Value> without_directives(const Value& patch, const std::string& path) const {
    Array elements;
    for (const Value& element : patch.as_array()) {
      if (!element.is_object()) {
        elements.push_back(element);
        continue;
      }
      if (element.contains(directive) && element.as_object().size() == 1) continue;
      TRY(Value clean, map(Value(Object{}), element, path));
      elements.push_back(std::move(clean));
    }
    return Value(std::move(elements));
  }

  Result<Array> by_key(const Array& original, const Array& patch, const std::string& key, const std::string& path) const {
    Array result = original;
    for (const Value& element : patch)
      if (element[directive].as_string() == "replace") {  // anywhere in the list: the others are the new list
        result.clear();
        break;
      }
    const auto same_key = [&](const Value& wanted) {
      return [&](const Value& element) { return !wanted.is_null() && element[key] == wanted; };
    };
    for (const Value& element : patch) {
      const std::string_view how = element[directive].as_string();
      if (how == "replace") {
        Value rest = element;
        rest.erase(directive);
        if (!rest.as_object().empty()) result.push_back(std::move(rest));
        continue;
      }
      if (!element.is_object()) return refused(path, cat("an element must be an object, not ", to_json(element)));
      if (!element.contains(key)) return refused(path, cat("an element has no ", quote(key), ", which tells elements apart"));
      if (how == "delete") {
        std::erase_if(result, same_key(element[key]));
        continue;
      }
      const auto found = std::find_if(result.begin(), result.end(), same_key(element[key]));
      if (found == result.end()) {
        TRY(Value added, map(Value(Object{}), element, path));
        result.push_back(std::move(added));
      } else {
        TRY(*found, map(Value(*found), element, path));
      }
    }
    return result;
  }

  /// Upstream's order: elements that `order` names stand in that order; the others keep their place before those that
  /// they stood before.
  static Value ordered(Array merged, const Array& server, const Value& order, const std::string& key) {
    if (!order.is_array()) return Value(std::move(merged));
    const auto identity = [&](const Value& element) -> const Value& { return key.empty() ? element : element[key]; };
    const auto position = [&](const Array& in, const Value& element) {
      const auto found = std::find_if(in.begin(), in.end(), [&](const Value& other) { return identity(other) == identity(element); });
      return found == in.end() ? std::ptrdiff_t{-1} : found - in.begin();
    };
    const Array& wanted = order.as_array();
    Array named, others;
    for (Value& element : merged) (position(wanted, element) >= 0 ? named : others).push_back(std::move(element));
    std::stable_sort(named.begin(), named.end(), [&](const Value& a, const Value& b) { return position(wanted, a) < position(wanted, b); });
    Array result;
    auto other = others.begin();
    auto next = named.begin();
    while (other != others.end() || next != named.end()) {
      bool take_other = next == named.end();
      if (!take_other && other != others.end()) {
        const std::ptrdiff_t left = position(server, *other), right = position(server, *next);
        take_other = left >= 0 && right >= 0 && left < right;
      }
      result.push_back(std::move(take_other ? *other++ : *next++));
    }
    return Value(std::move(result));
  }

  const MergeSchema& schema_;
};

}  // namespace

Result<Value> strategic_merge(const Value& document, const Value& patch, const MergeSchema& schema) {
  if (!patch.is_object()) return Error{Code::invalid, cat("a strategic merge patch must be an object, not ", name(patch.type()))};
  return Merge(schema).map(document, patch, "");
}

}  // namespace masu
