#include "tuning/experiment_core.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "tuning/observation.h"
#include "tuning/trial_template.h"

namespace masu::tuning {
namespace {

using controller::Create;
using controller::Delete;
using controller::Event;
using controller::Patch;
using kube::resources::experiments;
using kube::resources::suggestions;
using kube::resources::trials;

struct Round {
  const ExperimentWorld& world;
  const Experiment& experiment;
  ExperimentStatus status;  // the wanted one
  Decision decision;
  controller::Actions events;

  void event(std::string_view type, std::string_view reason, std::string message) {
    events.push_back(Event{experiments, experiment.meta.key(), experiment.meta.uid, std::string(type), std::string(reason),
        std::move(message)});
  }
  void fail(std::string message) {
    event("Warning", "ExperimentFailed", message);
    finish("Failed", "ExperimentFailed", std::move(message));
  }
  void succeed(std::string_view reason, std::string message) {
    event("Normal", reason, message);
    finish("Succeeded", reason, std::move(message));
  }
  bool finished() const { return status.conditions.is_true("Succeeded") || status.conditions.is_true("Failed"); }
  std::size_t done() const {
    return status.succeeded.size() + status.failed.size() + status.killed.size() + status.early_stopped.size() + status.metrics_unavailable.size();
  }
  std::size_t active() const { return status.running.size() + status.pending.size(); }

