#pragma once
/// The three ways Kubernetes changes a tree. All pure; the input is never changed on failure.

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "value/value.h"

namespace masu {

/// RFC 6901: the value at "/spec/containers/0"; not_found names the part that is missing.
Result<Value> pointer_get(const Value& document, std::string_view pointer);
/// "a/b" as one reference token: "a~1b".
std::string pointer_escape(std::string_view token);

/// RFC 6902. `patch` is the array of operations. invalid names the operation that cannot be applied.
Result<Value> json_patch(const Value& document, const Value& patch);
/// RFC 7386.
Value merge_patch(const Value& document, const Value& patch);
/// The smallest merge patch p with merge_patch(from, p) == to; null if both are equal. Lists are replaced whole.
Value merge_diff(const Value& from, const Value& to);

/// How a list at a path merges; path elements are field names, list elements are left out ("spec.containers.env").
struct ListMerge {
  enum class Strategy { replace, merge_by_key, merge_values } strategy = Strategy::replace;
  std::string key;           // merge_by_key
  bool retain_keys = false;  // drop members that $retainKeys does not name
};
/// Answers for one kind: which list fields merge. `path` as in ListMerge.
using MergeSchema = std::function<ListMerge(std::string_view path)>;

/// Strategic merge with $patch, $setElementOrder, $deleteFromPrimitiveList and $retainKeys (spec kubernetes-api 10).
Result<Value> strategic_merge(const Value& document, const Value& patch, const MergeSchema& schema);

}  // namespace masu
