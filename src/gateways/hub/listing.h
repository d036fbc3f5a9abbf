#pragma once
/// Pages of a sorted set of names: prefix, delimiter, bounds, glob. Pure.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hub/object_meta.h"

namespace masu::hub {

/// A bucket's objects in the order of their names' bytes.
using Objects = std::map<std::string, MetaPtr, std::less<>>;

struct ListQuery {
  std::string prefix, delimiter;
  std::string start, end;  // names from start on (inclusive) and before end (exclusive; empty: no end)
  std::string glob;        // "a/**.txt"; empty: all names
  std::string after;       // what the page before ended with (an object or a prefix)
  bool with_trailing_delimiter = false;  // "folder/" is an object too, beside the prefix
  std::size_t most = 1000;
};

struct ListPage {
  std::vector<MetaPtr> objects;
  std::vector<std::string> prefixes;
  std::string next;  // `after` of the next page; empty: this was the last
};

/// Takes steps in the number of entries of the page, not of the objects below a prefix.
ListPage list_page(const Objects& objects, const ListQuery& query);

/// '*' within a folder, '**' across, '?', [a-z], [!a], {one,two}.
bool glob_matches(std::string_view pattern, std::string_view name);

}  // namespace masu::hub
