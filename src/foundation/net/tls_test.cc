// TLS on both sides: certificates made here with OpenSSL, because this room stands below those that make certificates.

#include "net/tls.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <ctime>
#include <future>

#include "base/text.h"
#include "net/address.h"

namespace masu::net {
namespace {

struct Identity {
  std::string certificate_pem, key_pem;
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
};

std::string pem_of(const std::function<int(BIO*)>& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

/// `issuer` null: signs itself. `days` may be negative: expired.
Identity make_identity(const std::string& name, const Identity* issuer, const std::string& alternative, int days = 1) {
  static long serial = 1;
  Identity made;
  made.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
  made.certificate.reset(X509_new(), X509_free);
  X509* x = made.certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), -86400 * 3);
  X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days);
  X509_set_pubkey(x, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->certificate.get() : x));
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer ? issuer->certificate.get() : x, x, nullptr, nullptr, 0);
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  };
  if (!issuer) extend(NID_basic_constraints, "critical,CA:TRUE");
  if (!alternative.empty()) extend(NID_subject_alt_name, alternative);
  X509_sign(x, issuer ? issuer->key.get() : made.key.get(), EVP_sha256());
  made.certificate_pem = pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, x); });
  made.key_pem = pem_of([&](BIO* bio) { return PEM_write_bio_PKCS8PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  return made;
}

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    authority = make_identity("authority", nullptr, "");
    stranger = make_identity("stranger", nullptr, "");
    const Identity leaf = make_identity("server", &authority, "DNS:localhost,DNS:masu.example,IP:127.0.0.1");
    auto started = Server::start({.listeners = {Listener{.address = "127.0.0.1:0",
                                                         .tls = ServerTls{leaf.certificate_pem, leaf.key_pem, authority.certificate_pem},
                                                         .handler = [this](const Request& request) { return answer(request); }}}});
    ASSERT_TRUE(started.ok()) << started.error().message;
    server = std::move(*started);
    endpoint = endpoint_of(*parse_url(cat("https://", server->addresses()[0])));
    endpoint.ca_pem = authority.certificate_pem;
  }
  Answer answer(const Request& request) {
    if (request.path == "/watch") return Subscription{.stream = stream};
    if (request.path == "/finished") {
      auto finished = std::make_shared<Stream>();
      finished->push("all");
      finished->finish();
      return Subscription{.stream = finished};
    }
    return Reply{.headers = {{"X-Peer", request.peer.address}}, .body = request.peer.certificate_pem.value_or("nobody") + request.body};
  }
  Result<Reply> call(const Request& request = {}) { return client.call(endpoint, request, Deadline::after(10s)); }

  Identity authority, stranger;
  std::shared_ptr<Stream> stream = std::make_shared<Stream>();
  std::unique_ptr<Server> server;
  Client client;
  Endpoint endpoint;
};

TEST_F(Tls, ServesOverKeptConnections) {
  const auto first = call();
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->body, "nobody");
  const std::string big(900'000, 'x');
  EXPECT_EQ(call(Request{.method = "POST", .body = big})->body.size(), big.size() + 6);
  EXPECT_EQ(call(Request{.path = "/finished"})->body, "all");
  EXPECT_EQ(call()->headers.get("X-Peer"), first->headers.get("X-Peer")) << "also after a stream, whose watcher was cancelled";
}

TEST_F(Tls, ChecksTheServer) {
  endpoint.server_name = "masu.example";
  EXPECT_TRUE(call().ok());
  endpoint.server_name = "other.example";
  EXPECT_EQ(call().error().code, Code::unauthenticated);
  endpoint.insecure = true;
  EXPECT_TRUE(call().ok());
  endpoint = endpoint_of(*parse_url(cat("https://", server->addresses()[0])));
  EXPECT_EQ(call().error().code, Code::unauthenticated) << "not by the system's authorities";
  endpoint.ca_pem = stranger.certificate_pem;
  const auto wrong = call();
  EXPECT_EQ(wrong.error().code, Code::unauthenticated);
  EXPECT_NE(wrong.error().message.find("is not believed"), std::string::npos) << wrong.error().message;
  endpoint.ca_pem = "nonsense";
  EXPECT_EQ(call().error().code, Code::invalid);
}

TEST_F(Tls, ShowsTheHandlerOnlyTrustedCertificates) {
  const struct {
    const char* name;
    Identity identity;
    bool trusted;
  } rows[] = {
      {"signed by the authority", make_identity("ann", &authority, ""), true},
      {"signed by somebody else", make_identity("ann", &stranger, ""), false},
      {"signed by itself", make_identity("ann", nullptr, ""), false},
      {"expired", make_identity("ann", &authority, "", -1), false},
  };
  for (const auto& row : rows) {
    endpoint.client_certificate_pem = row.identity.certificate_pem;
    endpoint.client_key_pem = row.identity.key_pem;
    for (int i = 0; i < 2; ++i) {
      const auto reply = call();
      ASSERT_TRUE(reply.ok()) << row.name << ": " << reply.error().message;
      EXPECT_EQ(reply->body, row.trusted ? row.identity.certificate_pem : "nobody") << row.name;
    }
  }
  endpoint.client_key_pem = rows[1].identity.key_pem;
  EXPECT_EQ(call().error().code, Code::invalid) << "a key that belongs to another certificate";
}

TEST_F(Tls, EndsStreamsWithTheirConsumer) {
  std::promise<void> gone;
  stream->on_close([&] { gone.set_value(); });
  stream->push("event");
  std::string got;
  const auto ended = client.stream(
      endpoint, Request{.path = "/watch"},
      [&](std::string_view bytes) {
        got += bytes;
        return false;
      },
      {}, 10s);
  EXPECT_TRUE(ended.ok());
  EXPECT_EQ(got, "event");
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(Tls, SelectsHttp11FromWhatIsOffered) {
  const auto where = parse_address(server->addresses()[0]);
  const FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(fd.get(), where->get(), where->size), 0);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  const unsigned char offered[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_set_alpn_protos(ssl.get(), offered, sizeof offered);
  SSL_set_fd(ssl.get(), fd.get());
  ASSERT_EQ(SSL_connect(ssl.get()), 1);
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl.get(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
}

TEST_F(Tls, SurvivesPlainHttpAndSilence) {
  Endpoint plain = endpoint;
  plain.tls = false;
  EXPECT_FALSE(client.call(plain, Request{}, Deadline::after(10s)).ok());
  EXPECT_TRUE(call().ok());
}

}  // namespace
}  // namespace masu::net
