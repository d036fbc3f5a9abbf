#pragma once
/// The network thread's own types: one connection and what it waits with. Seen only by server.cc (accepting, requests)
/// and connection.cc (answers), the two files that know Asio.
///
/// Everything here runs on one thread, so connections need no locks. Handlers, file reads and spooling run on pools;
/// their jobs come back by asio::post. A connection is one coroutine, with a sibling that watches for the peer's end
/// while an answer goes on; the coroutine waits for its sibling before it ends. Waiting without a limit is never left
/// to a peer: each channel has a deadline, and one sweeper closes what has passed it.
///
/// co_await stands in two shapes only, a bare statement and `auto x = co_await f(named, named);`, with named operands:
/// GCC 12 compiles others wrongly.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "net/address.h"
#include "net/server.h"
#include "net/tls.h"
#include "net/workers.h"

namespace masu::net {

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

constexpr std::size_t body_read_bytes = std::size_t{64} << 10;

/// A stream of bytes to a peer, plain or TLS, and the time by which it has to move.
struct Channel {
  explicit Channel(const Executor& executor) : socket(executor) {}

  void kill();
  /// For a peer that does not move: what waits to be sent is given up, so that the kernel's memory is free at once.
  void abort();
  Task<std::size_t> read_some(asio::mutable_buffer into, ErrorCode& ec);
  /// All of both, in slices; each has to be taken by the peer within `limit`.
  Task<void> write(std::string_view first, std::string_view second, Duration limit, ErrorCode& ec);

  Socket socket;
  std::optional<asio::ssl::context> tls_context;
  std::optional<TlsStream> tls;
  Deadline deadline = Deadline::none();
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
  Task<void> wait();
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

/// Runs `work` on a pool and waits for it. `work` must not throw.
Task<void> run_on(Shared c, WorkerPool& pool, const std::function<void()>& work);

// Each sends an answer and returns whether the connection can take another request.
Task<bool> send_reply(Shared c, Exchange exchange, const Reply& reply);
Task<bool> send_file(Shared c, Exchange exchange, const FileReply& reply);
Task<bool> send_subscription(Shared c, Exchange exchange, const Subscription& subscription);
Task<bool> send_relay(Shared c, Exchange exchange, const Relay& relay);

}  // namespace masu::net
