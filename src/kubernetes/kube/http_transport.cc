#include "kube/http_transport.h"

#include <mutex>

#include "base/files.h"
#include "base/text.h"
#include "crypto/base64.h"
#include "net/client.h"

namespace masu::kube {
namespace {

constexpr Duration token_file_good_for = 60s;
constexpr Duration expires_early = 10s;  // a credential must outlive its way to the server
constexpr std::size_t error_bytes_max = std::size_t{1} << 20;

/// What a request carries to prove who sends it.
struct Credential {
  std::string authorization;  // the field's value; may be empty
  std::string certificate_pem, key_pem;
};

/// Credentials that change. Thread-safe; a plugin runs at most once at a time.
class CredentialSource {
 public:
  CredentialSource(const Access& access, const Clock& clock) : access_(access), clock_(clock) {}

  bool changes() const { return access_.exec || !access_.token_file.empty(); }

  Result<Credential> get(Deadline deadline) {
    const std::lock_guard lock(mutex_);
    if (kept_ && (!good_until_ || clock_.now() < *good_until_)) return *kept_;
    TRY(Credential fresh, renew(deadline));
    kept_ = fresh;
    return fresh;
  }
  /// The server did not accept what we sent.
  void refused(const Credential& sent) {
    const std::lock_guard lock(mutex_);
    if (kept_ && kept_->authorization == sent.authorization && kept_->certificate_pem == sent.certificate_pem) kept_.reset();
  }

 private:
  Result<Credential> renew(Deadline deadline) {
    Credential fresh{.certificate_pem = access_.certificate_pem, .key_pem = access_.key_pem};
    good_until_.reset();
    if (access_.exec) {
      TRY(const ExecCredential given, run_exec_plugin(*access_.exec, access_, deadline));
      if (!given.token.empty()) fresh.authorization = cat("Bearer ", given.token);
      if (!given.certificate_pem.empty()) {
        fresh.certificate_pem = given.certificate_pem;
        fresh.key_pem = given.key_pem;
      }
      if (given.expires) good_until_ = *given.expires - expires_early;
    } else if (!access_.token_file.empty()) {
      TRY(const std::string token, read_file(access_.token_file));
      if (trim(token).empty()) return Error{Code::unauthenticated, cat("token file ", quote(access_.token_file.string()), " is empty")};
      fresh.authorization = cat("Bearer ", trim(token));
      good_until_ = clock_.now() + token_file_good_for;
    } else if (!access_.token.empty()) {
      fresh.authorization = cat("Bearer ", access_.token);
    } else if (!access_.user_name.empty()) {
      fresh.authorization = cat("Basic ", crypto::base64(cat(access_.user_name, ":", access_.password)));
    }
    return fresh;
  }

  const Access& access_;
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<Credential> kept_;
  std::optional<Instant> good_until_;
};

class HttpSource final : public ByteSource {
 public:
  explicit HttpSource(std::unique_ptr<net::Reading> reading) : reading_(std::move(reading)) {}
  Result<State> read(std::string& into, Deadline deadline, const std::stop_token& stop) override {
    TRY(const auto state, reading_->read(into, deadline, stop));
    switch (state) {
      case net::Reading::State::data: return State::data;
      case net::Reading::State::nothing_yet: return State::nothing_yet;
      case net::Reading::State::finished: return State::finished;
    }
    return State::finished;
  }

 private:
  std::unique_ptr<net::Reading> reading_;
};

class HttpTransport final : public Transport {
 public:
  HttpTransport(Access access, const net::Url& url, const Clock& clock)
      : access_(std::move(access)), prefix_(url.path), endpoint_(net::endpoint_of(url)), credentials_(access_, clock) {
    while (prefix_.ends_with('/')) prefix_.pop_back();
    if (url.scheme == "unix") prefix_.clear();
    endpoint_.ca_pem = access_.ca_pem;
    endpoint_.server_name = access_.server_name;
    endpoint_.insecure = access_.insecure;
  }

  Result<net::Reply> call(const net::Request& request, Deadline deadline) override {
    return attempt<net::Reply>(deadline, [&](const Credential& credential) -> Result<std::pair<int, net::Reply>> {
      TRY(auto reply, client_.call(endpoint_for(credential), dressed(request, credential), deadline));
      const int status = reply.status;
      return std::pair{status, std::move(reply)};
    });
  }

  Result<std::unique_ptr<ByteSource>> open(const net::Request& request, Deadline deadline) override {
    TRY(auto reading, attempt<std::unique_ptr<net::Reading>>(deadline, [&](const Credential& credential) -> Result<std::pair<int, std::unique_ptr<net::Reading>>> {
      TRY(auto opened, client_.open(endpoint_for(credential), dressed(request, credential), deadline));
      const int status = opened->status();
      return std::pair{status, std::move(opened)};
    }));
    if (reading->status() < 400) return std::unique_ptr<ByteSource>(std::make_unique<HttpSource>(std::move(reading)));
    std::string body;
    while (body.size() < error_bytes_max) {
      const auto state = reading->read(body, deadline);
      if (!state.ok() || *state != net::Reading::State::data) break;  // part of a sentence is better than none
    }
    return error_from_reply(reading->status(), reading->headers(), body);
  }

 private:
  /// Sends with the credential there is; when that is refused and may have changed, once more with a new one.
  template <class T, class Send>
  Result<T> attempt(Deadline deadline, const Send& send) {
    for (int round = 0;; ++round) {
      TRY(const Credential credential, credentials_.get(deadline));
      TRY(auto answer, send(credential));
      if (answer.first != 401 || round > 0 || !credentials_.changes()) return std::move(answer.second);
      credentials_.refused(credential);
    }
  }

  net::Endpoint endpoint_for(const Credential& credential) const {
    net::Endpoint endpoint = endpoint_;
    endpoint.client_certificate_pem = credential.certificate_pem;
    endpoint.client_key_pem = credential.key_pem;
    return endpoint;
  }

  net::Request dressed(net::Request request, const Credential& credential) const {
    request.path = prefix_ + request.path;
    if (!credential.authorization.empty() && !request.headers.has("Authorization")) request.headers.set("Authorization", credential.authorization);
    if (!access_.impersonate.empty() && !request.headers.has("Impersonate-User")) {
      request.headers.set("Impersonate-User", access_.impersonate);
      for (const auto& group : access_.impersonate_groups) request.headers.add("Impersonate-Group", group);
    }
    return request;
  }

  const Access access_;
  std::string prefix_;
  net::Endpoint endpoint_;
  CredentialSource credentials_;
  net::Client client_;
};

}  // namespace

Result<std::unique_ptr<Transport>> http_transport(Access access, const Clock& clock) {
  std::string server = access.server;
  if (server.find("://") == std::string::npos && !server.starts_with("unix:")) server = cat("http://", server);  // as kubectl reads "localhost:8080"
  TRY(const net::Url url, net::parse_url(server).context("the server of the kubeconfig"));
  return std::unique_ptr<Transport>(std::make_unique<HttpTransport>(std::move(access), url, clock));
}

}  // namespace masu::kube
