#pragma once
/// One request on its way through the server: what it asks for, who asks, what it is about.

#include <functional>
#include <string>
#include <vector>

#include "apiserver/rbac.h"
#include "apiserver/route.h"
#include "apiserver/types.h"
#include "net/message.h"

namespace masu::apiserver {

struct Call {
  const net::Request& request;
  Route route;
  Identity user;
  std::shared_ptr<const Catalog> catalog;
  TypePtr type;                       // null for paths that are no resource
  std::vector<std::string> warnings;  // go out as Warning headers
};

/// Where the server's random texts come from; a simulation brings its own.
struct Randomness {
  std::function<std::string()> uuid;
  std::function<std::string()> suffix;  // five characters for generateName
};
Randomness system_randomness();

}  // namespace masu::apiserver
