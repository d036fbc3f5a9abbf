#include "net/wire.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <ctime>

#include "base/text.h"

namespace masu::net {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::beast::error_code;
using View = boost::beast::string_view;

std::string text(View view) { return std::string(view.data(), view.size()); }

/// What both kinds of parser write into.
struct Message {
  std::string method, target;
  int status = 0;
  int minor = 1;
  Headers headers;
  std::string body;
};

/// Beast's state machine with our message as its target; nothing else of Beast is used, so it is instantiated here only.
template <bool is_request>
class Reader final : public http::basic_parser<is_request> {
 public:
  explicit Reader(Message& message) : message_(message) {}

 private:
  void on_request_impl(http::verb, View method, View target, int version, ErrorCode& ec) override {
    message_.method = text(method);
    message_.target = text(target);
    message_.minor = version % 10;
    ec = {};
  }
  void on_response_impl(int code, View, int version, ErrorCode& ec) override {
    message_.status = code;
    message_.minor = version % 10;
    ec = {};
  }
  void on_field_impl(http::field, View name, View value, ErrorCode& ec) override {
    // Fields behind the last chunk (trailers) are read and dropped: nobody may move the message's meaning from there.
    if (!this->is_header_done()) message_.headers.add({name.data(), name.size()}, {value.data(), value.size()});
    ec = {};
  }
  void on_header_impl(ErrorCode& ec) override { ec = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode& ec) override { ec = {}; }
  std::size_t on_body_impl(View bytes, ErrorCode& ec) override {
    message_.body.append(bytes.data(), bytes.size());
    ec = {};
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, View, ErrorCode& ec) override { ec = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, ErrorCode& ec) override { return on_body_impl(bytes, ec); }
  void on_finish_impl(ErrorCode& ec) override { ec = {}; }

  Message& message_;
};

bool transfer_encoding_unknown(const Headers& headers) {
  const auto codings = headers.all("Transfer-Encoding");
  return !codings.empty() && !(codings.size() == 1 && equal_fold(trim(codings[0]), "chunked"));
}

constexpr std::string_view as_it_is = "X-Coding-As-It-Is";

/// Lines of a head with another name for the field of "Transfer-Encoding: identity" (a name as long: the reader remembers
/// how far it has looked). The word stood in RFC 2616 and means "as it is"; libcurl's users still send it beside a length
/// (TensorFlow does), which the reader would refuse. A line that may yet be continued stays as it is. No value: nothing
/// to hide.
std::optional<std::string> with_identity_hidden(std::string_view lines) {
  constexpr std::string_view name = "Transfer-Encoding";
  static_assert(name.size() == as_it_is.size());
  std::optional<std::string> out;
  for (std::size_t at = 0;;) {
    const std::size_t end = lines.find("\r\n", at);
    if (end == std::string_view::npos || end + 2 >= lines.size()) return out;
    const std::string_view line = lines.substr(at, end - at);
    const std::size_t colon = line.find(':');
    const bool identity = colon != std::string_view::npos && equal_fold(line.substr(0, colon), name) && equal_fold(trim(line.substr(colon + 1)), "identity");
    if (identity && lines[end + 2] != ' ' && lines[end + 2] != '\t') {
      if (!out) out.emplace(lines);
      out->replace(at, name.size(), as_it_is);
    }
    at = end + 2;
  }
}

void add_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value)
    if (c != '\r' && c != '\n' && c != '\0') out += c;  // a value must never begin a field of its own
  out += "\r\n";
}

bool bare_token(std::string_view name) {
  for (const char c : name)
    if (c <= ' ' || c == ':' || c == 0x7f) return false;
  return !name.empty();
}

}  // namespace

struct MessageParser::Impl {
  template <class F>
  auto with(F f) {
    return request ? f(*request) : f(*response);
  }

