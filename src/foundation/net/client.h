#pragma once
/// The HTTP/1.1 client: plain blocking calls with deadlines, on the caller's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/message.h"

namespace masu::net {

/// `scheme://host:port/path?query`, or `unix:/path/of.sock`. The port defaults by scheme.
struct Url {
  std::string scheme;  // "http", "https" or "unix"
  std::string host;    // without brackets; empty for unix
  std::uint16_t port = 0;
  std::string path;    // raw; empty if there was none; for unix the path of the socket
  Query query;
  std::string user;    // "name:password" before the "@", decoded; usually empty

  /// host:port, brackets where they belong.
  std::string authority() const;
};
/// malformed: no scheme we know, no host, no port number.
Result<Url> parse_url(std::string_view text);

/// Where to call and whom to believe there.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string unix_path = {};  // instead of host and port
  bool tls = false;
  std::string ca_pem = {};                  // empty: the system's authorities
  std::string client_certificate_pem = {};  // with its key: sent when the server asks
  std::string client_key_pem = {};
  std::string server_name = {};             // checked in the certificate; empty: host
  bool insecure = false;                    // believes any certificate
  bool operator==(const Endpoint&) const = default;
};
Endpoint endpoint_of(const Url& url);
/// "http://host:port", "https://...", "unix:/path".
std::string to_text(const Endpoint& endpoint);

/// An answer that goes on, read by its caller piece by piece. Not thread-safe; ends before its client.
class Reading {
 public:
  virtual ~Reading() = default;
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
  enum class State { data, nothing_yet, finished };
  /// Appends what has arrived. Waits until the deadline or stop (then nothing_yet); an expired deadline makes it a
  /// poll. unavailable: the connection broke within the answer.
  virtual Result<State> read(std::string& into, Deadline deadline, const std::stop_token& stop = {}) = 0;
};

/// Keeps connections alive between calls. Thread-safe.
class Client {
 public:
  struct Options {
    std::size_t kept_max = 16;                           // idle connections to one endpoint
    Duration kept_for = 60s;                             // then they are closed; less than servers' idle timeouts
    std::size_t reply_bytes_max = std::size_t{1} << 30;  // exhausted above
  };
  /// Bytes of an answer's body as they come. An error ends the call and is its result.
  using Sink = std::function<Status(std::string_view)>;

  Client();
  explicit Client(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// One request, one reply, whatever its status (3xx is not followed). Sends Request.body, or body_file to its
  /// body_size. timeout: the deadline passed. unavailable: no connection, or it broke; only GET, HEAD, PUT, DELETE and
  /// OPTIONS are sent a second time, once, and only if a kept connection turned out to be stale.
  /// unauthenticated: the server's certificate is not believed.
  Result<Reply> call(const Endpoint& endpoint, const Request& request, Deadline deadline);

  /// As call, but the body of a 2xx answer goes to `sink` piece by piece and Reply.body stays empty.
  Result<Reply> download(const Endpoint& endpoint, const Request& request, const Sink& sink, Deadline deadline);

  /// Sends the request and reads the answer's head within the deadline; the body is the caller's to read.
  Result<std::unique_ptr<Reading>> open(const Endpoint& endpoint, const Request& request, Deadline deadline, const std::stop_token& stop = {});

  /// A long answer (watch, log): calls on_chunk as bytes come, until the server ends the answer, on_chunk says false,
  /// `stop` is asked (cancelled), or nothing at all came for `idle` (timeout; 0: no limit). A connection that breaks
  /// within the answer is unavailable. An answer other than 2xx is returned with its body.
  Result<Reply> stream(const Endpoint& endpoint, const Request& request, const std::function<bool(std::string_view)>& on_chunk,
                       const std::stop_token& stop, Duration idle);

 private:
  struct Impl;
  struct OpenReading;
  std::unique_ptr<Impl> impl_;
};

}  // namespace masu::net
