#include "net/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "net/address.h"

namespace masu::net {
namespace {

/// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE when the peer is gone. This one does not.
int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto fd = static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
  const ssize_t n = ::send(fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const auto fd = static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
  const ssize_t n = ::recv(fd, into, static_cast<std::size_t>(size), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long bio_control(BIO* bio, int what, long, void*) {
  if (what == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) ? 1 : 0;
  return what == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* new_bio(int fd) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio, 1);
  return bio;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

/// All addresses of an endpoint, in the order to try. Asks the name server only for names; that part of a call is
/// bounded by the resolver's own timeouts, not by the deadline.
Result<std::vector<SocketAddress>> addresses_of(const Endpoint& endpoint) {
  std::vector<SocketAddress> addresses;
  if (!endpoint.unix_path.empty()) {
    TRY(auto address, parse_address(cat("unix:", endpoint.unix_path)));
    addresses.push_back(address);
    return addresses;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo numeric = hints;
  numeric.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const std::string port = cat(endpoint.port);
  if (::getaddrinfo(endpoint.host.c_str(), port.c_str(), &numeric, &found) != 0) {
    const int problem = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
    if (problem != 0)
      return Error{Code::unavailable, cat("looking up host ", quote(endpoint.host), ": ", std::string_view(::gai_strerror(problem)))};
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  for (const addrinfo* one = found; one; one = one->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace

void StopSignal::Ring::operator()() const {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(fd, &one, sizeof one));
}

StopSignal::StopSignal(const std::stop_token& token) : token_(token) {
  if (!token.stop_possible()) return;
  event_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  callback_ = std::make_unique<std::stop_callback<Ring>>(token, Ring{event_.get()});
}

struct ClientSocket::Tls {
  explicit Tls(SSL* ssl) : ssl(ssl) {}
  ~Tls() { SSL_free(ssl); }
  SSL* ssl;
};

ClientSocket::ClientSocket(FileDescriptor fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

ClientSocket::~ClientSocket() {
  if (!tls_) return;
  ERR_clear_error();
  SSL_shutdown(tls_->ssl);  // says goodbye, does not wait for the answer
  ERR_clear_error();
}

Status ClientSocket::wait(short events, std::string_view doing, Deadline deadline, const StopSignal& stop) const {
  while (true) {
    if (stop.stopped()) return Error{Code::cancelled, cat(doing, " ", name_, ": stopped")};
    if (deadline.expired()) return Error{Code::timeout, cat(doing, " ", name_, ": no answer in time")};
    pollfd polled[2] = {{fd_.get(), events, 0}, {stop.fd(), POLLIN, 0}};
    // One millisecond is added: a remainder below it must not become a poll that does not wait.
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.remaining()).count() + 1;
    const int ready = ::poll(polled, stop.fd() >= 0 ? 2 : 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return Error{Code::unavailable, cat(doing, " ", name_, ": ", std::strerror(errno))};
    if (ready > 0 && polled[0].revents != 0) return {};
  }
}

Result<std::unique_ptr<ClientSocket>> ClientSocket::open(const Endpoint& endpoint, const TlsContext& context, Deadline deadline,
                                                         const StopSignal& stop) {
  TRY(const auto addresses, addresses_of(endpoint));
  const std::string name = to_text(endpoint);
  Error problem{Code::unavailable, cat("connecting to ", name, ": no address")};
  for (const auto& address : addresses) {
    FileDescriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) {
      problem = Error{Code::unavailable, cat("connecting to ", name, ": ", std::strerror(errno))};
      continue;
    }
    int error = ::connect(fd.get(), address.get(), address.size) == 0 ? 0 : errno;
    if (address.family() != AF_UNIX) {
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      // A silent watch must notice within about a minute that the other machine, or a balancer's flow, is gone.
      const int idle_s = 30, interval_s = 10, probes = 3;
      ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    }
    std::unique_ptr<ClientSocket> socket(new ClientSocket(std::move(fd), name));
    if (error == EINPROGRESS || error == EAGAIN) {
      TRY_OK(socket->wait(POLLOUT, "connecting to", deadline, stop));
      socklen_t size = sizeof error;
      ::getsockopt(socket->fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      problem = Error{Code::unavailable, cat("connecting to ", name, ": ", std::strerror(error))};
      continue;
    }
    if (endpoint.tls) TRY_OK(socket->handshake(endpoint, context, deadline, stop));
    return socket;
  }
  return problem;
}

Status ClientSocket::handshake(const Endpoint& endpoint, const TlsContext& context, Deadline deadline, const StopSignal& stop) {
  tls_ = std::make_unique<Tls>(SSL_new(context.get()));
  BIO* bio = new_bio(fd_.get());
  SSL_set_bio(tls_->ssl, bio, bio);
  SSL_set_connect_state(tls_->ssl);
  TRY_OK(set_server_name(tls_->ssl, endpoint));
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(tls_->ssl);
    if (done == 1) return {};
    switch (SSL_get_error(tls_->ssl, done)) {
      case SSL_ERROR_WANT_READ: TRY_OK(wait(POLLIN, "talking TLS with", deadline, stop)); break;
      case SSL_ERROR_WANT_WRITE: TRY_OK(wait(POLLOUT, "talking TLS with", deadline, stop)); break;
      default: {
        const long verdict = SSL_get_verify_result(tls_->ssl);
        const std::string text = tls_error_text();
        if (verdict != X509_V_OK && !endpoint.insecure)
          return Error{Code::unauthenticated, cat("the certificate of ", name_, " is not believed: ", std::string_view(X509_verify_cert_error_string(verdict)))};
        return Error{Code::unavailable, cat("talking TLS with ", name_, ": ", text)};
      }
    }
  }
}

Status ClientSocket::write(std::string_view bytes, Deadline deadline, const StopSignal& stop) {
  while (!bytes.empty()) {
    short event = POLLOUT;
    ssize_t n = 0;
    if (tls_) {
      ERR_clear_error();
      n = SSL_write(tls_->ssl, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
      if (n <= 0) {
        const int problem = SSL_get_error(tls_->ssl, static_cast<int>(n));
        if (problem != SSL_ERROR_WANT_READ && problem != SSL_ERROR_WANT_WRITE)
          return Error{Code::unavailable, cat("sending to ", name_, ": ", tls_error_text())};
        event = problem == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      }
    } else {
      n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return Error{Code::unavailable, cat("sending to ", name_, ": ", std::strerror(errno))};
    }
    if (n > 0)
      bytes.remove_prefix(static_cast<std::size_t>(n));
    else
      TRY_OK(wait(event, "sending to", deadline, stop));
  }
  return {};
}

Result<std::size_t> ClientSocket::read(char* into, std::size_t size, Deadline deadline, const StopSignal& stop) {
  while (true) {
    if (stop.stopped()) return Error{Code::cancelled, cat("reading from ", name_, ": stopped")};
    short event = POLLIN;
    if (tls_) {
      ERR_clear_error();
      const int n = SSL_read(tls_->ssl, into, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
      if (n > 0) return static_cast<std::size_t>(n);
      const int problem = SSL_get_error(tls_->ssl, n);
      if (problem == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      if (problem != SSL_ERROR_WANT_READ && problem != SSL_ERROR_WANT_WRITE)
        return Error{Code::unavailable, cat("reading from ", name_, ": ", tls_error_text())};
      event = problem == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    } else {
      const ssize_t n = ::recv(fd_.get(), into, size, 0);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EAGAIN && errno != EINTR) return Error{Code::unavailable, cat("reading from ", name_, ": ", std::strerror(errno))};
    }
    TRY_OK(wait(event, "reading from", deadline, stop));
  }
}

bool ClientSocket::stale() const {
  pollfd polled{fd_.get(), POLLIN, 0};
  return ::poll(&polled, 1, 0) != 0;
}

}  // namespace masu::net
