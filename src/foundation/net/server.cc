// Accepting, reading requests, calling handlers, starting and stopping.

#include "net/server.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "net/connection.h"
#include "net/wire.h"

namespace masu::net {
namespace {

constexpr std::size_t head_read_bytes = 4096;  // small: thousands of idle connections hold one each
constexpr std::size_t drained_bytes_max = std::size_t{16} << 20;

Answer run_handler(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const std::exception& problem) {
    log::error("a request handler threw", {{"method", request.method}, {"path", request.path}, {"what", problem.what()}});
  } catch (...) {
    log::error("a request handler threw", {{"method", request.method}, {"path", request.path}});
  }
  return Reply{.status = 500, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = "internal server error\n"};
}

Task<void> fill(Shared c, std::size_t bytes, ErrorCode& ec) {
  const std::size_t before = c->input.size();
  c->input.resize(before + bytes);
  const asio::mutable_buffer space(c->input.data() + before, bytes);
  const std::size_t got = co_await c->channel.read_some(space, ec);
  c->input.resize(before + got);
}

/// Answers without having read the whole request. The peer may still be sending: it gets the answer only if we read on
/// for a while, because closing with unread bytes resets the connection.
Task<void> refuse(Shared c, int status, std::string message) {
  const auto& words = c->place.options.refusal;
  Reply reply{.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = message + "\n"};
  if (words) reply = words(status, message);
  const Exchange last{.keep_alive = false};
  const bool again = co_await send_reply(c, last, reply);
  static_cast<void>(again);
  ErrorCode ec;
  c->channel.socket.shutdown(Socket::shutdown_send, ec);
  c->channel.deadline = Deadline::after(5s);
  std::string buffer(body_read_bytes, '\0');
  const asio::mutable_buffer space(buffer.data(), buffer.size());
  auto token = asio::redirect_error(use_task, ec);
  std::size_t drained = 0;
  while (!ec && drained < drained_bytes_max) {
    const std::size_t got = co_await c->channel.socket.async_read_some(space, token);
    drained += got;
  }
  c->channel.kill();
}

/// Splits the target; false for forms that only proxies understand.
bool read_target(std::string_view target, Request& request) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (target.starts_with(scheme)) {
      const auto slash = target.find('/', scheme.size());
      target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    }
  if (target.empty() || (target[0] != '/' && !(target == "*" && request.method == "OPTIONS"))) return false;
  const auto hash = target.find('#');
  if (hash != std::string_view::npos) target = target.substr(0, hash);
  const auto mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  if (mark != std::string_view::npos) request.query = Query::parse(target.substr(mark + 1));
  return true;
}

/// Moves what is in memory to the end of the spool file (made on first use).
Task<Status> spool(Shared c, Request& request) {
  Status status;
  const std::function<void()> work = [&] {
    if (!request.body_file) {
      auto file = unlinked_file(c->server.options.spool_directory);
      if (!file.ok()) {
        status = std::move(file).error();
        return;
      }
      request.body_file = std::make_shared<FileDescriptor>(std::move(*file));
    }
    status = write_all(request.body_file->get(), request.body);
    request.body.clear();
  };
  co_await run_on(c, c->server.transfers, work);
  co_return status;
}

struct Refusal {
  int status = 0;  // 0: none
  std::string message;
};

Task<Refusal> read_body(Shared c, MessageParser& parser, Request& request) {
  const auto& options = c->server.options;
  const auto most = c->place.options.body_bytes_max;
  const auto too_long = [&] { return Refusal{413, cat("the request body is above the limit of ", most.value_or(0), " bytes")}; };
  if (most && parser.content_length().value_or(0) > *most) co_return too_long();
  if (request.headers.has("Expect") && parser.minor_version() == 1) {
    if (!equal_fold(request.headers.get("Expect"), "100-continue"))
      co_return Refusal{417, cat("expectation ", quote(request.headers.get("Expect")), " is not \"100-continue\"")};
    if (!parser.done() && c->input.empty()) {
      const std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n", nothing;
      ErrorCode ec;
      co_await c->channel.write(go_on, nothing, options.progress_timeout, ec);
    }
  }
  while (true) {
    if (!c->input.empty() && !parser.done()) {
      const auto used = parser.feed(c->input);
      if (!used.ok()) co_return Refusal{400, used.error().message};
      c->input.erase(0, *used);
      request.body_size += parser.body().size();
      if (most && request.body_size > *most) co_return too_long();
      if (request.body.empty())
        request.body = std::exchange(parser.body(), {});
      else
        request.body += std::exchange(parser.body(), {});
    }
    const bool to_file = request.body.size() > options.body_in_memory_max || (parser.done() && request.body_file);
    if (to_file) {
      const Status spooled = co_await spool(c, request);
      if (!spooled.ok()) {
        log::error("a request body could not be spooled", {{"error", spooled.error().message}});
        co_return Refusal{507, "no room for the request body"};
      }
    }
    if (parser.done()) break;
    ErrorCode ec;
    c->channel.deadline = Deadline::after(options.progress_timeout);
    const std::size_t bytes = body_read_bytes;
    co_await fill(c, bytes, ec);
    if (ec) co_return Refusal{400, "the connection ended within the request body"};
  }
  if (request.body_file) ::lseek(request.body_file->get(), 0, SEEK_SET);
  co_return Refusal{};
}

