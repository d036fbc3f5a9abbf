#pragma once
/// create, update, patch and delete of one kind: the order of steps of spec kubernetes-api 18, one place for all of them.

#include <functional>
#include <optional>
#include <string>

#include "apiserver/admission.h"
#include "apiserver/call.h"
#include "apiserver/failure.h"
#include "apiserver/render.h"
#include "apiserver/store.h"
#include "base/clock.h"

namespace masu::apiserver {

/// What a write left behind.
struct Written {
  Value object;         // with apiVersion and kind
  bool created = false;
  bool removed = false; // the object is gone now
};

class Writing {
 public:
  /// `after_write` is called when a change of an object is stored (role aggregation, removal of definitions).
  Writing(Store& store, const Clock& clock, const Admission& admission, Randomness randomness, std::function<void(const Type&, const Value&)> after_write)
      : store_(store), clock_(clock), admission_(admission), randomness_(std::move(randomness)), after_write_(std::move(after_write)) {}

  // The verbs of the main path and of /status.
  Outcome<net::Answer> create(Call& call) const;
  Outcome<net::Answer> update(Call& call) const;
  Outcome<net::Answer> patch(Call& call) const;
  Outcome<net::Answer> remove(Call& call) const;
  Outcome<net::Answer> remove_collection(Call& call) const;

  /// Stores a new object. `object` has a name or a generateName.
  Outcome<Written> create_object(Call& call, const Type& type, Value object, const WriteOptions& options) const;
  /// Changes one object: `make` gives the whole new object from the present one and is called again when somebody else
  /// was faster. `subresource` says which part of it counts.
  using Make = std::function<Outcome<Value>(const Value& old)>;
  Outcome<Written> change(Call& call, const Type& type, const std::string& name, std::string_view subresource, const Make& make, const WriteOptions& options) const;
  Outcome<Written> remove_object(Call& call, const Type& type, const std::string& ns, const std::string& name, const DeleteOptions& options) const;
  /// `value` changed as the body of a PATCH says: JSON, merge or strategic merge (built-in kinds only).
  Outcome<Value> patched(const Call& call, const Type& type, const Value& value, const Value& body) const;

  net::Answer answer(const Call& call, int code, const Value& object) const;
  Instant now() const { return clock_.now(); }

 private:
  Outcome<Written> attempt(Call& call, const Type& type, const Record& record, std::string_view subresource, const Make& make, const WriteOptions& options) const;
  Outcome<net::Answer> apply(Call& call, const Value& body, const WriteOptions& options) const;
  Outcome<Written> remove_attempt(Call& call, const Type& type, const Record& record, const DeleteOptions& options) const;
  /// Unknown and duplicate fields: an error, warnings or nothing.
  Check strictness(Call& call, const Type& type, const Value& object, const std::vector<std::string>& duplicates, FieldValidation validation) const;

  Store& store_;
  const Clock& clock_;
  const Admission& admission_;
  Randomness randomness_;
  std::function<void(const Type&, const Value&)> after_write_;
};

/// The object in a body belongs to this kind, name and namespace; fills what it leaves out.
Check fit_identity(const Call& call, const Type& type, Value& object, const std::string& name);

}  // namespace masu::apiserver
