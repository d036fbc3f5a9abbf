#include <charconv>

#include "base/text.h"
#include "net/client.h"

namespace masu::net {

std::string Url::authority() const {
  return host.find(':') == std::string::npos ? cat(host, ":", port) : cat("[", host, "]:", port);
}

Result<Url> parse_url(std::string_view text) {
  const auto wrong = [text](std::string_view why) { return Error{Code::malformed, cat("address ", quote(text), " ", why)}; };
  Url url;
  if (text.starts_with("unix:")) {
    url.scheme = "unix";
    std::string_view path = text.substr(5);
    if (path.starts_with("///")) path.remove_prefix(2);
    if (!path.starts_with('/')) return wrong("names no socket: write unix:/path/of.sock");
    url.path = std::string(path);
    return url;
  }
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return wrong("has no scheme: write http://HOST:PORT or https://HOST:PORT");
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return wrong(cat("has scheme ", quote(url.scheme), "; http, https and unix are known"));
  url.port = url.scheme == "http" ? 80 : 443;

  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, end);
  if (end != std::string_view::npos) {
    std::string_view tail = rest.substr(end);
    const auto mark = tail.find('?');
    url.path = std::string(tail.substr(0, mark));
    if (mark != std::string_view::npos) url.query = Query::parse(tail.substr(mark + 1));
  }
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.user = percent_decode(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return wrong("has a \"[\" without \"]\"");
    url.host = std::string(authority.substr(1, close - 1));
    authority.remove_prefix(close + 1);
    if (!authority.empty() && !authority.starts_with(':')) return wrong("has text between \"]\" and the port");
    port = authority.empty() ? authority : authority.substr(1);
  } else {
    const auto split = authority.find(':');
    url.host = lower(authority.substr(0, split));
    if (split != std::string_view::npos) port = authority.substr(split + 1);
  }
  if (url.host.empty()) return wrong("names no host");
  for (const char c : url.host)
    if (c <= ' ' || c == 0x7f || c == '\\' || c == '<' || c == '>') return wrong("has a host with characters that no host has");
  if (!port.empty()) {
    unsigned number = 0;
    const auto [stop, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (problem != std::errc{} || stop != port.data() + port.size() || number > 65535)
      return wrong(cat("has port ", quote(port), "; ports are 0 to 65535"));
    url.port = static_cast<std::uint16_t>(number);
  }
  return url;
}

Endpoint endpoint_of(const Url& url) {
  if (url.scheme == "unix") return Endpoint{.unix_path = url.path};
  return Endpoint{.host = url.host, .port = url.port, .tls = url.scheme == "https"};
}

std::string to_text(const Endpoint& endpoint) {
  if (!endpoint.unix_path.empty()) return cat("unix:", endpoint.unix_path);
  const Url url{.scheme = endpoint.tls ? "https" : "http", .host = endpoint.host, .port = endpoint.port};
  return cat(url.scheme, "://", url.authority());
}

}  // namespace masu::net