/// Reads one request and answers it. False: the connection ends.
Task<bool> serve_one(Shared c) {
  const auto& options = c->server.options;
  MessageParser parser(MessageParser::Kind::request, options.header_bytes_max);
  Request request;
  ErrorCode ec;
  c->idle = c->input.empty();
  c->channel.deadline = Deadline::after(c->idle ? options.idle_timeout : options.progress_timeout);
  while (true) {
    const auto used = parser.feed(c->input);
    if (!used.ok()) {
      const int status = used.error().code == Code::exhausted ? 431 : 400;
      const std::string message = used.error().message;
      co_await refuse(c, status, message);
      co_return false;
    }
    c->input.erase(0, *used);
    if (parser.head_done()) break;
    const std::size_t bytes = head_read_bytes;
    co_await fill(c, bytes, ec);
    if (ec) co_return false;
    // The whole head has to come within one progress timeout, however small its pieces.
    if (c->idle) c->channel.deadline = Deadline::after(options.progress_timeout);
    c->idle = false;
  }
  request.method = parser.method();
  request.headers = std::move(parser.headers());
  request.peer = c->peer;
  if (!read_target(parser.target(), request)) {
    const int status = 400;
    const std::string message = cat("request target ", quote(parser.target()), " is no path");
    co_await refuse(c, status, message);
    co_return false;
  }
  const Refusal refusal = co_await read_body(c, parser, request);
  if (refusal.status != 0) {
    co_await refuse(c, refusal.status, refusal.message);
    co_return false;
  }
  c->channel.deadline = Deadline::none();

  const Exchange exchange{.head_only = request.method == "HEAD",
                          .keep_alive = parser.keep_alive() && !c->server.stopping,
                          .minor_version = parser.minor_version()};
  Answer answer;
  const std::function<void()> work = [&] { answer = run_handler(c->place.options.handler, request); };
  co_await run_on(c, c->server.workers, work);
  request = {};  // a spooled body is not kept for as long as the answer goes on

  bool again = false;
  if (const auto* reply = std::get_if<Reply>(&answer)) {
    const bool kept = co_await send_reply(c, exchange, *reply);
    again = kept;
  } else if (const auto* file = std::get_if<FileReply>(&answer)) {
    const bool kept = co_await send_file(c, exchange, *file);
    again = kept;
  } else if (const auto* subscription = std::get_if<Subscription>(&answer)) {
    const bool kept = co_await send_subscription(c, exchange, *subscription);
    again = kept;
  } else if (const auto* relay = std::get_if<Relay>(&answer)) {
    const bool kept = co_await send_relay(c, exchange, *relay);
    again = kept;
  }
  co_return again;
}

Task<void> serve(Shared c) {
  ErrorCode ec;
  auto token = asio::redirect_error(use_task, ec);
  if (c->channel.tls) {
    c->channel.deadline = Deadline::after(c->server.options.progress_timeout);
    const auto side = asio::ssl::stream_base::server;
    co_await c->channel.tls->async_handshake(side, token);
    if (ec) {
      log::debug("a TLS handshake failed", {{"peer", c->peer.address}, {"error", ec.message()}});
      co_return;
    }
    c->peer.certificate_pem = trusted_peer_certificate(c->channel.tls->native_handle());
  }
  bool again = true;
  while (again && !c->server.stopping) {
    const bool kept = co_await serve_one(c);
    again = kept;
  }
  if (c->channel.tls && c->channel.socket.is_open() && !c->peer_gone) {
    c->channel.deadline = Deadline::after(1s);
    co_await c->channel.tls->async_shutdown(token);
  }
  c->channel.socket.shutdown(Socket::shutdown_both, ec);
}

