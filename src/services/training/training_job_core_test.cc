#include "training/training_job_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "value/yaml.h"

namespace masu::training {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view tuned_yaml = R"(
apiVersion: masu.dev/v1alpha1
kind: TrainingJob
metadata: {name: tuned, namespace: ml, uid: u1, resourceVersion: "7", generation: 1, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  jobId: tuned
  trainingInput:
    pythonModule: trainer.task
    packageUris: [gs://bucket/p/trainer-0.0.0.tar.gz]
    hyperparameters:
      goal: MAXIMIZE
      hyperparameterMetricTag: accuracy
      maxTrials: 4
      params: [{parameterName: x, type: DOUBLE, minValue: 0, maxValue: 1}]
)";
constexpr std::string_view plain_yaml = R"(
apiVersion: masu.dev/v1alpha1
kind: TrainingJob
metadata: {name: plain, namespace: ml, uid: u2, resourceVersion: "7", generation: 1, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  jobId: plain
  trainingInput: {pythonModule: trainer.task, packageUris: [gs://bucket/p/trainer-0.0.0.tar.gz], scheduling: {maxRunningTime: 3600s}}
)";

/// A job and the world around it, driven one decision at a time; what is decided about the status is taken over.
struct Sim {
  World world;
  Decision decision;

  explicit Sim(std::string_view yaml) {
    object_ = parse_yaml_single(yaml)->value;
    world.job = *TrainingJob::decode(object_);
    world.now = *parse_rfc3339("2026-01-01T00:00:10Z");
  }
  void step() {
    decision = decide(world);
    for (const controller::Action& action : decision.actions) {
      if (const auto* patch = std::get_if<controller::Patch>(&action); patch && patch->subresource == "status") {
        object_["status"] = world.job.status.encode(true);
        object_ = merge(object_, patch->patch);
        const bool cancel = world.job.cancel_requested;
        world.job = *TrainingJob::decode(object_);
        world.job.cancel_requested = cancel;
      }
    }
  }
  static Value merge(Value into, const Value& patch) {
    if (!patch.is_object()) return patch;
    for (const auto& [key, value] : patch.as_object()) {
      if (value.is_null()) into.erase(key);
      else into[key] = merge(into[key], value);
    }
    return into;
  }
  std::vector<std::string> actions() const {
    std::vector<std::string> out;
    for (const controller::Action& action : decision.actions) {
      if (!std::holds_alternative<controller::Event>(action)) out.push_back(controller::describe(action));
    }
    return out;
  }
  void child(const kube::Resource& resource, ChildView::Phase phase = ChildView::Phase::active) {
    ChildView view{.resource = resource, .phase = phase};
    view.meta.name = world.job.meta.name;
    view.meta.name_space = "ml";
    view.meta.uid = "child";
    world.child = view;
  }
  kinds::Pod& pod(const std::string& name) {
    kinds::Pod made;
    made.meta.name = name;
    made.meta.name_space = "ml";
    made.meta.labels["masu.dev/role"] = "master";
    made.containers = {"training"};
    made.phase = "Pending";
    world.pods.push_back(made);
    return world.pods.back();
  }
  void trial(const std::string& name, State state, std::optional<double> objective = {}) {
    TrialView view{.state = state, .objective = objective};
    view.meta.name = name;
    view.assignments = {{"x", "0.5"}};
    world.trials.push_back(view);
  }
  State state() const { return world.job.status.state; }

 private:
  Value object_;
};

TEST(TrainingJob, APlainJobFromSubmissionToItsEnd) {
  Sim sim(plain_yaml);
  sim.step();
  EXPECT_EQ(sim.state(), State::queued);
  EXPECT_EQ(sim.world.job.status.position, 1);
  EXPECT_THAT(sim.actions(), ::testing::ElementsAre(HasSubstr("plain-work"), HasSubstr("ml/plain"), HasSubstr("status")));

  sim.world.claim_exists = true;
  sim.child(kube::resources::jobs);
  kinds::Pod& pod = sim.pod("plain-abc");
  pod.conditions = {{.type = "PodScheduled", .status = "False", .reason = "Unschedulable", .message = "0/1 nodes are available: Insufficient cpu"}};
  sim.step();
  EXPECT_EQ(sim.state(), State::queued);
  EXPECT_EQ(sim.world.job.status.reason, "Unschedulable");
  EXPECT_THAT(kube::find_condition(sim.world.job.status.conditions, "Running")->message, HasSubstr("Insufficient cpu"));
  sim.step();
  EXPECT_THAT(sim.actions(), ::testing::IsEmpty()) << "nothing changed, nothing is written";

  pod.conditions.clear();
  pod.node_name = "box";
  sim.step();
  EXPECT_EQ(sim.state(), State::preparing);
  EXPECT_TRUE(sim.world.job.status.started);
  EXPECT_FALSE(sim.world.job.status.position);

  pod.phase = "Running";
  pod.container_statuses = {{.state = kinds::ContainerStatus::State::running, .name = "training"}};
  sim.step();
  EXPECT_EQ(sim.state(), State::running);
  EXPECT_EQ(sim.decision.look_again, Duration(1h));

  pod.phase = "Succeeded";
  sim.child(kube::resources::jobs, ChildView::Phase::complete);
  sim.world.logs_complete = false;
  sim.step();
  EXPECT_EQ(sim.state(), State::succeeded);
  EXPECT_FALSE(sim.world.job.status.ended) << "the end is told when the last line of the log can be read";
  sim.world.logs_complete = true;
  sim.step();
  EXPECT_TRUE(sim.world.job.status.ended);
  sim.step();
  EXPECT_THAT(sim.actions(), ::testing::IsEmpty());
}

TEST(TrainingJob, AFailureNamesReplicaExitAndLastWords) {
  Sim sim(plain_yaml);
  sim.step();
  kinds::Pod& pod = sim.pod("plain-abc");
  pod.phase = "Failed";
  pod.node_name = "box";
  pod.container_statuses = {{.state = kinds::ContainerStatus::State::terminated, .name = "training", .reason = "Error", .exit_code = 3}};
  sim.world.last_lines = {"ValueError: no"};
  sim.child(kube::resources::jobs, ChildView::Phase::failed);
  sim.step();
  EXPECT_EQ(sim.state(), State::failed);
  EXPECT_THAT(sim.world.job.status.error_message, ::testing::StartsWith("master 0 ended with exit code 3 (Error)\nThe end of its output:\nValueError: no"));
}

TEST(TrainingJob, WhatCannotBeReadFailsWithItsReason) {
  Sim sim(plain_yaml);
  sim.world.job.raw["scaleTier"] = Value("HUGE");
  sim.step();
  EXPECT_EQ(sim.state(), State::failed);
  EXPECT_THAT(sim.world.job.status.error_message, HasSubstr("trainingInput.scaleTier: unknown value \"HUGE\""));
  EXPECT_EQ(sim.actions().size(), 1u) << "nothing but the status is written";
}

TEST(TrainingJob, ATunedJobShowsItsTrials) {
  Sim sim(tuned_yaml);
  sim.step();
  EXPECT_THAT(sim.actions(), ::testing::Contains(HasSubstr("experiments")));
  sim.child(kube::resources::experiments);
  sim.trial("tuned-10", State::running);
  sim.trial("tuned-2", State::succeeded, 0.7);
  sim.trial("tuned-1", State::succeeded, 0.9);
  sim.step();
  EXPECT_EQ(sim.state(), State::running);
  EXPECT_EQ(sim.world.job.status.trials[0].id, "1");
  EXPECT_EQ(sim.world.job.status.trials[2].id, "10");
  EXPECT_EQ(sim.world.job.status.encode(true)["trials"], Value("2/4"));
  EXPECT_EQ(sim.world.job.status.encode(true)["best"], Value("0.9 (trial 1)"));

  sim.world.trials[0].state = State::succeeded;
  sim.world.trials[0].objective = 0.95;
  sim.child(kube::resources::experiments, ChildView::Phase::complete);
  sim.step();
  EXPECT_EQ(sim.state(), State::succeeded);
  EXPECT_EQ(sim.world.job.status.trials[0].id, "10") << "best first after the end";
}

TEST(TrainingJob, ASearchWithoutAnyMetricFailsAndNamesTheTag) {
  Sim sim(tuned_yaml);
  sim.step();
  sim.trial("tuned-1", State::failed);
  sim.world.trials[0].metrics_unavailable = true;
  sim.child(kube::resources::experiments, ChildView::Phase::complete);
  sim.step();
  EXPECT_EQ(sim.state(), State::failed);
  EXPECT_THAT(sim.world.job.status.error_message, HasSubstr("no trial reported the metric \"accuracy\""));
}

TEST(TrainingJob, AnEndedSearchIsJudgedWhenItsLastTrialIsInTheCache) {
  Sim sim(tuned_yaml);
  sim.step();
  sim.trial("tuned-1", State::running);
  sim.child(kube::resources::experiments, ChildView::Phase::complete);
  sim.world.child->trials_ended = 1;
  sim.world.child->ended = sim.world.now;
  sim.step();
  EXPECT_FALSE(sim.state() == State::failed) << "the metric is on its way";
  EXPECT_EQ(sim.decision.look_again, Duration(100ms));
  sim.world.trials[0].state = State::succeeded;
  sim.world.trials[0].objective = 0.9;
  sim.step();
  EXPECT_EQ(sim.state(), State::succeeded);
}

TEST(TrainingJob, AHopelessSearchIsGivenUp) {
  Sim sim(tuned_yaml);
  sim.step();
  sim.child(kube::resources::experiments);
  for (const char* name : {"tuned-1", "tuned-2", "tuned-3"}) sim.trial(name, State::failed);
  sim.step();
  const auto* patch = std::get_if<controller::Patch>(&sim.decision.actions.at(0));
  ASSERT_NE(patch, nullptr);
  EXPECT_EQ(patch->patch, Value::object({{"spec", Value::object({{"maxFailedTrialCount", 3}})}}));
}

TEST(TrainingJob, CancellingStopsWhatRunsAndKeepsWhatIsKnown) {
  Sim sim(tuned_yaml);
  sim.step();
  sim.child(kube::resources::experiments);
  sim.trial("tuned-1", State::succeeded, 0.9);
  sim.trial("tuned-2", State::running);
  kinds::Pod& pod = sim.pod("tuned-2-x");
  pod.phase = "Running";
  sim.world.job.cancel_requested = true;
  sim.step();
  EXPECT_EQ(sim.state(), State::cancelling);
  EXPECT_THAT(sim.actions(), ::testing::Contains(HasSubstr("delete")));
  sim.world.child.reset();
  sim.world.trials.clear();
  sim.step();
  EXPECT_EQ(sim.state(), State::cancelling) << "a pod still runs";
  sim.world.pods.clear();
  sim.step();
  EXPECT_EQ(sim.state(), State::cancelled);
  ASSERT_EQ(sim.world.job.status.trials.size(), 2u);
  EXPECT_EQ(sim.world.job.status.trials[0].state, State::succeeded);
  EXPECT_EQ(sim.world.job.status.trials[1].state, State::cancelled);
  EXPECT_EQ(sim.world.job.status.error_message, "cancelled on the user's request");
}

TEST(TrainingJob, AChildThatAppearsAfterTheCancelGoes) {
  Sim sim(tuned_yaml);
  sim.step();
  sim.world.job.cancel_requested = true;
  sim.step();
  EXPECT_EQ(sim.state(), State::cancelled) << "no child is known";
  sim.child(kube::resources::experiments);  // it was made, but the cache did not have it
  sim.step();
  EXPECT_THAT(sim.actions(), ::testing::ElementsAre(HasSubstr("delete experiments.kubeflow.org ml/tuned")));
  sim.world.child->meta.deleted = sim.world.now;
  sim.step();
  EXPECT_THAT(sim.actions(), ::testing::IsEmpty());
}

TEST(TrainingJob, TheEndOfACompleteChildKeepsIt) {
  Sim sim(tuned_yaml);
  sim.step();
  sim.trial("tuned-1", State::succeeded, 0.9);
  sim.child(kube::resources::experiments, ChildView::Phase::complete);
  sim.step();
  EXPECT_EQ(sim.state(), State::succeeded);
  sim.step();
  EXPECT_THAT(sim.actions(), ::testing::IsEmpty());
}

/// An event that came before a status that could not be written would come again and again.
TEST(TrainingJob, AnEventFollowsTheStatusThatItTellsOf) {
  Sim sim(tuned_yaml);
  sim.step();
  const auto is_event = [](const controller::Action& action) { return std::holds_alternative<controller::Event>(action); };
  ASSERT_EQ(sim.decision.actions.size(), 4u);
  EXPECT_FALSE(is_event(sim.decision.actions[2]));
  EXPECT_TRUE(is_event(sim.decision.actions[3]));
}

TEST(TrainingJob, RunsNoLongerThanItMay) {
  Sim sim(plain_yaml);
  sim.step();
  sim.child(kube::resources::jobs);
  kinds::Pod& pod = sim.pod("p");
  pod.phase = "Running";
  pod.container_statuses = {{.state = kinds::ContainerStatus::State::running, .name = "training"}};
  sim.step();
  sim.world.now += 1h;
  sim.step();
  EXPECT_EQ(sim.state(), State::cancelling);
  EXPECT_EQ(sim.world.job.status.reason, "MaxRunningTime");
}

TEST(TrainingJob, AnEarlierSearchSeedsThisOne) {
  Sim earlier(tuned_yaml);
  earlier.world.job.status.state = State::succeeded;
  earlier.world.job.status.trials = {{.id = "1", .hyperparameters = {{"x", "0.5"}}, .state = State::succeeded, .objective = 0.9}};
  Sim sim(tuned_yaml);
  sim.world.job.raw["hyperparameters"] = Value::object({{"maxTrials", 3}, {"resumePreviousJobId", "old"}});
  sim.step();
  EXPECT_THAT(sim.world.job.status.error_message, HasSubstr("there is no job \"old\""));
  Sim again(tuned_yaml);
  again.world.job.raw["hyperparameters"] = Value::object({{"maxTrials", 3}, {"resumePreviousJobId", "old"}});
  again.world.previous = std::make_shared<TrainingJob>(earlier.world.job);
  Findings findings;
  const auto spec = job_spec(again.world.job, "ml", again.world.previous.get(), findings);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->input.hyperparameters->metric, "accuracy");
  EXPECT_EQ(spec->previous_observations, Value::array({Value::object({{"assignments", Value::object({{"x", "0.5"}})}, {"value", "0.9"}})}));
}

TEST(TrainingJob, V1FormOfAnObject) {
  Value object = parse_yaml_single(plain_yaml)->value;
  EXPECT_EQ(v1_job(object)["state"], Value("QUEUED"));
  object["status"]["jobPosition"] = Value(2);
  EXPECT_EQ(v1_job(object)["jobPosition"], Value("2"));
}

}  // namespace
}  // namespace masu::training
