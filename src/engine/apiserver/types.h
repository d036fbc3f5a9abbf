#pragma once
/// The kinds that are served at a moment: the built-in ones and those of CustomResourceDefinitions, behind one set of
/// functions. A Catalog is an immutable snapshot; it is rebuilt when a definition changes.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/builtin/kind.h"
#include "apiserver/failure.h"
#include "apiserver/watcher.h"
#include "value/value.h"

namespace masu::apiserver {

/// What a CustomResourceDefinition says about one of its versions.
struct CustomVersion {
  Value schema;  // openAPIV3Schema
  struct Printer {
    builtin::Column column;
    std::string path;  // ".spec.replicas"
  };
  std::vector<Printer> printers;
  std::vector<std::string> selectable;               // "spec.color"
  std::string scale_spec, scale_status, scale_selector;  // paths; empty: no scale
  std::string storage_api_version;
};

/// One kind as it is served in one version.
struct Type {
  builtin::Kind kind;
  std::shared_ptr<const CustomVersion> custom;  // null: built in

  ResourceName resource_name() const { return {kind.group, kind.plural, kind.kind}; }
  std::string api_version() const { return kind.api_version(); }
  std::string list_kind = {};
  /// Where its objects lie in the store: versions share it.
  std::string storage() const { return kind.group + "/" + kind.plural; }
  Key key(std::string_view ns, std::string_view name) const { return {storage(), std::string(kind.namespaced ? ns : ""), std::string(name)}; }

  /// The object with apiVersion and kind, from its stored form, which has neither.
  std::string full(const Record& record) const;
  Value tree(const Record& record) const;

  std::vector<std::string> unknown_fields(const Value& object) const;
  /// 400 with Go's words if a member has the wrong JSON type (built-in kinds; a schema says it as 422).
  Check check_types(const Value& object) const;
  /// Drops what the kind does not know and fills defaults.
  void prune_and_default(Value& object) const;
  void prepare_create(Value& object) const;
  void prepare_update(std::string_view subresource, Value& object, const Value& old) const;
  bool raises_generation(const Value& old, const Value& updated) const;
  std::vector<Cause> validate(const Value& object, const Value* old) const;
  bool knows_field(std::string_view path) const;
  /// The text a field selector compares with; empty if absent.
  std::string field_text(const Value& object, std::string_view path) const;
  builtin::ApplyRule apply_rule(std::string_view path) const;
  std::vector<builtin::Column> columns() const;
  std::vector<Value> cells(const Value& object, Instant now) const;
  Value row_conditions(const Value& object) const;
  Outcome<Value> scale_of(const Value& object) const;
  Check set_scale(Value& object, const Value& scale) const;
};
using TypePtr = std::shared_ptr<const Type>;

class Catalog {
 public:
  /// The built-in kinds and what the definitions add. A definition that is being deleted still serves its objects.
  static std::shared_ptr<const Catalog> make(const std::vector<Value>& definitions);

  TypePtr find(std::string_view group, std::string_view version, std::string_view plural) const;
  TypePtr find_kind(std::string_view group, std::string_view version, std::string_view kind) const;
  /// Any served version of a resource.
  TypePtr find_resource(std::string_view group, std::string_view plural) const;
  bool has_group(std::string_view group) const;
  bool has_version(std::string_view group, std::string_view version) const;
  /// In discovery order.
  const std::vector<TypePtr>& all() const { return types_; }
  /// {group, version} in discovery order, the preferred version of a group first.
  const std::vector<std::pair<std::string, std::string>>& group_versions() const { return versions_; }
  std::vector<TypePtr> of(std::string_view group, std::string_view version) const;

 private:
  std::vector<TypePtr> types_;
  std::map<std::string, TypePtr, std::less<>> by_path_;  // "group/version/plural"
  std::vector<std::pair<std::string, std::string>> versions_;
};

}  // namespace masu::apiserver
