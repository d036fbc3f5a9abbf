#pragma once
/// One outgoing connection, plain or TLS, with blocking calls that end by their deadline or when somebody asks to stop.

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"
#include "net/client.h"
#include "net/tls.h"

namespace masu::net {

/// Wakes a wait when a stop is asked for; without one it costs nothing.
class StopSignal {
 public:
  explicit StopSignal(const std::stop_token& token);
  int fd() const { return event_.get(); }  // -1: nobody can stop
  bool stopped() const { return token_.stop_requested(); }

 private:
  struct Ring {
    int fd;
    void operator()() const;
  };
  std::stop_token token_;
  FileDescriptor event_;
  std::unique_ptr<std::stop_callback<Ring>> callback_;
};

/// Not thread-safe.
class ClientSocket {
 public:
  /// unavailable: nobody answers; unauthenticated: the certificate is not believed; timeout; cancelled.
  static Result<std::unique_ptr<ClientSocket>> open(const Endpoint& endpoint, const TlsContext& context, Deadline deadline,
                                                    const StopSignal& stop);
  ~ClientSocket();

  Status write(std::string_view bytes, Deadline deadline, const StopSignal& stop);
  /// At least one byte, or 0 at the end.
  Result<std::size_t> read(char* into, std::size_t size, Deadline deadline, const StopSignal& stop);
  /// True if a connection that should be silent has something to say: its end, that is.
  bool stale() const;

 private:
  struct Tls;
  ClientSocket(FileDescriptor fd, std::string name);
  Status handshake(const Endpoint& endpoint, const TlsContext& context, Deadline deadline, const StopSignal& stop);
  Status wait(short events, std::string_view doing, Deadline deadline, const StopSignal& stop) const;

  FileDescriptor fd_;
  std::string name_;  // for messages
  std::unique_ptr<Tls> tls_;
};

}  // namespace masu::net
