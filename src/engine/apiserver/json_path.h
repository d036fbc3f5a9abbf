#pragma once
/// The simple JSONPath of printer columns, scale and selectable fields: ".spec.replicas", ".status.conditions[0].type",
/// ".metadata.labels['a.b/c']", ".status.conditions[?(@.type==\"Ready\")].status". Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "value/value.h"

namespace masu::apiserver {

/// All values at the path, in order; empty if there is none. malformed if the path cannot be read.
Result<std::vector<Value>> json_path(const Value& object, std::string_view path);
/// Puts a value at a path of plain member names, making objects on the way.
Status json_path_set(Value& object, std::string_view path, Value value);

}  // namespace masu::apiserver
