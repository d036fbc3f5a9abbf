#pragma once
/// YAML 1.1 as kubectl and gcloud read it (unquoted y, on, 0644 and their kin; "<<" merges), with the place and the
/// source text of every scalar: `2.10` is a version here, not 2.1. yaml-cpp does the scanning; it is seen only in yaml.cc.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "value/value.h"

namespace masu {

struct YamlPlace {
  int line = 0, column = 0;  // from 1
  std::string text;          // a scalar's source text without quotes; empty for maps and lists
};

struct YamlDocument {
  Value value;
  std::map<std::string, YamlPlace> places;  // by field path: "trainingInput.args[1]"; "" is the document
  std::vector<std::string> duplicates;      // paths of keys that came twice; the last one counts
};

/// All documents of a text; empty ones are left out. malformed with line and column.
Result<std::vector<YamlDocument>> parse_yaml(std::string_view text);
/// Exactly one document; an empty text is an empty object. invalid if there are several.
Result<YamlDocument> parse_yaml_single(std::string_view text);
/// Block style, keys sorted, text quoted only where YAML 1.1 would read it otherwise. What kubectl and gcloud print.
std::string to_yaml(const Value& value);

/// "experiment.yaml:14: message" with the line and a caret below, for errors about one place.
std::string point_at(std::string_view file, std::string_view text, const YamlPlace& place, std::string_view message);

}  // namespace masu
