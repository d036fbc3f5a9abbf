#pragma once
/// HTTP/1.1 as bytes: reading messages piece by piece and writing heads. No sockets here; server and client share it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/message.h"

namespace masu::net {

/// Reads one message from bytes that come in any pieces. Strict where leniency lets two readers disagree about where a
/// message ends: a length beside chunks, an unknown transfer coding, a request without Host are malformed.
class MessageParser {
 public:
  enum class Kind { request, response };
  MessageParser(Kind kind, std::size_t header_bytes_max);
  ~MessageParser();
  MessageParser(const MessageParser&) = delete;
  MessageParser& operator=(const MessageParser&) = delete;

  /// The answer to a HEAD: a length, but no body. Before the first feed.
  void expect_no_body();

  /// Consumes bytes and says how many; the rest is to be fed again with more behind it. Stops behind the head (once)
  /// and behind the message. malformed: no HTTP; exhausted: a head above the limit.
  Result<std::size_t> feed(std::string_view bytes);
  /// The peer will send no more. malformed if it stopped within the message.
  Status end();

  bool started() const;
  bool head_done() const;
  bool done() const;

  /// Valid once the head is done.
  const std::string& method() const;
  const std::string& target() const;
  int status() const;
  int minor_version() const;  // 0 or 1
  Headers& headers();
  std::optional<std::uint64_t> content_length() const;
  bool chunked() const;
  bool keep_alive() const;

  /// Decoded bytes of the body since the last take.
  std::string& body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How the end of a body is told.
enum class Framing { none, length, chunked, until_close, upgrade };

/// Status line and fields, framing fields included; the caller's own Content-Length, Transfer-Encoding and Connection
/// are replaced (with Framing::upgrade, Connection and Upgrade are kept). Line breaks inside values are dropped.
std::string response_head(int status, const Headers& headers, Framing framing, std::uint64_t length, bool keep_alive);
/// Request line and fields; `host` is used if there is no Host field.
std::string request_head(const Request& request, std::string_view host);
/// The line before a chunk of that size.
std::string chunk_head(std::size_t size);

/// "Date" field value of now, one formatting a second.
std::string_view http_date(Instant now);

/// True if the request asks for another protocol: Connection has "upgrade", and there is an Upgrade field.
bool wants_upgrade(const Headers& headers);
/// True if a comma-separated field has that token.
bool has_token(std::string_view field, std::string_view token);
/// Fields that concern one connection only, not the message (RFC 9110, 7.6.1).
bool hop_by_hop(std::string_view name);

}  // namespace masu::net
