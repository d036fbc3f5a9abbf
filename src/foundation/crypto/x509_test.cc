#include "crypto/x509.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"

namespace masu::crypto {
namespace {

const Instant now{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

class X509 : public testing::Test {
 protected:
  KeyPair authority_ = make_authority("masu", now).value();
};

TEST_F(X509, ClientCertificateCarriesUserAndGroups) {
  const auto pair = make_client_certificate(authority_, {.subject = {"alice", {"ml", "system:masters"}}, .now = now}).value();
  const auto info = read_certificate(pair.certificate_pem).value();
  EXPECT_EQ(info.subject, (Subject{"alice", {"ml", "system:masters"}}));
  EXPECT_FALSE(info.is_authority);
  EXPECT_EQ(info.not_after, now + std::chrono::hours{24 * 365});
  EXPECT_EQ(info.fingerprint_sha256_hex.size(), 64u);
  EXPECT_TRUE(check_key_pair(pair).ok());
  EXPECT_TRUE(verify_certificate(pair.certificate_pem, authority_.certificate_pem, Purpose::client, now).ok());
  EXPECT_EQ(verify_certificate(pair.certificate_pem, authority_.certificate_pem, Purpose::server, now).error().code, Code::unauthenticated);
}

TEST_F(X509, ServerCertificateNamesHostsAndAddresses) {
  const auto pair = make_server_certificate(authority_, {.subject = {"masu"},
                                                         .dns_names = {"localhost", "kubernetes.default.svc", "*.localhost"},
                                                         .ip_addresses = {"127.0.0.1", "::1"},
                                                         .now = now})
                        .value();
  const auto info = read_certificate(pair.certificate_pem).value();
  EXPECT_EQ(info.dns_names, (std::vector<std::string>{"localhost", "kubernetes.default.svc", "*.localhost"}));
  EXPECT_EQ(info.ip_addresses, (std::vector<std::string>{"127.0.0.1", "::1"}));
  const auto verified = verify_certificate(pair.certificate_pem, authority_.certificate_pem, Purpose::server, now);
  EXPECT_TRUE(verified.ok()) << verified.error().message;
  EXPECT_FALSE(verify_certificate(pair.certificate_pem, authority_.certificate_pem, Purpose::client, now).ok());
}

TEST_F(X509, OnlyItsOwnAuthorityVouchesAndOnlyInTime) {
  const auto other = make_authority("masu", now).value();
  const auto pair = make_client_certificate(authority_, {.subject = {"alice"}, .now = now, .valid_for = std::chrono::hours{1}}).value();
  const auto check = [&](const KeyPair& by, Instant at) { return verify_certificate(pair.certificate_pem, by.certificate_pem, Purpose::client, at); };
  EXPECT_FALSE(check(other, now).ok());
  EXPECT_TRUE(check(authority_, now + std::chrono::minutes{59}).ok());
  EXPECT_FALSE(check(authority_, now + std::chrono::minutes{61}).ok());
  EXPECT_FALSE(check(authority_, now - std::chrono::hours{2}).ok());
  EXPECT_TRUE(verify_certificate(pair.certificate_pem, other.certificate_pem + authority_.certificate_pem, Purpose::any, now).ok());
  // A leaf is no authority, whatever it signs.
  const auto below = make_client_certificate(pair, {.subject = {"root"}, .now = now}).value();
  EXPECT_FALSE(verify_certificate(below.certificate_pem + pair.certificate_pem, authority_.certificate_pem, Purpose::any, now).ok());
}

TEST_F(X509, RefusesWrongInput) {
  EXPECT_EQ(read_certificate("hello").error().code, Code::malformed);
  EXPECT_EQ(read_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").error().code, Code::malformed);
  EXPECT_EQ(make_server_certificate(authority_, {.subject = {"x"}, .now = now}).error().code, Code::invalid);
  EXPECT_EQ(make_server_certificate(authority_, {.ip_addresses = {"127.0.0.300"}, .now = now}).error().code, Code::invalid);
  EXPECT_EQ(make_client_certificate(authority_, {.now = now}).error().code, Code::invalid);
  const auto other = make_authority("other", now).value();
  EXPECT_EQ(check_key_pair({authority_.certificate_pem, other.key_pem}).error().code, Code::invalid);
  EXPECT_EQ(make_client_certificate({authority_.certificate_pem, other.key_pem}, {.subject = {"x"}, .now = now}).error().code, Code::invalid);
}

TEST_F(X509, SignsARequestThatAnotherProgramMade) {
  if (!find_program("openssl")) GTEST_SKIP() << "no program openssl to make a request with";
  const TemporaryDirectory directory;
  const std::string key = (directory.path() / "key").string();
  const auto request = run_checked({.argv = {"openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/O=ml/CN=bob"}},
                                   Deadline::after(30s));
  ASSERT_TRUE(request.ok()) << request.error().message;
  EXPECT_EQ(request_subject(*request).value(), (Subject{"bob", {"ml"}}));
  const auto certificate = sign_client_request(authority_, *request, now, std::chrono::hours{1}).value();
  EXPECT_EQ(read_certificate(certificate).value().subject.common_name, "bob");
  EXPECT_TRUE(verify_certificate(certificate, authority_.certificate_pem, Purpose::client, now).ok());
  EXPECT_TRUE(check_key_pair({certificate, read_file(key).value()}).ok());
  EXPECT_EQ(request_subject("nothing").error().code, Code::malformed);
}

}  // namespace
}  // namespace masu::crypto
