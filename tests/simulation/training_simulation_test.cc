/// The life of a training job with hyperparameters under faults: from QUEUED to SUCCEEDED, one Experiment, its trials, and
/// the best of them in the output; or to CANCELLED, and then nothing of it runs any more.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "simulation/simulation.h"
#include "training/training_job.h"

namespace masu::simulation {
namespace {

using kube::Key;
using training::State;
namespace resources = kube::resources;

constexpr std::string_view job_yaml = R"(
apiVersion: masu.dev/v1alpha1
kind: TrainingJob
metadata: {name: digits, namespace: ml}
spec:
  jobId: digits
  trainingInput:
    pythonModule: trainer.task
    packageUris: [gs://bucket/p/trainer-0.0.0.tar.gz]
    hyperparameters:
      goal: MAXIMIZE
      hyperparameterMetricTag: accuracy
      maxTrials: 6
      maxParallelTrials: 2
      params:
      - {parameterName: lr, type: DOUBLE, minValue: 0.001, maxValue: 0.1, scaleType: UNIT_LOG_SCALE}
      - {parameterName: units, type: INTEGER, minValue: 8, maxValue: 64}
)";
const Key job_key{"ml", "digits"};

/// The metric is a function of the arguments, as for a real trainer.
Run train(const Value& pod) {
  double lr = 0.01;
  for (const char* list : {"command", "args"})
    for (const Value& word : pod.at("spec", "containers")[0][list].as_array())
      if (word.as_string().starts_with("--lr=")) lr = std::strtod(std::string(word.as_string().substr(5)).c_str(), nullptr);
  return {.starts_after = 200ms, .runs_for = std::chrono::milliseconds(3000 + static_cast<int>(lr * 40000)), .exit_code = 0,
          .metrics = {{"accuracy", cat(1.0 - std::abs(std::log10(lr) + 2))}}};
}

State state(const Value& job) { return training::state_of(job.at("status", "state").as_string()); }

/// Looks whenever something has changed: the state only advances, what has ended stays, nothing is made twice.
void check_changes(Simulation& sim) {
  sim.check_always([&sim, seen = std::uint64_t{0}, last = State::unspecified]() mutable {
    if (std::exchange(seen, sim.revision()) == sim.revision()) return;
    const Value job = sim.get(resources::training_jobs, job_key);
    const State now = state(job);
    EXPECT_GE(now, last) << training::name(last) << " became " << training::name(now);
    EXPECT_TRUE(!training::is_final(last) || now == last) << training::name(last) << " became " << training::name(now);
    EXPECT_EQ(job.at("status", "endTime").is_string(), training::is_final(now)) << "no logs are waited for here";
    last = now;
    EXPECT_LE(sim.list(resources::experiments).size(), 1u);
    EXPECT_LE(sim.list(resources::claims).size(), 1u);
    EXPECT_LE(sim.list(resources::trials).size(), 6u);
    std::set<std::string> runs;
    for (const Value& pod : sim.list(resources::pods)) {
      const std::string run(pod.at("metadata", "labels", "job-name").as_string());
      EXPECT_TRUE(runs.insert(run).second) << "two pods for " << run;
    }
  });
}

void expect_succeeded(Simulation& sim) {
  const Value job = sim.get(resources::training_jobs, job_key);
  EXPECT_EQ(job.at("status", "state").as_string(), "SUCCEEDED") << job.at("status", "errorMessage").as_string();
  const Value output = training::v1_job(job)["trainingOutput"];
  EXPECT_EQ(output["completedTrialCount"].as_string(), "6");
  const auto& trials = output["trials"].as_array();
  ASSERT_EQ(trials.size(), 6u);
  double before = 2;
  for (const Value& trial : trials) {
    const double value = trial.at("finalMetric", "objectiveValue").as_number();
    EXPECT_LE(value, before) << "the best comes first";
    before = value;
  }
  // Claimed once, by this job, and bound.
  EXPECT_EQ(sim.get(resources::claims, {"ml", "digits-work"}).at("status", "phase").as_string(), "Bound");
}

void expect_silence(Simulation& sim) {
  const std::uint64_t writes = sim.writes();
  sim.advance(1h);
  EXPECT_EQ(sim.writes(), writes) << "in an idle hour nobody tries to write";
}

int count_active_pods(Simulation& sim) {
  int active = 0;
  for (const Value& pod : sim.list(resources::pods)) {
    const std::string_view phase = pod.at("status", "phase").as_string();
    if (phase != "Succeeded" && phase != "Failed") ++active;
  }
  return active;
}

TEST(TrainingSimulation, AGoodDayThenSilence) {
  Simulation sim({.seed = 1, .script = train});
  check_changes(sim);
  sim.create(objects(job_yaml)[0]);
  sim.advance(2min);
  expect_succeeded(sim);
  expect_silence(sim);
}

TEST(TrainingSimulation, DiesAfterEveryAction) {
  Simulation sim({.seed = 1, .faults = {.crash_after_each_action = true}, .script = train});
  check_changes(sim);
  sim.create(objects(job_yaml)[0]);
  sim.advance(5min);
  expect_succeeded(sim);
  EXPECT_GT(sim.lives(), 30);
  sim.calm();
  expect_silence(sim);
}

class TrainingWithFaults : public testing::TestWithParam<int> {
 protected:
  Simulation::Options options() const {
    return {.seed = static_cast<std::uint64_t>(GetParam()),
            .faults = {.lost_before = 0.03, .lost_after = 0.03, .dropped_watch = 0.01, .crash = 0.05, .plane_restart = 0.002},
            .script = train};
  }
};

TEST_P(TrainingWithFaults, EndsTheSame) {
  Simulation sim(options());
  check_changes(sim);
  sim.create(objects(job_yaml)[0]);
  sim.advance(10min);
  sim.calm();
  sim.advance(10min);
  expect_succeeded(sim);
  expect_silence(sim);
}

/// Cancelled at a moment that the seed chooses, from the first instant on.
TEST_P(TrainingWithFaults, CancelledMeansThatNothingRuns) {
  Simulation sim(options());
  check_changes(sim);
  sim.create(objects(job_yaml)[0]);
  // Seeds that divide by four cancel before any controller has looked, the others while it goes on.
  if (GetParam() % 4 != 0) sim.advance(std::chrono::milliseconds(GetParam() * 700));
  auto asked = sim.client().patch(resources::training_jobs, job_key, kube::PatchType::merge,
                                  Value::object({{"spec", Value::object({{"cancelRequested", true}})}}), Deadline::none());
  ASSERT_TRUE(asked.ok()) << asked.error().message;
  const bool ended_before = training::is_final(state(*asked));
  sim.advance(5min);
  sim.calm();
  sim.advance(5min);
  const Value job = sim.get(resources::training_jobs, job_key);
  if (!ended_before) {
    EXPECT_EQ(job.at("status", "state").as_string(), "CANCELLED");
    EXPECT_TRUE(sim.list(resources::experiments).empty());
  }
  EXPECT_EQ(count_active_pods(sim), 0);
  expect_silence(sim);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TrainingWithFaults, testing::Range(1, last_seed() + 1));

}  // namespace
}  // namespace masu::simulation
