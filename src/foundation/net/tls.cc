#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace masu::net {
namespace {

template <class T, void (*free_it)(T*)>
struct Free {
  void operator()(T* object) const { free_it(object); }
};
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

Bio reading(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

Result<std::vector<Certificate>> read_certificates(std::string_view pem, std::string_view what) {
  const Bio bio = reading(pem);
  std::vector<Certificate> certificates;
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(one);
  const auto last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  const std::string problem = tls_error_text();
  if (certificates.empty() || !at_end)
    return Error{Code::invalid, cat("reading the ", what, ": not PEM certificates (", problem, ")")};
  return certificates;
}

Status use_identity(SSL_CTX* context, std::string_view certificate_pem, std::string_view key_pem, std::string_view what) {
  TRY(const auto chain, read_certificates(certificate_pem, what));
  if (SSL_CTX_use_certificate(context, chain[0].get()) != 1)
    return Error{Code::invalid, cat("using the ", what, ": ", tls_error_text())};
  for (std::size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(context, chain[i].get());
  const Bio bio = reading(key_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return Error{Code::invalid, cat("reading the key of the ", what, ": not a PEM private key (", tls_error_text(), ")")};
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return Error{Code::invalid, cat("the key does not belong to the ", what, " (", tls_error_text(), ")")};
  return {};
}

/// Index of a mark on an SSL object: the client's certificate failed a check.
int failed_mark() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int note_failure(int ok, X509_STORE_CTX* store) {
  if (!ok) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    SSL_set_ex_data(ssl, failed_mark(), ssl);
  }
  return 1;  // go on: an unknown caller is answered 401, not cut off
}

int select_http11(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size, void*) {
  static constexpr unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  for (unsigned i = 0; i + 1 <= in_size; i += in[i] + 1u) {
    if (i + 1 + in[i] > in_size) break;
    if (in[i] == ours[0] && std::memcmp(in + i, ours, sizeof ours) == 0) {
      *out = in + i + 1;
      *out_size = in[i];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

TlsContext new_context(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method), [](SSL_CTX* c) { SSL_CTX_free(c); });
  MASU_CHECK(context != nullptr, "OpenSSL cannot make a context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

bool numeric_address(const std::string& host) {
  std::array<unsigned char, 16> bytes;
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

Result<TlsContext> server_context(const ServerTls& tls) {
  const TlsContext context = new_context(TLS_server_method());
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_alpn_select_cb(context.get(), select_http11, nullptr);
  TRY_OK(use_identity(context.get(), tls.certificate_pem, tls.key_pem, "server certificate"));
  if (!tls.client_ca_pem.empty()) {
    TRY(const auto authorities, read_certificates(tls.client_ca_pem, "authorities of client certificates"));
    for (const auto& authority : authorities) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get());
      SSL_CTX_add_client_CA(context.get(), authority.get());
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, note_failure);
  }
  return context;
}

Result<TlsContext> client_context(const Endpoint& endpoint) {
  const TlsContext context = new_context(TLS_client_method());
  static constexpr unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context.get(), ours, sizeof ours);
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);  // HTTP says itself where a message ends
  if (!endpoint.insecure) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (endpoint.ca_pem.empty()) {
      SSL_CTX_set_default_verify_paths(context.get());
    } else {
      TRY(const auto authorities, read_certificates(endpoint.ca_pem, "certificate authority"));
      for (const auto& authority : authorities) X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get());
      // A kubeconfig may name an intermediate, or the server's own certificate, as its authority.
      X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    }
  }
  if (!endpoint.client_certificate_pem.empty())
    TRY_OK(use_identity(context.get(), endpoint.client_certificate_pem, endpoint.client_key_pem, "client certificate"));
  return context;
}

std::optional<std::string> trusted_peer_certificate(ssl_st* ssl) {
  if (SSL_get_ex_data(ssl, failed_mark()) != nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
  const Certificate certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate) return std::nullopt;
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Status set_server_name(ssl_st* ssl, const Endpoint& endpoint) {
  const std::string& name = endpoint.server_name.empty() ? endpoint.host : endpoint.server_name;
  if (name.empty()) return {};
  X509_VERIFY_PARAM* checks = SSL_get0_param(ssl);
  if (numeric_address(name)) {
    if (!endpoint.insecure && X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str()) != 1)
      return Error{Code::invalid, cat("server name ", quote(name), ": ", tls_error_text())};
    return {};
  }
  SSL_set_tlsext_host_name(ssl, name.c_str());
  if (!endpoint.insecure && X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size()) != 1)
    return Error{Code::invalid, cat("server name ", quote(name), ": ", tls_error_text())};
  return {};
}

std::string tls_error_text() {
  std::string text;
  while (const auto code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    if (!text.empty()) text += "; ";
    text += reason ? reason : cat("error ", code).c_str();
  }
  return text.empty() ? "no details" : text;
}

}  // namespace masu::net
