#pragma once
/// Words that Experiment, Suggestion and Trial share: assignments, metrics, objectives, and Katib's condition list.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "tuning/optimise/optimise.h"
#include "value/reader.h"
#include "value/value.h"

namespace masu::tuning {

struct Assignment {
  std::string name, value;
  bool operator==(const Assignment&) const = default;
};
std::vector<Assignment> decode_assignments(const Value& list);
Value encode_assignments(const std::vector<Assignment>& assignments);

/// One report of one metric, as it came in. The value is text: nobody here decides how many digits a number has.
struct MetricEntry {
  std::string name, value;
  std::optional<std::int64_t> step;
  std::optional<Instant> time;
  bool operator==(const MetricEntry&) const = default;
};

/// What a collector reports for an objective that never appeared.
inline constexpr std::string_view unavailable = "unavailable";

/// How a trial's log becomes one number.
enum class Strategy { latest, min, max };

/// `status.observation.metrics[i]`: texts, `unavailable` where there is none.
struct MetricSummary {
  std::string name, min, max, latest;
  std::optional<std::int64_t> step = {};  // of latest, if its reports have steps; Katib has no word for it
  const std::string& by(Strategy strategy) const;
  bool operator==(const MetricSummary&) const = default;
};

struct Objective {
  optimise::Goal goal = optimise::Goal::maximise;
  std::optional<double> wanted;  // objective.goal: stop when it is reached
  std::string metric;
  std::vector<std::string> more_metrics;  // additionalMetricNames
  std::map<std::string, Strategy> strategies;  // one for each metric
  /// Reads and applies Katib's defaults (the extreme of each metric). Wrong fields are recorded in the reader.
  static Objective decode(const Reader& reader);
  Value encode() const;
  Strategy strategy(std::string_view name) const;
  std::vector<std::string> all_metrics() const;  // the objective first
};

/// The objective's number: by its strategy (min and max fall back to latest). No value: unavailable, not a number, or
/// not finite.
std::optional<double> objective_value(const Objective& objective, const std::vector<MetricSummary>& observation);

/// A decimal number as metrics write it; no value for other text. "nan" and "inf" are read as such.
std::optional<double> read_number(std::string_view text);

struct Algorithm {
  std::string name;
  std::map<std::string, std::string> settings;
  static Algorithm decode(const Reader& reader);
  Value encode() const;
  bool operator==(const Algorithm&) const = default;
};

/// A condition as Katib writes it: the last element of the list is the one that changed last.
struct Condition {
  std::string type, status, reason, message;
  std::optional<Instant> updated, changed;  // lastUpdateTime, lastTransitionTime
  bool operator==(const Condition&) const = default;
};

class Conditions {
 public:
  static Conditions decode(const Value& list);
  Value encode() const;

  bool is_true(std::string_view type) const;
  const Condition* find(std::string_view type) const;
  /// Same status and reason as before: nothing happens (also not to the message). Else the old element goes and the
  /// new one is put last. Truncated to Kubernetes' limits.
  void set(std::string_view type, std::string_view status, std::string reason, std::string message, Instant now);
  /// Turns a true condition false, keeping its reason and message. Nothing if it is absent or false.
  void clear(std::string_view type, Instant now);
  void remove(std::string_view type);
  const std::vector<Condition>& list() const { return list_; }
  bool operator==(const Conditions&) const = default;

 private:
  std::vector<Condition> list_;
};

std::optional<Instant> read_time(const Value& value);
/// null for no time.
Value write_time(const std::optional<Instant>& time);

// Labels and annotations.
inline constexpr std::string_view experiment_label = "katib.kubeflow.org/experiment";
/// JSON object {"parameter": "log" | "reverseLog" | "linear"}: scales that Katib cannot say.
inline constexpr std::string_view scales_annotation = "masu.dev/parameter-scales";
/// JSON list [{"assignments": {"lr": "0.1"}, "value": "0.93"}]: an earlier search that seeds this one. No "value": it failed.
inline constexpr std::string_view previous_annotation = "masu.dev/previous-observations";
/// "true": trials still running when the experiment is complete are killed. Katib lets them run.
inline constexpr std::string_view stop_trials_annotation = "masu.dev/stop-running-trials";

/// Reason of a Suggestion's Succeeded condition when the search space has no point left.
inline constexpr std::string_view suggestion_end_reason = "SuggestionEndReached";

}  // namespace masu::tuning
