#pragma once
/// JSON Web Tokens (RFC 7519) signed by RS256 or ES256, and the key sets (RFC 7517) that verify them.
///
/// Times in claims are the caller's business: verify() checks signature and form, check_times() the usual three claims.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "value/value.h"

namespace masu::crypto {

enum class JwtAlgorithm { rs256, es256 };

/// A public key that verifies tokens. A value: copies share the same immutable key.
class VerifyingKey {
 public:
  /// From PEM "PUBLIC KEY" (or "CERTIFICATE"); RSA of at least 2048 bits or P-256. malformed or unsupported otherwise.
  static Result<VerifyingKey> from_pem(std::string_view pem);
  /// From one member of a JWKS.
  static Result<VerifyingKey> from_jwk(const Value& jwk);

  JwtAlgorithm algorithm() const;
  /// The key's name: the JWK's own "kid" if it came with one, else base64url(SHA-256(SubjectPublicKeyInfo)), as
  /// Kubernetes computes it.
  const std::string& id() const;
  Value jwk() const;
  std::string pem() const;

  struct State;

 private:
  friend class SigningKey;
  friend Result<Value> verify_jwt(std::string_view token, const std::vector<VerifyingKey>& keys);
  explicit VerifyingKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// A private key that signs tokens.
class SigningKey {
 public:
  /// From a PEM private key (PKCS#8, PKCS#1 or SEC1).
  static Result<SigningKey> from_pem(std::string_view pem);
  /// A fresh one; es256 takes a millisecond, rs256 (2048 bits) about a hundred.
  static Result<SigningKey> generate(JwtAlgorithm algorithm);

  VerifyingKey verifying_key() const;
  const std::string& id() const;
  /// PKCS#8, for a file of mode 0600.
  std::string pem() const;
  /// header.payload.signature; the header carries alg, typ and kid.
  Result<std::string> sign(const Value& claims) const;

 private:
  explicit SigningKey(std::shared_ptr<const VerifyingKey::State> state) : state_(std::move(state)) {}
  std::shared_ptr<const VerifyingKey::State> state_;
};

/// {"keys": [...]}
Value jwks(const std::vector<VerifyingKey>& keys);
Result<std::vector<VerifyingKey>> parse_jwks(const Value& jwks);

/// The claims of a token that one of the keys signed. unauthenticated otherwise (wrong form, algorithm "none", unknown
/// key, bad signature). A header with "kid" must name one of the keys.
Result<Value> verify_jwt(std::string_view token, const std::vector<VerifyingKey>& keys);

/// The claims without any check of the signature: only to look at "iss" before choosing keys. malformed.
Result<Value> peek_jwt(std::string_view token);

/// unauthenticated if `exp` has passed, `nbf` or `iat` lies ahead; `leeway` for clocks that differ. Absent claims pass,
/// an `exp` that is no number does not.
Status check_times(const Value& claims, Instant now, Duration leeway = std::chrono::seconds{60});

}  // namespace masu::crypto
