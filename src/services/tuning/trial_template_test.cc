#include "tuning/trial_template.h"

#include <gtest/gtest.h>

#include "tuning/types.h"
#include "value/json.h"

namespace masu::tuning {
namespace {

const kube::Key trial{"ml", "digits-3"};

Value manifest() {
  return parse_json(R"({"apiVersion": "batch/v1", "kind": "Job",
    "metadata": {"labels": {"team": "vision"}, "annotations": {"masu.dev/trial-id-parameter": "id"}},
    "spec": {"template": {"spec": {"containers": [{"name": "training",
      "args": ["--lr=${trialParameters.lr}", "--name=${trialParameters.name}-${trialParameters.team}", "--id", "${trialParameters.id}"],
      "${trialParameters.lr}": 1}]}}}})").value();
}

const std::vector<TrialParameter> parameters = {{"lr", "lr"}, {"name", "${trialSpec.Name}"}, {"team", "${trialSpec.Labels[team]}"}};

TEST(TrialTemplate, FillsInValuesMetadataAndTheTrialsNumber) {
  std::vector<TrialParameter> all = parameters;
  all[1].reference = "${trialSpec.Namespace}";
  all.push_back({"id", "${trialSpec.Name}"});
  const auto run = render_trial(manifest(), all, {{"lr", "0.1"}}, trial);
  ASSERT_TRUE(run.ok()) << run.error().message;
  const Value& container = run->at("spec", "template", "spec")["containers"][0];
  EXPECT_EQ(to_json(container["args"]), R"(["--lr=0.1","--name=ml-vision","--id","3"])");
  EXPECT_TRUE(container.contains("0.1")) << "keys are filled in too";
  EXPECT_EQ(run->at("metadata", "name").as_string(), "digits-3");
  EXPECT_EQ(run->at("metadata", "namespace").as_string(), "ml");
}

TEST(TrialTemplate, ValuesAreSafeInsideStringsAndNotFilledInAgain) {
  const auto run = render_trial(manifest(), parameters, {{"lr", R"(a"b\${trialParameters.name})"}}, trial);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->at("spec", "template", "spec")["containers"][0]["args"][0].as_string(), R"(--lr=a"b\${trialParameters.name})");
}

TEST(TrialTemplate, SaysWhichValueIsMissing) {
  EXPECT_NE(render_trial(manifest(), parameters, {}, trial).error().message.find("\"lr\""), std::string::npos);
  EXPECT_FALSE(render_trial(manifest(), parameters, {{"lr", "1"}, {"depth", "2"}}, trial).ok());
  std::vector<TrialParameter> absent = {{"lr", "lr"}, {"x", "${trialSpec.Annotations[absent]}"}};
  EXPECT_NE(render_trial(manifest(), absent, {{"lr", "1"}}, trial).error().message.find("absent"), std::string::npos);
  EXPECT_FALSE(render_trial(Value::object({{"kind", "Job"}}), {}, {}, trial).ok());
  EXPECT_EQ(unknown_placeholders("${trialParameters.lr} ${trialParameters.x}", parameters), std::vector<std::string>{"${trialParameters.x}"});
}

TEST(TrialTemplate, ReadsTheTextOfAConfigMap) {
  const auto run = render_trial_text("apiVersion: batch/v1\nkind: Job\nspec:\n  parallelism: ${trialParameters.lr}\n", {{"lr", "lr"}}, {{"lr", "3"}}, trial);
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->at("spec", "parallelism").as_integer(), 3);
}

TEST(TrialTemplate, ATrialsIdIsItsNumber) {
  EXPECT_EQ(trial_id("digits-12"), "12");
  EXPECT_EQ(trial_id("digits-x7k"), "digits-x7k");
  EXPECT_EQ(trial_id("digits"), "digits");
}

}  // namespace
}  // namespace masu::tuning
