#pragma once
/// OpenAPI v3 structural schemas of CRDs: prune, default, validate (spec kubernetes-api 18).

#include <string>
#include <vector>

#include "base/result.h"
#include "value/value.h"

namespace masu {

struct SchemaOutcome {
  Value value;                       // pruned and defaulted
  std::vector<std::string> unknown;  // paths of pruned fields
};
/// Drops unknown fields (x-kubernetes-preserve-unknown-fields, embedded resources respected; apiVersion, kind and
/// metadata of the root kept) and fills defaults inside parents that exist.
SchemaOutcome apply_schema(const Value& schema, const Value& object);
/// One cause for each violation, in upstream's words ("Invalid value: 33: spec.size in body should be less than or equal
/// to 10"). Validates types, limits, patterns, enums, combinations and list types; rules in CEL are not evaluated.
std::vector<Cause> validate_schema(const Value& schema, const Value& object);

}  // namespace masu
