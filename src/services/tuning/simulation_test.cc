/// The life of an Experiment, decided by the real cores on caches that lag behind, by controllers that die between two
/// actions. A tiny API server in a map keeps versions and refuses stale writes.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "tuning/optimise/dice.h"
#include "tuning/suggestion_core.h"
#include "tuning/trial_core.h"
#include "value/json.h"
#include "value/patch.h"

namespace masu::tuning {
namespace {

using optimise::Dice;

class Api {
 public:
  using Objects = std::map<std::pair<std::string, kube::Key>, Value>;  // by plural and key
  Objects objects;
  int writes = 0;
  std::map<std::string, int> changed;  // by plural: the write that changed it last

  Status create(const std::string& plural, Value object) {
    const kube::Key key = kube::key_of(object);
    if (objects.contains({plural, key})) return Error{Code::already_exists, cat(plural, " ", key.text())};
    object["metadata"]["uid"] = cat("uid-", ++version_);
    object["metadata"]["resourceVersion"] = cat(version_);
    objects[{plural, key}] = std::move(object);
    changed[plural] = ++writes;
    return {};
  }
  Status patch(const std::string& plural, const kube::Key& key, const Value& change, const std::string& version) {
    const auto found = objects.find({plural, key});
    if (found == objects.end()) return Error{Code::not_found, key.text()};
    if (!version.empty() && found->second.at("metadata", "resourceVersion").as_string() != version) return Error{Code::conflict, key.text()};
    found->second = merge_patch(found->second, change);
    found->second["metadata"]["resourceVersion"] = cat(++version_);
    changed[plural] = ++writes;
    return {};
  }
  Status perform(const controller::Action& action) {
    if (const auto* a = std::get_if<controller::Create>(&action)) {
      const Status made = create(a->resource.plural, a->object);
      return !made.ok() && made.error().code == Code::already_exists ? Status{} : made;
    }
    if (const auto* a = std::get_if<controller::Patch>(&action)) return patch(a->resource.plural, a->key, a->patch, a->resource_version);
    if (const auto* a = std::get_if<controller::Delete>(&action)) {
      const auto found = objects.find({a->resource.plural, a->key});
      if (found != objects.end() && (a->uid.empty() || found->second.at("metadata", "uid").as_string() == a->uid)) objects.erase(found), changed[a->resource.plural] = ++writes;
    }
    return {};
  }

