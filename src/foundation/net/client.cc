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

/// How an answer is to be received.
struct Receiver {
  Client::Sink sink;  // bodies of 2xx; empty: into the reply
  std::size_t bytes_max = 0;
  Deadline deadline;
  Duration idle = 0s;  // 0: none
  Deadline next() const { return idle > 0s ? deadline.at_most(idle) : deadline; }
};

struct Received {
  Reply reply;
  bool reusable = false;
};

Result<Received> receive(ClientSocket& socket, const Request& request, const Receiver& how, const StopSignal& stop, bool& heard) {
  auto parser = std::make_unique<MessageParser>(MessageParser::Kind::response, head_bytes_max);
  if (request.method == "HEAD") parser->expect_no_body();
  std::string input, buffer(piece_bytes, '\0');
  Received received;
  while (true) {
    // Until nothing more can be made of what is there.
    while (!parser->done()) {
      TRY(const std::size_t used, parser->feed(input).context("reading the answer"));
      input.erase(0, used);
      if (parser->head_done() && parser->status() < 200 && parser->status() != 101) {
        parser = std::make_unique<MessageParser>(MessageParser::Kind::response, head_bytes_max);
        if (request.method == "HEAD") parser->expect_no_body();
        continue;
      }
      if (used == 0 || input.empty()) break;
    }
    if (parser->head_done() && !parser->body().empty()) {
      const std::string bytes = std::exchange(parser->body(), {});
      if (how.sink && parser->status() / 100 == 2) {
        TRY_OK(how.sink(bytes));
      } else {
        if (received.reply.body.size() + bytes.size() > how.bytes_max)
          return Error{Code::exhausted, cat("the answer is above the limit of ", how.bytes_max, " bytes")};
        received.reply.body += bytes;
      }
    }
    if (parser->done()) break;
    TRY(const std::size_t got, socket.read(buffer.data(), buffer.size(), how.next(), stop));
    if (got == 0) {
      if (!parser->end().ok()) return Error{Code::unavailable, heard ? "the server ended the connection within its answer" : "the server ended the connection without an answer"};
      break;
    }
    heard = true;
    input.append(buffer.data(), got);
  }
  received.reply.status = parser->status();
  received.reply.headers = std::move(parser->headers());
  received.reusable = parser->keep_alive() && input.empty() && (parser->content_length() || parser->chunked() || request.method == "HEAD" ||
                                                               received.reply.status == 204 || received.reply.status == 304);
  return received;
}

}  // namespace

struct Client::Impl {
  explicit Impl(Options given) : options(given) {}

  Result<TlsContext> context_of(const Endpoint& endpoint, const EndpointKey& key);
  std::unique_ptr<ClientSocket> kept(const EndpointKey& key);
  void keep(const EndpointKey& key, std::unique_ptr<ClientSocket> socket);
  Result<Reply> exchange(const Endpoint& endpoint, const Request& request, const Receiver& how, const std::stop_token& stop);

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
  while (list.size() > options.kept_max || (!list.empty() && list.back().until.expired())) dropped.splice(dropped.end(), list, std::prev(list.end()));
}

Result<Reply> Client::Impl::exchange(const Endpoint& endpoint, const Request& request, const Receiver& how, const std::stop_token& token) {
  const StopSignal stop(token);
  const EndpointKey key = key_of(endpoint);
  TRY(const auto context, context_of(endpoint, key));
  auto socket = kept(key);
  while (true) {
    const bool fresh = !socket;
    if (fresh) {
      TRY(socket, ClientSocket::open(endpoint, context, how.next(), stop));
    }
    bool heard = false;
    const Status sent = send(*socket, endpoint, request, how.next(), stop);
    // A server may refuse a body and close before it has read all: its answer counts more than our broken pipe.
    Result<Received> received = sent.ok() || sent.error().code == Code::unavailable ? receive(*socket, request, how, stop, heard)
                                                                                    : Result<Received>(sent.error());
    if (received.ok()) {
      if (sent.ok() && received->reusable) keep(key, std::move(socket));
      return std::move(received->reply);
    }
    if (!fresh && !heard && received.error().code == Code::unavailable && idempotent(request.method)) {
      socket.reset();
      continue;
    }
    const Error problem = sent.ok() || heard ? received.error() : sent.error();
    return Error(problem).context(cat(request.method, " ", to_text(endpoint), request.path));
  }
}

Client::Client() : Client(Options{}) {}
Client::Client(Options options) : impl_(std::make_unique<Impl>(options)) {}
Client::~Client() = default;

Result<Reply> Client::call(const Endpoint& endpoint, const Request& request, Deadline deadline) {
  return impl_->exchange(endpoint, request, Receiver{.bytes_max = impl_->options.reply_bytes_max, .deadline = deadline}, {});
}

Result<Reply> Client::download(const Endpoint& endpoint, const Request& request, const Sink& sink, Deadline deadline) {
  return impl_->exchange(endpoint, request, Receiver{.sink = sink, .bytes_max = impl_->options.reply_bytes_max, .deadline = deadline}, {});
}

Result<Reply> Client::stream(const Endpoint& endpoint, const Request& request, const std::function<bool(std::string_view)>& on_chunk,
                             const std::stop_token& stop, Duration idle) {
  bool enough = false;
  const Sink sink = [&](std::string_view bytes) -> Status {
    enough = !on_chunk(bytes);
    return enough ? Status(Error{Code::cancelled, "the caller has enough"}) : Status{};
  };
  auto result = impl_->exchange(endpoint, request,
                                Receiver{.sink = sink, .bytes_max = impl_->options.reply_bytes_max, .deadline = Deadline::none(), .idle = idle}, stop);
  if (!result.ok() && enough) return Reply{};
  return result;
}

}  // namespace masu::net
