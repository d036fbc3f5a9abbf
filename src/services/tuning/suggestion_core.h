#pragma once
/// Answers a Suggestion's requests with assignments: the one place where `optimise` is asked.

#include <optional>
#include <vector>

#include "tuning/experiment_core.h"

namespace masu::tuning {

struct SuggestionWorld {
  Suggestion suggestion;
  std::optional<Experiment> experiment;  // of the same name
  std::vector<std::shared_ptr<const Trial>> trials;  // the experiment's
  Instant now;
};

/// Trials are named `<experiment>-<n>`, n counting from 1 and never used again. Points come from `optimise::ask` with
/// the finished trials (and those of an earlier search, see previous_annotation) as history and the rest as pending; the
/// seed is the experiment's name unless `random_state` is set, so the same experiment asks the same questions.
/// Fewer points than requested: the space is used up, condition Succeeded with suggestion_end_reason.
Decision decide(const SuggestionWorld& world);

}  // namespace masu::tuning
