#pragma once
/// What an Experiment does next: keep the promised number of trials going until the goal, the last trial or too many
/// failures; say how it stands.
///
///   Experiment --requests--> Suggestion --assignments--> Trial per assignment --> counts, best trial --> Succeeded | Failed
///
/// Katib's order and words (spec katib 10), with its accidents corrected: never more assignments than maxTrialCount,
/// a search space that is used up ends the search, only finished trials can be best.

#include <memory>
#include <optional>
#include <vector>

#include "controller/action.h"
#include "tuning/types.h"

namespace masu::tuning {

struct ExperimentWorld {
  Experiment experiment;
  std::vector<std::shared_ptr<const Trial>> trials;  // those it controls
  std::optional<Suggestion> suggestion;  // of the experiment's name
  std::optional<std::string> template_text;  // the ConfigMap's template, if the experiment names one
  std::optional<Error> template_error;       // why it cannot be had
  std::optional<Error> refused;              // why the API server will never take its trials; set by the shell
  Instant now;
};

struct Decision {
  controller::Actions actions;
  std::optional<Duration> look_again;  // no value: wait for a change
};

Decision decide(const ExperimentWorld& world);

/// Which of an Experiment's lists a trial is in (first match wins).
enum class Bucket { killed, failed, succeeded, early_stopped, running, metrics_unavailable, pending };
Bucket bucket_of(const Trial& trial);

/// Orders trial names by their number: "e-2" before "e-10".
bool name_before(const std::string& a, const std::string& b);

}  // namespace masu::tuning
