/// The tuning flow under faults: an Experiment of twelve trials, three at a time, ends with exactly twelve trials, whatever
/// was lost, dropped or killed on the way, and then nobody writes any more.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "kube/object.h"
#include "simulation/simulation.h"

namespace masu::simulation {
namespace {

using kube::Key;
namespace resources = kube::resources;

constexpr std::string_view experiment_yaml = R"(
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata: {name: digits, namespace: ml}
spec:
  maxTrialCount: 12
  parallelTrialCount: 3
  maxFailedTrialCount: 3
  objective:
    type: maximize
    objectiveMetricName: accuracy
    metricStrategies: [{name: accuracy, value: latest}]
  algorithm: {algorithmName: bayesianoptimization}
  parameters:
  - {name: lr, parameterType: double, feasibleSpace: {min: "0.001", max: "0.1"}}
  - {name: units, parameterType: int, feasibleSpace: {min: "8", max: "64"}}
  trialTemplate:
    primaryContainerName: training
    trialParameters:
    - {name: lr, reference: lr}
    - {name: units, reference: units}
    trialSpec:
      apiVersion: batch/v1
      kind: Job
      spec:
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            containers:
            - name: training
              image: sim
              command: [train, "--lr=${trialParameters.lr}", "--units=${trialParameters.units}"]
)";

/// The metric is a function of the arguments, as for a real trainer.
Run train(const Value& pod) {
  double lr = 0.01;
  for (const Value& word : pod.at("spec", "containers")[0]["command"].as_array())
    if (word.as_string().starts_with("--lr=")) lr = std::strtod(std::string(word.as_string().substr(5)).c_str(), nullptr);
  return {.starts_after = 200ms, .runs_for = std::chrono::milliseconds(3000 + static_cast<int>(lr * 40000)), .exit_code = 0, .metrics = {{"accuracy", cat(1.0 - std::abs(std::log10(lr) + 2))}}};
}

/// What must hold at every moment.
void check(Simulation& sim) {
  int running = 0;
  std::set<std::string> runs;
  const auto trials = sim.list(resources::trials);
  EXPECT_LE(trials.size(), 12u);
  for (const Value& trial : trials) {
    if (!is_true(trial, "Succeeded") && !is_true(trial, "Failed") && !is_true(trial, "MetricsUnavailable")) ++running;
    EXPECT_FALSE(trial.at("metadata", "ownerReferences").as_array().empty()) << "every child has an owner";
  }
  EXPECT_LE(running, 3) << "never more in parallel than allowed";
  for (const Value& pod : sim.list(resources::pods)) {
    const std::string job(pod.at("metadata", "labels", "job-name").as_string());
    EXPECT_TRUE(runs.insert(job).second) << "two pods for " << job;
  }
}

/// Looks whenever something has changed.
void check_changes(Simulation& sim) {
  sim.check_always([&sim, seen = std::uint64_t{0}]() mutable {
    if (std::exchange(seen, sim.revision()) != sim.revision()) check(sim);
  });
}

void expect_all_done(Simulation& sim) {
  const Value experiment = sim.get(resources::experiments, {"ml", "digits"});
  EXPECT_TRUE(is_true(experiment, "Succeeded"));
  EXPECT_EQ(experiment.at("status", "trials").as_integer(), 12);
  EXPECT_EQ(experiment.at("status", "trialsSucceeded").as_integer(), 12);
  std::set<std::string> points;
  for (const Value& trial : sim.list(resources::trials)) {
    std::string point;
    for (const Value& assignment : trial.at("spec", "parameterAssignments").as_array()) point += cat(assignment["name"].as_string(), "=", assignment["value"].as_string(), " ");
    EXPECT_TRUE(points.insert(point).second) << "the same point twice: " << point;
    EXPECT_FALSE(trial.at("status", "observation", "metrics").as_array().empty()) << kube::key_of(trial).text();
  }
  EXPECT_EQ(points.size(), 12u);
  EXPECT_FALSE(experiment.at("status", "currentOptimalTrial", "bestTrialName").as_string().empty());
}

TEST(TuningSimulation, TwelveTrialsOnAGoodDayThenSilence) {
  Simulation sim({.seed = 1, .script = train});
  check_changes(sim);
  sim.create(objects(experiment_yaml)[0]);
  sim.advance(2min);
  expect_all_done(sim);
  const std::uint64_t writes = sim.writes();
  sim.advance(1h);
  EXPECT_EQ(sim.writes(), writes) << "in an idle hour nobody tries to write";
  sim.advance(5min);  // the last events grow old and go
  const std::uint64_t revision = sim.revision();
  sim.advance(1h);
  EXPECT_EQ(sim.revision(), revision) << "an idle hour makes no writes";
}

TEST(TuningSimulation, DiesAfterEveryAction) {
  Simulation sim({.seed = 1, .faults = {.crash_after_each_action = true}, .script = train});
  check_changes(sim);
  sim.create(objects(experiment_yaml)[0]);
  sim.advance(5min);
  expect_all_done(sim);
  EXPECT_GT(sim.lives(), 50);
}

class TuningWithFaults : public testing::TestWithParam<int> {};

TEST_P(TuningWithFaults, EndsTheSame) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  SCOPED_TRACE(cat("seed ", seed));
  Simulation sim({.seed = seed, .faults = {.lost_before = 0.03, .lost_after = 0.03, .dropped_watch = 0.01, .crash = 0.05, .plane_restart = 0.002}, .script = train});
  check_changes(sim);
  sim.create(objects(experiment_yaml)[0]);
  sim.advance(10min);
  sim.calm();
  sim.advance(10min);
  expect_all_done(sim);
  const std::uint64_t writes = sim.writes();
  sim.advance(10min);
  EXPECT_EQ(sim.writes(), writes);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TuningWithFaults, testing::Range(1, last_seed() + 1));

}  // namespace
}  // namespace masu::simulation
