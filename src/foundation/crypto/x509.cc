#include "crypto/x509.h"

#include <arpa/inet.h>
#include <openssl/bn.h>

#include <ctime>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/openssl_handles.h"
#include "crypto/random.h"

namespace masu::crypto {
namespace {

using ExtensionHandle = Handle<X509_EXTENSION, X509_EXTENSION_free>;
using NamesHandle = Handle<GENERAL_NAMES, GENERAL_NAMES_free>;
using StoreHandle = Handle<X509_STORE, X509_STORE_free>;
using StoreContext = Handle<X509_STORE_CTX, X509_STORE_CTX_free>;

void free_stack(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }
using StackHandle = std::unique_ptr<STACK_OF(X509), Freeing<free_stack>>;

constexpr Duration clock_skew = std::chrono::hours{1};

std::time_t unix_time(Instant instant) {
  return std::chrono::duration_cast<std::chrono::seconds>(instant.time_since_epoch()).count();
}

Result<std::vector<CertificateHandle>> read_all_certificates(std::string_view pem, std::string_view what) {
  ERR_clear_error();
  const BioHandle bio = reading(pem);
  std::vector<CertificateHandle> out;
  while (CertificateHandle certificate{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) out.push_back(std::move(certificate));
  const unsigned long last = ERR_peek_last_error();
  const bool at_end = last == 0 || ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (out.empty() || !at_end) return openssl_error(Code::malformed, cat("reading ", what, ": no PEM \"CERTIFICATE\" in it, or a broken one"));
  ERR_clear_error();
  return out;
}

std::string certificate_pem(X509* certificate) {
  const BioHandle bio = writing();
  MASU_CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1, "a certificate of ours cannot be written");
  return written(bio);
}

Result<std::string> text_of(const ASN1_STRING* string) {
  unsigned char* data = nullptr;
  const int size = ASN1_STRING_to_UTF8(&data, string);
  if (size < 0) return openssl_error(Code::malformed, "reading a name of a certificate");
  std::string out(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  // "alice\0.evil" must never be taken for "alice".
  if (out.find('\0') != std::string::npos) return Error{Code::malformed, "reading a name of a certificate: there is a NUL in it"};
  return out;
}

Result<Subject> subject_of(const X509_NAME* name) {
  Subject subject;
  for (int at = 0; at < X509_NAME_entry_count(name); ++at) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, at);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (nid != NID_commonName && nid != NID_organizationName) continue;
    TRY(std::string text, text_of(X509_NAME_ENTRY_get_data(entry)));
    if (nid == NID_commonName) subject.common_name = std::move(text);
    else subject.organizations.push_back(std::move(text));
  }
  return subject;
}

Status add_subject(X509* certificate, const Subject& subject) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto add = [&](int nid, const std::string& text) {
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, bytes_of(std::string_view(text)), static_cast<int>(text.size()), -1, 0) == 1;
  };
  for (const std::string& organization : subject.organizations) {
    if (!add(NID_organizationName, organization)) return openssl_error(Code::invalid, cat("certifying organization ", quote(organization)));
  }
  if (!subject.common_name.empty() && !add(NID_commonName, subject.common_name)) {
    return openssl_error(Code::invalid, cat("certifying name ", quote(subject.common_name)));
  }
  return {};
}

Status add_extension(X509* certificate, X509* issuer, int nid, const char* text) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionHandle extension(X509V3_EXT_conf_nid(nullptr, &context, nid, text));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) return openssl_error(Code::internal, cat("writing extension ", text));
  return {};
}

/// Names are put in one by one, not through OpenSSL's comma-separated text, so a name cannot smuggle in another.
Status add_alternative_names(X509* certificate, const CertificateRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty()) return {};
  const NamesHandle names(sk_GENERAL_NAME_new_null());
  const auto add = [&](int type, ASN1_STRING* value) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, type, value);
    sk_GENERAL_NAME_push(names.get(), name);
  };
  for (const std::string& dns : request.dns_names) {
    ASN1_IA5STRING* value = ASN1_IA5STRING_new();
    ASN1_STRING_set(value, dns.data(), static_cast<int>(dns.size()));
    add(GEN_DNS, value);
  }
  for (const std::string& ip : request.ip_addresses) {
    ASN1_OCTET_STRING* value = a2i_IPADDRESS(ip.c_str());
    if (value == nullptr) return Error{Code::invalid, cat("certifying address ", quote(ip), ": it is no IP address")};
    add(GEN_IPADD, value);
  }
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return openssl_error(Code::internal, "writing the alternative names of a certificate");
  }
  return {};
}

