#include "net/client.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <tuple>

#include "base/text.h"
#include "net/socket.h"
#include "net/tls.h"
#include "net/wire.h"

namespace masu::net {
namespace {

constexpr std::size_t head_bytes_max = std::size_t{256} << 10;
constexpr std::size_t piece_bytes = std::size_t{64} << 10;

using EndpointKey = std::tuple<std::string, std::uint16_t, std::string, bool, std::string, std::string, std::string, std::string, bool>;

EndpointKey key_of(const Endpoint& e) {
  return {e.host, e.port, e.unix_path, e.tls, e.ca_pem, e.client_certificate_pem, e.client_key_pem, e.server_name, e.insecure};
}

bool idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
}

struct Kept {
  std::unique_ptr<ClientSocket> socket;
  Deadline until = Deadline::none();
};

/// Sends the request; the body from memory or from its file.
Status send(ClientSocket& socket, const Endpoint& endpoint, const Request& request, Deadline deadline, const StopSignal& stop) {
  const Url url{.host = endpoint.host, .port = endpoint.port};
  const bool usual_port = endpoint.port == (endpoint.tls ? 443 : 80);
  std::string authority = url.authority();
  if (usual_port) authority.erase(authority.rfind(':'));
  std::string head = request_head(request, endpoint.unix_path.empty() ? authority : "localhost");
  if (!request.body_file) {
    head += request.body;
    return socket.write(head, deadline, stop);
  }
  TRY_OK(socket.write(head, deadline, stop));
  std::string piece(piece_bytes * 4, '\0');
  std::uint64_t sent = 0;
  while (sent < request.body_size) {
    const auto want = std::min<std::uint64_t>(piece.size(), request.body_size - sent);
    const ssize_t got = ::pread(request.body_file->get(), piece.data(), static_cast<std::size_t>(want), static_cast<off_t>(sent));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return Error{Code::invalid, cat("reading the body to send: ", got < 0 ? std::strerror(errno) : "the file is shorter than announced")};
    TRY_OK(socket.write(std::string_view(piece).substr(0, static_cast<std::size_t>(got)), deadline, stop));
    sent += static_cast<std::uint64_t>(got);
  }
  return {};
}

/// The answer to one request as it comes in.
class Incoming {
 public:
  Incoming(const Request& request, std::unique_ptr<ClientSocket> socket) : head_only_(request.method == "HEAD"), socket_(std::move(socket)) { renew(); }

  /// Reads until the final head is there.
  Status head(Deadline deadline, const StopSignal& stop) {
    while (!parser_->head_done()) TRY_OK(advance(deadline, stop));
    return {};
  }
  /// Appends what there is of the body, waiting for some. False: the answer is complete.
  Result<bool> more(std::string& into, Deadline deadline, const StopSignal& stop) {
    while (parser_->body().empty() && !done()) TRY_OK(advance(deadline, stop));
    if (parser_->body().empty()) return false;
    into += std::exchange(parser_->body(), {});
    return true;
  }
  bool done() const { return ended_ || parser_->done(); }
  bool heard() const { return heard_; }
  int status() const { return parser_->status(); }
  Headers& headers() { return parser_->headers(); }
  ClientSocket& socket() { return *socket_; }
  std::unique_ptr<ClientSocket> release() { return std::move(socket_); }
  bool reusable() const {
    const bool framed = parser_->content_length() || parser_->chunked() || head_only_ || status() == 204 || status() == 304;
    return socket_ && parser_->done() && parser_->keep_alive() && input_.empty() && framed;
  }

 private:
  void renew() {
    parser_ = std::make_unique<MessageParser>(MessageParser::Kind::response, head_bytes_max);
    if (head_only_) parser_->expect_no_body();
  }
  /// Makes something of the bytes that are there; reads more only if nothing can be made of them.
  Status advance(Deadline deadline, const StopSignal& stop) {
    if (!input_.empty()) {
      TRY(const std::size_t used, parser_->feed(input_).context("reading the answer"));
      input_.erase(0, used);
      if (parser_->head_done() && parser_->status() < 200 && parser_->status() != 101) renew();  // 100 Continue and its kin
      if (used > 0) return {};
    }
    const std::size_t before = input_.size();
    input_.resize(before + piece_bytes);
    const auto got = socket_->read(input_.data() + before, piece_bytes, deadline, stop);
    input_.resize(before + got.value_or(0));
    if (!got.ok()) return got.error();
    heard_ = heard_ || *got > 0;
    if (*got > 0) return {};
    ended_ = true;
    if (parser_->end().ok()) return {};
    return Error{Code::unavailable, heard_ ? "the server ended the connection within its answer" : "the server ended the connection without an answer"};
  }

