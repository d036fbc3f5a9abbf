#pragma once
/// The three kinds of tuning (kubeflow.org/v1beta1) as plain structs. Katib's defaults are applied on reading, since no
/// webhook may have done it; what Katib's webhook would have refused is kept as `wrong` and ends the Experiment.

#include <optional>
#include <string>
#include <vector>

#include "kube/object.h"
#include "tuning/vocabulary.h"

namespace masu::tuning {

enum class ResumePolicy { never, long_running, from_volume };

struct TrialParameter {
  std::string name, reference;
};

struct TrialTemplate {
  Value trial_spec;                            // inline manifest; null: from the ConfigMap
  kube::Key config_map;                        // with template_path
  std::string template_path;
  std::vector<TrialParameter> parameters;
  std::string primary_container;
  kube::Labels primary_pod_labels;
  std::string success_condition, failure_condition;
  bool retain = false;
};

/// Counts and names of an Experiment's trials, and the best one.
struct ExperimentStatus {
  std::optional<Instant> started, completed;
  Conditions conditions;
  std::string best_trial;
  std::vector<Assignment> best_assignments;
  std::vector<MetricSummary> best_observation;
  std::vector<std::string> running, pending, failed, succeeded, killed, early_stopped, metrics_unavailable;
  static ExperimentStatus decode(const Value& status);
  Value encode() const;
  bool operator==(const ExperimentStatus&) const = default;
};

struct Experiment {
  kube::Metadata meta;
  std::vector<optimise::Parameter> parameters;
  Objective objective;
  Algorithm algorithm;
  std::optional<Algorithm> early_stopping;
  TrialTemplate trial_template;
  Value metrics_collector;  // spec.metricsCollectorSpec with defaults, as trials carry it
  int parallel = 3;
  std::optional<int> max_trials, max_failed;
  ResumePolicy resume = ResumePolicy::never;
  ExperimentStatus status;
  std::optional<Error> wrong;  // why this spec can never run

  static Result<Experiment> decode(const Value& object);
  bool completed() const { return status.conditions.is_true("Succeeded") || status.conditions.is_true("Failed"); }
};

struct StoppingRule {
  std::string name, value, comparison;
  int start_step = 0;
  bool operator==(const StoppingRule&) const = default;
};

/// One trial to be: its name and its parameters.
struct TrialAssignment {
  std::string name;
  std::vector<Assignment> parameters;
  kube::Labels labels;
  bool operator==(const TrialAssignment&) const = default;
};

struct SuggestionStatus {
  std::optional<Instant> started, completed;
  Conditions conditions;
  int count = 0;  // suggestionCount: all that were ever assigned
  std::vector<TrialAssignment> assignments;
  static SuggestionStatus decode(const Value& status);
  Value encode() const;
  bool operator==(const SuggestionStatus&) const = default;
};

struct Suggestion {
  kube::Metadata meta;
  Algorithm algorithm;
  int requests = 0;
  ResumePolicy resume = ResumePolicy::never;
  SuggestionStatus status;
  static Result<Suggestion> decode(const Value& object);
};

struct TrialStatus {
  std::optional<Instant> started, completed;
  Conditions conditions;
  std::vector<MetricSummary> observation;
  static TrialStatus decode(const Value& status);
  Value encode() const;
  bool operator==(const TrialStatus&) const = default;
};

struct Trial {
  kube::Metadata meta;
  Objective objective;
  Value metrics_collector;
  std::string success_condition, failure_condition;
  bool retain = false;
  std::vector<Assignment> assignments;
  Value run_spec;  // the rendered manifest, name and namespace included
  TrialStatus status;

  static Result<Trial> decode(const Value& object);
  bool completed() const;
  bool is(std::string_view condition) const { return status.conditions.is_true(condition); }
};

/// The workload of a trial, as far as conditions look at it.
struct Run {
  kube::Metadata meta;
  bool suspended = false;  // spec.suspend, or spec.runPolicy.suspend
  Value object;            // {"kind": ..., "status": {...}} only
  static Result<Run> decode(const Value& object);
};

/// "status.conditions.#(type==\"X\")#|#(status==\"True\")#": Katib's default conditions. Empty for kinds without.
std::string default_success_condition(std::string_view kind);
std::string default_failure_condition(std::string_view kind);

std::string_view name(ResumePolicy policy);  // "Never", "LongRunning", "FromVolume"

}  // namespace masu::tuning
