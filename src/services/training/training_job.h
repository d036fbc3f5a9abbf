#pragma once
/// TrainingJob (masu.dev/v1alpha1): the job as submitted, and how it stands. Plain structs, decoded once.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kube/object.h"
#include "training/pod_template.h"

namespace masu::training {

enum class State { unspecified, queued, preparing, running, succeeded, failed, cancelling, cancelled };
std::string_view name(State state);  // "QUEUED"
State state_of(std::string_view name);
inline bool is_final(State state) { return state == State::succeeded || state == State::failed || state == State::cancelled; }

/// One row of trainingOutput.trials.
struct TrialOutput {
  std::string id;
  std::map<std::string, std::string> hyperparameters;
  State state = State::unspecified;
  std::optional<Instant> started, ended;
  std::optional<double> objective;
  std::int64_t step = 0;
  bool stopped_early = false;
  bool operator==(const TrialOutput&) const = default;
};

struct JobStatus {
  State state = State::unspecified;
  std::string reason;          // one word, why it stands so
  std::string error_message;   // FAILED, CANCELLING, CANCELLED
  std::optional<std::int64_t> position;  // QUEUED: place in the queue; 0: scheduled already
  std::optional<Instant> started, running, ended;
  bool tuning = false;
  std::int64_t max_trials = 0;
  std::string metric;
  std::vector<TrialOutput> trials;
  std::vector<kube::Condition> conditions;
  std::int64_t observed_generation = 0;

  std::int64_t completed_trials() const;
  /// The trial with the best objective, if any has one.
  const TrialOutput* best(bool maximize) const;
  static JobStatus decode(const Value& status);
  Value encode(bool maximize) const;
  bool operator==(const JobStatus&) const = default;
};

struct TrainingJob {
  kube::Metadata meta;
  std::string job_id;
  std::map<std::string, std::string> labels;
  Value raw;  // spec.trainingInput
  std::vector<VolumeMount> volumes;
  std::vector<std::string> credentials;
  std::string slice;
  std::map<std::string, std::string> node_selector;
  std::optional<Collector> collector;
  bool strict = false, cancel_requested = false;
  JobStatus status;
  Value stored_status;  // as read, for the difference

  static Result<TrainingJob> decode(const Value& object);
};

/// The object to be created for a job: spec of the job, name and annotation.
Value training_job_object(const JobSpec& job, bool strict);

/// The ml v1 Job (REST, describe, get) of a TrainingJob object; members in the v1 form, empty ones left out.
Value v1_job(const Value& training_job);

}  // namespace masu::training