CertificateHandle blank_certificate(Instant now, Duration valid_for) {
  CertificateHandle certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::string serial = random_bytes(16);
  serial[0] = static_cast<char>((serial[0] & 0x7f) | 0x40);  // positive, and always 16 bytes
  const BignumHandle number(BN_bin2bn(bytes_of(std::string_view(serial)), 16, nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), unix_time(now - clock_skew));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), unix_time(now + valid_for));
  return certificate;
}

Result<KeyHandle> fresh_key() {
  KeyHandle key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error(Code::internal, "making a P-256 key");
  return key;
}

struct Authority {
  CertificateHandle certificate;
  KeyHandle key;
};

Result<Authority> read_authority(const KeyPair& pair) {
  TRY(auto certificates, read_all_certificates(pair.certificate_pem, "the authority's certificate"));
  TRY(KeyHandle key, read_private_key(pair.key_pem));
  if (X509_check_private_key(certificates.front().get(), key.get()) != 1) {
    return openssl_error(Code::invalid, "the authority's key does not belong to its certificate");
  }
  return Authority{std::move(certificates.front()), std::move(key)};
}

/// Everything of a leaf but its subject and alternative names, which are there already; signs at the end.
Status finish_leaf(X509* certificate, EVP_PKEY* subject_key, const Authority& authority, const char* usage) {
  X509_set_pubkey(certificate, subject_key);
  X509_set_issuer_name(certificate, X509_get_subject_name(authority.certificate.get()));
  X509* issuer = authority.certificate.get();
  TRY_OK(add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE"));
  TRY_OK(add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature"));
  TRY_OK(add_extension(certificate, issuer, NID_ext_key_usage, usage));
  // The subject's own identifier tells a leaf apart from an authority of the same name: OpenSSL would take it for self-signed.
  TRY_OK(add_extension(certificate, issuer, NID_subject_key_identifier, "hash"));
  TRY_OK(add_extension(certificate, issuer, NID_authority_key_identifier, "keyid"));
  if (X509_sign(certificate, authority.key.get(), EVP_sha256()) == 0) return openssl_error(Code::internal, "signing a certificate");
  return {};
}

Result<KeyPair> make_leaf(const KeyPair& authority_pair, const CertificateRequest& request, const char* usage) {
  TRY(const Authority authority, read_authority(authority_pair));
  TRY(const KeyHandle key, fresh_key());
  const CertificateHandle certificate = blank_certificate(request.now, request.valid_for);
  TRY_OK(add_subject(certificate.get(), request.subject));
  TRY_OK(add_alternative_names(certificate.get(), request));
  TRY_OK(finish_leaf(certificate.get(), key.get(), authority, usage));
  return KeyPair{certificate_pem(certificate.get()), private_key_pem(key.get())};
}

Result<Instant> instant_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return openssl_error(Code::malformed, "reading a time of a certificate");
  return Instant{std::chrono::seconds{timegm(&parts)}};
}

Status read_alternative_names(X509* certificate, CertificateInfo& info) {
  const NamesHandle names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return {};
  for (int at = 0; at < sk_GENERAL_NAME_num(names.get()); ++at) {
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), at), &type));
    if (type == GEN_DNS) {
      TRY(std::string text, text_of(value));
      info.dns_names.push_back(std::move(text));
    } else if (type == GEN_IPADD) {
      char buffer[INET6_ADDRSTRLEN] = {};
      const int family = ASN1_STRING_length(value) == 16 ? AF_INET6 : AF_INET;
      if (family == AF_INET && ASN1_STRING_length(value) != 4) return Error{Code::malformed, "reading a certificate: an address of odd length"};
      inet_ntop(family, ASN1_STRING_get0_data(value), buffer, sizeof buffer);
      info.ip_addresses.emplace_back(buffer);
    }
  }
  return {};
}

Result<RequestHandle> read_request(std::string_view pem) {
  ERR_clear_error();
  const BioHandle bio = reading(pem);
  RequestHandle request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_passphrase, nullptr));
  if (!request) return openssl_error(Code::malformed, "reading a certificate request: no PEM \"CERTIFICATE REQUEST\" in it");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    return openssl_error(Code::invalid, "reading a certificate request: it is not signed by its own key");
  }
  return request;
}

int purpose_number(Purpose purpose) {
  switch (purpose) {
    case Purpose::server: return X509_PURPOSE_SSL_SERVER;
    case Purpose::client: return X509_PURPOSE_SSL_CLIENT;
    case Purpose::any: return X509_PURPOSE_ANY;
  }
  return X509_PURPOSE_ANY;
}

}  // namespace

