#include "training/training_job.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "kube/names.h"
#include "value/reader.h"

namespace masu::training {
namespace {

constexpr std::array<std::string_view, 8> state_names = {"STATE_UNSPECIFIED", "QUEUED",  "PREPARING",  "RUNNING",
                                                         "SUCCEEDED",         "FAILED", "CANCELLING", "CANCELLED"};

std::optional<Instant> time_of(const Value& text) {
  if (!text.is_string()) return std::nullopt;
  const auto parsed = parse_rfc3339(text.as_string());
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

void set_time(Value& object, std::string_view key, const std::optional<Instant>& time) {
  if (time) object[key] = Value(to_rfc3339(*time));
}

TrialOutput decode_trial(const Value& raw) {
  TrialOutput trial;
  trial.id = raw["trialId"].as_string();
  for (const auto& [key, value] : raw["hyperparameters"].as_object()) trial.hyperparameters[key] = value.as_string();
  trial.state = state_of(raw["state"].as_string());
  trial.started = time_of(raw["startTime"]);
  trial.ended = time_of(raw["endTime"]);
  if (raw.at("finalMetric", "objectiveValue").is_number()) trial.objective = raw.at("finalMetric", "objectiveValue").as_number();
  const Value& step = raw.at("finalMetric", "trainingStep");
  trial.step = step.is_string() ? std::strtoll(std::string(step.as_string()).c_str(), nullptr, 10) : step.as_integer();
  trial.stopped_early = raw["isTrialStoppedEarly"].as_bool();
  return trial;
}

Value encode_trial(const TrialOutput& trial) {
  Value out = Value::object({{"trialId", trial.id}});
  for (const auto& [key, value] : trial.hyperparameters) out["hyperparameters"][key] = Value(value);
  if (trial.state != State::unspecified) out["state"] = Value(name(trial.state));
  set_time(out, "startTime", trial.started);
  set_time(out, "endTime", trial.ended);
  if (trial.objective) {
    out["finalMetric"]["objectiveValue"] = Value(*trial.objective);
    if (trial.step != 0) out["finalMetric"]["trainingStep"] = Value(std::to_string(trial.step));
  }
  if (trial.stopped_early) out["isTrialStoppedEarly"] = Value(true);
  return out;
}

}  // namespace

std::string_view name(State state) { return state_names[static_cast<std::size_t>(state)]; }

State state_of(std::string_view text) {
  const auto found = std::find(state_names.begin(), state_names.end(), text);
  return found == state_names.end() ? State::unspecified : static_cast<State>(found - state_names.begin());
}

std::int64_t JobStatus::completed_trials() const {
  return std::count_if(trials.begin(), trials.end(), [](const TrialOutput& trial) { return trial.state == State::succeeded; });
}

const TrialOutput* JobStatus::best(bool maximize) const {
  const TrialOutput* found = nullptr;
  for (const TrialOutput& trial : trials) {
    if (!trial.objective || trial.state == State::failed) continue;
    if (!found || (maximize ? *trial.objective > *found->objective : *trial.objective < *found->objective)) found = &trial;
  }
  return found;
}

JobStatus JobStatus::decode(const Value& raw) {
  JobStatus status;
  status.state = state_of(raw["state"].as_string());
  status.reason = raw["reason"].as_string();
  status.error_message = raw["errorMessage"].as_string();
  if (raw.contains("jobPosition")) status.position = raw["jobPosition"].as_integer();
  status.started = time_of(raw["startTime"]);
  status.running = time_of(raw["runningTime"]);
  status.ended = time_of(raw["endTime"]);
  const Value& output = raw["trainingOutput"];
  status.tuning = output["isHyperparameterTuningJob"].as_bool();
  status.metric = output["hyperparameterMetricTag"].as_string();
  for (const Value& trial : output["trials"].as_array()) status.trials.push_back(decode_trial(trial));
  if (const auto parts = split(raw["trials"].as_string(), '/'); parts.size() == 2) status.max_trials = std::strtoll(parts[1].c_str(), nullptr, 10);
  status.conditions = kube::decode_conditions(raw["conditions"]);
  status.observed_generation = raw["observedGeneration"].as_integer();
  return status;
}

Value JobStatus::encode(bool maximize) const {
  Value out{Object{}};
  if (state != State::unspecified) out["state"] = Value(name(state));
  if (!reason.empty()) out["reason"] = Value(reason);
  if (!error_message.empty()) out["errorMessage"] = Value(error_message);
  if (position) out["jobPosition"] = Value(*position);
  set_time(out, "startTime", started);
  set_time(out, "runningTime", running);
  set_time(out, "endTime", ended);
  Value& output = out["trainingOutput"];
  output.object();
  if (tuning) {
    output["isHyperparameterTuningJob"] = Value(true);
    output["hyperparameterMetricTag"] = Value(metric);
    if (completed_trials() > 0) output["completedTrialCount"] = Value(std::to_string(completed_trials()));
    if (!trials.empty()) output["trials"] = Value(Array{});
    for (const TrialOutput& trial : trials) output["trials"].push_back(encode_trial(trial));
    out["trials"] = Value(cat(completed_trials(), "/", max_trials));
    if (const TrialOutput* top = best(maximize)) out["best"] = Value(cat(*top->objective, " (trial ", top->id, ")"));
  }
  if (!conditions.empty()) out["conditions"] = kube::encode_conditions(conditions);
  if (observed_generation != 0) out["observedGeneration"] = Value(observed_generation);
  return out;
}

Result<TrainingJob> TrainingJob::decode(const Value& object) {
  TrainingJob job;
  job.meta = kube::Metadata::decode(object);
  const Value& spec = object["spec"];
  const Reader read(spec, "spec");
  job.job_id = read.string("jobId").value_or(job.meta.name);
  job.labels = read.string_map("labels");
  job.raw = spec["trainingInput"];
  for (const Reader& volume : read.list("volumes"))
    job.volumes.push_back({.claim = volume.string("claim").value_or(""), .path = volume.string("mountPath").value_or(""), .read_only = volume.boolean("readOnly").value_or(false)});
  const Reader placement = read.object("placement");
  job.slice = placement.string("slice").value_or("");
  job.node_selector = placement.string_map("nodeSelector");
  job.credentials = read.strings("credentials");
  if (const auto collector = read.string("metricsCollector")) {
    job.collector = parse_collector(*collector);
    if (!job.collector) read.wrong("metricsCollector", "must be auto, stdout, file, tfevent or none");
  }
  job.strict = read.boolean("strict").value_or(false);
  job.cancel_requested = read.boolean("cancelRequested").value_or(false);
  TRY_OK(read.finish());
  job.stored_status = object["status"];
  job.status = JobStatus::decode(job.stored_status);
  return job;
}

Value training_job_object(const JobSpec& job, bool strict) {
  Value spec = Value::object({{"jobId", job.job_id}, {"trainingInput", job.raw}});
  for (const auto& [key, value] : job.labels) spec["labels"][key] = Value(value);
  for (const VolumeMount& volume : job.volumes) {
    Value entry = Value::object({{"claim", volume.claim}, {"mountPath", volume.path}});
    if (volume.read_only) entry["readOnly"] = Value(true);
    spec["volumes"].push_back(std::move(entry));
  }
  if (!job.slice.empty()) spec["placement"]["slice"] = Value(job.slice);
  for (const auto& [key, value] : job.node_selector) spec["placement"]["nodeSelector"][key] = Value(value);
  if (!job.credentials.empty()) spec["credentials"] = Value::strings(job.credentials);
  if (job.collector) spec["metricsCollector"] = Value(name(*job.collector));
  if (strict) spec["strict"] = Value(true);
  Value metadata = Value::object({{"name", job.name}});
  if (!job.name_space.empty()) metadata["namespace"] = Value(job.name_space);
  if (job.name != job.job_id) metadata["annotations"][kube::original_name_annotation] = Value(job.job_id);
  return Value::object({{"apiVersion", "masu.dev/v1alpha1"}, {"kind", "TrainingJob"}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}});
}

Value v1_job(const Value& object) {
  const Value& spec = object["spec"];
  const Value& status = object["status"];
  Value job = Value::object({{"jobId", spec.contains("jobId") ? spec["jobId"] : object.at("metadata", "name")}, {"trainingInput", spec["trainingInput"]}});
  if (!spec["labels"].as_object().empty()) job["labels"] = spec["labels"];
  job["createTime"] = object.at("metadata", "creationTimestamp");
  job["etag"] = object.at("metadata", "resourceVersion");
  job["state"] = status["state"].is_string() ? status["state"] : Value("QUEUED");
  job["trainingOutput"] = status["trainingOutput"].is_object() ? status["trainingOutput"] : Value(Object{});
  for (const std::string_view key : {"startTime", "endTime", "errorMessage"}) {
    if (status.contains(key)) job[key] = status[key];
  }
  if (status.contains("jobPosition")) job["jobPosition"] = Value(std::to_string(status["jobPosition"].as_integer()));
  return job;
}

}  // namespace masu::training
