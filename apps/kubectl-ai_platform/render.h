#pragma once
/// What gcloud's --format, --filter, --sort-by and --limit do to resources before they are shown. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "value/value.h"

namespace masu::plugin {

/// The value at "trainingOutput.trials[0].finalMetric.objectiveValue"; null where it ends early. "[]" maps over a list.
Value at_path(const Value& resource, std::string_view path);
/// One value as text in a table or value(): lists joined by ';', maps as k=v.
std::string cell(const Value& value);

struct Column {
  std::string heading, path;
};

/// Renders one resource or a list with a --format expression: yaml, json, none, disable, value(p,...), get(p), table(p,...),
/// csv(p,...), flattened, list, text, object, default. invalid names what is unknown.
Result<std::string> render(const std::vector<Value>& resources, bool single, const std::string& format, const std::vector<Column>& columns);

/// A table with headings, two blanks between columns.
std::string table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows);
/// A table in a box with a title above, as --summarize shows it.
std::string boxed_table(std::string_view title, const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows);

/// FILT-1: field:value, =, !=, <, <=, >, >=, AND, OR, NOT, -, parentheses, juxtaposition. invalid says where it cannot be read.
Result<bool> matches_filter(std::string_view filter, const Value& resource);
/// "~createTime,jobId"
void sort_resources(std::vector<Value>& resources, std::string_view fields);

/// `2024-01-02T03:04:05` in local time (CLI-38), from RFC 3339; the text itself if it is none.
std::string local_time(std::string_view rfc3339);

}  // namespace masu::plugin
