// The network thread: accepting, TLS, reading requests, sending the four kinds of answer.
//
// Everything in this file but Server's own functions runs on one thread, so connections need no locks. Handlers, file
// reads and spooling run on pools; their jobs come back by asio::post. A connection is one coroutine, with a sibling
// that watches for the peer's end while an answer goes on; the coroutine waits for its sibling before it ends. Waiting
// without a limit is never left to a peer: each channel has a deadline, and one sweeper closes what has passed it.
//
// co_await stands in two shapes only, a bare statement and `auto x = co_await f(named, named);`, with named operands:
// GCC 12 compiles others wrongly.

#include "net/server.h"

#include <pthread.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <thread>
#include <unordered_set>

#include "base/log.h"
#include "base/text.h"
#include "net/address.h"
#include "net/tls.h"
#include "net/wire.h"
#include "net/workers.h"

namespace masu::net {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Protocol = asio::generic::stream_protocol;
using Socket = asio::basic_stream_socket<Protocol, Executor>;
using TlsStream = asio::ssl::stream<Socket&>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
template <class T>
using Task = asio::awaitable<T, Executor>;
constexpr asio::use_awaitable_t<Executor> use_task{};

constexpr std::size_t head_read_bytes = 4096;                   // small: thousands of idle connections hold one each
constexpr std::size_t body_read_bytes = std::size_t{64} << 10;
constexpr std::size_t slice_bytes = std::size_t{256} << 10;     // the progress deadline is renewed with each
constexpr std::size_t file_read_bytes = std::size_t{512} << 10;
constexpr std::size_t early_bytes_max = std::size_t{64} << 10;  // what a peer may send ahead while an answer goes on
constexpr std::size_t drained_bytes_max = std::size_t{16} << 20;

/// A stream of bytes to a peer, plain or TLS, and the time by which it has to move.
struct Channel {
  explicit Channel(const Executor& executor) : socket(executor) {}

  Socket socket;
  std::optional<asio::ssl::context> tls_context;
  std::optional<TlsStream> tls;
  Deadline deadline = Deadline::none();

  void kill() {
    ErrorCode ignored;
    socket.close(ignored);
  }

  /// For a peer that does not move: what waits to be sent is given up, so that the kernel's memory is free at once.
  void abort() {
    ErrorCode ignored;
    const asio::socket_base::linger at_once(true, 0);
    socket.set_option(at_once, ignored);
    socket.close(ignored);
  }

  Task<std::size_t> read_some(asio::mutable_buffer into, ErrorCode& ec) {
    auto token = asio::redirect_error(use_task, ec);
    if (tls) {
      const std::size_t got = co_await tls->async_read_some(into, token);
      co_return got;
    }
    const std::size_t got = co_await socket.async_read_some(into, token);
    co_return got;
  }

  /// All of both, in slices; each has to be taken by the peer within `limit`.
  Task<void> write(std::string_view first, std::string_view second, Duration limit, ErrorCode& ec) {
    auto token = asio::redirect_error(use_task, ec);
    do {
      const auto piece = second.substr(0, slice_bytes);
      second.remove_prefix(piece.size());
      const std::array<asio::const_buffer, 2> parts{asio::const_buffer(first.data(), first.size()), asio::const_buffer(piece.data(), piece.size())};
      first = {};
      deadline = Deadline::after(limit);
      if (tls) {
        co_await asio::async_write(*tls, parts, token);
      } else {
        co_await asio::async_write(socket, parts, token);
      }
    } while (!ec && !second.empty());
    deadline = Deadline::none();
  }
};

struct Place {
  Listener options;
  ListeningSocket listening;
  TlsContext tls;
  std::optional<Descriptor> descriptor;
  std::optional<Timer> pause;
};

struct Connection;

/// How one request is answered.
struct Exchange {
  bool head_only = false;   // HEAD
  bool keep_alive = true;
  int minor_version = 1;
};

}  // namespace

struct Server::Impl {
  explicit Impl(Options given)
      : options(std::move(given)), io(std::make_shared<asio::io_context>(1)), workers(options.workers, "masu-handlers"),
        transfers(2, "masu-transfers"), sweep(io->get_executor()) {}

  void begin_stop(Duration grace);

