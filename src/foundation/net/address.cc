#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

#include "base/text.h"

namespace masu::net {
namespace {

Result<SocketAddress> unix_address(std::string_view path) {
  SocketAddress address;
  auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty() || path.size() >= sizeof un.sun_path)
    return Error{Code::invalid, cat("socket path ", quote(path), " has ", path.size(), " bytes; a unix socket's path has 1 to ",
                                    sizeof un.sun_path - 1, ". Choose a shorter directory.")};
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc{} || end != text.data() + text.size() || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

/// True if somebody accepts connections on a unix socket.
bool answered(const SocketAddress& address) {
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe.valid() && ::connect(probe.get(), address.get(), address.size) == 0;
}

}  // namespace

Result<SocketAddress> parse_address(std::string_view text) {
  if (text.starts_with("unix:")) {
    text.remove_prefix(5);
    if (text.starts_with("///")) text.remove_prefix(2);
    return unix_address(text);
  }
  const auto colon = text.rfind(':');
  const auto port = colon == std::string_view::npos ? std::nullopt : parse_port(text.substr(colon + 1));
  if (!port) return Error{Code::invalid, cat("address ", quote(text), " has no port: write HOST:PORT, [IPv6]:PORT or unix:/path")};
  std::string host(text.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";
  if (host.empty()) host = "0.0.0.0";
  SocketAddress address;
  if (host.starts_with('[') && host.ends_with(']')) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(*port);
    address.size = sizeof in6;
    if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &in6.sin6_addr) == 1) return address;
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(*port);
    address.size = sizeof in;
    if (::inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1) return address;
  }
  return Error{Code::invalid, cat("address ", quote(text), ": ", quote(host), " is no numeric address, and names are not looked up here")};
}

std::string to_text(const SocketAddress& address) {
  char host[INET6_ADDRSTRLEN] = "";
  switch (address.family()) {
    case AF_INET: {
      const auto& in = reinterpret_cast<const sockaddr_in&>(address.storage);
      ::inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
      return cat(std::string_view(host), ":", ntohs(in.sin_port));
    }
    case AF_INET6: {
      const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
      ::inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof host);
      return cat("[", std::string_view(host), "]:", ntohs(in6.sin6_port));
    }
    case AF_UNIX:
      if (address.size > offsetof(sockaddr_un, sun_path))
        return cat("unix:", std::string_view(reinterpret_cast<const sockaddr_un&>(address.storage).sun_path));
      return "unix:";
    default: return "";
  }
}

Result<ListeningSocket> listen_on(std::string_view text, int unix_mode) {
  TRY(SocketAddress address, parse_address(text));
  const auto problem = [&](std::string_view doing) {
    return Error{errno == EACCES || errno == EPERM ? Code::denied : Code::unavailable, cat(doing, " ", quote(text), ": ", std::strerror(errno))};
  };
  FileDescriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return problem("making a socket for");
  const char* path = reinterpret_cast<const sockaddr_un&>(address.storage).sun_path;
  if (address.family() == AF_UNIX) {
    struct stat there {};
    if (::lstat(path, &there) == 0) {
      if (!S_ISSOCK(there.st_mode)) return Error{Code::invalid, cat("listening on ", quote(text), ": there is a file that is no socket")};
      if (answered(address)) return Error{Code::unavailable, cat("listening on ", quote(text), ": another process listens there")};
      ::unlink(path);
    }
  } else {
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (::bind(fd.get(), address.get(), address.size) != 0) return problem("listening on");
  // Nobody can connect before listen(), so the mode is right from the first connection on.
  if (address.family() == AF_UNIX && ::chmod(path, static_cast<mode_t>(unix_mode)) != 0) return problem("setting the mode of");
  if (::listen(fd.get(), SOMAXCONN) != 0) return problem("listening on");
  SocketAddress bound;
  bound.size = sizeof bound.storage;
  if (address.family() == AF_UNIX || ::getsockname(fd.get(), bound.get(), &bound.size) != 0) bound = address;
  return ListeningSocket{std::move(fd), to_text(bound)};
}

}  // namespace masu::net
