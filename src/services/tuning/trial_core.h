#pragma once
/// One trial's life: its workload is created, watched, its reports reduced to an observation; then it is over.
///
///   Created -> (run created) -> Running -> run ended well, objective reported  -> Succeeded
///                                        -> run ended well, nothing reported   -> MetricsUnavailable (HPT-6: says what was)
///                                        -> run failed                         -> Failed
///                                        -> falls behind the median            -> EarlyStopped, run stopped
///                                        -> experiment over, told to stop      -> Killed, run stopped

#include <optional>
#include <vector>

#include "tuning/experiment_core.h"
#include "tuning/observation.h"

namespace masu::tuning {

struct TrialWorld {
  Trial trial;
  std::optional<Run> run;                           // of the trial's name and the run spec's kind
  std::optional<std::vector<MetricEntry>> reports;  // the trial's log so far; no value: it was not read
  std::optional<Experiment> experiment;
  std::vector<Curve> finished;                      // of the experiment's succeeded trials; read if it stops early
  std::optional<Error> refused;                     // why the API server will never take the run; set by the shell
  Instant now;
};

enum class RunState { absent, waiting, running, succeeded, failed };
RunState state_of(const Trial& trial, const std::optional<Run>& run);

/// Whether decide needs the reports (they cost a query): the run goes on or has ended well, and the trial is not over.
bool wants_reports(const Trial& trial, const std::optional<Run>& run);
/// Whether decide needs the curves of finished trials.
bool wants_curves(const TrialWorld& world);

/// Whether a decision creates the run. Only to be performed on the true state: a run that is created from a cache a moment
/// behind may be a finished training that starts all over. Reports from before belong to another run and are removed.
bool creates_run(const Decision& decision);

Decision decide(const TrialWorld& world);

}  // namespace masu::tuning
