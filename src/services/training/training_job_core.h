#pragma once
/// What becomes of a TrainingJob: its objects, its state, its output. Pure.
///
///   QUEUED -> PREPARING -> RUNNING -> SUCCEEDED        QUEUED: no pod has a node yet
///      |          |           |----> FAILED            PREPARING: packages, images, volumes are on their way
///      +----------+-----------+----> CANCELLING -> CANCELLED
///
/// A state only advances. Final states never change; endTime comes with them, and only when the last line of the logs is
/// archived, because its presence is what ends log streaming (JOB-2).

#include <memory>
#include <optional>
#include <vector>

#include "controller/action.h"
#include "kinds/pod.h"
#include "training/convert.h"
#include "training/training_job.h"

namespace masu::training {

/// The Job, TFJob, PyTorchJob or Experiment made from the job.
struct ChildView {
  kube::Resource resource;
  kube::Metadata meta;
  enum class Phase { active, complete, failed } phase = Phase::active;
  std::string reason, message;               // of its last condition
  std::optional<std::int64_t> max_failed;    // Experiment: spec.maxFailedTrialCount
  std::int64_t trials_ended = 0;             // Experiment: trials that its status counts as over
  std::optional<Instant> ended;              // when the condition of its end was set
  static ChildView decode(const kube::Resource& resource, const Value& object);
};

struct TrialView {
  kube::Metadata meta;
  std::map<std::string, std::string> assignments;
  State state = State::preparing;
  std::optional<Instant> started, ended;
  std::optional<double> objective;
  std::int64_t step = 0;
  bool stopped_early = false, metrics_unavailable = false;
  std::string message;
  static Result<TrialView> decode(const Value& object);
  /// "3" of <experiment>-3; else the trial's name.
  std::string id(const std::string& experiment) const;
};

struct World {
  TrainingJob job;
  Site site;
  std::string project;
  bool claim_exists = false;
  std::optional<ChildView> child;
  std::vector<TrialView> trials;
  std::vector<kinds::Pod> pods;               // labelled with the job
  std::int64_t queued_before = 0;             // jobs that are QUEUED and older
  std::shared_ptr<const TrainingJob> previous;  // resumePreviousJobId, if there is such a job
  bool logs_complete = true;                  // all that its pods said is archived
  std::vector<std::string> last_lines;        // of the failed replica
  Instant now;
};

struct Decision {
  controller::Actions actions;
  std::optional<Duration> look_again;
  std::vector<std::string> messages;  // for the job's log, task `service`: what a watcher sees of the way (spec 11.2)
};
Decision decide(const World& world);

/// The JobSpec that a stored TrainingJob converts as; `previous` as in World. Findings hold repairs and what is wrong.
Result<JobSpec> job_spec(const TrainingJob& job, const std::string& project, const TrainingJob* previous, Findings& findings);

/// Where the objects of a kind that jobs become live.
const kube::Resource& child_resource(JobKind kind, bool tuned);

}  // namespace masu::training