 private:
  int version_ = 0;
};

struct Simulation {
  explicit Simulation(std::uint64_t seed) : dice(seed) {}
  Dice dice;
  Api api;
  Api::Objects cache;  // what the controllers see; each kind is refreshed on its own
  std::vector<std::shared_ptr<const Trial>> cached_trials;
  std::map<std::string, std::vector<MetricEntry>> reports;
  Instant now = Instant{std::chrono::seconds{1'700'000'000}};
  const kube::Key key{"ml", "digits"};
  double failing_share = 0.15, silent_share = 0.1;
  int steps = 0;

  void refresh(const std::string& plural) {
    if (std::exchange(seen_[plural], api.changed[plural]) == api.changed[plural]) return;
    std::erase_if(cache, [&](const auto& item) { return item.first.first == plural; });
    for (const auto& [at, object] : api.objects) {
      if (at.first == plural) cache[at] = object;
    }
    if (plural == "trials") cached_trials = trials(cache);
  }
  void refresh_all() {
    for (const char* plural : {"experiments", "suggestions", "trials", "jobs"}) refresh(plural);
  }
  const Value* cached(const std::string& plural, const kube::Key& at) const {
    const auto found = cache.find({plural, at});
    return found == cache.end() ? nullptr : &found->second;
  }
  std::vector<std::shared_ptr<const Trial>> trials(const Api::Objects& objects) const {
    std::vector<std::shared_ptr<const Trial>> out;
    for (const auto& [at, object] : objects) {
      if (at.first == "trials") out.push_back(std::make_shared<const Trial>(Trial::decode(object).value()));
    }
    return out;
  }
  std::optional<Experiment> experiment() const {
    const Value* object = cached("experiments", key);
    return object != nullptr ? std::optional(Experiment::decode(*object).value()) : std::nullopt;
  }
  Experiment real_experiment() const { return Experiment::decode(api.objects.at({"experiments", key})).value(); }

  /// Performs the actions, but may die before each of them.
  void perform(const Decision& decision, double crash) {
    for (const controller::Action& action : decision.actions) {
      if (dice.uniform() < crash) return;
      if (!api.perform(action).ok()) return;
    }
  }
  Decision experiment_round() {
    const auto seen = experiment();
    if (!seen) return {};
    ExperimentWorld world{.experiment = *seen, .trials = cached_trials, .now = now};
    if (const Value* s = cached("suggestions", key)) world.suggestion = Suggestion::decode(*s).value();
    return decide(world);
  }
  Decision suggestion_round() {
    const Value* seen = cached("suggestions", key);
    if (seen == nullptr) return {};
    return decide(SuggestionWorld{Suggestion::decode(*seen).value(), experiment(), cached_trials, now});
  }
  Decision trial_round(const Trial& trial) {
    TrialWorld world{.trial = trial, .run = {}, .reports = {}, .experiment = experiment(), .finished = {}, .refused = {}, .now = now};
    if (const Value* run = cached("jobs", trial.meta.key())) world.run = Run::decode(*run).value();
    if (wants_reports(trial, world.run)) world.reports = reports[trial.meta.name];
    Decision decision = decide(world);
    // As the shell does: a run is only created on the true state.
    const Value& real = api.objects.at({"trials", trial.meta.key()});
    if (creates_run(decision) && (real.at("metadata", "resourceVersion").as_string() != trial.meta.resource_version || api.objects.contains({"jobs", trial.meta.key()}))) return {};
    return decision;
  }
  /// A job starts, or ends well, silently, or badly.
  void work() {
    std::vector<const std::pair<const std::pair<std::string, kube::Key>, Value>*> open;
    for (const auto& item : api.objects) {
      if (item.first.first == "jobs" && item.second.at("status", "conditions").is_null()) open.push_back(&item);
    }
    if (open.empty()) return;
    const auto& [at, job] = *open[dice.below(open.size())];
    const kube::Key name = at.second;
    if (job.at("status", "active").as_integer() == 0) {
      ASSERT_TRUE(api.patch("jobs", name, parse_json(R"({"status": {"active": 1}})").value(), "").ok());
      return;
    }
    const double luck = dice.uniform();
    const bool fails = luck < failing_share;
    if (luck >= failing_share + silent_share) reports[name.name].push_back({"acc", cat(dice.uniform()), 1, now});
    else if (!fails) reports[name.name] = {{"accuracy", "1", 1, now}, {"acc", "unavailable", {}, now}};
    ASSERT_TRUE(api.patch("jobs", name, Value::object({{"status", Value::object({{"active", nullptr}, {"conditions", Value::array({Value::object({{"type", fails ? "Failed" : "Complete"}, {"status", "True"}})})}})}}), "").ok());
  }
  /// One thing happens somewhere.
  void step(double crash, double lag) {
    ++steps;
    now += 10ms;
    for (const char* plural : {"experiments", "suggestions", "trials", "jobs"}) {
      if (dice.uniform() >= lag) refresh(plural);
    }
    const auto seen = cached_trials;
    const std::uint64_t who = dice.below(4 + seen.size());
    if (who == 0) perform(experiment_round(), crash);
    else if (who == 1) perform(suggestion_round(), crash);
    else if (who <= 3) work();
    else perform(trial_round(*seen[who - 4]), crash);
  }
  /// Runs until the experiment is over and nothing moves any more.
  void run(double crash, double lag, std::size_t parallel, std::size_t max) {
    while (steps < 60'000) {
      const int before = api.writes;
      step(crash, lag);
      if (api.writes != before) check(parallel, max);
      if (::testing::Test::HasFatalFailure() || (real_experiment().completed() && quiet())) return;
    }
    FAIL() << "it never ended: " << to_json(api.objects.at({"experiments", key})["status"]);
  }
  bool quiet() {
    for (const auto& [at, object] : api.objects) {
      if (at.first == "jobs" && object.at("status", "conditions").is_null()) return false;
    }
    refresh_all();
    if (!experiment_round().actions.empty() || !suggestion_round().actions.empty()) return false;
    for (const auto& trial : cached_trials) {
      if (!trial_round(*trial).actions.empty()) return false;
    }
    return true;
  }
  void check(std::size_t parallel, std::size_t max) {
    std::size_t active = 0, all = 0;
    std::set<std::string> points;
    for (const auto& trial : trials(api.objects)) {
      ++all;
      active += !trial->completed();
      ASSERT_TRUE(points.insert(to_json(encode_assignments(trial->assignments))).second) << "a point twice: " << trial->meta.name;
      ASSERT_NE(trial->meta.controller(), nullptr);
    }
    ASSERT_LE(all, max);
    ASSERT_LE(active, parallel);
    for (const auto& [at, object] : api.objects) {
      ASSERT_TRUE(at.first != "jobs" || api.objects.contains({"trials", at.second})) << "a job without its trial";
    }
  }

 private:
  std::map<std::string, int> seen_;  // by plural: the write that the cache knows
};

Value experiment_object(std::string_view changes = "{}") {
  Value out = parse_json(R"({"apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment",
    "metadata": {"name": "digits", "namespace": "ml", "labels": {"masu.dev/job": "digits"}},
    "spec": {"parallelTrialCount": 3, "maxTrialCount": 12,
      "objective": {"type": "maximize", "objectiveMetricName": "acc", "metricStrategies": [{"name": "acc", "value": "latest"}]},
      "algorithm": {"algorithmName": "bayesianoptimization"},
      "parameters": [{"name": "lr", "parameterType": "double", "feasibleSpace": {"min": "0.001", "max": "1", "distribution": "logUniform"}},
                     {"name": "layers", "parameterType": "int", "feasibleSpace": {"min": "1", "max": "4"}}],
      "trialTemplate": {"primaryContainerName": "training", "retain": true,
        "trialParameters": [{"name": "lr", "reference": "lr"}, {"name": "layers", "reference": "layers"}],
        "trialSpec": {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {"containers": [
          {"name": "training", "args": ["--lr=${trialParameters.lr}", "--layers=${trialParameters.layers}"]}]}}}}}}})").value();
  return merge_patch(out, parse_json(changes).value());
}

TEST(Simulation, AnExperimentRunsToItsLastTrialWhateverFails) {
  for (std::uint64_t seed = 1; seed <= 9; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Simulation sim(seed);
    const std::string_view algorithm = seed % 4 == 0 ? "bayesianoptimization" : seed % 4 == 1 ? "sobol" : "random";
    ASSERT_TRUE(sim.api.create("experiments", experiment_object(cat(R"({"spec": {"algorithm": {"algorithmName": ")", algorithm, R"("}}})"))).ok());
    sim.run(seed % 3 == 0 ? 0.3 : 0.05, seed % 2 == 0 ? 0.8 : 0.2, 3, 12);
    ASSERT_FALSE(HasFatalFailure());
    const Experiment done = sim.real_experiment();
    const Condition& last = done.status.conditions.list().back();
    EXPECT_EQ(last.type, "Succeeded");
    EXPECT_EQ(last.reason, "ExperimentMaxTrialsReached");
    const ExperimentStatus& s = done.status;
    EXPECT_EQ(s.succeeded.size() + s.failed.size() + s.metrics_unavailable.size(), 12u);
    EXPECT_NE(s.succeeded.empty(), !s.best_trial.empty());
    for (int n = 1; n <= 12; ++n) EXPECT_TRUE(sim.api.objects.contains({"trials", {"ml", cat("digits-", n)}})) << n;
  }
}

TEST(Simulation, AUsedUpSpaceEndsTheSearch) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Simulation sim(seed);
    Value object = experiment_object();
    object["spec"]["parameters"] = parse_json(R"([{"name": "lr", "parameterType": "discrete", "feasibleSpace": {"list": ["0.1", "0.2"]}},
                                                 {"name": "layers", "parameterType": "int", "feasibleSpace": {"min": "1", "max": "2"}}])").value();
    ASSERT_TRUE(sim.api.create("experiments", object).ok());
    sim.run(0.1, 0.5, 3, 4);
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_EQ(sim.real_experiment().status.conditions.list().back().reason, "ExperimentSuggestionEndReached");
  }
}

