#pragma once
/// How requests reach an API server: over HTTP(S), or in process. Nobody above can tell which.

#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/message.h"

namespace masu::kube {

/// Bytes of an answer that goes on (watch, logs).
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  enum class State { data, nothing_yet, finished };
  /// Appends what has arrived. Waits for something until the deadline or stop (then nothing_yet); an expired deadline
  /// makes it a poll. An error means that the connection broke.
  virtual Result<State> read(std::string& into, Deadline deadline, const std::stop_token& stop) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// One request, one whole answer, whatever its status. Errors are those of the way there (unavailable, timeout).
  /// Thread-safe.
  virtual Result<net::Reply> call(const net::Request& request, Deadline deadline) = 0;
  /// An answer that goes on. An answer with status >= 400 becomes its Error (see error_from_reply).
  virtual Result<std::unique_ptr<ByteSource>> open(const net::Request& request, Deadline deadline) = 0;
};

/// The error that a Kubernetes Status body (or a plain text body) of status >= 400 stands for.
Error error_from_reply(int status, const net::Headers& headers, std::string_view body);

/// Runs the handler on the caller's thread, as the given user. The handler outlives the transport.
std::unique_ptr<Transport> in_process_transport(net::Handler handler, std::string user, std::vector<std::string> groups);

}  // namespace masu::kube