  Options options;
  std::vector<std::string> addresses;
  // Shared with the wake-up calls of streams: a producer may be in the middle of one while we go away.
  std::shared_ptr<asio::io_context> io;
  std::vector<std::unique_ptr<Place>> places;
  WorkerPool workers, transfers;
  std::thread thread;

  // The network thread's own.
  std::unordered_set<Connection*> connections;
  Timer sweep;
  bool stopping = false;
  Deadline stop_deadline = Deadline::none();
};

namespace {

struct Connection {
  Connection(Server::Impl& server, Place& place)
      : server(server), place(place), channel(server.io->get_executor()), wake(server.io->get_executor()) {}

  Server::Impl& server;
  Place& place;
  Channel channel;
  Channel* upstream = nullptr;  // of a relay in progress; the sweeper looks after it too
  std::string input;            // read from the peer, not yet used
  Peer peer;
  bool idle = true;             // between two requests
  bool peer_gone = false;
  bool watching = false;        // the sibling runs

  // One waiter, the connection's coroutine: whoever changes something it may wait for says signal(), and it looks anew.
  Timer wake;
  bool woken = false;

  void signal() {
    woken = true;
    wake.cancel();
  }
  Task<void> wait() {
    if (!woken) {
      ErrorCode ignored;
      auto token = asio::redirect_error(use_task, ignored);
      wake.expires_at(std::chrono::steady_clock::time_point::max());
      co_await wake.async_wait(token);
    }
    woken = false;
  }
  void kill() {
    channel.kill();
    if (upstream) upstream->kill();
  }
  void sweep() {
    if (channel.deadline.expired()) channel.abort();
    if (upstream && upstream->deadline.expired()) upstream->abort();
  }
};
using Shared = std::shared_ptr<Connection>;

// ---- pools

/// Runs `work` on a pool and waits for it. `work` must not throw.
Task<void> run_on(Shared c, WorkerPool& pool, const std::function<void()>& work) {
  bool done = false;
  pool.submit([c, &work, &done]() mutable {
    work();
    const auto io = c->server.io;
    asio::post(*io, [c = std::move(c), &done] {
      done = true;
      c->signal();
    });
  });
  while (!done) co_await c->wait();
}

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

// ---- reading

Task<void> fill(Shared c, std::size_t bytes, ErrorCode& ec) {
  const std::size_t before = c->input.size();
  c->input.resize(before + bytes);
  const asio::mutable_buffer space(c->input.data() + before, bytes);
  const std::size_t got = co_await c->channel.read_some(space, ec);
  c->input.resize(before + got);
}

/// The sibling: notices that the peer goes away while an answer goes on, and keeps what it sends ahead.
Task<void> watch_peer(Shared c) {
  std::array<char, 1024> buffer;
  const asio::mutable_buffer space(buffer.data(), buffer.size());
  while (c->input.size() < early_bytes_max) {
    ErrorCode ec;
    const std::size_t got = co_await c->channel.read_some(space, ec);
    c->input.append(buffer.data(), got);
    if (ec == asio::error::operation_aborted && c->channel.socket.is_open()) co_return;  // stop_watching
    if (ec) {
      c->peer_gone = true;
      if (c->upstream) c->upstream->kill();
      co_return;
    }
  }
}

void start_watching(const Shared& c) {
  c->watching = true;
  asio::co_spawn(c->server.io->get_executor(), watch_peer(c), [c](const std::exception_ptr& problem) {
    if (problem) c->peer_gone = true;
    c->watching = false;
    c->signal();
  });
}

/// No write is in flight here, so cancelling meets the sibling's read alone.
Task<void> stop_watching(Shared c) {
  if (c->watching) {
    ErrorCode ignored;
    c->channel.socket.cancel(ignored);
  }
  while (c->watching) co_await c->wait();
}

// ---- answers; each returns whether the connection can take another request

bool bodiless(int status) { return status < 200 || status == 204 || status == 304; }

Task<bool> send_reply(Shared c, Exchange exchange, const Reply& reply) {
  std::uint64_t length = reply.body.size();
  if (exchange.head_only && reply.body.empty() && reply.headers.has("Content-Length"))
    length = std::strtoull(std::string(reply.headers.get("Content-Length")).c_str(), nullptr, 10);
  const auto framing = bodiless(reply.status) ? Framing::none : Framing::length;
  const std::string head = response_head(reply.status, reply.headers, framing, length, exchange.keep_alive);
  const std::string_view body = exchange.head_only || framing == Framing::none ? std::string_view{} : std::string_view(reply.body);
  ErrorCode ec;
  const Duration limit = c->server.options.progress_timeout;
  co_await c->channel.write(head, body, limit, ec);
  co_return !ec && exchange.keep_alive;
}

/// Answers without having read the whole request. The peer may still be sending: it gets the answer only if we read on
/// for a while, because closing with unread bytes resets the connection.
Task<void> refuse(Shared c, int status, std::string message) {
  const Reply reply{.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = message + "\n"};
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

/// Reads up to `into.size()` bytes at `offset` on the transfer pool; 0 at the end or on an error.
Task<std::size_t> read_file_piece(Shared c, int fd, std::uint64_t offset, std::string& into) {
  std::size_t got = 0;
  const std::function<void()> work = [&] {
    while (got < into.size()) {
      const ssize_t n = ::pread(fd, into.data() + got, into.size() - got, static_cast<off_t>(offset + got));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;
      got += static_cast<std::size_t>(n);
    }
  };
  co_await run_on(c, c->server.transfers, work);
  co_return got;
}

/// Sends `length` bytes of a file after `head`. False if the peer or the file ended before.
Task<bool> write_file_part(Shared c, Channel& to, std::string head, int fd, std::uint64_t offset, std::uint64_t length) {
  ErrorCode ec;
  const Duration limit = c->server.options.progress_timeout;
  std::string piece;
  while (length > 0) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(length, file_read_bytes)));
    const std::size_t got = co_await read_file_piece(c, fd, offset, piece);
    if (got == 0) {
      log::warn("a file ended before its announced length", {{"missing_bytes", static_cast<long long>(length)}});
      co_return false;
    }
    const std::string_view bytes(piece.data(), got);
    co_await to.write(head, bytes, limit, ec);
    if (ec) co_return false;
    head.clear();
    offset += got;
    length -= got;
  }
  if (!head.empty()) {
    const std::string_view nothing;
    co_await to.write(head, nothing, limit, ec);
  }
  co_return !ec;
}

