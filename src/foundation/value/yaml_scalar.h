#pragma once
/// YAML 1.1's reading of plain scalars, as sigs.k8s.io/yaml does it; one idea for reading and printing.

#include <optional>
#include <string_view>

#include "base/result.h"
#include "value/value.h"

namespace masu {

/// What an unquoted `text` means: null, a boolean, a number or itself. malformed for .inf and .nan, which JSON has not.
Result<Value> resolve_plain_scalar(std::string_view text);

/// True if `text`, written without quotes, would be read as something else than this string.
bool needs_quotes(std::string_view text);

}  // namespace masu
