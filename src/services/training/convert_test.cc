#include "training/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/names.h"
#include "training/golden.h"
#include "training/job_file.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::training {
namespace {

struct Converted {
  std::vector<Value> objects;
  std::vector<std::string> notes;
  std::string error;
  std::string text() const {
    std::string out;
    for (const std::string& note : notes) out += cat("# ", note, "\n");
    for (std::size_t i = 0; i < objects.size(); ++i) out += cat(i == 0 ? "" : "---\n", to_yaml(objects[i]));
    return out;
  }
};

Converted convert_text(const std::string& text, SubmitFlags flags = {}, Site site = {}, JobSpec job = {}) {
  Converted out;
  auto file = read_job_file("config.yaml", text, Dialect::lenient);
  if (!file.ok()) {
    out.error = file.error().message;
    return out;
  }
  if (flags.job.empty()) flags.job = "demo-model-20210311-101500";
  Findings findings;
  auto checked = check_job(merge_flags(file->job, flags), findings);
  if (!checked.ok()) {
    out.error = checked.error().message;
    return out;
  }
  job.job_id = checked->job_id;
  job.name = kube::object_name(checked->job_id);
  job.project = "demo";
  job.labels = checked->labels;
  job.raw = checked->raw;
  job.input = checked->input;
  auto converted = convert(job, site, findings);
  for (const Note& note : file->notes) out.notes.push_back(note.line());
  for (const Note& note : findings.notes()) out.notes.push_back(note.line());
  if (converted.ok()) {
    out.objects = converted->objects;
  } else {
    out.error = converted.error().message;
  }
  return out;
}

std::string example(const std::string& name) { return read_file(cat(MASU_SOURCE_DIR, "/examples/cloud/", name)).value_or(""); }

SubmitFlags with_package() {
  SubmitFlags flags;
  flags.package_uris = std::vector<std::string>{"gs://demo-bucket/demo-job/packages/0123456789abcdef/trainer-0.0.0.tar.gz"};
  return flags;
}

/// The value of a variable of the main container of a trial or job.
std::string variable(const Value& pod_spec, std::string_view name) {
  for (const Value& entry : pod_spec["containers"][0]["env"].as_array()) {
    if (entry["name"].as_string() == name) return entry.contains("value") ? std::string(entry["value"].as_string()) : to_json(entry["valueFrom"]);
  }
  return "(absent)";
}

const Value& job_pod(const Value& job) { return job.at("spec", "template", "spec"); }

TEST(Convert, TheThreeCloudConfigurationsAreNeverBrokenAgain) {
  for (const char* name : {"train-v100", "tune-bayesian", "tune-random-image"}) {
    const Converted got = convert_text(example(cat(name, ".yaml")), name == std::string("tune-random-image") ? SubmitFlags{} : with_package());
    EXPECT_EQ(got.error, "") << name;
    expect_golden(cat("src/services/training/testdata/", name, ".golden.yaml"), got.text());
  }
}

TEST(Convert, Frameworks) {
  const std::string file = "trainingInput: {scaleTier: CUSTOM, masterType: n1-standard-4, workerType: n1-standard-4, workerCount: 2, pythonModule: trainer.task, runtimeVersion: '2.11', jobDir: gs://bucket/out}\n";
  for (const char* framework : {"tensorflow", "pytorch"}) {
    SubmitFlags flags = with_package();
    flags.labels = std::map<std::string, std::string>{{"framework", framework}};
    const Converted got = convert_text(file, flags);
    EXPECT_EQ(got.error, "");
    expect_golden(cat("src/services/training/testdata/", framework, ".golden.yaml"), got.text());
  }
  EXPECT_EQ(convert_text(file, with_package()).objects.back()["kind"], Value("TFJob"));
  SubmitFlags flags = with_package();
  flags.labels = std::map<std::string, std::string>{{"framework", "pytorch"}};
  EXPECT_NE(convert_text("trainingInput: {scaleTier: STANDARD_1, pythonModule: a.b}\n", flags).error.find("has a master and workers"), std::string::npos);
}

TEST(Convert, ArgumentsComeInTheCloudsOrder) {
  const Converted got = convert_text(
      "trainingInput: {jobDir: gs://bucket/hp/, pythonModule: trainer.task, args: [--epochs, '3'], hyperparameters: {maxTrials: 4, params: ["
      "{parameterName: learning-rate, type: DOUBLE, minValue: 1e-4, maxValue: 0.1}, {parameterName: units, type: INTEGER, minValue: 8, maxValue: 64}]}}\n",
      with_package());
  ASSERT_EQ(got.error, "");
  const Value& pod = got.objects.back().at("spec", "trialTemplate", "trialSpec").at("spec", "template", "spec");
  std::string words;
  for (const Value& word : pod["containers"][0]["command"].as_array()) words += cat(word.as_string(), " ");
  EXPECT_THAT(words, ::testing::EndsWith("-- python3 -m trainer.task --epochs 3 --learning-rate=${trialParameters.learning-rate} "
                                         "--units=${trialParameters.units} --job-dir gs://bucket/hp/${trialParameters.trialId} "));
  EXPECT_EQ(variable(pod, "CLOUD_ML_TRIAL_ID"), "${trialParameters.trialId}");
  EXPECT_EQ(variable(pod, "AIP_MODEL_DIR"), "gs://bucket/hp/${trialParameters.trialId}/model/");
}

TEST(Convert, WordsThatAShellWouldBreakAreQuotedForAStockKatib) {
  const Converted got = convert_text(
      "trainingInput: {pythonModule: trainer.task, args: [\"--note=it's $(HOME)\"], hyperparameters: {params: [{parameterName: a, type: CATEGORICAL, categoricalValues: ['64 32']}]}}\n",
      with_package());
  ASSERT_EQ(got.error, "");
  const Value& command = got.objects.back().at("spec", "trialTemplate", "trialSpec").at("spec", "template", "spec")["containers"][0]["command"];
  EXPECT_EQ(command[0], Value("sh"));
  EXPECT_THAT(std::string(command[2].as_string()), ::testing::HasSubstr("'--note=it'\\''s $$(HOME)' '--a=${trialParameters.a}'"));
}

TEST(Convert, TfConfigOfASingleReplica) {
  const Converted got = convert_text("trainingInput: {scaleTier: BASIC, region: here, pythonModule: a.b, runtimeVersion: '1.15', args: ['$(X)']}\n", with_package());
  ASSERT_EQ(got.error, "");
  const std::string text = variable(job_pod(got.objects.back()), "TF_CONFIG");
  const auto config = parse_json(text);
  ASSERT_TRUE(config.ok()) << text;
  EXPECT_EQ((*config)["cluster"], Value::object({{"master", Value::array({"localhost:2222"})}}));
  EXPECT_EQ(config->at("task", "index"), Value(0));
  EXPECT_EQ(config->at("job", "scale_tier"), Value("BASIC"));
  EXPECT_EQ(config->at("job", "args")[0], Value("$$(X)")) << "what looks like a variable survives Kubernetes";
}

TEST(Convert, MachinesAreTheInstallations) {
  const std::string v100 = example("train-v100.yaml");
  Site site;
  site.nodes = std::vector<NodeRoom>{{.name = "box", .allocatable = {{"cpu", {2000}}, {"memory", {4'000'000'000'000}}}}};
  EXPECT_THAT(convert_text(v100, with_package(), site).error,
              ::testing::AllOf(::testing::HasSubstr("nothing here could ever run the master (n1-standard-16 with 1 NVIDIA_TESLA_V100)"),
                               ::testing::HasSubstr("node box has no nvidia.com/gpu"), ::testing::HasSubstr("MachineType")));

  site.machines = {{.names = {"n1-standard-16"}, .resources = {{"cpu", "500m"}}, .note = "half a cpu of this machine"},
                   {.names = {"NVIDIA_TESLA_V100"}, .accelerator = true, .note = "no GPU here: computed on the cpu"}};
  const Converted mapped = convert_text(v100, with_package(), site);
  EXPECT_EQ(mapped.error, "");
  EXPECT_THAT(mapped.notes, ::testing::Contains("trainingInput.masterConfig.acceleratorConfig: NVIDIA_TESLA_V100: no GPU here: computed on the cpu"));
  EXPECT_EQ(job_pod(mapped.objects.back())["containers"][0].at("resources", "requests", "cpu"), Value("500m"));

  const Converted shared = convert_text("trainingInput: {scaleTier: BASIC, pythonModule: a.b}\n", with_package(), {.nodes = site.nodes});
  EXPECT_EQ(shared.error, "") << "a machine of the cloud's that nobody mapped is a share of this one";
  EXPECT_THAT(convert_text("trainingInput: {scaleTier: CUSTOM, masterType: n1-standart-4, pythonModule: a.b}\n", with_package(), site).error,
              ::testing::HasSubstr("did you mean n1-standard-4?"));
}

TEST(Convert, ImagesAreTheCatalogues) {
  Site site;
  site.images = {{.name = "tf-2.8", .image = "tf:2.8", .runtime_versions = {"2.8"}}, {.name = "tf-2.11", .image = "tf:2.11", .runtime_versions = {"2.11"}},
                 {.name = "jupyter", .image = "jupyter:1", .purposes = {"notebook"}, .runtime_versions = {"2.5"}}};
  EXPECT_EQ(choose_image(site, "2.11")->image, "tf:2.11");
  EXPECT_EQ(choose_image(site, "2.2")->image, "tf:2.8") << "the nearest newer one of the same major";
  EXPECT_NE(choose_image(site, "2.2")->note, "");
  EXPECT_FALSE(choose_image(site, "2.2", true).ok());
  EXPECT_THAT(choose_image(site, "1.15").error().message, ::testing::HasSubstr("there are 2.11, 2.8"));
  EXPECT_EQ(choose_image(site, "")->image, "tf:2.11");
  EXPECT_EQ(choose_image({}, "1.15")->image, "host");
}

TEST(Convert, KatibsRules) {
  const auto tune = [](const std::string& more) {
    return convert_text(cat("trainingInput: {pythonModule: a.b, hyperparameters: {", more, "}}\n"), with_package());
  };
  const Converted grid = tune("algorithm: GRID_SEARCH, maxTrials: 100, params: [{parameterName: a, type: INTEGER, minValue: 1, maxValue: 3}, {parameterName: b, type: CATEGORICAL, categoricalValues: [x, y]}]");
  ASSERT_EQ(grid.error, "");
  EXPECT_EQ(grid.objects.back().at("spec", "maxTrialCount"), Value(6));
  EXPECT_EQ(grid.objects.back().at("spec", "algorithm", "algorithmName"), Value("grid"));

  const Converted scales = tune(
      "maxTrials: 3, maxFailedTrials: 9, enableTrialEarlyStopping: true, params: [{parameterName: a, type: DOUBLE, minValue: 1, maxValue: 3, scaleType: UNIT_REVERSE_LOG_SCALE}, "
      "{parameterName: b, type: DOUBLE, minValue: 1, maxValue: 3, scaleType: UNIT_LOG_SCALE}]");
  const Value& spec = scales.objects.back()["spec"];
  EXPECT_EQ(spec["parameters"][1].at("feasibleSpace", "distribution"), Value("logUniform"));
  EXPECT_EQ(scales.objects.back().at("metadata", "annotations")[annotations::scales], Value("{\"a\":\"reverseLog\"}"));
  EXPECT_FALSE(spec.contains("maxFailedTrialCount")) << "Katib refuses more failures than trials";
  EXPECT_EQ(spec.at("earlyStopping", "algorithmName"), Value("medianstop"));
  EXPECT_EQ(spec.at("objective", "metricStrategies")[0]["value"], Value("latest"));
}

TEST(Convert, VolumesSlicesAndCredentials) {
  JobSpec job;
  job.volumes = {*parse_volume("data:/data:ro")};
  job.slice = "1g.10gb";
  job.credentials = {"s3"};
  const Converted got = convert_text("trainingInput: {scaleTier: BASIC_GPU, pythonModule: a.b}\n", with_package(), {}, job);
  ASSERT_EQ(got.error, "");
  const Value& pod = job_pod(got.objects.back());
  EXPECT_EQ(pod["containers"][0].at("resources", "limits"), Value::object({{"nvidia.com/mig-1g.10gb", "1"}}));
  EXPECT_EQ(pod["volumes"][2].at("persistentVolumeClaim", "claimName"), Value("data"));
  EXPECT_EQ(got.objects.back().at("spec", "template", "metadata", "annotations")["masu.dev/credentials"], Value("s3"));
  for (const char* bad : {"data", "data:rel", ":/x", "data:/x:w", "data:/masu/x", "data:/"}) EXPECT_FALSE(parse_volume(bad).ok()) << bad;
}

}  // namespace
}  // namespace masu::training