Task<bool> send_file(Shared c, Exchange exchange, const FileReply& reply) {
  const auto framing = bodiless(reply.status) ? Framing::none : Framing::length;
  const std::string head = response_head(reply.status, reply.headers, framing, reply.length, exchange.keep_alive);
  const std::uint64_t length = exchange.head_only || framing == Framing::none || !reply.file ? 0 : reply.length;
  const int fd = reply.file ? reply.file->get() : -1;
  const std::uint64_t offset = reply.offset;
  const bool sent = co_await write_file_part(c, c->channel, head, fd, offset, length);
  co_return sent && exchange.keep_alive;
}

/// Turns a stream's wake-up, from any thread, into a signal on the network thread; many in a row become one.
struct Waker {
  std::weak_ptr<Connection> connection;
  std::shared_ptr<asio::io_context> io;
  std::atomic<bool> pending = false;

  static std::function<void()> make(const Shared& c) {
    auto waker = std::make_shared<Waker>();
    waker->connection = c;
    waker->io = c->server.io;
    return [waker] {
      if (waker->pending.exchange(true)) return;
      if (auto c = waker->connection.lock())
        asio::post(*waker->io, [c = std::move(c), waker] {
          waker->pending = false;
          c->signal();
        });
    };
  }
};

/// What is left of an answer that goes on, behind its head. False if it could not be brought to its end.
Task<bool> write_stream(Shared c, Stream& stream, Framing framing) {
  const Duration limit = c->server.options.progress_timeout;
  ErrorCode ec;
  std::string chunk;
  while (!ec) {
    const auto state = stream.take(chunk);
    if (state == Stream::State::data) {
      std::string head;
      if (framing == Framing::chunked) {
        head = chunk_head(chunk.size());
        chunk += "\r\n";
      }
      co_await c->channel.write(head, chunk, limit, ec);
      continue;
    }
    if (c->peer_gone) co_return false;
    if (state == Stream::State::finished) {
      if (stream.closed()) co_return false;  // dropped as too slow: a proper end would tell the peer that it has all
      break;
    }
    if (c->server.stopping) break;
    co_await c->wait();
  }
  if (!ec && framing == Framing::chunked) {
    const std::string_view end = "0\r\n\r\n", nothing;
    co_await c->channel.write(end, nothing, limit, ec);
  }
  co_return !ec;
}

