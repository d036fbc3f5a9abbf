#include "training/operator_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::training {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

OperatorJob job(const kube::Resource& resource, const std::string& spec) {
  Value object = parse_yaml_single(cat("metadata: {name: j, namespace: ml, uid: u, resourceVersion: '1'}\nspec: ", spec, "\n"))->value;
  return OperatorJob::decode(resource, object);
}

const std::string tf_spec =
    "{runPolicy: {cleanPodPolicy: Running, backoffLimit: 2}, tfReplicaSpecs: {chief: {restartPolicy: ExitCode, template: {spec: {containers: [{name: tensorflow, image: i}]}}}, "
    "Worker: {replicas: 2, restartPolicy: ExitCode, template: {spec: {containers: [{name: tensorflow, image: i}]}}}}}";

struct Sim {
  OperatorWorld world;
  OperatorDecision decision;
  explicit Sim(OperatorJob made) {
    world.job = std::move(made);
    world.now = *parse_rfc3339("2026-01-01T00:00:00Z");
  }
  /// Decides and takes over what was decided.
  void step() {
    decision = decide(world);
    for (const controller::Action& action : decision.actions) {
      if (const auto* create = std::get_if<controller::Create>(&action)) {
        if (create->object["kind"].as_string() == "Pod") {
          auto pod = *kinds::Pod::decode(create->object);
          pod.phase = "Pending";
          world.pods.push_back(pod);
        } else {
          world.services.push_back(kube::Metadata::decode(create->object));
        }
      } else if (const auto* remove = std::get_if<controller::Delete>(&action); remove && remove->resource.kind == "Pod") {
        std::erase_if(world.pods, [&](const kinds::Pod& pod) { return pod.meta.key() == remove->key; });
      } else if (const auto* patch = std::get_if<controller::Patch>(&action)) {
        Value status = world.job.stored_status;
        for (const auto& [key, value] : patch->patch["status"].as_object()) {
          if (value.is_null()) status.erase(key);
          else if (value.is_object()) for (const auto& [inner, member] : value.as_object()) status[key][inner] = member;
          else status[key] = value;
        }
        world.job.stored_status = status;
        world.job.status = OperatorStatus::decode(status);
      }
    }
  }
  kinds::Pod& pod(const std::string& name) {
    for (kinds::Pod& pod : world.pods) {
      if (pod.meta.name == name) return pod;
    }
    ADD_FAILURE() << "no pod " << name;
    return world.pods.front();
  }
  void ends(const std::string& name, int code) {
    kinds::Pod& ended = pod(name);
    ended.phase = code == 0 ? "Succeeded" : "Failed";
    ended.container_statuses = {{.state = kinds::ContainerStatus::State::terminated, .name = world.job.tensorflow() ? "tensorflow" : "pytorch", .exit_code = code}};
  }
  std::string last() const { return world.job.status.conditions.empty() ? "" : cat(world.job.status.conditions.back().type, "/", world.job.status.conditions.back().reason); }
  std::vector<std::string> pods() const {
    std::vector<std::string> out;
    for (const kinds::Pod& pod : world.pods) out.push_back(pod.meta.name);
    return out;
  }
};

TEST(TFJob, RunsUntilItsChiefHasEnded) {
  Sim sim(job(kube::resources::tf_jobs, tf_spec));
  sim.step();
  EXPECT_THAT(sim.pods(), ElementsAre("j-chief-0", "j-worker-0", "j-worker-1"));
  EXPECT_EQ(sim.world.services.size(), 3u);
  EXPECT_EQ(sim.last(), "Created/TFJobCreated");
  EXPECT_EQ(sim.pod("j-chief-0").meta.label("training.kubeflow.org/job-role"), "master");
  EXPECT_EQ(sim.pod("j-worker-0").meta.label("training.kubeflow.org/job-role"), "");
  for (auto& pod : sim.world.pods) pod.phase = "Running";
  sim.step();
  EXPECT_EQ(sim.last(), "Running/TFJobRunning");
  sim.step();
  EXPECT_TRUE(sim.decision.actions.empty());
  sim.ends("j-chief-0", 0);
  sim.step();
  EXPECT_EQ(sim.last(), "Succeeded/TFJobSucceeded");
  EXPECT_FALSE(sim.world.job.status.is_true("Running"));
  sim.step();
  EXPECT_THAT(sim.pods(), ElementsAre("j-chief-0")) << "the workers that still ran are removed";
}

