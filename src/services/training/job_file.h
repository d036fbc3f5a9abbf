#pragma once
/// The cloud's config.yaml -> a Job tree with canonical names, and the merging of flags into it (spec gcp-ai-platform 2.5, 17).
///
/// Reading repairs names and places (snake_case, `hyperparameters` beside trainingInput, unquoted versions); the values stay
/// as they were written, because the stored job is the raw input: training_input.h repairs those on reading.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "training/findings.h"
#include "training/training_input.h"
#include "value/value.h"
#include "value/yaml.h"

namespace masu::training {

struct JobFile {
  std::string name, text;                   // of the file, for messages
  Value job{Object{}};                      // canonical names: {trainingInput, labels, ...}
  std::map<std::string, YamlPlace> places;  // by canonical path
  std::vector<Note> notes;
};

/// Reads YAML or JSON; an empty file is an empty job. malformed or invalid with file:line, the line and a caret.
Result<JobFile> read_job_file(const std::string& name, const std::string& text, Dialect dialect);

/// The messages of causes or notes with the place in the file, where the field stands there:
/// "config.yaml:7: trainingInput.region: ..." with the line and a caret below.
std::string point_out(const JobFile& file, const std::string& field, const std::string& message);

/// What `jobs submit training` was told by flags. Absent ones leave the file's value.
struct SubmitFlags {
  std::string job;
  std::optional<std::string> module, region, job_dir, scale_tier, runtime_version, python_version, service_account, kms_key, network, tpu_tf_version;
  std::optional<bool> enable_web_access, chief_in_tf_config;
  std::optional<std::map<std::string, std::string>> labels;
  std::optional<std::vector<std::string>> args, package_uris;
  struct Replica {
    std::optional<std::string> machine, image;
    std::optional<std::int64_t> count;
    std::optional<Accelerator> accelerator;
  };
  Replica master, worker, parameter_server;
};

/// The file's job with each given flag in place of the field of the same meaning.
Value merge_flags(Value job, const SubmitFlags& flags);

/// The whole job, checked: name, labels, trainingInput. `notes` of the findings hold the repairs.
struct CheckedJob {
  std::string job_id;
  std::map<std::string, std::string> labels;
  Value raw;            // trainingInput as stored
  TrainingInput input;  // as understood
};
Result<CheckedJob> check_job(const Value& job, Findings& findings, Completeness completeness = Completeness::whole);

}  // namespace masu::training
