#pragma once
/// The pod of one role of a training job: containers, environment and arguments as the cloud gave them (spec 8).
///
///   init  masu-setup      copies masu-run to /masu/bin, downloads the packages to /masu/packages/N/
///   init  masu-collector  (restartPolicy Always) reads metrics below /masu/metrics and posts them to the ledger
///   main  training | tensorflow | pytorch: masu-run ... -- python3 -m MODULE ARGS, or the image's own program
///
/// Volumes: `masu` (an emptyDir at /masu), `work` (the job's claim at /masu/work, one folder for each job or trial).

#include <string>
#include <vector>

#include "training/site.h"
#include "training/training_input.h"

namespace masu::training {

enum class Collector { automatic, stdout_lines, file, tfevent, none };
std::optional<Collector> parse_collector(std::string_view text);
std::string_view name(Collector collector);

struct VolumeMount {
  std::string claim, path;
  bool read_only = false;
};
/// "NAME:/path[:ro]". invalid says the form.
Result<VolumeMount> parse_volume(std::string_view text);

/// Which object the pods belong to; it decides the container's name and where a replica's index stands.
enum class JobKind { job, tf_job, pytorch_job };

/// What is to be converted. Plain values; `raw` and `input` are the same trainingInput.
struct JobSpec {
  std::string job_id, name, name_space;  // `name`: the object name
  std::string project;                   // CLOUD_ML_PROJECT_ID; usually the namespace
  std::map<std::string, std::string> labels;
  Value raw;
  TrainingInput input;
  std::vector<VolumeMount> volumes;
  std::vector<std::string> credentials;
  std::string slice;  // a MIG profile for each replica's accelerator: 1g.10gb
  std::map<std::string, std::string> node_selector;
  std::optional<Collector> collector;  // no value: automatic for a tuning job, none for others
  Value previous_observations;         // of the job that this one resumes: [{assignments, value}]
};

struct PodRequest {
  const JobSpec& job;
  const Site& site;
  JobKind kind = JobKind::job;
  Role role = Role::master;
};

/// {metadata, spec} of a pod template. Notes say what was mapped onto what. invalid (with the way out) if no machine, image
/// or node here could ever run it.
Result<Value> pod_template(const PodRequest& request, Findings& findings);

/// The name of the program's container in a job of that kind.
std::string_view container_name(JobKind kind);
/// Where hypertune's file is to be found, and the folder of all that is collected.
inline constexpr std::string_view metric_file = "/masu/metrics/output.metrics";
/// The trial parameter that stands for the trial's id.
inline constexpr std::string_view trial_id_parameter = "trialId";
/// `chief` or `master` (RUN-1).
std::string_view primary_name(const TrainingInput& input);
std::string claim_name(const JobSpec& job);
/// Collects metrics at all?
Collector collector_of(const JobSpec& job);

/// "a b" for a shell: words with other than plain characters in single quotes.
std::string shell_word(std::string_view word);

}  // namespace masu::training