Result<std::string> generate_key_pem() {
  TRY(const KeyHandle key, fresh_key());
  return private_key_pem(key.get());
}

Result<KeyPair> make_authority(std::string_view common_name, Instant now, Duration valid_for) {
  TRY(const KeyHandle key, fresh_key());
  const CertificateHandle certificate = blank_certificate(now, valid_for);
  TRY_OK(add_subject(certificate.get(), Subject{.common_name = std::string(common_name)}));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509_set_pubkey(certificate.get(), key.get());
  TRY_OK(add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE"));
  TRY_OK(add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"));
  TRY_OK(add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash"));
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return openssl_error(Code::internal, "signing an authority");
  return KeyPair{certificate_pem(certificate.get()), private_key_pem(key.get())};
}

Result<KeyPair> make_server_certificate(const KeyPair& authority, const CertificateRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty()) {
    return Error{Code::invalid, cat("making a server certificate for ", quote(request.subject.common_name),
                                    ": it needs a DNS name or an IP address, clients look at nothing else")};
  }
  return make_leaf(authority, request, "serverAuth");
}

Result<KeyPair> make_client_certificate(const KeyPair& authority, const CertificateRequest& request) {
  if (request.subject.common_name.empty()) return Error{Code::invalid, "making a client certificate: it needs a common name, the user's"};
  return make_leaf(authority, request, "clientAuth");
}

Result<std::string> sign_client_request(const KeyPair& authority_pair, std::string_view request_pem, Instant now, Duration valid_for) {
  TRY(const Authority authority, read_authority(authority_pair));
  TRY(const RequestHandle request, read_request(request_pem));
  const CertificateHandle certificate = blank_certificate(now, valid_for);
  X509_set_subject_name(certificate.get(), X509_REQ_get_subject_name(request.get()));
  TRY_OK(finish_leaf(certificate.get(), X509_REQ_get0_pubkey(request.get()), authority, "clientAuth"));
  return certificate_pem(certificate.get());
}

Result<Subject> request_subject(std::string_view request_pem) {
  TRY(const RequestHandle request, read_request(request_pem));
  return subject_of(X509_REQ_get_subject_name(request.get()));
}

Result<CertificateInfo> read_certificate(std::string_view pem) {
  TRY(const auto certificates, read_all_certificates(pem, "a certificate"));
  X509* certificate = certificates.front().get();
  CertificateInfo info;
  TRY(info.subject, subject_of(X509_get_subject_name(certificate)));
  TRY_OK(read_alternative_names(certificate, info));
  TRY(info.not_before, instant_of(X509_get0_notBefore(certificate)));
  TRY(info.not_after, instant_of(X509_get0_notAfter(certificate)));
  info.is_authority = X509_check_ca(certificate) == 1;
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size < 0) return openssl_error(Code::malformed, "reading a certificate");
  info.fingerprint_sha256_hex = sha256_hex({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return info;
}

Status verify_certificate(std::string_view certificate_pem, std::string_view authorities_pem, Purpose purpose, Instant now) {
  TRY(const auto chain, read_all_certificates(certificate_pem, "a certificate"));
  TRY(const auto authorities, read_all_certificates(authorities_pem, "the authorities"));
  const StoreHandle store(X509_STORE_new());
  for (const auto& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  const StackHandle intermediates(sk_X509_new_null());
  for (std::size_t at = 1; at < chain.size(); ++at) {
    X509_up_ref(chain[at].get());
    sk_X509_push(intermediates.get(), chain[at].get());
  }
  const StoreContext context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), intermediates.get()) != 1) {
    return openssl_error(Code::internal, "verifying a certificate");
  }
  X509_STORE_CTX_set_purpose(context.get(), purpose_number(purpose));
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), unix_time(now));
  if (X509_verify_cert(context.get()) == 1) return {};
  const std::string why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  ERR_clear_error();
  return Error{Code::unauthenticated, cat("the certificate is not valid: ", why)};
}

Status check_key_pair(const KeyPair& pair) {
  TRY(const auto certificates, read_all_certificates(pair.certificate_pem, "a certificate"));
  TRY(const KeyHandle key, read_private_key(pair.key_pem));
  if (X509_check_private_key(certificates.front().get(), key.get()) != 1) {
    return openssl_error(Code::invalid, "the private key does not belong to the certificate");
  }
  return {};
}

}  // namespace masu::crypto
