#pragma once
/// A training job -> the objects that run it (spec gcp-ai-platform 17, CNV and EXT-4). Pure: the same job, the same objects.
///
///   no hyperparameters   PersistentVolumeClaim + Job | TFJob | PyTorchJob
///   hyperparameters      PersistentVolumeClaim + Experiment, whose trial template is that object
///
/// What comes out is accepted as it is by a cluster that has a stock Katib (and training-operator, for its kinds) and masu's
/// runtime image. What only masu's own controllers understand stands in annotations, where others ignore it.

#include <vector>

#include "training/pod_template.h"

namespace masu::training {

struct Conversion {
  std::vector<Value> objects;  // in the order in which to create them; the last one is the job itself
  const Value& job() const { return objects.back(); }
};

Result<Conversion> convert(const JobSpec& job, const Site& site, Findings& findings);

/// EXT-4: by label framework=tensorflow|pytorch; several replicas without it: TFJob.
Result<JobKind> job_kind(const JobSpec& job, Findings& findings);

/// Annotations that masu's tuning reads and a stock Katib ignores.
namespace annotations {
/// On the trial template: which trial parameter stands for the trial's number (1, 2, ...) instead of its name.
inline constexpr std::string_view trial_id = "masu.dev/trial-id-parameter";
/// JSON {"parameter": "log" | "reverseLog"}: scales that Katib has no word for.
inline constexpr std::string_view scales = "masu.dev/parameter-scales";
/// JSON [{"assignments": {"lr": "0.1"}, "value": "0.93"}]: an earlier search that seeds this one.
inline constexpr std::string_view previous = "masu.dev/previous-observations";
/// "true": trials that still run when the search is over are stopped; the cloud's job is over then.
inline constexpr std::string_view stop_trials = "masu.dev/stop-running-trials";
}  // namespace annotations

/// Labels of the job that are valid Kubernetes labels.
Value label_values(const JobSpec& job);

}  // namespace masu::training
