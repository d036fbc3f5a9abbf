#pragma once
/// Who makes a request (spec kubernetes-api 20 and 22): in-process identity, client certificate, bearer token (a person's
/// from the token file, a service account's signed by our key), or nobody.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/failure.h"
#include "apiserver/rbac.h"
#include "apiserver/store.h"
#include "apiserver/types.h"
#include "base/clock.h"
#include "crypto/jwt.h"
#include "net/message.h"

namespace masu::apiserver {

/// One line of a token file: token,user,uid,"group1,group2".
struct StaticToken {
  std::string token;
  Identity identity;
};
/// Reads a token file; empty lines and lines that begin with # are skipped. malformed names the line.
Result<std::vector<StaticToken>> parse_token_file(std::string_view text);

/// Keys of service account tokens.
struct TokenKeys {
  crypto::SigningKey signing;
  std::string issuer = "https://kubernetes.default.svc.cluster.local";
};

class Authenticator {
 public:
  Authenticator(const Store& store, const Clock& clock, std::shared_ptr<const TokenKeys> keys);

  /// 401 for a credential that is no good; anonymous without any.
  Outcome<Identity> authenticate(const net::Request& request) const;
  /// unauthenticated says why. `audiences` empty: the API server's own; `matched` gets the token's among them.
  Result<Identity> from_token(std::string_view token, const std::vector<std::string>& audiences, std::vector<std::string>& matched) const;
  /// Replaces the static tokens.
  void set_tokens(std::vector<StaticToken> tokens);

  /// Fills a TokenRequest's status for an account. `account` is the ServiceAccount object.
  Outcome<Value> issue(const Value& account, const Value& token_request) const;
  const TokenKeys& keys() const { return *keys_; }

 private:
  Result<Identity> from_claims(const Value& claims, std::string_view token) const;
  Status still_there(const Key& key, std::string_view uid) const;

  const Store& store_;
  const Clock& clock_;
  std::shared_ptr<const TokenKeys> keys_;
  mutable std::mutex mutex_;
  std::map<std::string, Identity, std::less<>> tokens_;                  // by SHA-256 of the token
  mutable std::map<std::string, Value, std::less<>> verified_;           // claims by SHA-256 of a token whose signature held
};

}  // namespace masu::apiserver
