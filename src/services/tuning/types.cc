#include "tuning/types.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "tuning/condition_query.h"
#include "tuning/trial_template.h"
#include "value/json.h"

namespace masu::tuning {
namespace {

ResumePolicy decode_resume(const Reader& spec) {
  const std::string text = spec.string("resumePolicy").value_or("");
  if (text == "LongRunning") return ResumePolicy::long_running;
  if (text == "FromVolume") return ResumePolicy::from_volume;
  if (!text.empty() && text != "Never") spec.wrong("resumePolicy", cat("must be Never, LongRunning or FromVolume, not ", quote(text)));
  return ResumePolicy::never;
}

std::optional<double> bound(const Reader& space, std::string_view key) {
  const Value& value = space.value()[key];
  if (value.is_number()) return value.as_number();
  if (!value.is_string() || value.as_string().empty()) return {};
  const auto number = read_number(value.as_string());
  if (!number || !std::isfinite(*number)) space.wrong(key, cat("must be a number as text, not ", quote(value.as_string())));
  return number;
}

/// `scale` is the word of our annotation, empty if there is none.
optimise::Parameter decode_parameter(const Reader& reader, std::string_view scale) {
  optimise::Parameter out;
  out.name = reader.string("name").value_or("");
  const std::string type = reader.string("parameterType").value_or("");
  const Reader space = reader.object("feasibleSpace");
  const bool ranged = type == "double" || type == "int";
  if (type == "double") out.kind = optimise::Kind::real;
  else if (type == "int") out.kind = optimise::Kind::integer;
  else if (type == "discrete") out.kind = optimise::Kind::discrete;
  else if (type == "categorical") out.kind = optimise::Kind::categorical;
  else reader.wrong("parameterType", cat("must be double, int, discrete or categorical, not ", quote(type)));
  if (ranged) {
    const auto min = bound(space, "min"), max = bound(space, "max");
    if (!min) space.required("min");
    if (!max) space.required("max");
    out.min = min.value_or(0);
    out.max = max.value_or(1);
    out.step = bound(space, "step");
    // Katib's engines take a fractional step of an integer for the nearest whole one.
    if (type == "int" && out.step) out.step = std::max(1.0, std::round(*out.step));
    if (space.has("list")) space.wrong("list", cat("a parameter of type ", type, " has min and max, no list"));
  } else {
    out.values = space.strings("list");
    for (const std::string_view key : {"min", "max", "step"}) {
      if (space.has(key) && !space.value()[key].as_string().empty()) space.wrong(key,
          cat("a parameter of type ", type, " has a list, no ", key));
    }
  }
  const std::string distribution = space.string("distribution").value_or("uniform");
  if (distribution == "logUniform" || distribution == "logNormal") out.scale = optimise::Scale::log;
  if (distribution == "normal" || distribution == "logNormal") out.prior = optimise::Prior::normal;
  static const std::set<std::string, std::less<>> known = {"", "uniform", "logUniform", "normal", "logNormal", "unknown"};
  if (!known.contains(distribution)) space.wrong("distribution",
      cat("must be uniform, logUniform, normal or logNormal, not ", quote(distribution)));
  if (scale == "log") out.scale = optimise::Scale::log;
  else if (scale == "reverseLog") out.scale = optimise::Scale::reverse_log;
  else if (scale == "linear") out.scale = optimise::Scale::linear;
  return out;
}

TrialTemplate decode_template(const Reader& reader) {
  TrialTemplate out;
  out.trial_spec = reader.value()["trialSpec"];
  const Reader config_map = reader.object("configMap");
  out.config_map = {config_map.string("configMapNamespace").value_or(""), config_map.string("configMapName").value_or("")};
  out.template_path = config_map.string("templatePath").value_or("");
  if (out.trial_spec.is_object() != out.config_map.name.empty()) reader.wrong("", "give exactly one of trialSpec and configMap");
  for (const Reader& parameter : reader.list("trialParameters")) {
    out.parameters.push_back({parameter.string("name").value_or(""), parameter.string("reference").value_or("")});
    if (out.parameters.back().name.empty()) parameter.required("name");
    if (out.parameters.back().reference.empty()) parameter.required("reference");
  }
  out.primary_container = reader.string("primaryContainerName").value_or("");
  out.primary_pod_labels = reader.string_map("primaryPodLabels");
  const std::string_view kind = out.trial_spec["kind"].as_string();
  out.success_condition = reader.string("successCondition").value_or("");
  out.failure_condition = reader.string("failureCondition").value_or("");
  if (out.success_condition.empty()) out.success_condition = default_success_condition(kind);
  if (out.failure_condition.empty()) out.failure_condition = default_failure_condition(kind);
  if (out.success_condition.empty() || out.failure_condition.empty()) {
    reader.wrong("successCondition", cat("kind ", quote(kind), " has no default conditions; give successCondition and failureCondition"));
  }
  for (const auto& [key, text] : {std::pair{"successCondition", &out.success_condition}, {"failureCondition", &out.failure_condition}}) {
    if (const Status readable = check_condition(*text); !readable.ok()) reader.wrong(key, readable.error().message);
  }
  if (out.primary_pod_labels.empty() && kind != "Job" &&
      !kind.empty()) out.primary_pod_labels = {{"training.kubeflow.org/job-role", "master"}};
  out.retain = reader.boolean("retain").value_or(false);
  return out;
}

Value decode_collector(const Value& spec) {
  Value out = spec.is_object() ? spec : Value(Object{});
  Value& collector = out["collector"];
  if (collector["kind"].as_string().empty()) collector["kind"] = "StdOut";
  const std::string kind(collector["kind"].as_string());
  if (kind != "File" && kind != "TensorFlowEvent") return out;
  Value& path = out["source"]["fileSystemPath"];
  if (kind == "File") {
    if (path["kind"].as_string().empty()) path["kind"] = "File";
    if (path["path"].as_string().empty()) path["path"] = "/var/log/katib/metrics.log";
    if (path["format"].as_string().empty()) path["format"] = "TEXT";
  } else {
    if (path["kind"].as_string().empty()) path["kind"] = "Directory";
    if (path["path"].as_string().empty()) path["path"] = "/var/log/katib/tfevent/";
  }
  return out;
}

std::optional<int> count(const Reader& spec, std::string_view key, int least) {
  const auto number = spec.integer(key);
  if (!number) return {};
  if (*number < least || *number > 1000000) spec.wrong(key, cat("must be at least ", least, ", not ", *number));
  return static_cast<int>(std::clamp<std::int64_t>(*number, least, 1000000));
}

std::vector<MetricSummary> decode_observation(const Value& observation) {
  std::vector<MetricSummary> out;
  for (const Value& m : observation["metrics"].as_array()) {
    out.push_back({std::string(m["name"].as_string()), std::string(m["min"].as_string()), std::string(m["max"].as_string()),
        std::string(m["latest"].as_string()), m["step"].is_null() ? std::nullopt : std::optional(m["step"].as_integer())});
  }
  return out;
}

Value encode_observation(const std::vector<MetricSummary>& metrics) {
  Array out;
  for (const MetricSummary& m : metrics) {
    out.push_back(Value::object({{"name", m.name}, {"min", m.min}, {"max", m.max}, {"latest", m.latest}}));
    if (m.step) out.back()["step"] = Value(*m.step);
  }
  return Value::object({{"metrics", std::move(out)}});
}

std::vector<std::string> words(const Value& list) {
  std::vector<std::string> out;
  for (const Value& item : list.as_array()) out.emplace_back(item.as_string());
  return out;
}

std::string default_condition(std::string_view kind, bool success) {
  const auto query = [](std::string_view type) { return cat("status.conditions.#(type==\"", type, "\")#|#(status==\"True\")#"); };
  if (kind == "Job" || kind == "TrainJob") return query(success ? "Complete" : "Failed");
  for (const std::string_view other : {"TFJob", "PyTorchJob", "XGBoostJob", "MPIJob"}) {
    if (kind == other) return query(success ? "Succeeded" : "Failed");
  }
  return "";
}

/// The parts of the spec that must fit one another.
void check_whole(const Experiment& e, const Reader& spec) {
  if (e.max_trials && e.max_failed && *e.max_failed > *e.max_trials) spec.wrong("maxFailedTrialCount", "must not be above maxTrialCount");
  std::set<std::string, std::less<>> names;
  for (const auto& parameter : e.parameters) names.insert(parameter.name);
  std::set<std::string> seen, references;
  const Reader trial_template = spec.object("trialTemplate");
  for (const TrialParameter& p : e.trial_template.parameters) {
    if (!seen.insert(p.name).second) trial_template.wrong("trialParameters", cat("name ", quote(p.name), " comes twice"));
    if (!references.insert(p.reference).second) trial_template.wrong("trialParameters",
        cat("reference ", quote(p.reference), " comes twice"));
    if (!is_trial_metadata(p.reference) && !names.contains(p.reference)) {
      trial_template.wrong("trialParameters", cat("reference ", quote(p.reference), " of ", quote(p.name),
          " is no parameter of the experiment"));
    }
  }
  for (const std::string& name : names) {
    if (!references.contains(name)) trial_template.wrong("trialParameters",
        cat("parameter ", quote(name), " is referenced by no trial parameter, so it would have no effect"));
  }
  if (!e.trial_template.trial_spec.is_object()) return;
  const std::string text = to_json(e.trial_template.trial_spec);
  for (const std::string& left : unknown_placeholders(text, e.trial_template.parameters)) {
    trial_template.wrong("trialSpec", cat("placeholder ", left, " has no trial parameter of that name"));
  }
  for (const TrialParameter& p : e.trial_template.parameters) {
    if (text.find(cat("${trialParameters.", p.name, "}")) == std::string::npos) {
      trial_template.wrong("trialSpec", cat("placeholder ${trialParameters.", p.name, "} does not occur in it"));
    }
  }
}

}  // namespace

std::string default_success_condition(std::string_view kind) { return default_condition(kind, true); }
std::string default_failure_condition(std::string_view kind) { return default_condition(kind, false); }

std::string_view name(ResumePolicy policy) {
  switch (policy) {
    case ResumePolicy::never: return "Never";
    case ResumePolicy::long_running: return "LongRunning";
    case ResumePolicy::from_volume: return "FromVolume";
  }
  return "Never";
}

Result<Experiment> Experiment::decode(const Value& object) {
  Experiment out;
  out.meta = kube::Metadata::decode(object);
  out.status = ExperimentStatus::decode(object["status"]);
  const Reader spec(object["spec"], "spec");
  Value scales;
  if (const std::string text = out.meta.annotation(scales_annotation); !text.empty()) {
    auto parsed = parse_json(text);
    if (parsed.ok()) scales = std::move(*parsed);
    else spec.wrong("", cat("annotation ", scales_annotation, " is no JSON object: ", parsed.error().message));
  }
  for (const Reader& parameter : spec.list("parameters")) {
    out.parameters.push_back(decode_parameter(parameter, scales[parameter.value()["name"].as_string()].as_string()));
  }
  if (spec.has("nasConfig")) spec.wrong("nasConfig", "neural architecture search is not served here; give parameters");
  out.objective = Objective::decode(spec.object("objective"));
  out.algorithm = Algorithm::decode(spec.object("algorithm"));
  if (spec.has("earlyStopping")) out.early_stopping = Algorithm::decode(spec.object("earlyStopping"));
  if (out.early_stopping && out.early_stopping->name != "medianstop") {
    spec.wrong("earlyStopping", cat("algorithm ", quote(out.early_stopping->name), " is not served here; medianstop is"));
  }
  out.trial_template = decode_template(spec.object("trialTemplate"));
  out.metrics_collector = decode_collector(object["spec"]["metricsCollectorSpec"]);
  out.parallel = count(spec, "parallelTrialCount", 1).value_or(3);
  out.max_trials = count(spec, "maxTrialCount", 1);
  out.max_failed = count(spec, "maxFailedTrialCount", 0);
  out.resume = decode_resume(spec);
  check_whole(out, spec);
  if (Status read = spec.finish(); !read.ok()) {
    out.wrong = read.error();
    return out;
  }
  const auto space = optimise::Space::make(out.parameters);
  if (!space.ok()) {
    out.wrong = space.error();
    return out;
  }
  const optimise::Settings settings{.algorithm = out.algorithm.name, .algorithm_settings = out.algorithm.settings};
  if (Status served = optimise::validate(*space, settings); !served.ok()) out.wrong = served.error();
  return out;
}

ExperimentStatus ExperimentStatus::decode(const Value& status) {
  ExperimentStatus out;
  out.started = read_time(status["startTime"]);
  out.completed = read_time(status["completionTime"]);
  out.conditions = Conditions::decode(status["conditions"]);
  const Value& best = status["currentOptimalTrial"];
  out.best_trial = best["bestTrialName"].as_string();
  out.best_assignments = decode_assignments(best["parameterAssignments"]);
  out.best_observation = decode_observation(best["observation"]);
  out.running = words(status["runningTrialList"]);
  out.pending = words(status["pendingTrialList"]);
  out.failed = words(status["failedTrialList"]);
  out.succeeded = words(status["succeededTrialList"]);
  out.killed = words(status["killedTrialList"]);
  out.early_stopped = words(status["earlyStoppedTrialList"]);
  out.metrics_unavailable = words(status["metricsUnavailableTrialList"]);
  return out;
}

Value ExperimentStatus::encode() const {
  Value out{Object{}};
  if (started) out["startTime"] = write_time(started);
  if (completed) out["completionTime"] = write_time(completed);
  out["conditions"] = conditions.encode();
  if (!best_trial.empty()) {
    out["currentOptimalTrial"] = Value::object({{"bestTrialName", best_trial},
                                                {"parameterAssignments", encode_assignments(best_assignments)},
                                                {"observation", encode_observation(best_observation)}});
  }
  int total = 0;
  const auto bucket = [&](std::string_view list, std::string_view number, const std::vector<std::string>& names) {
    total += static_cast<int>(names.size());
    if (names.empty()) return;
    out[list] = Value::strings(names);
    out[number] = names.size();
  };
  bucket("runningTrialList", "trialsRunning", running);
  bucket("pendingTrialList", "trialsPending", pending);
  bucket("failedTrialList", "trialsFailed", failed);
  bucket("succeededTrialList", "trialsSucceeded", succeeded);
  bucket("killedTrialList", "trialsKilled", killed);
  bucket("earlyStoppedTrialList", "trialsEarlyStopped", early_stopped);
  bucket("metricsUnavailableTrialList", "trialMetricsUnavailable", metrics_unavailable);
  if (total > 0) out["trials"] = total;
  return out;
}

SuggestionStatus SuggestionStatus::decode(const Value& status) {
  SuggestionStatus out;
  out.started = read_time(status["startTime"]);
  out.completed = read_time(status["completionTime"]);
  out.conditions = Conditions::decode(status["conditions"]);
  for (const Value& item : status["suggestions"].as_array()) {
    TrialAssignment assignment{std::string(item["name"].as_string()), decode_assignments(item["parameterAssignments"]), {}};
    for (const auto& [key, value] : item["labels"].as_object()) assignment.labels[key] = value.as_string();
    out.assignments.push_back(std::move(assignment));
  }
  out.count = static_cast<int>(status["suggestionCount"].as_integer());
  return out;
}

Value SuggestionStatus::encode() const {
  Value out{Object{}};
  if (started) out["startTime"] = write_time(started);
  if (completed) out["completionTime"] = write_time(completed);
  out["conditions"] = conditions.encode();
  out["suggestionCount"] = count;
  for (const TrialAssignment& a : assignments) {
    Value item = Value::object({{"name", a.name}, {"parameterAssignments", encode_assignments(a.parameters)}});
    for (const auto& [key, value] : a.labels) item["labels"][key] = value;
    out["suggestions"].push_back(std::move(item));
  }
  return out;
}

Result<Suggestion> Suggestion::decode(const Value& object) {
  Suggestion out;
  out.meta = kube::Metadata::decode(object);
  const Reader spec(object["spec"], "spec");
  out.algorithm = Algorithm::decode(spec.object("algorithm"));
  out.requests = static_cast<int>(spec.integer("requests").value_or(0));
  out.resume = decode_resume(spec);
  out.status = SuggestionStatus::decode(object["status"]);
  TRY_OK(spec.finish());
  return out;
}

TrialStatus TrialStatus::decode(const Value& status) {
  return {read_time(status["startTime"]), read_time(status["completionTime"]), Conditions::decode(status["conditions"]),
      decode_observation(status["observation"])};
}

Value TrialStatus::encode() const {
  Value out = Value::object({{"conditions", conditions.encode()}});
  if (started) out["startTime"] = write_time(started);
  if (completed) out["completionTime"] = write_time(completed);
  if (!observation.empty()) out["observation"] = encode_observation(observation);
  return out;
}

Result<Trial> Trial::decode(const Value& object) {
  Trial out;
  out.meta = kube::Metadata::decode(object);
  const Reader spec(object["spec"], "spec");
  out.objective = Objective::decode(spec.object("objective"));
  out.metrics_collector = decode_collector(object["spec"]["metricsCollector"]);
  out.run_spec = object["spec"]["runSpec"];
  const std::string_view kind = out.run_spec["kind"].as_string();
  out.success_condition = spec.string("successCondition").value_or(default_success_condition(kind));
  out.failure_condition = spec.string("failureCondition").value_or(default_failure_condition(kind));
  out.retain = spec.boolean("retainRun").value_or(false);
  out.assignments = decode_assignments(object["spec"]["parameterAssignments"]);
  out.status = TrialStatus::decode(object["status"]);
  TRY_OK(spec.finish());
  return out;
}

bool Trial::completed() const { return is("Succeeded") || is("Failed") || is("Killed") || is("EarlyStopped") || is("MetricsUnavailable"); }

Result<Run> Run::decode(const Value& object) {
  const bool suspended = object.at("spec", "suspend").as_bool() || object.at("spec", "runPolicy", "suspend").as_bool();
  return Run{kube::Metadata::decode(object), suspended, Value::object({{"kind", object["kind"]}, {"status", object["status"]}})};
}

}  // namespace masu::tuning
