#include "tuning/tuning_controllers.h"

#include <algorithm>

#include "base/text.h"

namespace masu::tuning {
namespace {

using kube::resources::config_maps;
using kube::resources::experiments;
using kube::resources::suggestions;
using kube::resources::trials;

/// How often a run of a kind that is not watched is looked at.
constexpr Duration unwatched_poll = 1s;

/// A refusal that stays, however often it is tried. (denied is not one: a quota may have room later.)
bool is_final(Code code) {
  return code == Code::invalid || code == Code::malformed || code == Code::unsupported || code == Code::already_exists ||
      code == Code::not_found;
}

/// What all three see.
struct Caches {
  kube::Informer<Experiment> experiments;
  kube::Informer<Suggestion> suggestions;
  kube::Informer<Trial> trials;
  std::map<std::string, std::unique_ptr<kube::Informer<Run>>> runs;  // by apiVersion/kind
};

class ExperimentController final : public controller::Reconciler {
 public:
  ExperimentController(const Caches& caches, const kube::Client& client, const Clock& clock, const controller::Performer& performer)
      : caches_(caches), client_(client), clock_(clock), performer_(performer) {}
  std::string_view name() const override { return "experiments"; }

  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override {
    const auto experiment = caches_.experiments.get(key);
    if (!experiment) return controller::Outcome{};
    ExperimentWorld world{.experiment = *experiment, .trials = caches_.trials.controlled_by(experiment->meta.uid), .now = clock_.now()};
    if (const auto suggestion = caches_.suggestions.get(key)) world.suggestion = *suggestion;
    if (!experiment->trial_template.config_map.name.empty() &&
        !experiment->completed()) TRY_OK(read_template(*experiment, world, deadline));
    const Decision decision = decide(world);
    const Status done = performer_.perform(decision.actions, deadline);
    if (done.ok()) return controller::Outcome{decision.look_again};
    const Code code = done.error().code;
    if (code != Code::invalid && code != Code::malformed && code != Code::already_exists) return done.error();
    // Trying again would change nothing; the experiment has failed, and says why.
    world.refused = done.error();
    TRY_OK(performer_.perform(decide(world).actions, deadline));
    return controller::Outcome{};
  }

 private:
  /// The one thing that is not cached: templates in ConfigMaps are rare, and read only while trials are started.
  Status read_template(const Experiment& experiment, ExperimentWorld& world, Deadline deadline) const {
    const TrialTemplate& from = experiment.trial_template;
    const auto map = client_.get(config_maps, from.config_map, deadline);
    if (!map.ok() && map.error().code != Code::not_found && map.error().code != Code::denied) return map.error();
    if (!map.ok()) world.template_error = map.error();
    else if (!map->at("data", from.template_path).is_string()) world.template_error = Error{Code::not_found,
        cat("ConfigMap ", quote(from.config_map.text()), " has no key ", quote(from.template_path))};
    else world.template_text = map->at("data", from.template_path).as_string();
    return {};
  }

  const Caches& caches_;
  const kube::Client& client_;
  const Clock& clock_;
  const controller::Performer& performer_;
};

class SuggestionController final : public controller::Reconciler {
 public:
  SuggestionController(const Caches& caches, const Clock& clock, const controller::Performer& performer) : caches_(caches),
      clock_(clock), performer_(performer) {}
  std::string_view name() const override { return "suggestions"; }

  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override {
    const auto suggestion = caches_.suggestions.get(key);
    if (!suggestion) return controller::Outcome{};
    SuggestionWorld world{.suggestion = *suggestion, .experiment = {}, .trials = {}, .now = clock_.now()};
    if (const auto experiment = caches_.experiments.get(key)) {
      world.experiment = *experiment;
      world.trials = caches_.trials.controlled_by(experiment->meta.uid);
    }
    const Decision decision = decide(world);
    TRY_OK(performer_.perform(decision.actions, deadline));
    return controller::Outcome{decision.look_again};
  }