TEST(Simulation, TooManyFailuresEndIt) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Simulation sim(seed);
    sim.failing_share = 0.7;
    ASSERT_TRUE(sim.api.create("experiments", experiment_object(R"({"spec": {"maxFailedTrialCount": 2}})")).ok());
    sim.run(0.1, 0.5, 3, 12);
    ASSERT_FALSE(HasFatalFailure());
    const Experiment done = sim.real_experiment();
    EXPECT_TRUE(done.status.failed.size() + done.status.metrics_unavailable.size() < 2 || done.status.conditions.is_true("Failed"));
  }
}

TEST(Simulation, TheStraightLineTakesFewSteps) {
  // Nobody lags, nobody dies: from one trial's end to the next one's job are five decisions and no waiting.
  Simulation sim(1);
  sim.failing_share = sim.silent_share = 0;
  ASSERT_TRUE(sim.api.create("experiments", experiment_object(R"({"spec": {"parallelTrialCount": 1}})")).ok());
  const auto settle = [&] {
    for (bool moved = true; moved;) {
      const int before = sim.api.writes;
      sim.refresh_all();
      sim.perform(sim.experiment_round(), 0);
      sim.refresh_all();
      sim.perform(sim.suggestion_round(), 0);
      sim.refresh_all();
      for (const auto& trial : sim.cached_trials) sim.perform(sim.trial_round(*trial), 0);
      moved = sim.api.writes != before;
    }
  };
  settle();
  ASSERT_TRUE(sim.api.objects.contains({"jobs", {"ml", "digits-1"}}));
  sim.work();
  settle();
  const int before = sim.api.writes;
  sim.work();
  settle();
  EXPECT_TRUE(sim.api.objects.contains({"jobs", {"ml", "digits-2"}}));
  EXPECT_LE(sim.api.writes - before, 9);
}

}  // namespace
}  // namespace masu::tuning
