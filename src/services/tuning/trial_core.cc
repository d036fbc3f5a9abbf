#include "tuning/trial_core.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "tuning/condition_query.h"

namespace masu::tuning {
namespace {

using controller::Create;
using controller::Delete;
using controller::Event;
using controller::Patch;
using kube::resources::trials;

constexpr std::string_view trial_label = "katib.kubeflow.org/trial";
/// The collector sends its last reports before its pod ends; a run that counts as ended earlier gets this long.
constexpr Duration report_grace = 10s;
constexpr Duration report_poll = 500ms;
/// How often a running trial's reports are looked at: for its observation, and for stopping it early.
constexpr Duration live_poll = 5s;
constexpr Duration stopping_poll = 1s;

struct Round {
  const TrialWorld& world;
  const Trial& trial;
  TrialStatus status;
  Decision decision;
  controller::Actions events;

  void event(std::string_view type, std::string_view reason, std::string message) {
    events.push_back(Event{trials, trial.meta.key(), trial.meta.uid, std::string(type), std::string(reason), std::move(message)});
  }
  void finish(std::string_view type, std::string reason, std::string message) {
    status.conditions.clear("Running", world.now);
    status.conditions.set(type, "True", std::move(reason), std::move(message), world.now);
    status.completed = world.now;
  }
};

/// Katib's words: "TrialFailed. Job reason: BackoffLimitExceeded".
std::string with_job(std::string_view text, std::string_view what, const std::string& word) {
  return word.empty() ? std::string(text) : cat(text, ". Job ", what, ": ", word);
}

kube::Resource run_resource(const Trial& trial) { return kube::resource_of(trial.run_spec); }

void label(Value& object, const Trial& trial) {
  object["metadata"]["labels"][trial_label] = trial.meta.name;
  if (const std::string experiment = trial.meta.label(experiment_label); !experiment.empty()) object["metadata"]["labels"][experiment_label] = experiment;
}

/// The run as it is created: owned by the trial, and its pods can be found by the trial's label.
Value run_object(const Trial& trial) {
  Value run = trial.run_spec;
  run["metadata"]["ownerReferences"] = Value::array({kube::owned_by(trials, trial.meta).encode()});
  label(run, trial);
  Value& spec = run["spec"];
  if (spec.contains("template")) label(spec["template"], trial);
  for (const std::string_view replicas : {"tfReplicaSpecs", "pytorchReplicaSpecs", "xgbReplicaSpecs", "mpiReplicaSpecs",
      "paddleReplicaSpecs", "jaxReplicaSpecs"}) {
    if (!spec.contains(replicas)) continue;
    for (auto& [role, replica] : spec[replicas].object()) {
      if (replica.contains("template")) label(replica["template"], trial);
    }
  }
  return run;
}

/// Ends a run that still goes on. Kept ones are suspended: their pods go, the object stays.
void stop_run(Round& round) {
  const Run& run = *round.world.run;
  const kube::Resource resource = run_resource(round.trial);
  const std::string& kind = resource.kind;
  const bool operator_kind = kind == "TFJob" || kind == "PyTorchJob" || kind == "XGBoostJob" || kind == "PaddleJob" ||
      kind == "MPIJob" || kind == "JAXJob";
  if (round.trial.retain && (kind == "Job" || operator_kind)) {
    const Value suspend = Value::object({{"suspend", true}});
    const Value spec = kind == "Job" ? suspend : Value::object({{"runPolicy", suspend}});
    round.decision.actions.push_back(Patch{resource, run.meta.key(), Value::object({{"spec", spec}}), run.meta.resource_version, ""});
  } else {
    round.decision.actions.push_back(Delete{resource, run.meta.key(), run.meta.uid});
  }
}

void end_with_reports(Round& round, const Matched& matched) {
  const TrialWorld& world = round.world;
  const Objective& objective = round.trial.objective;
  if (!world.reports) return;  // cannot be read now; the shell tries again
  auto observation = summarise(objective, *world.reports);
  const std::string& text = observation.front().by(objective.strategy(objective.metric));
  if (objective_value(objective, observation)) {
    round.status.observation = std::move(observation);
    round.finish("Succeeded", with_job("TrialSucceeded", "reason", matched.reason),
        with_job("Trial has succeeded", "message", matched.message));
    return round.event("Normal", "JobSucceeded", cat("Job has succeeded; ", objective.metric, " is ", text));
  }
  const bool told = std::any_of(world.reports->begin(), world.reports->end(),
      [&](const MetricEntry& e) { return e.name == objective.metric; });
  auto ended = parse_rfc3339(matched.time);
  if (!told && ended.ok() && world.now < *ended + report_grace) {
    round.decision.look_again = report_poll;
    return;
  }
  std::string message;
  if (text == unavailable) {
    const auto seen = seen_metrics(*world.reports, objective.metric);
    message = cat("Metrics are not available: the program ended without an error, but never reported the metric ",
        quote(objective.metric), "; ",
                  seen.empty() ? std::string("it reported none at all") : cat("it reported ", join(seen, ", ")),
                  ". Report it under that name, or name another objective metric");
  } else {
    message = cat("Metrics are not available: the metric ", quote(objective.metric), " is ", text, ", which is no finite number");
  }
  round.status.observation = std::move(observation);
  round.finish("MetricsUnavailable", "MetricsUnavailable", message);
  round.event("Warning", "MetricsUnavailable", message);
}

/// A running trial: shows its numbers, and ends it if it falls behind.
void while_running(Round& round) {
  const TrialWorld& world = round.world;
  if (!round.status.conditions.is_true("Running")) {
    round.status.conditions.set("Running", "True", "TrialRunning", "Trial is running", world.now);
    round.event("Normal", "JobRunning", "Job is running");
  }
  const bool early = world.experiment && world.experiment->early_stopping;
  round.decision.look_again = early ? stopping_poll : live_poll;
  if (!world.reports || world.reports->empty()) return;
  auto observation = summarise(round.trial.objective, *world.reports);
  if (observation.front().latest != unavailable) round.status.observation = std::move(observation);
  if (!early) return;
  const auto rule = MedianRule::from(*world.experiment->early_stopping);
  if (!rule.ok() || !falls_behind(*rule, round.trial.objective.goal, curve_of(round.trial.objective, *world.reports), world.finished))
    return;
  round.decision.look_again.reset();
  const std::string message = cat("Trial is early stopped: its best ", round.trial.objective.metric, " is worse than the median of ",
      world.finished.size(), " finished trials at the same step");
  round.finish("EarlyStopped", "TrialEarlyStopped", message);
  round.event("Normal", "TrialEarlyStopped", message);
  stop_run(round);
}

bool must_die(const TrialWorld& world) {
  return world.experiment && world.experiment->completed() && world.experiment->meta.annotation(stop_trials_annotation) == "true";
}

void run(Round& round) {
  const TrialWorld& world = round.world;
  const Trial& trial = round.trial;
  const RunState state = state_of(trial, world.run);
  if (trial.completed()) {
    if (!world.run || world.run->meta.deleted) return;
    const bool still_going = state == RunState::waiting || state == RunState::running;
    if (trial.retain && !(still_going && (trial.is("EarlyStopped") || trial.is("Killed")))) return;
    if (trial.retain && world.run->suspended) return;
    if (trial.retain) return stop_run(round);
    round.decision.actions.push_back(Delete{run_resource(trial), world.run->meta.key(), world.run->meta.uid});
    return round.event("Normal", "JobDeleted", "Job has been deleted");
  }
  if (round.status.conditions.find("Created") == nullptr) {
    round.status.started = world.now;
    round.status.conditions.set("Created", "True", "TrialCreated", "Trial is created", world.now);
  }
  if (must_die(world) && state != RunState::succeeded && state != RunState::failed) {
    round.finish("Killed", "TrialKilled", "Trial is killed: its experiment is over");
    round.event("Normal", "TrialKilled", "Trial is killed: its experiment is over");
    if (world.run && !world.run->meta.deleted) stop_run(round);
    return;
  }
  switch (state) {
    case RunState::absent:
      if (world.refused) {
        const std::string message = cat("Trial has failed: its job was refused: ", world.refused->message);
        round.finish("Failed", "TrialFailed", message);
        return round.event("Warning", "JobRefused", message);
      }
      round.decision.actions.push_back(Create{run_resource(trial), run_object(trial)});
      return round.event("Normal", "JobCreated", "Job has been created");
    case RunState::waiting: return;
    case RunState::running: return while_running(round);
    case RunState::succeeded: return end_with_reports(round, *condition_holds(world.run->object, trial.success_condition));
    case RunState::failed: {
      const Matched matched = *condition_holds(world.run->object, trial.failure_condition);
      round.finish("Failed", with_job("TrialFailed", "reason", matched.reason), with_job("Trial has failed", "message", matched.message));
      return round.event("Warning", "JobFailed", with_job("Job has failed", "message", matched.message));
    }
  }
}

}  // namespace

RunState state_of(const Trial& trial, const std::optional<Run>& run) {
  if (!run) return RunState::absent;
  if (condition_holds(run->object, trial.failure_condition)) return RunState::failed;
  if (condition_holds(run->object, trial.success_condition)) return RunState::succeeded;
  // Katib says Running as soon as the job exists; we wait until something of it does, where its kind tells.
  const Value& status = run->object["status"];
  if (run->meta.deleted || run->suspended) return RunState::waiting;
  const std::string_view kind = run->object["kind"].as_string();
  if (kind == "Job") return status["active"].as_integer() > 0 ? RunState::running : RunState::waiting;
  if (kind == "TFJob" || kind == "PyTorchJob") return condition_holds(run->object,
      "status.conditions.#(type==\"Running\")#|#(status==\"True\")#") ? RunState::running : RunState::waiting;
  return RunState::running;
}

bool wants_reports(const Trial& trial, const std::optional<Run>& run) {
  if (trial.completed() || trial.meta.deleted) return false;
  const RunState state = state_of(trial, run);
  return state == RunState::running || state == RunState::succeeded;
}

bool wants_curves(const TrialWorld& world) {
  return world.experiment && world.experiment->early_stopping && !world.trial.completed() &&
      state_of(world.trial, world.run) == RunState::running;
}

bool creates_run(const Decision& decision) {
  return std::any_of(decision.actions.begin(), decision.actions.end(),
      [](const controller::Action& a) { return std::holds_alternative<Create>(a); });
}

Decision decide(const TrialWorld& world) {
  if (world.trial.meta.deleted) return {};
  Round round{world, world.trial, world.trial.status, {}, {}};
  run(round);
  // An ending is written before its run is stopped, or the stopped run would look like a failed one: status first.
  controller::Actions& actions = round.decision.actions;
  const Value patch = controller::status_patch(world.trial.status.encode(), round.status.encode());
  if (!patch.is_null()) actions.insert(actions.begin(),
      Patch{trials, world.trial.meta.key(), patch, world.trial.meta.resource_version, "status"});
  actions.insert(actions.end(), round.events.begin(), round.events.end());
  return std::move(round.decision);
}

}  // namespace masu::tuning