 private:
  void finish(std::string_view type, std::string_view reason, std::string message) {
    status.conditions.clear("Running", world.now);
    status.conditions.set(type, "True", std::string(reason), std::move(message), world.now);
    status.completed = world.now;
  }
};

/// Lists of names by state, and the best of the finished trials.
void summarise_trials(Round& round) {
  ExperimentStatus& s = round.status;
  for (auto* list : {&s.running, &s.pending, &s.failed, &s.succeeded, &s.killed, &s.early_stopped, &s.metrics_unavailable}) list->clear();
  const Objective& objective = round.experiment.objective;
  const bool up = objective.goal == optimise::Goal::maximise;
  const Trial* best = nullptr;
  double best_value = 0;
  std::vector<const Trial*> in_order;
  for (const auto& trial : round.world.trials) in_order.push_back(trial.get());
  std::sort(in_order.begin(), in_order.end(), [](const Trial* a, const Trial* b) { return name_before(a->meta.name, b->meta.name); });
  for (const Trial* trial : in_order) {
    switch (bucket_of(*trial)) {
      case Bucket::killed: s.killed.push_back(trial->meta.name); break;
      case Bucket::failed: s.failed.push_back(trial->meta.name); break;
      case Bucket::succeeded: s.succeeded.push_back(trial->meta.name); break;
      case Bucket::early_stopped: s.early_stopped.push_back(trial->meta.name); break;
      case Bucket::running: s.running.push_back(trial->meta.name); break;
      case Bucket::metrics_unavailable: s.metrics_unavailable.push_back(trial->meta.name); break;
      case Bucket::pending: s.pending.push_back(trial->meta.name); break;
    }
    if (!trial->is("Succeeded") && !trial->is("EarlyStopped")) continue;
    const auto value = objective_value(objective, trial->status.observation);
    if (!value || (best != nullptr && (up ? *value <= best_value : *value >= best_value))) continue;
    best = trial;
    best_value = *value;
  }
  if (best == nullptr) return;
  s.best_trial = best->meta.name;
  s.best_assignments = best->assignments;
  s.best_observation = best->status.observation;
}

void judge_completion(Round& round) {
  const Experiment& e = round.experiment;
  const std::size_t failed = round.status.failed.size() + round.status.metrics_unavailable.size();
  const auto best = objective_value(e.objective, round.status.best_observation);
  const bool up = e.objective.goal == optimise::Goal::maximise;
  if (best && e.objective.wanted && (up ? *best >= *e.objective.wanted : *best <= *e.objective.wanted)) {
    return round.succeed("ExperimentGoalReached", cat("Experiment has succeeded because Objective goal has reached: ",
        e.objective.metric, " is ", *best, " in trial ", round.status.best_trial));
  }
  if (e.max_failed && failed != 0 && static_cast<int>(failed) >= *e.max_failed) {
    return round.fail(cat("Experiment has failed because max failed count has reached: ", failed, " trials failed (",
        round.status.metrics_unavailable.size(), " of them without the metric ",
                          quote(e.objective.metric), "), maxFailedTrialCount is ", *e.max_failed));
  }
  if (e.max_trials && static_cast<int>(round.done()) >= *e.max_trials) {
    return round.succeed("ExperimentMaxTrialsReached", "Experiment has succeeded because max trial count has reached");
  }
  round.status.conditions.set("Running", "True", "ExperimentRunning", "Experiment is running", round.world.now);
}

/// Too many at a time (the limit was lowered): the newest go, those that have not begun first. They come back under
/// their old names and parameters when there is room.
void remove_surplus(Round& round, std::size_t surplus) {
  std::vector<const Trial*> candidates;
  for (const auto& trial : round.world.trials) {
    const Bucket bucket = bucket_of(*trial);
    if ((bucket == Bucket::pending || bucket == Bucket::running) && !trial->meta.deleted) candidates.push_back(trial.get());
  }
  std::sort(candidates.begin(), candidates.end(), [](const Trial* a, const Trial* b) {
    const bool a_pending = bucket_of(*a) == Bucket::pending, b_pending = bucket_of(*b) == Bucket::pending;
    if (a_pending != b_pending) return a_pending;
    return name_before(b->meta.name, a->meta.name);
  });
  candidates.resize(std::min(candidates.size(), surplus));
  for (const Trial* trial : candidates) round.decision.actions.push_back(Delete{trials, trial->meta.key(), trial->meta.uid});
}

Value suggestion_object(const Experiment& e, int requests) {
  Value object = Value::object({{"apiVersion", suggestions.api_version()}, {"kind", suggestions.kind}});
  Value& meta = object["metadata"];
  meta["name"] = e.meta.name;
  meta["namespace"] = e.meta.name_space;
  meta["ownerReferences"] = Value::array({kube::owned_by(experiments, e.meta).encode()});
  for (const auto& [key, value] : e.meta.labels) meta["labels"][key] = value;
  object["spec"] = Value::object({{"algorithm", e.algorithm.encode()}, {"requests", requests},
      {"resumePolicy", std::string(name(e.resume))}});
  if (e.early_stopping) object["spec"]["earlyStopping"] = e.early_stopping->encode();
  return object;
}

Value trial_object(const Experiment& e, const TrialAssignment& assignment, Value run) {
  Value object = Value::object({{"apiVersion", trials.api_version()}, {"kind", trials.kind}});
  Value& meta = object["metadata"];
  meta["name"] = assignment.name;
  meta["namespace"] = e.meta.name_space;
  meta["ownerReferences"] = Value::array({kube::owned_by(experiments, e.meta).encode()});
  for (const auto& [key, value] : e.meta.labels) meta["labels"][key] = value;
  for (const auto& [key, value] : assignment.labels) meta["labels"][key] = value;
  meta["labels"][experiment_label] = e.meta.name;
  Value& spec = object["spec"];
  spec["objective"] = e.objective.encode();
  spec["metricsCollector"] = e.metrics_collector;
  spec["primaryContainerName"] = e.trial_template.primary_container;
  for (const auto& [key, value] : e.trial_template.primary_pod_labels) spec["primaryPodLabels"][key] = value;
  spec["successCondition"] = e.trial_template.success_condition;
  spec["failureCondition"] = e.trial_template.failure_condition;
  spec["retainRun"] = e.trial_template.retain;
  spec["parameterAssignments"] = encode_assignments(assignment.parameters);
  spec["runSpec"] = std::move(run);
  return object;
}

/// False if the template cannot be filled in: the experiment has failed then.
bool create_trial(Round& round, const TrialAssignment& assignment) {
  const TrialTemplate& from = round.experiment.trial_template;
  const kube::Key key{round.experiment.meta.name_space, assignment.name};
  const auto& text = round.world.template_text;
  auto run = text ? render_trial_text(*text, from.parameters, assignment.parameters, key) : render_trial(from.trial_spec,
      from.parameters, assignment.parameters, key);
  if (!run.ok()) {
    round.fail(cat("The trial template cannot be filled in: ", run.error().message));
    return false;
  }
  round.decision.actions.push_back(Create{trials, trial_object(round.experiment, assignment, std::move(*run))});
  return true;
}

/// The search itself has no more points (and not: it was put to rest with its experiment).
bool search_ended(const Suggestion& suggestion) {
  const Condition* succeeded = suggestion.status.conditions.find("Succeeded");
  return succeeded != nullptr && succeeded->status == "True" && succeeded->reason == suggestion_end_reason;
}

/// Starts assigned trials that are not there yet, and asks for more assignments if that is not enough.
void add_trials(Round& round, std::size_t wanted) {
  const auto& suggestion = round.world.suggestion;
  std::set<std::string_view> existing;
  for (const auto& trial : round.world.trials) existing.insert(trial->meta.name);
  std::size_t started = 0;
  if (suggestion && !suggestion->meta.deleted) {
    for (const TrialAssignment& assignment : suggestion->status.assignments) {
      if (started == wanted) break;
      if (existing.contains(assignment.name)) continue;
      if (!create_trial(round, assignment)) return;
      ++started;
    }
  }
  const std::size_t assigned = suggestion ? suggestion->status.assignments.size() : 0;
  std::size_t requests = assigned + (wanted - started);
  if (round.experiment.max_trials) requests = std::min(requests, static_cast<std::size_t>(*round.experiment.max_trials));
  if (!suggestion) {
    round.decision.actions.push_back(Create{suggestions, suggestion_object(round.experiment, static_cast<int>(requests))});
  } else if (static_cast<std::size_t>(std::max(suggestion->requests, 0)) < requests) {
    round.decision.actions.push_back(Patch{suggestions, suggestion->meta.key(),
        Value::object({{"spec", Value::object({{"requests", requests}})}}), suggestion->meta.resource_version, ""});
  } else if (started == 0 && round.active() == 0 && search_ended(*suggestion)) {
    round.succeed("ExperimentSuggestionEndReached",
        cat("Experiment has succeeded because the search space has no point left: all ", assigned, " were tried"));
  }
}

/// A completed experiment whose limit was raised goes on, where its policy allows it.
bool restarts(const Experiment& e, std::size_t trial_count) {
  const Condition* succeeded = e.status.conditions.find("Succeeded");
  return succeeded != nullptr && succeeded->status == "True" && succeeded->reason == "ExperimentMaxTrialsReached" &&
      e.resume != ResumePolicy::never &&
         e.max_trials && *e.max_trials > static_cast<int>(trial_count);
}

void run(Round& round) {
  const Experiment& e = round.experiment;
  const Instant now = round.world.now;
  Conditions& conditions = round.status.conditions;
  if (conditions.find("Created") == nullptr) {
    round.status.started = now;
    conditions.set("Created", "True", "ExperimentCreated", "Experiment is created", now);
    round.event("Normal", "ExperimentCreated", "Experiment is created");
  }
  if (round.finished() && !restarts(e, round.world.trials.size())) return summarise_trials(round);
  if (round.finished()) {
    conditions.remove("Succeeded");
    round.status.completed.reset();
    conditions.set("Restarting", "True", "ExperimentRestarting",
        cat("Experiment is restarted: maxTrialCount is ", *e.max_trials, " now"), now);
    round.event("Normal", "ExperimentRestarting", "Experiment is restarted");
  }
  if (e.wrong) return round.fail(cat("The Experiment cannot run: ", e.wrong->message));
  if (e.early_stopping) {
    if (const auto rule = MedianRule::from(*e.early_stopping); !rule.ok())
      return round.fail(cat("The Experiment cannot run: ", rule.error().message));
  }
  if (round.world.template_error) return round.fail(cat("The trial template cannot be read: ", round.world.template_error->message));
  if (round.world.refused) return round.fail(cat("Its objects were refused: ", round.world.refused->message));
  summarise_trials(round);
  judge_completion(round);
  if (round.finished()) return;
  if (round.world.suggestion && round.world.suggestion->status.conditions.is_true("Failed")) {
    return round.fail(cat("Suggestion has failed: ", round.world.suggestion->status.conditions.find("Failed")->message));
  }
  const std::size_t active = round.active(), parallel = static_cast<std::size_t>(e.parallel);
  if (active > parallel) return remove_surplus(round, active - parallel);
  std::size_t room = parallel;
  if (e.max_trials) room = std::min(room, static_cast<std::size_t>(*e.max_trials) - round.done());
  if (room > active) add_trials(round, room - active);
}

}  // namespace

Decision decide(const ExperimentWorld& world) {
  if (world.experiment.meta.deleted) return {};
  Round round{world, world.experiment, world.experiment.status, {}, {}};
  run(round);
  // Children first: their names are fixed, so doing it twice does no harm, and a status that is written from a cache a
  // moment behind costs a retry, not a started trial. What the status says has then been done.
  controller::Actions& actions = round.decision.actions;
  const Value patch = controller::status_patch(world.experiment.status.encode(), round.status.encode());
  if (!patch.is_null()) actions.push_back(Patch{experiments, world.experiment.meta.key(), patch,
      world.experiment.meta.resource_version, "status"});
  actions.insert(actions.end(), round.events.begin(), round.events.end());
  return std::move(round.decision);
}

Bucket bucket_of(const Trial& trial) {
  if (trial.is("Killed")) return Bucket::killed;
  if (trial.is("Failed")) return Bucket::failed;
  if (trial.is("Succeeded")) return Bucket::succeeded;
  if (trial.is("EarlyStopped")) return Bucket::early_stopped;
  if (trial.is("Running")) return Bucket::running;
  if (trial.is("MetricsUnavailable")) return Bucket::metrics_unavailable;
  return Bucket::pending;
}

bool name_before(const std::string& a, const std::string& b) {
  const std::size_t dash_a = a.rfind('-'), dash_b = b.rfind('-');
  const auto number = [](const std::string& text, std::size_t dash) -> std::optional<double> {
    const std::string_view digits = dash == std::string::npos ? std::string_view{} : std::string_view(text).substr(dash + 1);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return {};
    return read_number(digits);
  };
  const auto of_a = number(a, dash_a), of_b = number(b, dash_b);
  if (of_a && of_b && a.compare(0, dash_a, b, 0, dash_b) == 0 && *of_a != *of_b) return *of_a < *of_b;
  return a < b;
}

}  // namespace masu::tuning
