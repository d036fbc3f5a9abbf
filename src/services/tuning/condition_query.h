#pragma once
/// Success and failure of a trial's workload: the part of GJSON that Katib's defaults and published examples use.
///
///   status.conditions.#(type=="Complete")#|#(status=="True")#
///
/// Path components separated by `.`, `|` (applies the rest to the whole result), `\` escapes, array index, `#` (length,
/// or the rest for each element), `#(path op literal)` first match and `#(...)#` all matches with == != < <= > >= % !%,
/// `*` and `?` in keys, `@this`, `[a,b]`. Anything else is refused by check_condition, never misread.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "value/value.h"

namespace masu::tuning {

/// malformed with the place that cannot be read.
Status check_condition(std::string_view path);

/// The value at a path; no value if there is none (also for a path that check_condition refuses).
std::optional<Value> query(const Value& document, std::string_view path);

struct Matched {
  std::string reason, message;             // of the matched object, if it has any
  std::string time;                        // its lastTransitionTime
};
/// Whether a condition holds: its result is an object, or a list with at least one element (the first one counts).
std::optional<Matched> condition_holds(const Value& document, std::string_view path);

}  // namespace masu::tuning
