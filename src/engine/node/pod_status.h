#pragma once
/// The status of a pod in the API, computed from what its node sees. Pure.

#include <string>

#include "node/pod_core.h"

namespace masu::node {

/// What the core has judged of one container.
struct Judged {
  bool finished = false;              // ended, and is not started again
  std::optional<Instant> restart_at;  // ended, and is started again then
};

struct PodJudgement {
  std::string phase;
  bool initialized = false;
  std::string reason, message;  // of a pod that failed as a whole
  std::map<std::string, Judged> containers;
};

Value status_of(const World& world, const PodJudgement& judgement);

}  // namespace masu::node