Task<bool> send_subscription(Shared c, Exchange exchange, const Subscription& subscription) {
  const auto stream = subscription.stream;
  const auto framing = exchange.minor_version == 0 ? Framing::until_close : Framing::chunked;
  const std::string head = response_head(subscription.status, subscription.headers, framing, 0, exchange.keep_alive);
  const Duration limit = c->server.options.progress_timeout;
  const std::string_view nothing;
  ErrorCode ec;
  co_await c->channel.write(head, nothing, limit, ec);
  bool complete = !ec;
  if (!ec && !exchange.head_only) {
    start_watching(c);
    stream->on_ready(Waker::make(c));
    const bool written = co_await write_stream(c, *stream, framing);
    complete = written;
  }
  stream->on_ready(nullptr);
  stream->close();
  co_await stop_watching(c);
  co_return complete && exchange.keep_alive && framing == Framing::chunked && !c->peer_gone;
}

// ---- relays

Task<bool> relay_failed(Shared c, Exchange exchange, const Relay& relay, Error error) {
  log::warn("a relay's target did not answer", {{"target", relay.address}, {"path", relay.request.path}, {"error", error.message}});
  const Reply reply = relay.failed ? relay.failed(error)
                                   : Reply{.status = 502, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = error.message + "\n"};
  const bool again = co_await send_reply(c, exchange, reply);
  co_return again;
}

Task<void> connect(Shared c, Channel& up, const std::string& address, Error& problem) {
  const auto where = parse_address(address);
  if (!where.ok()) {
    problem = where.error();
    co_return;
  }
  ErrorCode ec;
  auto token = asio::redirect_error(use_task, ec);
  const Protocol::endpoint endpoint(where->get(), where->size);
  up.deadline = Deadline::after(c->server.options.progress_timeout);
  co_await up.socket.async_connect(endpoint, token);
  up.deadline = Deadline::none();
  problem.code = Code::unavailable;
  problem.message = ec ? cat("connecting to ", address, ": ", ec.message()) : "";
}

Task<void> send_upstream(Shared c, Channel& up, const Relay& relay, ErrorCode& ec) {
  const std::string host = relay.address.starts_with("unix:") ? "localhost" : relay.address;
  const std::string head = request_head(relay.request, host);
  if (relay.request.body_file) {
    const int fd = relay.request.body_file->get();
    const std::uint64_t start = 0, length = relay.request.body_size;
    const bool sent = co_await write_file_part(c, up, head, fd, start, length);
    if (!sent) ec = asio::error::broken_pipe;
  } else {
    const std::string_view body = relay.request.body;
    const Duration limit = c->server.options.progress_timeout;
    co_await up.write(head, body, limit, ec);
  }
}

/// Copies bytes until one side ends; then ends the other.
Task<void> pump(Shared c, Channel& from, Channel& to) {
  const Duration limit = c->server.options.progress_timeout;
  std::string buffer(body_read_bytes / 4, '\0');
  const asio::mutable_buffer space(buffer.data(), buffer.size());
  ErrorCode ec;
  while (!ec) {
    const std::size_t got = co_await from.read_some(space, ec);
    if (got == 0) break;
    const std::string_view bytes(buffer.data(), got), nothing;
    ErrorCode write_error;
    co_await to.write(nothing, bytes, limit, write_error);
    if (write_error) break;
  }
}

/// After 101: bytes in both directions. The target's last bytes reach the peer before the connection ends.
Task<void> tunnel(Shared c, Channel& up, std::string from_up, const std::string& head) {
  co_await stop_watching(c);
  const Duration limit = c->server.options.progress_timeout;
  ErrorCode ec;
  co_await c->channel.write(head, from_up, limit, ec);
  const std::string early = std::exchange(c->input, {});
  const std::string_view nothing;
  if (!ec && !early.empty()) co_await up.write(nothing, early, limit, ec);
  if (ec) co_return;
  c->watching = true;
  asio::co_spawn(c->server.io->get_executor(), pump(c, c->channel, up), [c, &up](const std::exception_ptr&) {
    up.kill();  // `up` lives until the coroutine that waits below has seen watching fall
    c->watching = false;
    c->signal();
  });
  co_await pump(c, up, c->channel);
  c->channel.kill();
  while (c->watching) co_await c->wait();
}

