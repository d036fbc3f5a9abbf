#pragma once
/// The little XML that object stores speak: no attributes that matter, no namespaces, no DTD. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace masu::hub {

std::string xml_escape(std::string_view text);
/// <name>text</name>
std::string xml_element(std::string_view name, std::string_view text);

/// The inner texts of all elements of that name, in order, wherever they stand; still escaped. An element within one of
/// its own name ends the outer one: the documents that we read have none.
std::vector<std::string_view> xml_inner(std::string_view document, std::string_view name);
/// The unescaped text of the first element of that name; empty if there is none.
std::string xml_text(std::string_view document, std::string_view name);

/// A body of the form aws-chunked (SIZE[;...] CRLF bytes CRLF ... 0 CRLF trailers CRLF) as plain bytes. malformed otherwise.
struct Unchunked {
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> trailers;  // names in lower case
};
Result<Unchunked> unchunk(std::string_view body);

}  // namespace masu::hub
