#pragma once
/// From a trial's log of reports to the few numbers in its status; and the rule for stopping a trial early.

#include <span>
#include <string>
#include <vector>

#include "tuning/vocabulary.h"

namespace masu::tuning {

/// One entry for each metric of the objective, in that order; `unavailable` where nothing was reported. min and max keep
/// the text of the smallest and largest number. latest is the report with the highest step (latest time among equals)
/// if every report of the metric has a step, else the one with the latest time; later in the list wins ties.
std::vector<MetricSummary> summarise(const Objective& objective, std::span<const MetricEntry> log);

/// The names that were reported with a value, sorted, without `except`.
std::vector<std::string> seen_metrics(std::span<const MetricEntry> log, std::string_view except);

/// One trial's objective over its steps (or report numbers where there are no steps), rising.
struct Curve {
  std::vector<std::pair<std::int64_t, double>> points;
};
Curve curve_of(const Objective& objective, std::span<const MetricEntry> log);

/// Katib's medianstop: settings min_trials_required (3) and start_step (4, counted in reports).
struct MedianRule {
  int min_trials = 3, start_reports = 4;
  /// invalid for an unknown setting or a value out of range.
  static Result<MedianRule> from(const Algorithm& algorithm);
};

/// True if the best value so far of a running trial is worse than the median of the finished trials' running averages
/// up to the same step. False while there are too few reports or too few finished trials that came that far.
bool falls_behind(const MedianRule& rule, optimise::Goal goal, const Curve& running, std::span<const Curve> finished);

}  // namespace masu::tuning
