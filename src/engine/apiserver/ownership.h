#pragma once
/// metadata.managedFields: who owns which field (spec kubernetes-api 11, appendix B). Pure.
///
/// Lists of no declared type and atomic structures are owned whole; keyed lists by element, sets by value, everything
/// else field by field.

#include <string>
#include <string_view>

#include "apiserver/failure.h"
#include "apiserver/field_set.h"
#include "apiserver/types.h"
#include "base/clock.h"
#include "value/value.h"

namespace masu::apiserver {

/// All fields of an object that are tracked.
FieldSet fields_of(const Type& type, const Value& object);
/// The fields in which `updated` differs from `old`, as they stand in `updated`; `gone` gets those it no longer has.
FieldSet changed_fields(const Type& type, const Value& old, const Value& updated, FieldSet& gone);

struct Manager {
  std::string name;
  std::string subresource;
};

/// Notes in updated.metadata.managedFields what a write that is no apply has changed. `old` is null on create.
void track_update(const Type& type, const Value& old, Value& updated, const Manager& manager, Instant now);

/// The object after an apply, its managedFields included. Conflicts: 409 with one cause for each field. `old` is null if
/// the object is to be created.
Outcome<Value> apply_owned(const Type& type, const Value& old, const Value& applied, const Manager& manager, bool force, Instant now);

}  // namespace masu::apiserver
