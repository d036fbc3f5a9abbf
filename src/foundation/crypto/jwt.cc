#include "crypto/jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "crypto/openssl_handles.h"
#include "value/json.h"

namespace masu::crypto {

struct VerifyingKey::State {
  KeyHandle key;
  JwtAlgorithm algorithm = JwtAlgorithm::rs256;
  std::string id;
};

namespace {

using Signature = Handle<ECDSA_SIG, ECDSA_SIG_free>;
using Parameters = Handle<OSSL_PARAM, OSSL_PARAM_free>;
using ParameterBuilder = Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
constexpr std::size_t coordinate = 32;  // bytes of r, s, x and y on P-256

std::string_view name_of(JwtAlgorithm algorithm) { return algorithm == JwtAlgorithm::rs256 ? "RS256" : "ES256"; }

Error unauthenticated(std::string_view why) { return Error{Code::unauthenticated, cat("the token is not valid: ", why)}; }

std::string public_der(EVP_PKEY* key) {
  unsigned char* data = nullptr;
  const int size = i2d_PUBKEY(key, &data);
  MASU_CHECK(size > 0, "a public key cannot be written");
  std::string out(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return out;
}

/// Which algorithm a key serves; unsupported for any other kind of key.
Result<JwtAlgorithm> algorithm_of(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
    if (EVP_PKEY_get_bits(key) < 2048) {
      return Error{Code::unsupported, cat("an RSA key of ", EVP_PKEY_get_bits(key), " bits: tokens need at least 2048")};
    }
    return JwtAlgorithm::rs256;
  }
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
    char group[64] = {};
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 && std::string_view(group, size) == "prime256v1") {
      return JwtAlgorithm::es256;
    }
    return Error{Code::unsupported, cat("an elliptic key on ", quote(std::string_view(group, size)), ": tokens need P-256")};
  }
  return Error{Code::unsupported, "a key that is neither RSA nor P-256: tokens need one of them"};
}

Result<std::shared_ptr<const VerifyingKey::State>> make_state(KeyHandle key, std::string id = {}) {
  TRY(const JwtAlgorithm algorithm, algorithm_of(key.get()));
  auto state = std::make_shared<VerifyingKey::State>();
  state->id = id.empty() ? base64_url(sha256(public_der(key.get()))) : std::move(id);
  state->key = std::move(key);
  state->algorithm = algorithm;
  return std::shared_ptr<const VerifyingKey::State>(std::move(state));
}

std::string number_bytes(EVP_PKEY* key, const char* name, std::size_t width = 0) {
  BIGNUM* raw = nullptr;
  MASU_CHECK(EVP_PKEY_get_bn_param(key, name, &raw) == 1, "a key lacks one of its numbers");
  const BignumHandle number(raw);
  const std::size_t size = std::max(width, static_cast<std::size_t>(BN_num_bytes(number.get())));
  std::string out(size, '\0');
  BN_bn2binpad(number.get(), bytes_of(out), static_cast<int>(size));
  return out;
}

Result<std::string> member_bytes(const Value& jwk, std::string_view name) {
  if (!jwk[name].is_string()) return Error{Code::malformed, cat("reading a JSON web key: no text member ", quote(name))};
  return base64_url_decode(jwk[name].as_string()).context(cat("reading member ", quote(name), " of a JSON web key"));
}

Result<KeyHandle> key_from_parameters(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return openssl_error(Code::malformed, "reading a JSON web key");
  }
  return KeyHandle(key);
}

/// ECDSA as JOSE wants it, r and s side by side (RFC 7515 appendix A.3), from DER, and back.
Result<std::string> side_by_side(std::string_view der) {
  const unsigned char* at = bytes_of(der);
  const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature) return openssl_error(Code::internal, "reading a signature just made");
  std::string out(2 * coordinate, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes_of(out), coordinate);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes_of(out) + coordinate, coordinate);
  return out;
}

std::string der_signature(std::string_view raw) {
  const Signature signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(bytes_of(raw), coordinate, nullptr), BN_bin2bn(bytes_of(raw) + coordinate, coordinate, nullptr));
  unsigned char* data = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &data);
  MASU_CHECK(size > 0, "a signature cannot be written");
  std::string out(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return out;
}

bool signature_holds(const VerifyingKey::State& key, std::string_view signed_text, std::string_view raw) {
  std::string signature(raw);
  if (key.algorithm == JwtAlgorithm::es256) {
    if (raw.size() != 2 * coordinate) return false;
    signature = der_signature(raw);
  }
  ERR_clear_error();
  const DigestContext context(EVP_MD_CTX_new());
  const bool holds = EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.key.get()) == 1 &&
                     EVP_DigestVerify(context.get(), bytes_of(std::string_view(signature)), signature.size(), bytes_of(signed_text),
                                      signed_text.size()) == 1;
  ERR_clear_error();
  return holds;
}

