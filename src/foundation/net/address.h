#pragma once
/// Socket addresses as text ("127.0.0.1:80", "[::1]:80", "unix:/path") and as the system wants them.

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace masu::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

/// Numeric addresses, "localhost" and unix paths: nothing that would have to ask a name server. invalid otherwise.
Result<SocketAddress> parse_address(std::string_view text);
std::string to_text(const SocketAddress& address);

/// A socket that listens, does not block, and is closed on exec. A stale socket file is replaced; one that somebody
/// answers on is `unavailable`, as is a port in use.
struct ListeningSocket {
  FileDescriptor fd;
  std::string address;  // with the real port
};
Result<ListeningSocket> listen_on(std::string_view text, int unix_mode);

}  // namespace masu::net
