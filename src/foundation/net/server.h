#pragma once
/// The HTTP/1.1 server. One network thread runs everything that waits for peers; handlers run on a pool of workers and
/// are plain functions (net/message.h says what they may answer).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/message.h"

namespace masu::net {

/// What a listener shows and whom it believes.
struct ServerTls {
  std::string certificate_pem;  // the chain, leaf first
  std::string key_pem;
  /// Authorities of client certificates. A client may come without one. One that these authorities did not sign (or
  /// that has expired) does not end the connection: the caller is then merely nobody, and the handler says 401.
  std::string client_ca_pem = {};
};

struct Listener {
  std::string address;  // "127.0.0.1:0", "[::1]:6443" or "unix:/run/masu/api.sock"
  std::optional<ServerTls> tls = {};
  Handler handler;
  /// Longer request bodies get 413. No value: no limit.
  std::optional<std::uint64_t> body_bytes_max = std::uint64_t{3} << 20;
  int unix_mode = 0600;  // of the socket file
  /// The words for a request that never reaches the handler (400, 413, 417, 431, 507); plain text if not set. Runs on
  /// the network thread: it only composes a body.
  std::function<Reply(int status, std::string_view message)> refusal = {};
};

class Server {
 public:
  struct Options {
    std::vector<Listener> listeners;
    std::size_t workers = 8;                               // threads for handlers; 1 is enough to be correct
    std::size_t header_bytes_max = std::size_t{64} << 10;  // start line and fields together; 431 above
    std::size_t body_in_memory_max = std::size_t{1} << 20; // longer ones are spooled to an unlinked file
    std::filesystem::path spool_directory = {};            // empty: TMPDIR or /tmp
    std::size_t connections_max = 8192;                    // at the limit, further ones wait in the kernel's queue
    Duration idle_timeout = 180s;                          // between two requests
    Duration progress_timeout = 30s;                       // a peer in the middle of a message that does not move
  };

  /// Listens on all addresses or on none. invalid: an address or certificate that cannot be read; unavailable: an
  /// address in use.
  static Result<std::unique_ptr<Server>> start(Options options);

  /// As the listeners were given, with the real ports: "127.0.0.1:40123", "unix:/run/masu/api.sock".
  const std::vector<std::string>& addresses() const;

  /// No new connections; running streams end; requests in work get `grace` to finish, then their connections are cut.
  /// Waits for handlers that still run: they end by themselves. May be called twice.
  void stop(Duration grace = 0s);
  ~Server();  // stop(0s)

  struct Impl;  // server.cc's own

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace masu::net
