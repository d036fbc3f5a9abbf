#include "training/job_file.h"

#include "training/schema.h"
#include "value/json.h"

namespace masu::training {
namespace {

/// `trainingInput.hyperparameters.x` read from `hyperparameters.x`: the place of the longest moved prefix.
std::string origin_of(const std::string& path, const std::vector<std::pair<std::string, std::string>>& moved) {
  for (const auto& [to, from] : moved) {
    if (path == to) return from;
  }
  return path;
}

/// Places by canonical path; what was not renamed keeps its path.
std::map<std::string, YamlPlace> canonical_places(const std::map<std::string, YamlPlace>& places,
                                                  const std::vector<std::pair<std::string, std::string>>& moved) {
  std::map<std::string, YamlPlace> out = places;
  for (const auto& [to, from] : moved) {
    for (auto place = places.lower_bound(from); place != places.end() && place->first.starts_with(from); ++place) {
      const std::string rest = place->first.substr(from.size());
      if (rest.empty() || rest[0] == '.' || rest[0] == '[') out[to + rest] = place->second;
    }
  }
  return out;
}

/// `hyperparameters` written beside trainingInput belongs inside.
Value move_hyperparameters(Value document, Findings& findings, std::vector<std::pair<std::string, std::string>>& moved) {
  if (!document.is_object() || !document.contains("hyperparameters")) return document;
  const std::string input = document.contains("training_input") ? "training_input" : "trainingInput";
  if (document[input].contains("hyperparameters")) {
    findings.wrong("hyperparameters", "is given twice, also inside trainingInput: leave one of them out");
    document.erase("hyperparameters");
    return document;
  }
  findings.repaired("hyperparameters", "unknown field \"hyperparameters\" of Job", "stands beside trainingInput, taken as inside");
  Value hyperparameters = document["hyperparameters"];
  document.erase("hyperparameters");
  document[input]["hyperparameters"] = std::move(hyperparameters);
  moved.emplace_back(cat(input, ".hyperparameters"), "hyperparameters");
  return document;
}

Result<YamlDocument> parse_document(const std::string& name, const std::string& text) {
  auto parsed = parse_yaml_single(text);
  if (parsed.ok()) return parsed;
  // JSON may hold what YAML does not (tabs as indentation).
  if (const std::string_view start = trim(text); start.starts_with('{')) {
    if (auto json = parse_json(text); json.ok()) return YamlDocument{.value = *json};
  }
  return std::move(parsed).context(name).error();
}

void set_text(Value& where, std::string_view key, const std::optional<std::string>& text) {
  if (text) where[key] = Value(*text);
}

void merge_replica(Value& input, const SubmitFlags::Replica& flags, const std::string& prefix) {
  set_text(input, prefix + "Type", flags.machine);
  if (flags.count) input[prefix + "Count"] = Value(*flags.count);
  if (flags.image) input[prefix + "Config"]["imageUri"] = Value(*flags.image);
  if (flags.accelerator)
    input[prefix + "Config"]["acceleratorConfig"] = Value::object({{"count", flags.accelerator->count}, {"type", flags.accelerator->type}});
}

}  // namespace

Result<JobFile> read_job_file(const std::string& name, const std::string& text, Dialect dialect) {
  JobFile file{.name = name, .text = text};
  TRY(YamlDocument document, parse_document(name, text));
  Findings findings(dialect);
  std::vector<std::pair<std::string, std::string>> moved;
  const auto& places = document.places;
  for (const std::string& path : document.duplicates)
    findings.wrong(path, "is given twice in this file: leave one of them out", "FieldValueDuplicate");
  const Value settled = move_hyperparameters(std::move(document.value), findings, moved);
  // Source text is looked up where it was written; only whole renames of the step before matter here.
  const SourceText source = [&](std::string_view path) -> std::string {
    std::string wanted(path);
    for (const auto& [to, from] : moved) {
      if (wanted.starts_with(to)) wanted = from + wanted.substr(to.size());
    }
    const auto place = places.find(wanted);
    return place == places.end() ? std::string() : place->second.text;
  };
  Canonical canonical = canonicalise(job_message(), settled, "", source, findings);
  for (auto& [to, from] : canonical.moved) from = origin_of(from, moved);
  moved.insert(moved.end(), canonical.moved.begin(), canonical.moved.end());
  file.places = canonical_places(places, moved);
  file.job = std::move(canonical.value);
  file.notes = findings.notes();
  if (findings.causes().empty()) return file;

  Error error{Code::invalid, "", findings.causes()};
  for (const Cause& cause : error.causes) {
    if (!error.message.empty()) error.message += "\n";
    error.message += point_out(file, cause.field, cause.message);
  }
  return error;
}

std::string point_out(const JobFile& file, const std::string& field, const std::string& message) {
  // A missing field has no place: its nearest parent has.
  std::string path = field;
  auto place = file.places.find(path);
  while (place == file.places.end() && !path.empty()) {
    const std::size_t cut = path.find_last_of(".[");
    path = cut == std::string::npos ? std::string() : path.substr(0, cut);
    place = file.places.find(path);
  }
  const std::string sentence = field.empty() ? message : cat(field, ": ", message);
  if (file.name.empty()) return sentence;
  if (path.empty() || place == file.places.end() || place->second.line == 0) return cat(file.name, ": ", sentence);
  return point_at(file.name, file.text, place->second, sentence);
}

Value merge_flags(Value job, const SubmitFlags& flags) {
  if (!flags.job.empty()) job["jobId"] = Value(flags.job);
  if (flags.labels) {
    job["labels"] = Value(Object{});
    for (const auto& [key, value] : *flags.labels) job["labels"][key] = Value(value);
  }
  Value& input = job["trainingInput"];
  input.object();
  set_text(input, "pythonModule", flags.module);
  set_text(input, "region", flags.region);
  set_text(input, "jobDir", flags.job_dir);
  if (flags.scale_tier) {
    std::string tier = upper(*flags.scale_tier);
    input["scaleTier"] = Value(replace_all(tier, "-", "_"));
  }
  set_text(input, "runtimeVersion", flags.runtime_version);
  set_text(input, "pythonVersion", flags.python_version);
  set_text(input, "serviceAccount", flags.service_account);
  set_text(input, "network", flags.network);
  if (flags.kms_key) input["encryptionConfig"]["kmsKeyName"] = Value(*flags.kms_key);
  if (flags.tpu_tf_version) input["workerConfig"]["tpuTfVersion"] = Value(*flags.tpu_tf_version);
  if (flags.enable_web_access) input["enableWebAccess"] = Value(*flags.enable_web_access);
  if (flags.chief_in_tf_config) input["useChiefInTfConfig"] = Value(*flags.chief_in_tf_config);
  if (flags.args) input["args"] = Value::strings(*flags.args);
  if (flags.package_uris) input["packageUris"] = Value::strings(*flags.package_uris);
  merge_replica(input, flags.master, "master");
  merge_replica(input, flags.worker, "worker");
  merge_replica(input, flags.parameter_server, "parameterServer");
  return job;
}

Result<CheckedJob> check_job(const Value& job, Findings& findings, Completeness completeness) {
  CheckedJob checked;
  checked.job_id = job["jobId"].as_string();
  check_job_name(checked.job_id, findings);
  for (const auto& [key, value] : job["labels"].as_object()) checked.labels[key] = value.as_string();
  check_labels(checked.labels, findings);
  for (const std::string_view other : {"predictionInput", "explanationInput"}) {
    if (job.contains(other)) findings.wrong(std::string(other), "this is no training job: only trainingInput can be submitted here");
  }
  checked.raw = job["trainingInput"];
  checked.raw.object();
  checked.input = decode_training_input(checked.raw, findings, "trainingInput", completeness);
  TRY_OK(findings.finish());
  return checked;
}

}  // namespace masu::training
