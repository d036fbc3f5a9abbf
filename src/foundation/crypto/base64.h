#pragma once
/// RFC 4648: standard base64 with padding, and the URL-safe alphabet without.

#include <string>
#include <string_view>

#include "base/result.h"

namespace masu::crypto {

std::string base64(std::string_view bytes);
/// '-' and '_' instead of '+' and '/', no padding: JWT, object names.
std::string base64_url(std::string_view bytes);

/// Reads the standard alphabet; padding is required, as Go's StdEncoding does; line ends inside are skipped.
/// malformed names the position of the first wrong character.
Result<std::string> base64_decode(std::string_view text);
/// Reads the URL-safe alphabet, with or without padding.
Result<std::string> base64_url_decode(std::string_view text);

}  // namespace masu::crypto
