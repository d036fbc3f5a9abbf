#include "crypto/jwt.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/base64.h"
#include "crypto/x509.h"
#include "value/json.h"

namespace masu::crypto {
namespace {

// RFC 7515 appendix A.2 and A.3.
constexpr const char* rfc_claims_part = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
constexpr const char* rsa_jwk =
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})";
constexpr const char* rsa_signature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
constexpr const char* ec_jwk =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr const char* ec_signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

VerifyingKey key_of(const char* jwk) { return VerifyingKey::from_jwk(*parse_json(jwk)).value(); }

TEST(Jwt, VerifiesTheTokensOfRfc7515) {
  const auto rsa = verify_jwt(cat(base64_url(R"({"alg":"RS256"})"), ".", rfc_claims_part, ".", rsa_signature), {key_of(rsa_jwk)});
  ASSERT_TRUE(rsa.ok()) << rsa.error().message;
  EXPECT_EQ((*rsa)["iss"].as_string(), "joe");
  const auto ec = verify_jwt(cat(base64_url(R"({"alg":"ES256"})"), ".", rfc_claims_part, ".", ec_signature), {key_of(rsa_jwk), key_of(ec_jwk)});
  ASSERT_TRUE(ec.ok()) << ec.error().message;
  EXPECT_EQ((*ec)["exp"].as_integer(), 1300819380);
}

TEST(Jwt, SignsWhatItVerifiesWithBothAlgorithms) {
  for (const JwtAlgorithm algorithm : {JwtAlgorithm::es256, JwtAlgorithm::rs256}) {
    const SigningKey key = SigningKey::generate(algorithm).value();
    const Value claims = Value::object({{"sub", "system:serviceaccount:ml:default"}, {"exp", 4102444800}});
    const std::string token = key.sign(claims).value();
    EXPECT_EQ(*verify_jwt(token, {key.verifying_key()}), claims);
    EXPECT_EQ(*peek_jwt(token), claims);
    // The same key after a stop in a file, and its public half through PEM and a key set.
    const SigningKey again = SigningKey::from_pem(key.pem()).value();
    EXPECT_EQ(again.id(), key.id());
    EXPECT_TRUE(verify_jwt(again.sign(claims).value(), {VerifyingKey::from_pem(key.verifying_key().pem()).value()}).ok());
    const auto keys = parse_jwks(jwks({key.verifying_key()})).value();
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_EQ(keys[0].id(), key.id());
    EXPECT_TRUE(verify_jwt(token, keys).ok());
  }
}

TEST(Jwt, RefusesForgedTokens) {
  const SigningKey key = SigningKey::generate(JwtAlgorithm::es256).value();
  const SigningKey other = SigningKey::generate(JwtAlgorithm::es256).value();
  const std::string token = key.sign(Value::object({{"sub", "alice"}})).value();
  const auto parts = split(token, '.');
  const std::string none = base64_url(R"({"alg":"none"})"), hs256 = base64_url(R"({"alg":"HS256"})");
  struct Row {
    const char* name;
    std::string token;
  } rows[] = {
      {"another payload", cat(parts[0], ".", base64_url(R"({"sub":"root"})"), ".", parts[2])},
      {"no signature", cat(parts[0], ".", parts[1], ".")},
      {"algorithm none", cat(none, ".", parts[1], ".")},
      {"a symmetric algorithm", cat(hs256, ".", parts[1], ".", parts[2])},
      {"signed by somebody else", other.sign(Value::object({{"sub", "alice"}})).value()},
      {"two parts", cat(parts[0], ".", parts[1])},
      {"four parts", cat(token, ".x")},
      {"no base64", cat("!", token)},
      {"nothing", ""},
      {"a header that is no object", cat(base64_url("[]"), ".", parts[1], ".", parts[2])},
  };
  for (const Row& row : rows) {
    const auto result = verify_jwt(row.token, {key.verifying_key()});
    ASSERT_FALSE(result.ok()) << row.name;
    EXPECT_EQ(result.error().code, Code::unauthenticated) << row.name;
  }
  EXPECT_FALSE(verify_jwt(token, {}).ok());
}

TEST(Jwt, RefusesWeakAndForeignKeys) {
  EXPECT_EQ(VerifyingKey::from_jwk(*parse_json(R"({"kty":"oct","k":"AAAA"})")).error().code, Code::unsupported);
  EXPECT_EQ(VerifyingKey::from_jwk(*parse_json(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})")).error().code, Code::unsupported);
  EXPECT_EQ(VerifyingKey::from_jwk(*parse_json(R"({"kty":"RSA","e":"AQAB"})")).error().code, Code::malformed);
  EXPECT_EQ(VerifyingKey::from_jwk(*parse_json(R"({"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"})")).error().code, Code::malformed);
  EXPECT_EQ(SigningKey::from_pem("no key").error().code, Code::malformed);
  EXPECT_EQ(VerifyingKey::from_pem("").error().code, Code::malformed);
}

TEST(Jwt, ReadsTheKeyOfACertificate) {
  const auto pair = make_authority("test", Instant{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}}).value();
  EXPECT_EQ(VerifyingKey::from_pem(pair.certificate_pem).value().id(), SigningKey::from_pem(pair.key_pem).value().id());
}

TEST(Jwt, ChecksTheTimesWithLeeway) {
  const auto at = [](long long s) { return Instant{std::chrono::seconds{s}}; };
  const Value claims = Value::object({{"nbf", 1000}, {"iat", 1000}, {"exp", 2000}});
  EXPECT_TRUE(check_times(claims, at(1500)).ok());
  EXPECT_TRUE(check_times(claims, at(2059)).ok());
  EXPECT_FALSE(check_times(claims, at(2060)).ok());
  EXPECT_TRUE(check_times(claims, at(940)).ok());
  EXPECT_FALSE(check_times(claims, at(939)).ok());
  EXPECT_TRUE(check_times(Value::object({}), at(0)).ok());
  EXPECT_FALSE(check_times(Value::object({{"exp", "soon"}}), at(0)).ok());
}

}  // namespace
}  // namespace masu::crypto
