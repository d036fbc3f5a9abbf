// Channels, waiting, and the four kinds of answer.

#include "net/connection.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "base/log.h"
#include "base/text.h"
#include "net/wire.h"

namespace masu::net {
namespace {

constexpr std::size_t slice_bytes = std::size_t{256} << 10;     // the progress deadline is renewed with each
constexpr std::size_t joined_bytes_max = std::size_t{16} << 10;
constexpr std::size_t file_read_bytes = std::size_t{512} << 10;
constexpr std::size_t early_bytes_max = std::size_t{64} << 10;  // what a peer may send ahead while an answer goes on

bool bodiless(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

void Channel::kill() {
  ErrorCode ignored;
  socket.close(ignored);
}

void Channel::abort() {
  ErrorCode ignored;
  const asio::socket_base::linger at_once(true, 0);
  socket.set_option(at_once, ignored);
  socket.close(ignored);
}

Task<std::size_t> Channel::read_some(asio::mutable_buffer into, ErrorCode& ec) {
  auto token = asio::redirect_error(use_task, ec);
  if (tls) {
    const std::size_t got = co_await tls->async_read_some(into, token);
    co_return got;
  }
  const std::size_t got = co_await socket.async_read_some(into, token);
  co_return got;
}

Task<void> Channel::write(std::string_view first, std::string_view second, Duration limit, ErrorCode& ec) {
  auto token = asio::redirect_error(use_task, ec);
  // TLS makes a record and a system call of each buffer; a short answer goes as one.
  std::string joined;
  if (tls && !first.empty() && second.size() <= joined_bytes_max) {
    joined.reserve(first.size() + second.size());
    joined.append(first).append(second);
    first = joined;
    second = {};
  }
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

Task<void> Connection::wait() {
  if (!woken) {
    ErrorCode ignored;
    auto token = asio::redirect_error(use_task, ignored);
    wake.expires_at(std::chrono::steady_clock::time_point::max());
    co_await wake.async_wait(token);
  }
  woken = false;
}

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

namespace {

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

}  // namespace

// ---- replies and files

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

namespace {

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

}  // namespace

Task<bool> send_file(Shared c, Exchange exchange, const FileReply& reply) {
  const auto framing = bodiless(reply.status) ? Framing::none : Framing::length;
  const std::string head = response_head(reply.status, reply.headers, framing, reply.length, exchange.keep_alive);
  const std::uint64_t length = exchange.head_only || framing == Framing::none || !reply.file ? 0 : reply.length;
  const int fd = reply.file ? reply.file->get() : -1;
  const std::uint64_t offset = reply.offset;
  const bool sent = co_await write_file_part(c, c->channel, head, fd, offset, length);
  co_return sent && exchange.keep_alive;
}

// ---- subscriptions

namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

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

}  // namespace masu::net
