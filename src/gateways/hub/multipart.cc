#include "hub/multipart.h"

#include <algorithm>

#include "base/text.h"

namespace masu::hub {
namespace {

Error malformed(std::string_view what) { return Error{Code::malformed, cat("reading a multipart body: ", what)}; }

/// Takes the line end that belongs to the delimiter after a part.
std::string_view without_line_end(std::string_view text) {
  if (text.ends_with("\r\n")) text.remove_suffix(2);
  else if (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

/// The next line without its end; `text` then starts after it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Part read_part(std::string_view text) {
  Part part;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) part.headers.add(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  part.body = text;
  return part;
}

/// The next delimiter at the start of a line, from `from` on; npos if there is none.
std::size_t find_delimiter(std::string_view body, std::string_view delimiter, std::size_t from) {
  for (std::size_t at = body.find(delimiter, from); at != std::string_view::npos; at = body.find(delimiter, at + 1))
    if (at == 0 || body[at - 1] == '\n') return at;
  return std::string_view::npos;
}

}  // namespace

Result<std::string> boundary_of(std::string_view content_type) {
  const std::string folded = lower(content_type);
  const std::size_t at = folded.find("boundary=");
  if (at == std::string::npos) return malformed(cat("Content-Type ", quote(content_type), " names no boundary"));
  std::string_view rest = content_type.substr(at + 9);
  std::string_view boundary;
  if (rest.starts_with('"') || rest.starts_with('\'')) {
    const std::size_t end = rest.find(rest[0], 1);
    if (end == std::string_view::npos) return malformed("the boundary's quote is not closed");
    boundary = rest.substr(1, end - 1);
  } else {
    boundary = trim(rest.substr(0, rest.find(';')));
  }
  if (boundary.empty() || boundary.size() > 200) return malformed("the boundary must have 1 to 200 characters");
  return std::string(boundary);
}

Result<std::vector<Part>> split_multipart(std::string_view body, std::string_view boundary) {
  const std::string delimiter = cat("--", boundary);
  std::vector<Part> parts;
  std::size_t at = find_delimiter(body, delimiter, 0);
  for (;;) {
    if (at == std::string_view::npos) return malformed("the last delimiter is missing");
    std::string_view rest = body.substr(at + delimiter.size());
    if (rest.starts_with("--")) return parts;
    take_line(rest);
    const std::size_t start = body.size() - rest.size();
    at = find_delimiter(body, delimiter, start);
    if (at == std::string_view::npos) return malformed("the last delimiter is missing");
    parts.push_back(read_part(without_line_end(body.substr(start, at - start))));
  }
}

Result<RelatedBody> split_related(std::string_view body, std::string_view boundary) {
  const std::string delimiter = cat("--", boundary);
  const std::size_t first = find_delimiter(body, delimiter, 0);
  if (first == std::string_view::npos) return malformed("the first delimiter is missing");
  std::string_view rest = body.substr(first + delimiter.size());
  take_line(rest);
  const std::size_t start = body.size() - rest.size();
  const std::size_t second = find_delimiter(body, delimiter, start);
  const std::size_t last = body.rfind(cat(delimiter, "--"));
  if (second == std::string_view::npos || last == std::string_view::npos || last <= second) return malformed("it must have two parts and a last delimiter");
  rest = body.substr(second + delimiter.size());
  take_line(rest);
  const std::size_t content = body.size() - rest.size();
  if (content > last) return malformed("it must have two parts and a last delimiter");
  return RelatedBody{read_part(without_line_end(body.substr(start, second - start))), read_part(without_line_end(body.substr(content, last - content)))};
}

}  // namespace masu::hub
