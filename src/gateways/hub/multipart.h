#pragma once
/// multipart bodies as clients really send them (spec gcp-ai-platform WIRE-20): quoted boundaries, bare line feeds, any
/// bytes inside. Pure: parts are views into the body.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/message.h"

namespace masu::hub {

struct Part {
  net::Headers headers;
  std::string_view body;
};

/// The boundary of a Content-Type field: bare, in double or in single quotes. malformed without one.
Result<std::string> boundary_of(std::string_view content_type);

/// All parts. A delimiter counts only at the start of a line. malformed without a last delimiter.
Result<std::vector<Part>> split_multipart(std::string_view body, std::string_view boundary);

/// multipart/related with exactly two parts, of which the second may contain the delimiter of the first: it ends at the
/// last closing delimiter of the body.
struct RelatedBody {
  Part description, content;
};
Result<RelatedBody> split_related(std::string_view body, std::string_view boundary);

}  // namespace masu::hub
