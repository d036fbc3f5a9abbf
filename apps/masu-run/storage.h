#pragma once
/// The variables by which storage clients find the hub, from its address and the pod's own credential.

#include <map>
#include <string>
#include <string_view>

namespace masu::runner {

/// Variables to set for `hub` ("http://HOST:PORT") and the token read from `token_file`. A variable that `present`
/// has already is the user's and is left alone. Empty if there is no hub or no token.
std::map<std::string, std::string> storage_environment(std::string_view hub, std::string_view token, std::string_view token_file,
                                                       const std::map<std::string, std::string>& present);

}  // namespace masu::runner