struct Parts {
  std::string_view signed_text;
  Value header, claims;
  std::string signature;
};

Result<Value> part_as_object(std::string_view text, std::string_view what) {
  TRY(const std::string json, base64_url_decode(text).context(cat("reading the token's ", what)));
  TRY(Value value, parse_json(json).context(cat("reading the token's ", what)));
  if (!value.is_object()) return Error{Code::malformed, cat("reading the token's ", what, ": not a JSON object")};
  return value;
}

Result<Parts> take_apart(std::string_view token) {
  if (token.size() > std::size_t{64} << 10) return Error{Code::malformed, "reading a token: longer than 64 KiB"};
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Error{Code::malformed, "reading a token: it has to be header.payload.signature"};
  }
  Parts parts;
  parts.signed_text = token.substr(0, second);
  TRY(parts.header, part_as_object(token.substr(0, first), "header"));
  TRY(parts.claims, part_as_object(token.substr(first + 1, second - first - 1), "claims"));
  TRY(parts.signature, base64_url_decode(token.substr(second + 1)).context("reading the token's signature"));
  return parts;
}

}  // namespace

Result<VerifyingKey> VerifyingKey::from_pem(std::string_view pem) {
  ERR_clear_error();
  KeyHandle key;
  if (pem.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
    const BioHandle bio = reading(pem);
    const CertificateHandle certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (certificate) key.reset(X509_get_pubkey(certificate.get()));
  } else {
    const BioHandle bio = reading(pem);
    key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  }
  if (!key) return openssl_error(Code::malformed, "reading a verifying key: no PEM \"PUBLIC KEY\" or \"CERTIFICATE\" in it");
  TRY(auto state, make_state(std::move(key)));
  return VerifyingKey(std::move(state));
}

Result<VerifyingKey> VerifyingKey::from_jwk(const Value& jwk) {
  ERR_clear_error();
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  const std::string_view type = jwk["kty"].as_string();
  KeyHandle key;
  if (type == "RSA") {
    TRY(const std::string modulus, member_bytes(jwk, "n"));
    TRY(const std::string exponent, member_bytes(jwk, "e"));
    const BignumHandle n(BN_bin2bn(bytes_of(std::string_view(modulus)), static_cast<int>(modulus.size()), nullptr));
    const BignumHandle e(BN_bin2bn(bytes_of(std::string_view(exponent)), static_cast<int>(exponent.size()), nullptr));
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    TRY(key, key_from_parameters("RSA", builder.get()));
  } else if (type == "EC" && jwk["crv"].as_string() == "P-256") {
    TRY(const std::string x, member_bytes(jwk, "x"));
    TRY(const std::string y, member_bytes(jwk, "y"));
    if (x.size() != coordinate || y.size() != coordinate) {
      return Error{Code::malformed, "reading a JSON web key: x and y of P-256 have 32 bytes each"};
    }
    const std::string point = cat("\x04", x, y);  // uncompressed form, SEC 1 section 2.3.3
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    TRY(key, key_from_parameters("EC", builder.get()));
  } else {
    return Error{Code::unsupported, cat("a JSON web key of type ", quote(type), " ", quote(jwk["crv"].as_string()), ": RSA and P-256 are known")};
  }
  TRY(auto state, make_state(std::move(key), std::string(jwk["kid"].as_string())));
  return VerifyingKey(std::move(state));
}

JwtAlgorithm VerifyingKey::algorithm() const { return state_->algorithm; }
const std::string& VerifyingKey::id() const { return state_->id; }

Value VerifyingKey::jwk() const {
  EVP_PKEY* key = state_->key.get();
  Value out = Value::object({{"use", "sig"}, {"kid", state_->id}, {"alg", name_of(state_->algorithm)}});
  if (state_->algorithm == JwtAlgorithm::rs256) {
    out["kty"] = "RSA";
    out["n"] = base64_url(number_bytes(key, OSSL_PKEY_PARAM_RSA_N));
    out["e"] = base64_url(number_bytes(key, OSSL_PKEY_PARAM_RSA_E));
  } else {
    out["kty"] = "EC";
    out["crv"] = "P-256";
    out["x"] = base64_url(number_bytes(key, OSSL_PKEY_PARAM_EC_PUB_X, coordinate));
    out["y"] = base64_url(number_bytes(key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate));
  }
  return out;
}

std::string VerifyingKey::pem() const {
  const BioHandle bio = writing();
  MASU_CHECK(PEM_write_bio_PUBKEY(bio.get(), state_->key.get()) == 1, "a public key cannot be written");
  return written(bio);
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  TRY(KeyHandle key, read_private_key(pem));
  TRY(auto state, make_state(std::move(key)));
  return SigningKey(std::move(state));
}

