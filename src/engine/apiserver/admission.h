#pragma once
/// Admission that is built in (spec kubernetes-api 19): namespaces, service accounts, tolerations, priority, storage
/// class, and who may hand out rights (section 21).

#include <string>

#include "apiserver/call.h"
#include "apiserver/failure.h"
#include "apiserver/rbac.h"
#include "apiserver/store.h"

namespace masu::apiserver {

class Admission {
 public:
  Admission(const Store& store, const Authorizer& authorizer) : store_(store), authorizer_(authorizer) {}

  /// Before validation; may change the object.
  Check create(const Call& call, const Type& type, Value& object) const;
  Check update(const Call& call, const Type& type, std::string_view subresource, Value& object, const Value& old) const;
  Check remove(const Call& call, const Type& type, const std::string& ns, const std::string& name) const;

 private:
  Check living_namespace(const Type& type, const std::string& ns, const std::string& name) const;
  Check pod(Value& pod) const;
  Check claim(Value& claim) const;
  /// The caller holds what a role or binding gives, or may escalate or bind.
  Check escalation(const Call& call, const Type& type, const Value& object, const Value* old) const;

  const Store& store_;
  const Authorizer& authorizer_;
};

}  // namespace masu::apiserver
