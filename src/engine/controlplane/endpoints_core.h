#pragma once
/// The addresses behind a service: its pods, with the ports that they really listen on.

#include <memory>
#include <vector>

#include "controller/action.h"
#include "controlplane/objects.h"

namespace masu::controlplane {

struct EndpointsWorld {
  Service service;
  std::vector<std::shared_ptr<const Pod>> pods;  // of its namespace
  std::shared_ptr<const Endpoints> endpoints;    // of its name; null: none yet
};
/// Nothing for a service without a selector: its endpoints are somebody else's.
controller::Actions decide(const EndpointsWorld& world);

}  // namespace masu::controlplane