 private:
  const Caches& caches_;
  const Clock& clock_;
  const controller::Performer& performer_;
};

class TrialController final : public controller::Reconciler {
 public:
  TrialController(const Caches& caches, const kube::Client& client, const Clock& clock, const controller::Performer& performer,
      MetricSource& metrics)
      : caches_(caches), client_(client), clock_(clock), performer_(performer), metrics_(metrics) {}
  std::string_view name() const override { return "trials"; }

  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override {
    const auto trial = caches_.trials.get(key);
    if (!trial) {
      TRY_OK(forget_deleted(key, deadline));
      return controller::Outcome{};
    }
    TrialWorld world{.trial = *trial, .run = {}, .reports = {}, .experiment = {}, .finished = {}, .refused = {}, .now = clock_.now()};
    TRY(const bool watched, observe_run(*trial, world, deadline));
    const kube::OwnerReference* owner = trial->meta.controller();
    if (owner != nullptr && owner->kind == experiments.kind) {
      if (const auto experiment = caches_.experiments.get({key.name_space, owner->name})) world.experiment = *experiment;
    }
    if (wants_reports(*trial, world.run)) TRY_OK(observe_reports(*trial, world, deadline));
    const Decision decision = decide(world);
    if (creates_run(decision)) TRY_OK(prepare_run(*trial, deadline));
    if (Status done = performer_.perform(decision.actions, deadline); !done.ok()) {
      if (!creates_run(decision) || !is_final(done.error().code)) return done.error();
      // Trying again would change nothing: the trial has failed, and says why.
      world.refused = done.error();
      TRY_OK(performer_.perform(decide(world).actions, deadline));
      return controller::Outcome{};
    }
    controller::Outcome outcome{decision.look_again};
    if (!watched && !trial->completed()) outcome.look_again = std::min(outcome.look_again.value_or(unwatched_poll), unwatched_poll);
    return outcome;
  }

 private:
  /// The trial is not in the cache; what it reported goes if it is not in the API either (the cache may be behind).
  Status forget_deleted(const kube::Key& key, Deadline deadline) {
    const auto there = client_.get(trials, key, deadline);
    if (there.ok()) return {};  // its event is on the way
    if (there.error().code != Code::not_found) return there.error();
    return metrics_.forget(key, deadline).context("removing the reports of a deleted trial");
  }

  /// Makes sure that the trial is as it was judged and that there is no run, then removes reports of earlier runs.
  /// conflict: the caches are behind.
  Status prepare_run(const Trial& trial, Deadline deadline) {
    const kube::Key key = trial.meta.key();
    if (const kube::OwnerReference* owner = trial.meta.controller(); owner != nullptr && owner->kind == experiments.kind) {
      const auto experiment = caches_.experiments.get({key.name_space, owner->name});
      if (!experiment || experiment->meta.deleted)
        return Error{Code::conflict, cat("the experiment of trial ", quote(key.text()), " is not there, or goes")};
    }
    TRY(const Value now, client_.get(trials, key, deadline));
    if (kube::Metadata::decode(now).resource_version != trial.meta.resource_version) {
      return Error{Code::conflict, cat("trial ", quote(key.text()), " has changed since it was read")};
    }
    const auto run = client_.get(kube::resource_of(trial.run_spec), key, deadline);
    // One that belongs to somebody else is left for the creation to complain about.
    if (run.ok()) {
      const kube::Metadata meta = kube::Metadata::decode(*run);
      const bool ours = meta.controller() != nullptr && meta.controller()->uid == trial.meta.uid;
      return ours ? Status(Error{Code::conflict, cat("the run of trial ", quote(key.text()), " is there already")}) : Status{};
    }
    if (run.error().code != Code::not_found) return run.error();
    return metrics_.forget(key, deadline).context("removing reports of an earlier run");
  }

  /// False if the run's kind is not watched.
  Result<bool> observe_run(const Trial& trial, TrialWorld& world, Deadline deadline) const {
    const kube::Resource resource = kube::resource_of(trial.run_spec);
    const auto cache = caches_.runs.find(cat(resource.api_version(), "/", resource.kind));
    if (cache != caches_.runs.end()) {
      if (const auto run = cache->second->get(trial.meta.key())) world.run = *run;
    } else {
      const auto object = client_.get(resource, trial.meta.key(), deadline);
      if (!object.ok() && object.error().code != Code::not_found) return object.error();
      if (object.ok()) {
        TRY(world.run, Run::decode(*object));
      }
    }
    // A run of that name that belongs to somebody else is not ours: creating ours will say so.
    if (world.run) {
      const kube::OwnerReference* by = world.run->meta.controller();
      if (by == nullptr || by->uid != trial.meta.uid) world.run.reset();
    }
    return cache != caches_.runs.end();
  }