  bool head_only_, heard_ = false, ended_ = false;
  std::unique_ptr<ClientSocket> socket_;
  std::unique_ptr<MessageParser> parser_;
  std::string input_;
};

}  // namespace

struct Client::Impl {
  explicit Impl(Options given) : options(given) {}

  Result<TlsContext> context_of(const Endpoint& endpoint, const EndpointKey& key);
  std::unique_ptr<ClientSocket> kept(const EndpointKey& key);
  void keep(const EndpointKey& key, std::unique_ptr<ClientSocket> socket);
  /// Sends the request and reads the head of the answer.
  Result<std::unique_ptr<Incoming>> begin(const Endpoint& endpoint, const Request& request, Deadline deadline, const StopSignal& stop);
  Result<Reply> exchange(const Endpoint& endpoint, const Request& request, const Sink& sink, Deadline deadline);

  const Options options;
  std::mutex mutex;
  std::map<EndpointKey, std::list<Kept>> connections;  // the most recent in front
  std::map<EndpointKey, TlsContext> contexts;
};

Result<TlsContext> Client::Impl::context_of(const Endpoint& endpoint, const EndpointKey& key) {
  if (!endpoint.tls) return TlsContext{};
  {
    const std::lock_guard lock(mutex);
    if (const auto found = contexts.find(key); found != contexts.end()) return found->second;
  }
  TRY(auto context, client_context(endpoint));
  const std::lock_guard lock(mutex);
  // Credentials that rotate (tokens do not come here, certificates do) must not pile up.
  if (contexts.size() >= 64) contexts.clear();
  contexts[key] = context;
  return context;
}

std::unique_ptr<ClientSocket> Client::Impl::kept(const EndpointKey& key) {
  std::list<Kept> dropped;  // closed without the lock
  const std::lock_guard lock(mutex);
  const auto found = connections.find(key);
  if (found == connections.end()) return nullptr;
  auto& list = found->second;
  std::unique_ptr<ClientSocket> socket;
  while (!list.empty() && !socket) {
    if (list.front().until.expired() || list.front().socket->stale()) {
      dropped.splice(dropped.end(), list, list.begin());
    } else {
      socket = std::move(list.front().socket);
      list.pop_front();
    }
  }
  if (list.empty()) connections.erase(found);
  return socket;
}

void Client::Impl::keep(const EndpointKey& key, std::unique_ptr<ClientSocket> socket) {
  std::list<Kept> dropped;
  const std::lock_guard lock(mutex);
  auto& list = connections[key];
  list.push_front(Kept{std::move(socket), Deadline::after(options.kept_for)});
  while (list.size() > options.kept_max || list.back().until.expired()) dropped.splice(dropped.end(), list, std::prev(list.end()));
}

Result<std::unique_ptr<Incoming>> Client::Impl::begin(const Endpoint& endpoint, const Request& request, Deadline deadline, const StopSignal& stop) {
  const EndpointKey key = key_of(endpoint);
  TRY(const auto context, context_of(endpoint, key));
  auto socket = kept(key);
  while (true) {
    const bool fresh = !socket;
    if (fresh) {
      TRY(socket, ClientSocket::open(endpoint, context, deadline, stop));
    }
    auto incoming = std::make_unique<Incoming>(request, std::move(socket));
    const Status sent = send(incoming->socket(), endpoint, request, deadline, stop);
    // A server may refuse a body and close before it has read all: its answer counts more than our broken pipe.
    const bool worth_reading = sent.ok() || sent.error().code == Code::unavailable;
    const Status read = worth_reading ? incoming->head(deadline, stop) : sent;
    if (read.ok()) return incoming;
    if (!fresh && !incoming->heard() && read.error().code == Code::unavailable && idempotent(request.method)) continue;
    const Error problem = sent.ok() || incoming->heard() ? read.error() : sent.error();
    return Error(problem).context(cat(request.method, " ", to_text(endpoint), request.path));
  }
}

