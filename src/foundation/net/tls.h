#pragma once
/// OpenSSL contexts for both sides, with the same rules: TLS 1.2 or newer, HTTP/1.1 by ALPN, no resumption on the server
/// (a resumed session would carry a client certificate whose check we no longer see).

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/client.h"
#include "net/server.h"

struct ssl_ctx_st;
struct ssl_st;

namespace masu::net {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// invalid: a certificate or key that cannot be read, or that do not belong together.
Result<TlsContext> server_context(const ServerTls& tls);
Result<TlsContext> client_context(const Endpoint& endpoint);

/// The client's certificate if the server's authorities signed it and it is valid now.
std::optional<std::string> trusted_peer_certificate(ssl_st* ssl);

/// Name to ask for and to check before a client's handshake.
Status set_server_name(ssl_st* ssl, const Endpoint& endpoint);

/// What OpenSSL's error queue says, and empties it.
std::string tls_error_text();

}  // namespace masu::net
