#include "training/convert.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "kube/names.h"
#include "value/json.h"

namespace masu::training {
namespace {

/// A label value of Kubernetes is narrower than one of the cloud (no caseless letters, alphanumeric ends).
bool is_label_value(std::string_view text) {
  const auto alnum = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  if (text.empty()) return true;
  if (text.size() > 63 || !alnum(text.front()) || !alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

Value metadata_of(const JobSpec& job, std::string_view name) {
  Value metadata = Value::object({{"name", name}, {"labels", label_values(job)}, {"annotations", Value::object({{"masu.dev/job-id", job.job_id}})}});
  if (!job.name_space.empty()) metadata["namespace"] = Value(job.name_space);
  return metadata;
}

Value claim(const JobSpec& job, const Site& site) {
  Value spec = Value::object({{"accessModes", Value::array({site.volume_mode})},
                              {"resources", Value::object({{"requests", Value::object({{"storage", site.volume_size}})}})}});
  if (!site.storage_class.empty()) spec["storageClassName"] = Value(site.storage_class);
  return Value::object({{"apiVersion", "v1"}, {"kind", "PersistentVolumeClaim"}, {"metadata", metadata_of(job, claim_name(job))}, {"spec", std::move(spec)}});
}

/// Exit codes 1 to 127 are the program's and final; death by a signal is retried (CNV-7).
Value failure_policy() {
  Value signals{Array{}};
  for (const int code : {129, 130, 134, 135, 136, 137, 139, 143}) signals.push_back(Value(code));
  return Value::object({{"rules", Value::array({Value::object({{"action", "FailJob"},
                                                               {"onExitCodes", Value::object({{"operator", "NotIn"}, {"values", std::move(signals)}})}})})}});
}

Result<Value> job_object(const JobSpec& job, const Site& site, Findings& findings) {
  TRY(Value pod, pod_template({.job = job, .site = site, .kind = JobKind::job}, findings));
  return Value::object({{"apiVersion", "batch/v1"},
                        {"kind", "Job"},
                        {"spec", Value::object({{"backoffLimit", 5}, {"podFailurePolicy", failure_policy()}, {"template", std::move(pod)}})}});
}

std::string_view replica_type(Role role, std::string_view primary) {
  switch (role) {
    case Role::master: return primary == "chief" ? "Chief" : "Master";
    case Role::worker: return "Worker";
    case Role::parameter_server: return "PS";
    case Role::evaluator: return "Evaluator";
  }
  return "";
}

/// TFJob or PyTorchJob: one replica specification for each role.
Result<Value> operator_job(const JobSpec& job, const Site& site, JobKind kind, Findings& findings) {
  const bool tf = kind == JobKind::tf_job;
  Value replicas{Object{}};
  for (const auto& [role, set] : job.input.replicas) {
    TRY(Value pod, pod_template({.job = job, .site = site, .kind = kind, .role = role}, findings));
    pod["spec"].erase("restartPolicy");
    const std::string_view type = tf ? replica_type(role, primary_name(job.input)) : role == Role::master ? "Master" : "Worker";
    replicas[type] = Value::object({{"replicas", set.count}, {"restartPolicy", "ExitCode"}, {"template", std::move(pod)}});
  }
  return Value::object({{"apiVersion", "kubeflow.org/v1"},
                        {"kind", tf ? "TFJob" : "PyTorchJob"},
                        {"spec", Value::object({{"runPolicy", Value::object({{"cleanPodPolicy", "Running"}, {"backoffLimit", 5}})},
                                                {tf ? "tfReplicaSpecs" : "pytorchReplicaSpecs", std::move(replicas)}})}});
}

std::string number_text(double number) { return cat(number); }
std::string integer_text(double number) { return cat(static_cast<std::int64_t>(number)); }

std::string_view scale_name(Scale scale) {
  switch (scale) {
    case Scale::linear: return "UNIT_LINEAR_SCALE";
    case Scale::log: return "UNIT_LOG_SCALE";
    case Scale::reverse_log: return "UNIT_REVERSE_LOG_SCALE";
    case Scale::none: return "NONE";
  }
  return "";
}

Value parameter_object(const Parameter& parameter) {
  Value space{Object{}};
  std::string_view type;
  switch (parameter.type) {
    case ParameterType::real:
      type = "double";
      space = Value::object({{"min", number_text(parameter.min)}, {"max", number_text(parameter.max)}});
      break;
    case ParameterType::integer:
      type = "int";
      space = Value::object({{"min", integer_text(parameter.min)}, {"max", integer_text(parameter.max)}});
      break;
    case ParameterType::categorical:
      type = "categorical";
      space = Value::object({{"list", Value::strings(parameter.categories)}});
      break;
    case ParameterType::discrete: {
      type = "discrete";
      Value list{Array{}};
      for (const double value : parameter.values) list.push_back(Value(number_text(value)));
      space = Value::object({{"list", std::move(list)}});
      break;
    }
  }
  const bool range = parameter.type == ParameterType::real || parameter.type == ParameterType::integer;
  if (range && parameter.scale == Scale::log) space["distribution"] = Value("logUniform");
  return Value::object({{"name", parameter.name}, {"parameterType", type}, {"feasibleSpace", std::move(space)}});
}

/// How many cells a grid has; at most what fits.
std::int64_t grid_cells(const std::vector<Parameter>& parameters) {
  double cells = 1;
  for (const Parameter& parameter : parameters) {
    if (parameter.type == ParameterType::integer) cells *= parameter.max - parameter.min + 1;
    if (parameter.type == ParameterType::categorical) cells *= static_cast<double>(parameter.categories.size());
    if (parameter.type == ParameterType::discrete) cells *= static_cast<double>(parameter.values.size());
  }
  return static_cast<std::int64_t>(std::min(cells, 1e9));
}

/// What Katib has no word for, for masu's tuning (CNV-4).
void annotate_scales(const std::vector<Parameter>& parameters, Value& metadata, Findings& findings) {
  Value scales{Object{}};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    const bool on_list = parameter.type == ParameterType::discrete && parameter.scale != Scale::none && parameter.scale != Scale::linear;
    if (parameter.scale != Scale::reverse_log && !on_list) continue;
    scales[parameter.name] = Value(parameter.scale == Scale::log ? "log" : "reverseLog");
    findings.note(cat("trainingInput.hyperparameters.params[", i, "].scaleType"),
                  cat(scale_name(parameter.scale), on_list ? " on a DISCRETE parameter" : "", " has no word in Katib: masu's own tuning uses it, a stock Katib draws uniformly"));
  }
  if (!scales.as_object().empty()) metadata["annotations"][annotations::scales] = Value(to_json(scales));
}

Value collector_spec(Collector collector) {
  const auto source = [](std::string_view path, std::string_view kind, std::string_view format) {
    Value system = Value::object({{"path", path}, {"kind", kind}});
    if (!format.empty()) system["format"] = Value(format);
    return Value::object({{"fileSystemPath", std::move(system)}});
  };
  const auto spec = [](std::string_view kind) { return Value::object({{"collector", Value::object({{"kind", kind}})}}); };
  switch (collector) {
    case Collector::automatic:
    case Collector::file: {
      Value out = spec("File");
      out["source"] = source(metric_file, "File", "JSON");
      return out;
    }
    case Collector::tfevent: {
      Value out = spec("TensorFlowEvent");
      out["source"] = source("/masu/metrics/events", "Directory", "");
      return out;
    }
    case Collector::stdout_lines: return spec("StdOut");
    case Collector::none: return spec("Push");
  }
  return Value(Object{});
}

Value trial_template(const JobSpec& job, JobKind kind, Value object) {
  const bool plain = kind == JobKind::job;
  object["metadata"]["annotations"][annotations::trial_id] = Value(trial_id_parameter);
  const auto condition = [](std::string_view type) { return cat("status.conditions.#(type==\"", type, "\")#|#(status==\"True\")#"); };
  Value parameters{Array{}};
  for (const Parameter& parameter : job.input.hyperparameters->parameters)
    parameters.push_back(Value::object({{"name", parameter.name}, {"reference", parameter.name}}));
  parameters.push_back(Value::object({{"name", trial_id_parameter}, {"description", "the trial's id"}, {"reference", "${trialSpec.Name}"}}));
  Value out = Value::object({{"primaryContainerName", container_name(kind)},
                             {"successCondition", condition(plain ? "Complete" : "Succeeded")},
                             {"failureCondition", condition("Failed")},
                             {"retain", true},
                             {"trialParameters", std::move(parameters)},
                             {"trialSpec", std::move(object)}});
  if (!plain) out["primaryPodLabels"] = Value::object({{"training.kubeflow.org/job-role", "master"}});
  return out;
}

Value experiment(const JobSpec& job, JobKind kind, Value object, Findings& findings) {
  const Hyperparameters& tuning = *job.input.hyperparameters;
  const std::string path = "trainingInput.hyperparameters";
  std::int64_t trials = tuning.max_trials;
  if (tuning.search == Search::grid && grid_cells(tuning.parameters) < trials) {
    trials = grid_cells(tuning.parameters);
    findings.note(cat(path, ".maxTrials"), cat("the grid has only ", trials, " cells: ", trials, " trials"));
  }
  Value metadata = metadata_of(job, job.name);
  metadata["annotations"][annotations::stop_trials] = Value("true");
  annotate_scales(tuning.parameters, metadata, findings);
  if (!job.previous_observations.as_array().empty()) metadata["annotations"][annotations::previous] = Value(to_json(job.previous_observations));

  Value parameters{Array{}};
  for (const Parameter& parameter : tuning.parameters) parameters.push_back(parameter_object(parameter));
  const Collector collector = collector_of(job);
  Value spec = Value::object(
      {{"objective", Value::object({{"type", tuning.maximize ? "maximize" : "minimize"},
                                    {"objectiveMetricName", tuning.metric},
                                    {"metricStrategies", Value::array({Value::object({{"name", tuning.metric}, {"value", "latest"}})})}})},
       {"algorithm", Value::object({{"algorithmName", tuning.search == Search::grid     ? "grid"
                                                      : tuning.search == Search::random ? "random"
                                                                                        : "bayesianoptimization"}})},
       {"maxTrialCount", trials},
       {"parallelTrialCount", std::min(tuning.max_parallel_trials, trials)},
       {"resumePolicy", "Never"},
       {"metricsCollectorSpec", collector_spec(collector)},
       {"parameters", std::move(parameters)},
       {"trialTemplate", trial_template(job, kind, std::move(object))}});
  if (tuning.max_failed_trials > 0 && tuning.max_failed_trials <= trials) spec["maxFailedTrialCount"] = Value(tuning.max_failed_trials);
  if (tuning.early_stopping) {
    if (collector == Collector::tfevent) {
      findings.note(cat(path, ".enableTrialEarlyStopping"), "event files are read at the end of a trial: no trial is stopped early");
    } else {
      spec["earlyStopping"] = Value::object({{"algorithmName", "medianstop"}});
    }
  }
  return Value::object({{"apiVersion", "kubeflow.org/v1beta1"}, {"kind", "Experiment"}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}});
}

}  // namespace

Value label_values(const JobSpec& job) {
  Value labels{Object{}};
  for (const auto& [key, value] : job.labels) {
    if (is_label_value(key) && is_label_value(value)) labels[key] = Value(value);
  }
  labels["masu.dev/job"] = Value(job.name);
  return labels;
}

Result<JobKind> job_kind(const JobSpec& job, Findings& findings) {
  const auto label = job.labels.find("framework");
  const std::string framework = label == job.labels.end() ? std::string() : label->second;
  if (framework == "tensorflow") return JobKind::tf_job;
  if (framework == "pytorch") {
    for (const Role role : {Role::parameter_server, Role::evaluator}) {
      if (!job.input.replicas.contains(role)) continue;
      const std::string message = cat("a PyTorchJob (label framework=pytorch) has a master and workers, no ", role == Role::evaluator ? "evaluators" : "parameter servers",
                                      ": leave them out, or use framework=tensorflow");
      return Error{Code::invalid, message, {{"labels.framework", "FieldValueInvalid", message}}};
    }
    return JobKind::pytorch_job;
  }
  if (job.input.replica_count() == 1) return JobKind::job;
  findings.note("labels.framework", cat(framework.empty() ? std::string("not given") : quote(framework), ": ", job.input.replica_count(),
                                        " replicas run as a TFJob (TF_CONFIG tells each its place)"));
  return JobKind::tf_job;
}

Result<Conversion> convert(const JobSpec& job, const Site& site, Findings& findings) {
  TRY(const JobKind kind, job_kind(job, findings));
  Value object;
  if (kind == JobKind::job) {
    TRY(object, job_object(job, site, findings));
  } else {
    TRY(object, operator_job(job, site, kind, findings));
  }
  Conversion out;
  out.objects.push_back(claim(job, site));
  if (job.input.hyperparameters) {
    out.objects.push_back(experiment(job, kind, std::move(object), findings));
  } else {
    object["metadata"] = metadata_of(job, job.name);
    out.objects.push_back(std::move(object));
  }
  return out;
}

}  // namespace masu::training