  Impl(Kind kind, std::size_t limit) : header_bytes_max(limit) {
    if (kind == Kind::request)
      request.emplace(message);
    else
      response.emplace(message);
    with([&](auto& reader) {
      reader.eager(false);
      reader.header_limit(static_cast<std::uint32_t>(limit));
      reader.body_limit(boost::none);  // the caller counts: it knows whether to spool, refuse or pass on
    });
  }
  Message message;
  std::size_t header_bytes_max;
  std::optional<Reader<true>> request;
  std::optional<Reader<false>> response;
  bool head_seen = false;
};

MessageParser::MessageParser(Kind kind, std::size_t header_bytes_max) : impl_(std::make_unique<Impl>(kind, header_bytes_max)) {}
MessageParser::~MessageParser() = default;

void MessageParser::expect_no_body() {
  impl_->with([](auto& reader) { reader.skip(true); });
}

Result<std::size_t> MessageParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  if (impl_->request && !started()) {
    while (bytes.substr(used).starts_with("\r\n")) used += 2;  // RFC 9112, 2.2: empty lines between requests
    if (bytes.substr(used) == "\r") return used;
  }
  std::string changed;
  if (!impl_->head_seen) {
    const std::size_t end = bytes.find("\r\n\r\n", used);
    const std::size_t lines = end == std::string_view::npos ? bytes.size() : end + 4;
    if (auto hidden = with_identity_hidden(bytes.substr(0, lines))) {
      changed = cat(*hidden, bytes.substr(lines));
      bytes = changed;
    }
  }
  while (used < bytes.size() && !done()) {
    ErrorCode ec;
    const auto rest = bytes.substr(used);
    used += impl_->with([&](auto& reader) { return reader.put(boost::asio::const_buffer(rest.data(), rest.size()), ec); });
    if (ec == http::error::header_limit)
      return Error{Code::exhausted, cat("the head of the message is above the limit of ", impl_->header_bytes_max, " bytes")};
    if (ec == http::error::need_more) {
      // A chunk line or trailer without end would otherwise grow in the caller's buffer for ever.
      if (bytes.size() - used > impl_->header_bytes_max)
        return Error{Code::exhausted, cat("a line of the message is above the limit of ", impl_->header_bytes_max, " bytes")};
      break;
    }
    if (ec) return Error{Code::malformed, cat("no HTTP/1.1 message: ", ec.message())};
    if (!impl_->head_seen && head_done()) {
      impl_->head_seen = true;
      if (headers().has(as_it_is) && (headers().has("Transfer-Encoding") || headers().all(as_it_is).size() > 1))
        return Error{Code::malformed, "more than one Transfer-Encoding field"};
      headers().remove(as_it_is);
      if (transfer_encoding_unknown(headers()))
        return Error{Code::malformed, cat("transfer encoding ", quote(headers().get("Transfer-Encoding")), " is not \"chunked\"")};
      if (impl_->request && minor_version() == 1 && headers().all("Host").size() != 1)
        return Error{Code::malformed, "an HTTP/1.1 request needs exactly one Host field"};
      return used;
    }
  }
  return used;
}

Status MessageParser::end() {
  if (done()) return {};
  if (!started()) return Error{Code::malformed, "the connection ended before the message"};
  ErrorCode ec;
  impl_->with([&](auto& reader) { reader.put_eof(ec); });
  if (ec) return Error{Code::malformed, "the connection ended within the message"};
  return {};
}

bool MessageParser::started() const {
  return impl_->with([](auto& reader) { return reader.got_some(); });
}
bool MessageParser::head_done() const {
  return impl_->with([](auto& reader) { return reader.is_header_done(); });
}
bool MessageParser::done() const {
  return impl_->with([](auto& reader) { return reader.is_done(); });
}
const std::string& MessageParser::method() const { return impl_->message.method; }
const std::string& MessageParser::target() const { return impl_->message.target; }
int MessageParser::status() const { return impl_->message.status; }
int MessageParser::minor_version() const { return impl_->message.minor; }
Headers& MessageParser::headers() { return impl_->message.headers; }
std::optional<std::uint64_t> MessageParser::content_length() const {
  const auto length = impl_->with([](auto& reader) { return reader.content_length(); });
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}
bool MessageParser::chunked() const {
  return impl_->with([](auto& reader) { return reader.chunked(); });
}
bool MessageParser::keep_alive() const {
  return impl_->with([](auto& reader) { return reader.keep_alive(); });
}
std::string& MessageParser::body() { return impl_->message.body; }

