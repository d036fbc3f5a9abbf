#pragma once
/// Sets of fields as metadata.managedFields writes them in fieldsV1. Pure.
///
/// A tree: "f:name" a field, "k:{...}" an element of a keyed list, "v:..." a value of a set, "." the item itself.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "value/value.h"

namespace masu::apiserver {

struct FieldSet {
  bool self = false;  // this path itself is a member
  std::map<std::string, FieldSet> children = {};

  bool empty() const { return !self && children.empty(); }
  static FieldSet decode(const Value& fields);
  Value encode() const;
  void merge(const FieldSet& other);
  void subtract(const FieldSet& other);
  FieldSet intersect(const FieldSet& other) const;
  /// What stands at a path, or null.
  const FieldSet* at(const std::vector<std::string>& path) const;
  /// Every member, from the root, in order.
  std::vector<std::vector<std::string>> paths() const;
  bool operator==(const FieldSet&) const = default;
};

/// ".spec.containers[name=\"a\"].image": a path as messages show it.
std::string path_text(const std::vector<std::string>& path);

}  // namespace masu::apiserver