void start_connection(Server::Impl& server, Place& place, FileDescriptor fd, const SocketAddress& from) {
  const auto c = std::make_shared<Connection>(server, place);
  c->peer.address = to_text(from);
  if (from.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ErrorCode ec;
  c->channel.socket.assign(Protocol(from.family(), 0), fd.get(), ec);
  if (ec) return;
  static_cast<void>(fd.release());
  if (place.tls) {
    SSL_CTX_up_ref(place.tls.get());  // asio's context gives its reference back
    c->channel.tls_context.emplace(place.tls.get());
    c->channel.tls.emplace(c->channel.socket, *c->channel.tls_context);
  }
  server.connections.insert(c.get());
  asio::co_spawn(server.io->get_executor(), serve(c), [c, &server](const std::exception_ptr& problem) {
    server.connections.erase(c.get());
    c->kill();
    if (server.stopping) server.sweep.cancel();
    if (!problem) return;
    try {
      std::rethrow_exception(problem);
    } catch (const std::exception& what) {
      log::error("a connection ended by an exception", {{"peer", c->peer.address}, {"what", what.what()}});
    }
  });
}

/// Accepts what waits in the kernel's queue. False: the system has no room for more just now.
bool accept_waiting(Server::Impl& server, Place& place) {
  while (server.connections.size() < server.options.connections_max) {
    SocketAddress from;
    from.size = sizeof from.storage;
    FileDescriptor fd(::accept4(place.listening.fd.get(), from.get(), &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid()) {
      start_connection(server, place, std::move(fd), from);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    log::warn("a connection could not be accepted", {{"listener", place.listening.address}, {"error", std::strerror(errno)}});
    return false;  // EMFILE and its kin: going on at once would spin
  }
  return false;
}

Task<void> accept_loop(Server::Impl& server, Place& place) {
  const auto wait = Descriptor::wait_read;
  while (!server.stopping) {
    ErrorCode ec;
    auto token = asio::redirect_error(use_task, ec);
    co_await place.descriptor->async_wait(wait, token);
    if (ec) break;
    if (accept_waiting(server, place)) continue;
    place.pause->expires_after(100ms);
    co_await place.pause->async_wait(token);
  }
}

Task<void> sweep_loop(Server::Impl& server) {
  while (!server.stopping || !server.connections.empty()) {
    ErrorCode ec;
    auto token = asio::redirect_error(use_task, ec);
    server.sweep.expires_after(server.stopping ? 10ms : 250ms);
    co_await server.sweep.async_wait(token);
    for (Connection* c : server.connections) {
      c->sweep();
      if (server.stopping && server.stop_deadline.expired()) c->kill();
    }
  }
}

void log_end(const std::exception_ptr& problem) {
  if (!problem) return;
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& what) {
    log::error("a loop of the server ended by an exception", {{"what", what.what()}});
  }
}

}  // namespace

void Server::Impl::begin_stop(Duration grace) {
  stopping = true;
  stop_deadline = Deadline::after(grace);
  for (const auto& place : places) {
    ErrorCode ignored;
    place->descriptor->close(ignored);
    place->listening.fd.reset();  // both: else the kernel would go on accepting on our behalf
    place->pause->cancel();
  }
  for (Connection* c : connections) {
    if (c->idle) c->kill();
    c->signal();
  }
  sweep.cancel();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(Options options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  for (const auto& listener : impl->options.listeners) {
    auto place = std::make_unique<Place>();
    place->options = listener;
    if (listener.tls) {
      TRY(place->tls, server_context(*listener.tls).context(cat("listening on ", listener.address)));
    }
    TRY(place->listening, listen_on(listener.address, listener.unix_mode));
    place->descriptor.emplace(impl->io->get_executor(), ::fcntl(place->listening.fd.get(), F_DUPFD_CLOEXEC, 0));
    place->pause.emplace(impl->io->get_executor());
    impl->addresses.push_back(place->listening.address);
    impl->places.push_back(std::move(place));
  }
  for (const auto& place : impl->places) asio::co_spawn(impl->io->get_executor(), accept_loop(*impl, *place), log_end);
  asio::co_spawn(impl->io->get_executor(), sweep_loop(*impl), log_end);
  impl->thread = std::thread([io = impl->io] {
    ::pthread_setname_np(::pthread_self(), "masu-net");
    while (!io->stopped()) {
      try {
        io->run();
      } catch (const std::exception& what) {
        log::error("the network thread caught an exception", {{"what", what.what()}});
      }
    }
  });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::vector<std::string>& Server::addresses() const { return impl_->addresses; }

void Server::stop(Duration grace) {
  if (!impl_->thread.joinable()) return;
  asio::post(*impl_->io, [impl = impl_.get(), grace] { impl->begin_stop(grace); });
  impl_->thread.join();
  impl_->workers.stop();
  impl_->transfers.stop();
  for (const auto& place : impl_->places)
    if (place->listening.address.starts_with("unix:")) ::unlink(place->listening.address.c_str() + 5);
}

Server::~Server() { stop(0s); }

}  // namespace masu::net
