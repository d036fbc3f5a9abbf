#pragma once
/// HTTP as the rest of the house sees it: plain values and four kinds of answer. No Asio, no Beast here.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"

namespace masu::net {

/// Header fields in order; names compare without regard to case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}
  /// The first field of that name, or empty.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  void set(std::string_view name, std::string_view value);  // replaces all of that name
  void add(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// Decoded query parameters in order.
class Query {
 public:
  Query() = default;
  Query(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}
  static Query parse(std::string_view text);  // "a=1&b=%20"
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  void add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }
  std::string text() const;  // encoded, without "?"
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// %-encodes everything but unreserved characters (and, if asked, '/').
std::string percent_encode(std::string_view text, bool keep_slash = false);
std::string percent_decode(std::string_view text);

/// Who is at the other end of the connection, as far as the transport knows.
struct Peer {
  std::string address;                            // "127.0.0.1:4711"; empty in process
  std::optional<std::string> certificate_pem;     // a client certificate that our authority signed
  /// Set only by the in-process transport: the caller's identity, already established ("system:masu" ...).
  std::optional<std::string> user;
  std::vector<std::string> groups;
};

struct Request {
  std::string method = "GET";
  std::string path = "/";  // raw: still %-encoded
  Query query;
  Headers headers;
  std::string body;                            // up to 1 MiB of body
  std::shared_ptr<FileDescriptor> body_file;   // longer bodies: an unlinked file, positioned at 0; body is empty then
  std::uint64_t body_size = 0;                 // of either
  Peer peer;

  std::string target() const;  // path and query
};

/// The whole body whichever way it came; exhausted above `limit`.
Result<std::string> whole_body(const Request& request, std::size_t limit);

/// A finished answer.
struct Reply {
  int status = 200;
  Headers headers;
  std::string body;
};

/// Part of a file as the answer's body.
struct FileReply {
  int status = 200;
  Headers headers;
  std::shared_ptr<FileDescriptor> file;
  std::uint64_t offset = 0, length = 0;
};

/// A queue of bytes from a producer (watch hub, log reader) to one consumer (a connection, an in-process watcher).
/// Thread-safe. Bounded: a producer that meets a full queue drops the consumer, never waits.
class Stream {
 public:
  explicit Stream(std::size_t limit_bytes = std::size_t{8} << 20) : limit_(limit_bytes) {}

  /// False if the consumer is gone or too slow (the stream is then closed): the producer stops.
  bool push(std::string chunk);
  /// Bytes queued and not yet taken: producers of endless data (logs) look here and wait a turn.
  std::size_t queued() const;
  /// No more data; what is queued is still delivered.
  void finish();
  /// The consumer is gone. on_close is called once, from whichever side closed.
  void close();
  bool closed() const;

  enum class State { data, empty, finished };
  /// Takes all that is queued without waiting.
  State take(std::string& into);
  /// As take, but waits until there is something, or the deadline or stop (then State::empty).
  State wait(std::string& into, Deadline deadline, const std::stop_token& stop = {});

  /// Called (without locks, from the producer's thread) whenever data arrives or the stream ends. One subscriber.
  void on_ready(std::function<void()> wake);
  /// Called once when the consumer goes away. Set before the stream is handed out.
  void on_close(std::function<void()> closed);

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::string> chunks_;
  std::size_t queued_ = 0, limit_;
  bool finished_ = false, closed_ = false;
  std::function<void()> wake_, on_close_;
};

/// An answer that goes on: headers at once, then whatever the stream brings (chunked).
struct Subscription {
  int status = 200;
  Headers headers;
  std::shared_ptr<Stream> stream;
};

/// Hands the request on to another server (node agent, proxy) and its answer, upgrades included, back.
struct Relay {
  std::string address;  // "unix:/path/agent.sock" or "127.0.0.1:8080"
  Request request;      // as it is to be sent there
  /// What to answer if there is no answer from there; a plain 502 if not set.
  std::function<Reply(const Error&)> failed = {};
};

/// A fifth kind, an answer that takes the connection over (WebSocket), would be one more alternative here and one more
/// `send` in net/server.cc.
using Answer = std::variant<Reply, FileReply, Subscription, Relay>;
/// Runs on a worker thread, may block on disk, never on another handler.
using Handler = std::function<Answer(const Request&)>;

}  // namespace masu::net