  Status observe_reports(const Trial& trial, TrialWorld& world, Deadline deadline) {
    auto reports = metrics_.read(trial.meta.key(), deadline);
    if (!reports.ok()) {
      // A running trial only lacks its numbers for a while; an ended one waits for them.
      if (state_of(trial, world.run) == RunState::running) return {};
      return std::move(reports).error().context(cat("reading the reports of trial ", quote(trial.meta.name)));
    }
    world.reports = std::move(*reports);
    if (!wants_curves(world)) return {};
    for (const auto& other : caches_.trials.controlled_by(world.experiment->meta.uid)) {
      if (!other->is("Succeeded")) continue;
      TRY(const auto log, metrics_.read(other->meta.key(), deadline));
      world.finished.push_back(curve_of(other->objective, log));
    }
    return {};
  }

  const Caches& caches_;
  const kube::Client& client_;
  const Clock& clock_;
  const controller::Performer& performer_;
  MetricSource& metrics_;
};

}  // namespace

struct TuningControllers::Parts {
  Parts(const kube::Client& client, const Clock& clock, MetricSource& metrics, const Options& options)
      : caches{{client, experiments, &Experiment::decode, options.name_space},
               {client, suggestions, &Suggestion::decode, options.name_space},
               {client, trials, &Trial::decode, options.name_space},
               {}},
        performer(client, clock, "masu-tuning"),
        experiment_reconciler(caches, client, clock, performer),
        suggestion_reconciler(caches, clock, performer),
        trial_reconciler(caches, client, clock, performer, metrics),
        experiment_controller(experiment_reconciler, clock),
        suggestion_controller(suggestion_reconciler, clock),
        trial_controller(trial_reconciler, clock) {
    for (const kube::Resource& kind : options.run_kinds) {
      caches.runs[cat(kind.api_version(), "/", kind.kind)] = std::make_unique<kube::Informer<Run>>(client, kind, &Run::decode,
          options.name_space);
    }
    experiment_controller.watch(caches.experiments);
    experiment_controller.watch_owned(caches.trials, experiments);
    experiment_controller.watch_owned(caches.suggestions, experiments);
    suggestion_controller.watch(caches.suggestions);
    suggestion_controller.watch(caches.experiments);  // same name: it ends and restarts with its experiment
    trial_controller.watch(caches.trials);
    for (auto& [kind, runs] : caches.runs) trial_controller.watch_owned(*runs, trials);
    caches.experiments.on_change([this](const Experiment*, const Experiment* after) {
      if (after == nullptr || !after->completed() || after->meta.annotation(stop_trials_annotation) != "true") return;
      for (const auto& trial : caches.trials.controlled_by(after->meta.uid)) trial_controller.queue().add(trial->meta.key());
    });
  }

  Caches caches;
  controller::Performer performer;
  ExperimentController experiment_reconciler;
  SuggestionController suggestion_reconciler;
  TrialController trial_reconciler;
  controller::Controller experiment_controller, suggestion_controller, trial_controller;
};

TuningControllers::TuningControllers(const kube::Client& client, const Clock& clock, MetricSource& metrics, Options options)
    : parts_(std::make_unique<Parts>(client, clock, metrics, options)) {}

TuningControllers::~TuningControllers() = default;

std::vector<kube::InformerBase*> TuningControllers::informers() {
  std::vector<kube::InformerBase*> out = {&parts_->caches.experiments, &parts_->caches.suggestions, &parts_->caches.trials};
  for (auto& [kind, runs] : parts_->caches.runs) out.push_back(runs.get());
  return out;
}

std::vector<controller::Controller*> TuningControllers::controllers() {
  return {&parts_->experiment_controller, &parts_->suggestion_controller, &parts_->trial_controller};
}

controller::Performer& TuningControllers::performer() { return parts_->performer; }

}  // namespace masu::tuning