std::string response_head(int status, const Headers& headers, Framing framing, std::uint64_t length, bool keep_alive) {
  std::string out = cat("HTTP/1.1 ", status, " ");
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  out.append(reason.data(), reason.size());
  out += "\r\n";
  for (const auto& [name, value] : headers.fields()) {
    const bool about_upgrade = framing == Framing::upgrade && (equal_fold(name, "Connection") || equal_fold(name, "Upgrade"));
    if (!about_upgrade && (hop_by_hop(name) || equal_fold(name, "Content-Length") || !bare_token(name))) continue;
    add_field(out, name, value);
  }
  if (framing == Framing::length) add_field(out, "Content-Length", cat(length));
  if (framing == Framing::chunked) add_field(out, "Transfer-Encoding", "chunked");
  if (framing == Framing::until_close || (framing != Framing::upgrade && !keep_alive)) add_field(out, "Connection", "close");
  if (!headers.has("Date") && status >= 200) add_field(out, "Date", http_date(system_clock().now()));
  out += "\r\n";
  return out;
}

std::string request_head(const Request& request, std::string_view host) {
  std::string out = cat(request.method, " ");
  for (const char c : request.target())
    if (c > ' ' && c != 0x7f) out += c;
    else out += percent_encode(std::string_view(&c, 1));
  out += " HTTP/1.1\r\n";
  if (!request.headers.has("Host")) add_field(out, "Host", host.empty() ? "localhost" : host);
  const bool upgrade = wants_upgrade(request.headers);
  for (const auto& [name, value] : request.headers.fields()) {
    const bool about_upgrade = upgrade && (equal_fold(name, "Connection") || equal_fold(name, "Upgrade"));
    if (!about_upgrade && (hop_by_hop(name) || equal_fold(name, "Content-Length") || equal_fold(name, "Expect") || !bare_token(name)))
      continue;
    add_field(out, name, value);
  }
  const std::uint64_t size = request.body_file ? request.body_size : request.body.size();
  if (size > 0 || request.method == "POST" || request.method == "PUT" || request.method == "PATCH")
    add_field(out, "Content-Length", cat(size));
  out += "\r\n";
  return out;
}

std::string chunk_head(std::size_t size) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + 20, size, 16).ptr;
  return cat(std::string_view(buffer, static_cast<std::size_t>(end - buffer)), "\r\n");
}

std::string_view http_date(Instant now) {
  thread_local std::time_t shown = -1;
  thread_local char text[40];
  const std::time_t second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (second != shown) {
    shown = second;
    std::tm parts{};
    ::gmtime_r(&second, &parts);
    static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int year = parts.tm_year + 1900;
    std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday % 7], parts.tm_mday % 100,
                  months[parts.tm_mon % 12], year % 10000, parts.tm_hour % 100, parts.tm_min % 100, parts.tm_sec % 100);
  }
  return text;
}

bool has_token(std::string_view field, std::string_view token) {
  for (const auto& part : split(field, ','))
    if (equal_fold(trim(part), token)) return true;
  return false;
}

bool wants_upgrade(const Headers& headers) { return has_token(headers.get("Connection"), "upgrade") && headers.has("Upgrade"); }

bool hop_by_hop(std::string_view name) {
  static constexpr std::string_view names[] = {"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding",
                                               "TE",         "Trailer",    "Upgrade"};
  for (const auto& one : names)
    if (equal_fold(one, name)) return true;
  return false;
}

}  // namespace masu::net
