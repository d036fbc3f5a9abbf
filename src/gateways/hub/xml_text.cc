#include "hub/xml_text.h"

#include <charconv>

#include "base/text.h"

namespace masu::hub {
namespace {

std::string unescape(std::string_view text) {
  std::string out = replace_all(replace_all(replace_all(text, "&lt;", "<"), "&gt;", ">"), "&quot;", "\"");
  out = replace_all(replace_all(replace_all(out, "&apos;", "'"), "&#34;", "\""), "&#39;", "'");
  return replace_all(out, "&amp;", "&");
}

}  // namespace

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\r': out += "&#13;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string xml_element(std::string_view name, std::string_view text) { return cat("<", name, ">", xml_escape(text), "</", name, ">"); }

std::vector<std::string_view> xml_inner(std::string_view document, std::string_view name) {
  std::vector<std::string_view> out;
  const std::string open = cat("<", name), close = cat("</", name, ">");
  for (std::size_t at = document.find(open); at != std::string_view::npos; at = document.find(open, at + 1)) {
    const std::size_t after = at + open.size();
    const bool whole_name = after < document.size() && (document[after] == '>' || document[after] == ' ');
    const std::size_t start = document.find('>', at), end = document.find(close, at);
    if (whole_name && start != std::string_view::npos && end != std::string_view::npos && start < end) out.push_back(document.substr(start + 1, end - start - 1));
  }
  return out;
}

std::string xml_text(std::string_view document, std::string_view name) {
  const auto all = xml_inner(document, name);
  return all.empty() ? std::string() : unescape(trim(all[0]));
}

Result<Unchunked> unchunk(std::string_view body) {
  const Error broken{Code::malformed, "reading an aws-chunked body: a chunk is broken"};
  Unchunked out;
  for (;;) {
    const std::size_t line_end = body.find("\r\n");
    if (line_end == std::string_view::npos) return broken;
    const std::string_view head = body.substr(0, std::min(line_end, body.find(';')));
    std::size_t size = 0;
    const auto [end, problem] = std::from_chars(head.data(), head.data() + head.size(), size, 16);
    if (head.empty() || problem != std::errc{} || end != head.data() + head.size()) return broken;
    body.remove_prefix(line_end + 2);
    if (size == 0) break;
    if (size > body.size() || body.size() - size < 2 || body.substr(size, 2) != "\r\n") return broken;
    out.bytes += body.substr(0, size);
    body.remove_prefix(size + 2);
  }
  while (!body.empty()) {
    const std::size_t end = body.find("\r\n");
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 2);
    if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) out.trailers.emplace_back(lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
  }
  return out;
}

}  // namespace masu::hub
