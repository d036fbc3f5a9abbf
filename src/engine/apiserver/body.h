#pragma once
/// Request bodies: JSON, YAML and protobuf become trees (spec kubernetes-api 2).

#include <string>
#include <vector>

#include "apiserver/failure.h"
#include "net/message.h"
#include "value/value.h"

namespace masu::apiserver {

inline constexpr std::size_t body_bytes_max = std::size_t{3} << 20;

struct Body {
  Value value;                          // null if there was none
  std::vector<std::string> duplicates;  // paths of members that came twice
};
/// The object in the body. 400 for what cannot be read, 413 above the limit, 415 for another media type.
Outcome<Body> read_body(const net::Request& request);
/// The media type without parameters; application/json if there is none.
std::string body_type(const net::Request& request);

}  // namespace masu::apiserver
