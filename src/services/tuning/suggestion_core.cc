#include "tuning/suggestion_core.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "tuning/optimise/dice.h"
#include "value/json.h"

namespace masu::tuning {
namespace {

using controller::Event;
using controller::Patch;
using kube::resources::suggestions;

/// A point from named texts; no value if a parameter is missing or its text is none of the space's values.
std::optional<optimise::Point> point_of(const optimise::Space& space, const std::vector<Assignment>& assignments) {
  std::vector<std::string> texts;
  for (const optimise::Parameter& parameter : space.parameters()) {
    const auto found = std::find_if(assignments.begin(), assignments.end(), [&](const Assignment& a) { return a.name == parameter.name; });
    if (found == assignments.end()) return {};
    texts.push_back(found->value);
  }
  auto point = space.read(texts);
  return point.ok() ? std::optional(std::move(*point)) : std::nullopt;
}

/// Observations of an earlier search. What does not fit this space is left out: it tells nothing about it.
Result<std::vector<optimise::Observed>> previous_observations(const optimise::Space& space, const std::string& text) {
  std::vector<optimise::Observed> out;
  if (text.empty()) return out;
  TRY(const Value list, parse_json(text).context(cat("reading annotation ", previous_annotation)));
  for (const Value& item : list.as_array()) {
    std::vector<Assignment> assignments;
    for (const auto& [name, value] : item["assignments"].as_object()) assignments.push_back({name, std::string(value.as_string())});
    auto point = point_of(space, assignments);
    if (point) out.push_back({std::move(*point), item["value"].is_number()
        ? std::optional(item["value"].as_number()) : read_number(item["value"].as_string())});
  }
  return out;
}

struct Story {
  std::vector<optimise::Observed> history;
  std::vector<optimise::Point> pending;
};

Story story_of(const SuggestionWorld& world, const optimise::Space& space, std::vector<optimise::Observed> previous) {
  std::map<std::string_view, const Trial*> trials;
  for (const auto& trial : world.trials) trials[trial->meta.name] = trial.get();
  Story out{std::move(previous), {}};
  for (const TrialAssignment& assignment : world.suggestion.status.assignments) {
    auto point = point_of(space, assignment.parameters);
    if (!point) continue;
    const auto found = trials.find(assignment.name);
    if (found == trials.end() || !found->second->completed()) {
      out.pending.push_back(std::move(*point));
      continue;
    }
    const Trial& trial = *found->second;
    const bool counts = trial.is("Succeeded") || trial.is("EarlyStopped");
    out.history.push_back({std::move(*point), counts ? objective_value(trial.objective, trial.status.observation) : std::nullopt});
  }
  return out;
}

/// The highest number in use after "<experiment>-".
int last_number(const SuggestionWorld& world) {
  const std::string prefix = cat(world.suggestion.meta.name, "-");
  double last = 0;
  const auto look = [&](std::string_view name) {
    if (!name.starts_with(prefix) || name.size() == prefix.size() || name.size() > prefix.size() + 9) return;
    name.remove_prefix(prefix.size());
    if (name.find_first_not_of("0123456789") == std::string_view::npos) last = std::max(last, read_number(name).value_or(0));
  };
  for (const TrialAssignment& assignment : world.suggestion.status.assignments) look(assignment.name);
  for (const auto& trial : world.trials) look(trial->meta.name);
  return std::max(static_cast<int>(last), world.suggestion.status.count);
}

/// Adds what was requested to the status. Error: why this search cannot be answered.
Status answer(const SuggestionWorld& world, SuggestionStatus& status) {
  const Experiment& experiment = *world.experiment;
  if (experiment.wrong) return *experiment.wrong;
  TRY(const optimise::Space space, optimise::Space::make(experiment.parameters));
  optimise::Settings settings{.algorithm = world.suggestion.algorithm.name,
                              .goal = experiment.objective.goal,
                              .seed = optimise::seed_of(experiment.meta.name),
                              .budget = experiment.max_trials.value_or(0),
                              .algorithm_settings = world.suggestion.algorithm.settings};
  TRY_OK(optimise::validate(space, settings));
  const int missing = world.suggestion.requests - static_cast<int>(status.assignments.size());
  const Condition* ended = status.conditions.find("Succeeded");
  if (missing <= 0 || (ended != nullptr && ended->reason == suggestion_end_reason)) return {};

  TRY(auto previous, previous_observations(space, experiment.meta.annotation(previous_annotation)));
  const Story story = story_of(world, space, std::move(previous));
  TRY(const auto points, optimise::ask(space, settings, story.history, story.pending, missing));
  int number = last_number(world);
  for (const optimise::Point& point : points) {
    TrialAssignment assignment{cat(world.suggestion.meta.name, "-", ++number), {}, {}};
    const auto texts = space.texts(point);
    for (std::size_t i = 0; i < texts.size(); ++i) assignment.parameters.push_back({space.parameters()[i].name, texts[i]});
    status.assignments.push_back(std::move(assignment));
    ++status.count;
  }
  if (static_cast<int>(points.size()) < missing) {
    status.conditions.clear("Running", world.now);
    status.conditions.set("Succeeded", "True", std::string(suggestion_end_reason),
        cat("The search space has no point left: all ", status.assignments.size(), " were given"), world.now);
    status.completed = world.now;
  }
  return {};
}

}  // namespace

Decision decide(const SuggestionWorld& world) {
  const Suggestion& suggestion = world.suggestion;
  Decision decision;
  // Without its experiment a suggestion waits for the garbage collector.
  if (suggestion.meta.deleted || !world.experiment || world.experiment->meta.deleted) return decision;
  SuggestionStatus status = suggestion.status;
  Conditions& conditions = status.conditions;
  const Instant now = world.now;
  controller::Actions events;
  const auto event = [&](std::string_view type, std::string_view reason, std::string message) {
    events.push_back(Event{suggestions, suggestion.meta.key(), suggestion.meta.uid, std::string(type), std::string(reason),
        std::move(message)});
  };

  if (conditions.find("Created") == nullptr) {
    status.started = now;
    conditions.set("Created", "True", "SuggestionCreated", "Suggestion is created", now);
  }
  const Condition* succeeded = conditions.find("Succeeded");
  const bool resting = succeeded != nullptr && succeeded->reason != suggestion_end_reason;
  if (world.experiment->completed()) {
    if (suggestion.resume != ResumePolicy::long_running && !conditions.is_true("Succeeded") && !conditions.is_true("Failed")) {
      conditions.clear("Running", now);
      conditions.set("Succeeded", "True", "Experiment is succeeded", "Suggestion is succeeded, can't be restarted", now);
      status.completed = now;
    }
  } else if (!conditions.is_true("Failed")) {
    if (resting) {
      conditions.remove("Succeeded");
      status.completed.reset();
    }
    const Status answered = answer(world, status);
    if (!answered.ok()) {
      const std::string message = cat("Validation failed: ", answered.error().message);
      conditions.clear("Running", now);
      conditions.set("Failed", "True", "SuggestionFailed", message, now);
      status.completed = now;
      event("Warning", "SuggestionFailed", message);
    } else if (!conditions.is_true("Succeeded")) {
      conditions.set("Running", "True", "SuggestionRunning", "Suggestion is running", now);
    }
  }
  const Value patch = controller::status_patch(suggestion.status.encode(), status.encode());
  if (!patch.is_null()) decision.actions.push_back(Patch{suggestions, suggestion.meta.key(), patch, suggestion.meta.resource_version,
      "status"});
  decision.actions.insert(decision.actions.end(), events.begin(), events.end());
  return decision;
}

}  // namespace masu::tuning
