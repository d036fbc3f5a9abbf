#pragma once
/// TrainingInput (ml v1) as a plain struct: decoded from the raw tree, with the repairs of the lenient dialect, checked.

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "training/findings.h"
#include "value/value.h"

namespace masu::training {

enum class Role { master, worker, parameter_server, evaluator };
inline constexpr std::array all_roles{Role::master, Role::worker, Role::parameter_server, Role::evaluator};
/// "master", "worker", "ps", "evaluator": as in replica names.
std::string_view name(Role role);

struct Accelerator {
  std::string type;  // NVIDIA_TESLA_V100, or a name of the installation
  std::int64_t count = 0;
  bool operator==(const Accelerator&) const = default;
};

struct ReplicaConfig {
  std::optional<Accelerator> accelerator;
  std::string image;
  std::vector<std::string> command, args;  // containerCommand, containerArgs
  std::int64_t boot_disk_gib = 0;          // 0: not asked for
  std::string tpu_tf_version;
  bool empty() const {
    return !accelerator && image.empty() && command.empty() && args.empty() && boot_disk_gib == 0 && tpu_tf_version.empty();
  }
};

struct ReplicaSet {
  std::int64_t count = 0;
  std::string machine;  // masterType ...; empty: the installation's default machine
  ReplicaConfig config;
};

enum class ParameterType { real, integer, categorical, discrete };
enum class Scale { none, linear, log, reverse_log };

struct Parameter {
  std::string name;
  ParameterType type = ParameterType::real;
  double min = 0, max = 0;              // real, integer
  std::vector<std::string> categories;  // categorical
  std::vector<double> values;           // discrete, increasing
  Scale scale = Scale::none;
};

enum class Search { unspecified, grid, random };

struct Hyperparameters {
  bool maximize = true;
  std::string metric = "training/hptuning/metric";
  std::vector<Parameter> parameters;
  std::int64_t max_trials = 1, max_parallel_trials = 1, max_failed_trials = 0;
  Search search = Search::unspecified;
  bool early_stopping = false;
  std::string resume_job;  // resumePreviousJobId
};

struct Scheduling {
  std::optional<Duration> max_running, max_wait;
  std::int64_t priority = 0;
  bool resilient_to_worker_restart = false;
};

struct TrainingInput {
  std::string scale_tier = "BASIC";
  std::map<Role, ReplicaSet> replicas;  // master always; others with count > 0
  std::vector<std::string> package_uris;
  std::string module;
  std::vector<std::string> args;
  std::optional<Hyperparameters> hyperparameters;
  std::string region, job_dir, runtime_version, python_version, service_account;
  bool chief_in_tf_config = false;
  Scheduling scheduling;

  const ReplicaSet& master() const { return replicas.at(Role::master); }
  bool uses_image() const { return !master().config.image.empty(); }
  std::int64_t replica_count() const;
};

/// Where the input came from decides what may be missing: a file still gets flags, a submitted job has everything.
enum class Completeness { partial, whole };

/// Reads the canonical or raw tree of a trainingInput. What cannot be read or breaks a rule (spec gcp-ai-platform 4, 5) is
/// recorded with its path below `path`; what the lenient dialect takes for something else is noted. Pure.
TrainingInput decode_training_input(const Value& raw, Findings& findings, const std::string& path = "trainingInput",
                                    Completeness completeness = Completeness::whole);

/// A job name: `^[A-Za-z][A-Za-z0-9_]*$`, at most 128; lenient: also hyphens.
void check_job_name(const std::string& name, Findings& findings);
/// Labels of a job: at most 64; keys and values of lower-case and caseless letters, digits, _ and -.
void check_labels(const std::map<std::string, std::string>& labels, Findings& findings);
/// Empty if `text` is gs://BUCKET[/OBJECT] with a valid bucket, else the rule that is broken.
std::string object_url_problem(std::string_view text);
/// Empty if it is a valid bucket name, else the rule that is broken.
std::string bucket_problem(std::string_view bucket);
/// "3600s", "1.5s" of the proto3 JSON mapping.
std::optional<Duration> parse_proto_duration(std::string_view text);

}  // namespace masu::training
