#pragma once
/// JSON text to tree and back. Boost.JSON does the reading; it is seen only in json.cc.

#include <string>
#include <string_view>

#include "base/result.h"
#include "value/value.h"

namespace masu {

/// Reads one JSON document (RFC 8259). Duplicate members: the last one counts. Depth at most 512.
/// malformed with line and column otherwise.
Result<Value> parse_json(std::string_view text);

/// As parse_json, and lists the paths of duplicate members ("data.a"), for strict field validation.
Result<Value> parse_json(std::string_view text, std::vector<std::string>& duplicates);

/// One line, members sorted by name.
std::string to_json(const Value& value);
/// Indented by `indent` blanks a level, with a newline at the end.
std::string to_json_pretty(const Value& value, int indent = 2);

}  // namespace masu