Result<Reply> Client::Impl::exchange(const Endpoint& endpoint, const Request& request, const Sink& sink, Deadline deadline) {
  const StopSignal never{std::stop_token{}};
  TRY(const auto incoming, begin(endpoint, request, deadline, never));
  const auto doing = cat(request.method, " ", to_text(endpoint), request.path);
  Reply reply{.status = incoming->status(), .headers = std::move(incoming->headers())};
  const bool to_sink = sink && reply.status / 100 == 2;
  while (true) {
    TRY(const bool more, incoming->more(reply.body, deadline, never).context(doing));
    if (!more) break;
    if (to_sink) {
      TRY_OK(sink(reply.body));
      reply.body.clear();
    } else if (reply.body.size() > options.reply_bytes_max) {
      return Error{Code::exhausted, cat(doing, ": the answer is above the limit of ", options.reply_bytes_max, " bytes")};
    }
  }
  if (incoming->reusable()) keep(key_of(endpoint), incoming->release());
  return reply;
}

Client::Client() : Client(Options{}) {}
Client::Client(Options options) : impl_(std::make_unique<Impl>(options)) {}
Client::~Client() = default;

Result<Reply> Client::call(const Endpoint& endpoint, const Request& request, Deadline deadline) {
  return impl_->exchange(endpoint, request, {}, deadline);
}

Result<Reply> Client::download(const Endpoint& endpoint, const Request& request, const Sink& sink, Deadline deadline) {
  return impl_->exchange(endpoint, request, sink, deadline);
}

struct Client::OpenReading final : Reading {
  OpenReading(Impl& impl, const Endpoint& endpoint, std::unique_ptr<Incoming> incoming)
      : impl(impl), endpoint(endpoint), incoming(std::move(incoming)) {}
  ~OpenReading() override {
    if (incoming->reusable()) impl.keep(key_of(endpoint), incoming->release());
  }
  int status() const override { return incoming->status(); }
  const Headers& headers() const override { return incoming->headers(); }
  Result<State> read(std::string& into, Deadline deadline, const std::stop_token& token) override {
    const StopSignal stop(token);
    const auto more = incoming->more(into, deadline, stop);
    if (more.ok()) return *more ? State::data : State::finished;
    if (more.error().code == Code::timeout || more.error().code == Code::cancelled) return State::nothing_yet;
    return more.error();
  }

  Impl& impl;
  const Endpoint endpoint;
  std::unique_ptr<Incoming> incoming;
};

Result<std::unique_ptr<Reading>> Client::open(const Endpoint& endpoint, const Request& request, Deadline deadline, const std::stop_token& token) {
  const StopSignal stop(token);
  TRY(auto incoming, impl_->begin(endpoint, request, deadline, stop));
  return std::unique_ptr<Reading>(std::make_unique<OpenReading>(*impl_, endpoint, std::move(incoming)));
}

Result<Reply> Client::stream(const Endpoint& endpoint, const Request& request, const std::function<bool(std::string_view)>& on_chunk,
                             const std::stop_token& stop, Duration idle) {
  const auto next = [idle] { return idle > 0s ? Deadline::after(idle) : Deadline::none(); };
  TRY(const auto reading, open(endpoint, request, next(), stop));
  Reply reply{.status = reading->status(), .headers = reading->headers()};
  std::string bytes;
  while (true) {
    TRY(const auto state, reading->read(bytes, next(), stop));
    if (state == Reading::State::finished) return reply;
    if (state == Reading::State::nothing_yet)
      return stop.stop_requested() ? Error{Code::cancelled, cat("reading ", request.path, ": stopped")}
                                   : Error{Code::timeout, cat("reading ", request.path, ": nothing came for ", to_human(idle))};
    if (reply.status / 100 == 2) {
      if (!on_chunk(bytes)) return reply;
    } else {
      reply.body += bytes;
      if (reply.body.size() > impl_->options.reply_bytes_max)
        return Error{Code::exhausted, cat("the answer is above the limit of ", impl_->options.reply_bytes_max, " bytes")};
    }
    bytes.clear();
  }
}

}  // namespace masu::net
