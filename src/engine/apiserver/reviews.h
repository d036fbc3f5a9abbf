#pragma once
/// Kinds that are asked, never stored (spec kubernetes-api 14, 20 to 22): who am I, may I, whose token is this.

#include "apiserver/authenticate.h"
#include "apiserver/call.h"
#include "apiserver/failure.h"
#include "apiserver/rbac.h"

namespace masu::apiserver {

class Reviews {
 public:
  Reviews(const Authenticator& authenticator, const Authorizer& authorizer, const Clock& clock)
      : authenticator_(authenticator), authorizer_(authorizer), clock_(clock) {}

  /// The object of the request's kind with its status filled in.
  Outcome<Value> answer(const Call& call, Value object) const;

 private:
  void access_review(Value& review, const Identity& user) const;
  void rules_review(Value& review, const Identity& user) const;
  void token_review(Value& review) const;

  const Authenticator& authenticator_;
  const Authorizer& authorizer_;
  const Clock& clock_;
};

}  // namespace masu::apiserver
