#include "kube/transport.h"

#include "base/text.h"
#include "net/client.h"
#include "value/json.h"

namespace masu::kube {
namespace {

Code code_of(int status, std::string_view reason) {
  if (reason == "AlreadyExists") return Code::already_exists;
  switch (status) {
    case 400: return Code::malformed;
    case 401: return Code::unauthenticated;
    case 403: return Code::denied;
    case 404: return Code::not_found;
    case 405: case 406: case 415: case 501: return Code::unsupported;
    case 409: return Code::conflict;
    case 410: return Code::gone;
    case 412: return Code::precondition;
    case 413: case 429: return Code::exhausted;
    case 422: return Code::invalid;
    case 500: case 502: case 503: return Code::unavailable;
    case 504: return Code::timeout;
    default: return status >= 500 ? Code::unavailable : Code::invalid;
  }
}

/// Bytes of an in-process subscription.
class StreamSource final : public ByteSource {
 public:
  explicit StreamSource(std::shared_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  ~StreamSource() override { stream_->close(); }
  Result<State> read(std::string& into, Deadline deadline, const std::stop_token& stop) override {
    const auto state = deadline.expired() ? stream_->take(into) : stream_->wait(into, deadline, stop);
    switch (state) {
      case net::Stream::State::data: return State::data;
      case net::Stream::State::empty: return State::nothing_yet;
      case net::Stream::State::finished: return State::finished;
    }
    return State::finished;
  }

 private:
  std::shared_ptr<net::Stream> stream_;
};

/// A finished body handed out once.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  Result<State> read(std::string& into, Deadline, const std::stop_token&) override {
    if (text_.empty()) return State::finished;
    into += text_;
    text_.clear();
    return State::data;
  }

 private:
  std::string text_;
};

class InProcessTransport final : public Transport {
 public:
  InProcessTransport(net::Handler handler, std::string user, std::vector<std::string> groups)
      : handler_(std::move(handler)), user_(std::move(user)), groups_(std::move(groups)) {}

  Result<net::Reply> call(const net::Request& request, Deadline deadline) override {
    net::Answer answer = handler_(as_us(request));
    if (auto* reply = std::get_if<net::Reply>(&answer)) return std::move(*reply);
    // What a node answers (a log that is not followed) is asked of the node.
    if (const auto* relay = std::get_if<net::Relay>(&answer)) {
      TRY(const net::Url url, net::parse_url(relay->address.find(':') != std::string::npos && !relay->address.starts_with("unix:") ? cat("http://", relay->address) : relay->address));
      return nodes_.call(net::endpoint_of(url), relay->request, deadline);
    }
    return Error{Code::unsupported, cat(request.method, " ", request.path, " answers with a stream; open it instead")};
  }

  Result<std::unique_ptr<ByteSource>> open(const net::Request& request, Deadline) override {
    net::Answer answer = handler_(as_us(request));
    if (auto* reply = std::get_if<net::Reply>(&answer)) {
      if (reply->status >= 400) return error_from_reply(reply->status, reply->headers, reply->body);
      return std::unique_ptr<ByteSource>(std::make_unique<TextSource>(std::move(reply->body)));
    }
    if (auto* subscription = std::get_if<net::Subscription>(&answer))
      return std::unique_ptr<ByteSource>(std::make_unique<StreamSource>(subscription->stream));
    return Error{Code::unsupported, cat(request.method, " ", request.path, " is answered by another server; ask over HTTP")};
  }

 private:
  net::Request as_us(net::Request request) const {
    request.peer.user = user_;
    request.peer.groups = groups_;
    request.body_size = request.body.size();
    return request;
  }

  net::Client nodes_;
  net::Handler handler_;
  std::string user_;
  std::vector<std::string> groups_;
};

}  // namespace

Error error_from_reply(int status, const net::Headers& headers, std::string_view body) {
  Error error{code_of(status, {}), std::string(trim(body.substr(0, 500)))};
  if (const auto parsed = parse_json(body); parsed.ok() && (*parsed)["kind"].as_string() == "Status") {
    error.code = code_of(status, (*parsed)["reason"].as_string());
    error.message = (*parsed)["message"].as_string();
    for (const Value& cause : parsed->at("details", "causes").as_array())
      error.causes.push_back({std::string(cause["field"].as_string()), std::string(cause["reason"].as_string()), std::string(cause["message"].as_string())});
  }
  if (error.message.empty()) error.message = cat("the server answered with HTTP status ", status);
  if (const auto after = headers.get("Retry-After"); !after.empty()) {
    int wait_s = 0;
    std::from_chars(after.data(), after.data() + after.size(), wait_s);
    error.retry_after = std::chrono::seconds(wait_s);
  }
  return error;
}

std::unique_ptr<Transport> in_process_transport(net::Handler handler, std::string user, std::vector<std::string> groups) {
  return std::make_unique<InProcessTransport>(std::move(handler), std::move(user), std::move(groups));
}

}  // namespace masu::kube