Task<bool> relay_answer(Shared c, Exchange exchange, const Relay& relay, Channel& up) {
  const Duration limit = c->server.options.progress_timeout;
  const std::string_view nothing;
  ErrorCode ec;
  std::string input;
  std::string buffer(body_read_bytes / 4, '\0');
  const asio::mutable_buffer space(buffer.data(), buffer.size());
  auto parser = std::make_unique<MessageParser>(MessageParser::Kind::response, c->server.options.header_bytes_max);
  if (relay.request.method == "HEAD") parser->expect_no_body();
  Error problem{Code::unavailable, ""};
  while (!parser->head_done() && problem.message.empty()) {
    const auto used = parser->feed(input);
    if (!used.ok()) {
      problem.message = cat("the answer of ", relay.address, " cannot be read: ", used.error().message);
      break;
    }
    input.erase(0, *used);
    if (parser->head_done()) {
      if (parser->status() >= 200 || parser->status() == 101) break;
      parser = std::make_unique<MessageParser>(MessageParser::Kind::response, c->server.options.header_bytes_max);
      continue;
    }
    const std::size_t got = co_await up.read_some(space, ec);
    input.append(buffer.data(), got);
    if (ec) problem.message = cat(relay.address, " closed the connection without an answer");
  }
  if (c->peer_gone) co_return false;
  if (!problem.message.empty()) {
    const bool again = co_await relay_failed(c, exchange, relay, problem);
    co_return again;
  }

  if (parser->status() == 101) {
    const std::string head = response_head(101, parser->headers(), Framing::upgrade, 0, false);
    co_await tunnel(c, up, input, head);
    co_return false;
  }

  const auto length = parser->content_length();
  Framing framing = exchange.minor_version == 0 ? Framing::until_close : Framing::chunked;
  if (length) framing = Framing::length;
  if (bodiless(parser->status())) framing = Framing::none;
  std::string head = response_head(parser->status(), parser->headers(), framing, length.value_or(0), exchange.keep_alive);
  // The head goes at once, as for a subscription: followers of a log want to know that they are connected.
  co_await c->channel.write(head, nothing, limit, ec);
  while (!ec && !parser->done()) {
    if (!input.empty()) {
      const auto used = parser->feed(input);
      if (!used.ok()) co_return false;
      input.erase(0, *used);
    }
    std::string body = std::exchange(parser->body(), {});
    if (!body.empty() && !exchange.head_only) {
      const std::string chunk = framing == Framing::chunked ? chunk_head(body.size()) : "";
      if (framing == Framing::chunked) body += "\r\n";
      co_await c->channel.write(chunk, body, limit, ec);
      if (ec) break;
    }
    if (parser->done()) break;
    ErrorCode read_error;
    const std::size_t got = co_await up.read_some(space, read_error);
    input.append(buffer.data(), got);
    if (read_error && (got == 0)) {
      if (c->peer_gone || !parser->end().ok()) co_return false;  // cut here too: a proper end would be a lie
    }
  }
  if (!ec && framing == Framing::chunked && !exchange.head_only) {
    const std::string_view end = "0\r\n\r\n";
    co_await c->channel.write(end, nothing, limit, ec);
  }
  co_return !ec && exchange.keep_alive && framing != Framing::until_close;
}

Task<bool> send_relay(Shared c, Exchange exchange, const Relay& relay) {
  Channel up(c->server.io->get_executor());
  c->upstream = &up;
  start_watching(c);
  Error problem;
  co_await connect(c, up, relay.address, problem);
  if (problem.message.empty()) {
    ErrorCode ec;
    co_await send_upstream(c, up, relay, ec);
    // A target that answers early and closes is still heard: reading comes next either way.
  }
  bool again = false;
  if (problem.message.empty()) {
    const bool kept = co_await relay_answer(c, exchange, relay, up);
    again = kept;
  } else if (!c->peer_gone) {
    const bool kept = co_await relay_failed(c, exchange, relay, problem);
    again = kept;
  }
  co_await stop_watching(c);
  c->upstream = nullptr;
  co_return again && !c->peer_gone;
}

// ---- requests

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
    place->descriptor.emplace(impl->io->get_executor(), ::dup(place->listening.fd.get()));
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