TEST(TFJob, TfConfigNamesEveryReplica) {
  const OperatorJob made = job(kube::resources::tf_jobs, tf_spec);
  const Value pod = replica_pod(made, made.types[1], 1);
  const auto config = parse_json(pod.at("spec", "containers")[0]["env"][0]["value"].as_string());
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->at("cluster", "chief")[0], Value("j-chief-0.ml.svc:2222"));
  EXPECT_EQ(config->at("task"), Value::object({{"type", "worker"}, {"index", 1}}));
  EXPECT_EQ(pod.at("spec", "restartPolicy"), Value("Never"));
  EXPECT_EQ(pod.at("spec", "containers")[0]["ports"][0]["name"], Value("tfjob-port"));
}

TEST(TFJob, ASignalRestartsAProgramsOwnCodeIsFinal) {
  Sim sim(job(kube::resources::tf_jobs, tf_spec));
  sim.step();
  for (int round = 0; round < 2; ++round) {
    sim.ends("j-worker-0", 137);
    sim.step();
    EXPECT_EQ(sim.last(), "Restarting/TFJobRestarting");
    sim.step();
    EXPECT_THAT(sim.pods(), ::testing::Contains("j-worker-0"));
  }
  sim.ends("j-worker-0", 137);
  sim.step();
  EXPECT_EQ(sim.last(), "Failed/TFJobFailed");
  EXPECT_THAT(sim.world.job.status.conditions.back().message, HasSubstr("backoffLimit"));

  Sim final(job(kube::resources::tf_jobs, tf_spec));
  final.step();
  final.ends("j-worker-1", 3);
  final.step();
  EXPECT_EQ(final.last(), "Failed/TFJobFailed");
  EXPECT_THAT(final.world.job.status.conditions.back().message, HasSubstr("exit code 3"));
}

TEST(PyTorchJob, VariablesAndEnd) {
  const OperatorJob made = job(kube::resources::pytorch_jobs,
                               "{pytorchReplicaSpecs: {Master: {replicas: 1, restartPolicy: Never, template: {spec: {containers: [{name: pytorch, image: i}]}}}, Worker: {replicas: 2, "
                               "restartPolicy: Never, template: {spec: {containers: [{name: pytorch, image: i, env: [{name: RANK, value: mine}]}]}}}}}");
  std::map<std::string, std::string> variables;
  const Value worker = replica_pod(made, made.types[1], 1);
  for (const Value& entry : worker.at("spec", "containers")[0]["env"].as_array()) variables[std::string(entry["name"].as_string())] = entry["value"].as_string();
  EXPECT_EQ(variables["MASTER_ADDR"], "j-master-0");
  EXPECT_EQ(variables["MASTER_PORT"], "23456");
  EXPECT_EQ(variables["WORLD_SIZE"], "3");
  EXPECT_EQ(variables["PET_NODE_RANK"], "2");
  EXPECT_EQ(variables["RANK"], "mine") << "what the user set stays";

  Sim sim(made);
  sim.step();
  sim.ends("j-worker-0", 0);
  sim.step();
  EXPECT_FALSE(sim.world.job.status.is_true("Succeeded"));
  sim.ends("j-master-0", 0);
  sim.step();
  EXPECT_EQ(sim.last(), "Succeeded/PyTorchJobSucceeded");

  Sim failing(made);
  failing.step();
  failing.ends("j-worker-0", 1);
  failing.step();
  EXPECT_EQ(failing.last(), "Failed/PyTorchJobFailed");
}

TEST(OperatorJobs, WhatCannotRunFails) {
  for (const char* spec : {"{tfReplicaSpecs: {}}", "{tfReplicaSpecs: {Boss: {template: {spec: {containers: [{name: tensorflow}]}}}}}", "{tfReplicaSpecs: {Worker: {template: {}}}}"}) {
    Sim sim(job(kube::resources::tf_jobs, spec));
    sim.step();
    EXPECT_EQ(sim.last(), "Failed/TFJobFailed") << spec;
    EXPECT_TRUE(sim.world.pods.empty());
  }
}

}  // namespace
}  // namespace masu::training