Result<SigningKey> SigningKey::generate(JwtAlgorithm algorithm) {
  KeyHandle key(algorithm == JwtAlgorithm::rs256 ? EVP_RSA_gen(2048u) : EVP_EC_gen("P-256"));
  if (!key) return openssl_error(Code::internal, cat("making a key for ", name_of(algorithm)));
  TRY(auto state, make_state(std::move(key)));
  return SigningKey(std::move(state));
}

VerifyingKey SigningKey::verifying_key() const {
  // Only the public half goes along: what verifies must not be able to sign.
  const std::string der = public_der(state_->key.get());
  const unsigned char* at = bytes_of(std::string_view(der));
  KeyHandle key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  MASU_CHECK(key != nullptr, "a public key just written cannot be read");
  auto state = make_state(std::move(key), state_->id);
  MASU_CHECK(state.ok(), "the public half of a key serves another algorithm than the private one");
  return VerifyingKey(std::move(state).value());
}

const std::string& SigningKey::id() const { return state_->id; }
std::string SigningKey::pem() const { return private_key_pem(state_->key.get()); }

Result<std::string> SigningKey::sign(const Value& claims) const {
  const Value header = Value::object({{"alg", name_of(state_->algorithm)}, {"typ", "JWT"}, {"kid", state_->id}});
  const std::string text = cat(base64_url(to_json(header)), ".", base64_url(to_json(claims)));
  ERR_clear_error();
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, state_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(std::string_view(text)), text.size()) != 1) {
    return openssl_error(Code::internal, "signing a token");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(std::string_view(text)), text.size()) != 1) {
    return openssl_error(Code::internal, "signing a token");
  }
  signature.resize(size);
  if (state_->algorithm == JwtAlgorithm::es256) {
    TRY(signature, side_by_side(signature));
  }
  return cat(text, ".", base64_url(signature));
}

Value jwks(const std::vector<VerifyingKey>& keys) {
  Value list{Array{}};
  for (const VerifyingKey& key : keys) list.push_back(key.jwk());
  return Value::object({{"keys", list}});
}

Result<std::vector<VerifyingKey>> parse_jwks(const Value& jwks) {
  if (!jwks["keys"].is_array()) return Error{Code::malformed, "reading a JSON web key set: no list \"keys\""};
  std::vector<VerifyingKey> keys;
  for (const Value& jwk : jwks["keys"].as_array()) {
    if (jwk["use"].as_string("sig") != "sig") continue;
    auto key = VerifyingKey::from_jwk(jwk);
    // RFC 7517 section 5: keys of types that are not understood are to be ignored.
    if (!key.ok() && key.error().code == Code::unsupported) continue;
    if (!key.ok()) return std::move(key).error();
    keys.push_back(std::move(key).value());
  }
  return keys;
}

Result<Value> verify_jwt(std::string_view token, const std::vector<VerifyingKey>& keys) {
  auto taken = take_apart(token);
  if (!taken.ok()) return unauthenticated(taken.error().message);
  const Parts& parts = *taken;
  const std::string_view algorithm = parts.header["alg"].as_string();
  if (algorithm != "RS256" && algorithm != "ES256") return unauthenticated(cat("its algorithm is ", quote(algorithm), ", we take RS256 and ES256"));
  const std::string_view id = parts.header["kid"].as_string();
  bool known = false;
  for (const VerifyingKey& key : keys) {
    if (!id.empty() && key.id() != id) continue;
    known = true;
    // The key says which algorithm is right, the header must agree: never the other way round.
    if (name_of(key.algorithm()) == algorithm && signature_holds(*key.state_, parts.signed_text, parts.signature)) return parts.claims;
  }
  return unauthenticated(known ? "the signature does not match" : "no key that we know has signed it");
}

Result<Value> peek_jwt(std::string_view token) {
  TRY(Parts parts, take_apart(token));
  return std::move(parts.claims);
}

Status check_times(const Value& claims, Instant now, Duration leeway) {
  const auto as_duration = [](const Value& claim) { return std::chrono::duration<double>(claim.as_number()); };
  const std::chrono::duration<double> at = now.time_since_epoch(), slack = leeway;
  for (const std::string_view name : {"exp", "nbf", "iat"}) {
    if (claims.contains(name) && !claims[name].is_number()) return unauthenticated(cat("its ", quote(name), " is no number"));
  }
  if (claims.contains("exp") && at >= as_duration(claims["exp"]) + slack) return unauthenticated("it has expired");
  if (claims.contains("nbf") && at + slack < as_duration(claims["nbf"])) return unauthenticated("it is not valid yet");
  if (claims.contains("iat") && at + slack < as_duration(claims["iat"])) return unauthenticated("it was issued in the future");
  return {};
}

}  // namespace masu::crypto
