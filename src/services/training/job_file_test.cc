#include "training/job_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/files.h"

namespace masu::training {
namespace {

struct Read {
  JobFile file;
  CheckedJob job;
  std::vector<std::string> notes;
  std::string error;
};

/// A file as the plugin reads it: file, then flags, then checks.
Read read(const std::string& text, Dialect dialect = Dialect::lenient, SubmitFlags flags = {}) {
  Read out;
  auto file = read_job_file("config.yaml", text, dialect);
  if (!file.ok()) {
    out.error = file.error().message;
    return out;
  }
  out.file = *file;
  for (const Note& note : file->notes) out.notes.push_back(note.line());
  if (flags.job.empty()) flags.job = "job1";
  Findings findings(dialect);
  auto checked = check_job(merge_flags(file->job, flags), findings, Completeness::partial);
  for (const Note& note : findings.notes()) out.notes.push_back(note.line());
  if (checked.ok()) {
    out.job = *checked;
  } else {
    for (const Cause& cause : checked.error().causes) {
      if (!out.error.empty()) out.error += "\n";
      out.error += point_out(*file, cause.field, cause.message);
    }
  }
  return out;
}

std::string shared(const std::string& name) {
  auto text = read_file(cat(MASU_SOURCE_DIR, "/examples/cloud/", name));
  return text.ok() ? *text : text.error().message;
}

TEST(JobFile, ReadsTheThreeCloudConfigurations) {
  const Read v100 = read(shared("train-v100.yaml"));
  ASSERT_EQ(v100.error, "");
  EXPECT_EQ(v100.job.input.master().machine, "n1-standard-16");
  EXPECT_EQ(v100.job.input.master().config.accelerator, (Accelerator{"NVIDIA_TESLA_V100", 1}));
  EXPECT_EQ(v100.job.input.python_version, "3.7");
  EXPECT_EQ(v100.job.input.runtime_version, "2.2");
  EXPECT_EQ(v100.job.input.args, (std::vector<std::string>{"--test_arg1=test1", "--test_arg2=test2"}));

  const Read bayesian = read(shared("tune-bayesian.yaml"));
  ASSERT_EQ(bayesian.error, "");
  ASSERT_TRUE(bayesian.job.input.hyperparameters);
  EXPECT_EQ(bayesian.job.input.hyperparameters->search, Search::unspecified);
  EXPECT_EQ(bayesian.job.input.hyperparameters->max_trials, 30);
  EXPECT_EQ(bayesian.job.input.hyperparameters->parameters[0].type, ParameterType::integer);

  const Read image = read(shared("tune-random-image.yaml"));
  ASSERT_EQ(image.error, "");
  EXPECT_EQ(image.job.input.master().config.image, "registry.example/demo/mnist-with-summaries:1.0");
  EXPECT_EQ(image.job.input.master().machine, "n1-standard-16");
  EXPECT_EQ(image.job.input.replicas.at(Role::worker).count, 2);
  EXPECT_EQ(image.job.input.module, "");
}

TEST(JobFile, StrictRefusesWhatTheOriginalRefused) {
  EXPECT_NE(read(shared("tune-random-image.yaml"), Dialect::strict).error.find("scaleTier CUSTOM needs a masterType"), std::string::npos);
  EXPECT_NE(read(shared("tune-bayesian.yaml"), Dialect::strict).error.find("unknown value \"BAYESIAN_OPTIMIZATION\""), std::string::npos);
  SubmitFlags flags;
  flags.job = "test-model-1";
  EXPECT_NE(read("", Dialect::strict, flags).error.find("is no job name"), std::string::npos);
  EXPECT_EQ(read("", Dialect::lenient, flags).error, "");
}

TEST(JobFile, SaysEachRepairInOneLine) {
  struct Row {
    const char* name;
    const char* text;
    const char* note;
  };
  const Row rows[] = {
      {"a tier with a hyphen", "trainingInput: {scaleTier: STANDARD-1}\n", "trainingInput.scaleTier: \"STANDARD-1\" taken as STANDARD_1"},
      {"an unquoted version keeps its digits", "trainingInput:\n  runtimeVersion: 2.10\n",
       "trainingInput.runtimeVersion: unquoted number, taken as the text \"2.10\""},
      {"snake case", "training_input:\n  job_dir: gs://bucket/x\n", "trainingInput.jobDir: read from \"job_dir\""},
      {"hyperparameters beside trainingInput",
       "hyperparameters: {params: [{parameterName: a, type: INTEGER, minValue: 1, maxValue: 2}]}\n",
       "hyperparameters: stands beside trainingInput, taken as inside"},
      {"an algorithm's common name",
       "trainingInput: {hyperparameters: {algorithm: random, params: [{parameterName: a, type: INTEGER, minValue: 1, maxValue: 2}]}}\n",
       "trainingInput.hyperparameters.algorithm: \"random\" taken as RANDOM_SEARCH"},
      {"unsorted discrete values",
       "trainingInput: {hyperparameters: {params: [{parameterName: a, type: DISCRETE, discreteValues: [3, 1, 2]}]}}\n",
       "trainingInput.hyperparameters.params[0].discreteValues: sorted, each value once"},
      {"more parallel trials than trials",
       "trainingInput: {hyperparameters: {maxTrials: 2, maxParallelTrials: 5, params: [{parameterName: a, type: INTEGER, minValue: 1, maxValue: 2}]}}\n",
       "trainingInput.hyperparameters.maxParallelTrials: 5 is more than maxTrials: taken as 2"},
      {"FLOAT", "trainingInput: {hyperparameters: {params: [{parameterName: a, type: FLOAT, minValue: 1, maxValue: 2}]}}\n",
       "trainingInput.hyperparameters.params[0].type: \"FLOAT\" taken as DOUBLE"},
      {"a machine without a tier", "trainingInput: {masterType: standard_gpu}\n",
       "trainingInput.scaleTier: not given, but masterType is: taken as CUSTOM"},
      {"CUSTOM without any machine", "trainingInput: {scaleTier: CUSTOM}\n", "trainingInput.masterType: not given: the installation's default machine"},
      {"numbers in args", "trainingInput:\n  args: [--steps, 1000]\n", "trainingInput.args[1]: unquoted integer, taken as the text \"1000\""},
  };
  for (const Row& row : rows) {
    const Read got = read(row.text);
    EXPECT_EQ(got.error, "") << row.name;
    EXPECT_THAT(got.notes, ::testing::Contains(row.note)) << row.name;
  }
}

TEST(JobFile, RefusesDoubtWithFileLineFieldAndWayOut) {
  struct Row {
    const char* name;
    const char* text;
    std::vector<const char*> said;
  };
  const Row rows[] = {
      {"an unknown field", "trainingInput:\n  scaleTeir: BASIC\n", {"config.yaml:2", "trainingInput.scaleTeir", "did you mean scaleTier?", "^"}},
      {"a field at the wrong level", "scaleTier: BASIC\n", {"config.yaml:1", "belongs below trainingInput"}},
      {"a wrong type", "trainingInput:\n  args: --x\n", {"config.yaml:2", "trainingInput.args", "must be a list of texts"}},
      {"min above max", "trainingInput:\n  hyperparameters:\n    params:\n    - {parameterName: a, type: DOUBLE, minValue: 3, maxValue: 2}\n",
       {"config.yaml:4", "params[0].minValue", "3 is above maxValue 2"}},
      {"no parameter type", "trainingInput:\n  hyperparameters:\n    params:\n    - parameterName: a\n      minValue: 3\n", {"params[0].type", "is missing"}},
      {"an unknown type", "trainingInput: {hyperparameters: {params: [{parameterName: a, type: FDOUBLE, minValue: 1, maxValue: 2}]}}\n",
       {"did you mean DOUBLE?"}},
      {"no discrete values", "trainingInput: {hyperparameters: {params: [{parameterName: a, type: DISCRETE, discreteValues: null}]}}\n",
       {"discreteValues", "is empty"}},
      {"no parameters", "trainingInput: {hyperparameters: {maxTrials: 3, params: null}}\n", {"params", "at least one parameter"}},
      {"a log scale from 0",
       "trainingInput: {hyperparameters: {params: [{parameterName: a, type: DOUBLE, minValue: 0, maxValue: 2, scaleType: UNIT_LOG_SCALE}]}}\n",
       {"logarithmic scale needs bounds above 0"}},
      {"a grid of reals",
       "trainingInput: {hyperparameters: {algorithm: GRID_SEARCH, params: [{parameterName: a, type: DOUBLE, minValue: 1, maxValue: 2}]}}\n",
       {"GRID_SEARCH has no cells"}},
      {"a bad version", "trainingInput:\n  pythonVersion: ':3.5\"'\n", {"trainingInput.pythonVersion", "is no version"}},
      {"a field twice", "trainingInput:\n  region: a\n  region: b\n", {"trainingInput.region", "is given twice"}},
      {"a field under two names", "trainingInput:\n  job_dir: gs://bucket/x\n  jobDir: gs://bucket/y\n", {"trainingInput.jobDir", "is given twice"}},
      {"a tier that contradicts a machine", "trainingInput: {scaleTier: BASIC, masterType: standard_gpu}\n", {"contradicts scaleTier BASIC"}},
      {"a count without a type", "trainingInput: {scaleTier: CUSTOM, masterType: standard, workerCount: 2}\n", {"workerType", "is missing"}},
      {"a directory that is no URL", "trainingInput: {jobDir: /tmp/x}\n", {"jobDir", "must begin with gs://"}},
      {"two documents", "trainingInput: {}\n---\ntrainingInput: {}\n", {"config.yaml"}},
      {"no map at all", "- a\n- b\n", {"must be a map"}},
      {"not YAML", "trainingInput: [\n", {"config.yaml"}},
  };
  for (const Row& row : rows) {
    const Read got = read(row.text);
    EXPECT_NE(got.error, "") << row.name;
    for (const char* word : row.said) EXPECT_NE(got.error.find(word), std::string::npos) << row.name << ": " << got.error;
  }
}

TEST(JobFile, SurvivesOddShapes) {
  for (const char* text : {"", "# licence\n", "{\"trainingInput\": {\"scaleTier\": \"BASIC\"}}", "{\n\t\"trainingInput\": {\"scaleTier\": \"BASIC\"}\n}",
                           "  trainingInput:\n    scaleTier: BASIC\n", "trainingInput:\n", "trainingInput: {hyperparameters: {enableTrialEarlyStopping: TRUE, resumePreviousJobId: old, params: }}\n",
                           "trainingInput:\n  hyperparameters:\n    maxParallelTrials: 0\n    params:\n    - {parameterName: a-b, type: CATEGORICAL, categoricalValues: [\"64,32\",\n       \"a b\"]}\n",
                           "trainingInput: {hyperparameters: {params: [{parameterName: a, type: INTEGER, minValue: '5', maxValue: \"5\"}]}}\n",
                           "trainingInput: {hyperparameters: {params: [{parameterName: a, type: DOUBLE, minValue: 3e-4, maxValue: 1e-2}]}}\n"}) {
    EXPECT_EQ(read(text).error, "") << text;
  }
}

/// Whatever stands in the file is read or refused; it is never our own fault and never a crash.
TEST(JobFile, BrokenFilesAreRefusedNotCrashedOn) {
  std::minstd_rand random(7);
  const std::string pieces[] = {":", "- ", "\n", "  ", "[", "]", "{", "}", "\"", "null", "-1", "1e999", "&a ", "*a", "\t", "trainingInput", "hyperparameters:", "params", "\xff", "<<: "};
  for (const char* name : {"train-v100.yaml", "tune-bayesian.yaml", "tune-random-image.yaml"}) {
    const std::string whole = shared(name);
    for (int round = 0; round < 400; ++round) {
      std::string text = whole;
      for (int change = 0; change < 1 + round % 4; ++change) {
        const std::size_t at = random() % text.size();
        if (random() % 2 == 0) text.erase(at, random() % 20);
        else text.insert(at, pieces[random() % std::size(pieces)]);
        if (text.empty()) text = "x";
      }
      const auto file = read_job_file("config.yaml", text, Dialect::lenient);
      if (!file.ok()) {
        EXPECT_NE(file.error().code, Code::internal) << text;
        continue;
      }
      Findings findings;
      SubmitFlags flags;
      flags.job = "j";
      const auto checked = check_job(merge_flags(file->job, flags), findings);
      if (!checked.ok()) {
        EXPECT_EQ(checked.error().code, Code::invalid) << text;
        for (const Cause& cause : checked.error().causes) EXPECT_NE(point_out(*file, cause.field, cause.message), "");
      }
    }
  }
}

TEST(JobFile, FlagsReplaceFieldsOfTheSameMeaning) {
  SubmitFlags flags;
  flags.job = "other";
  flags.scale_tier = "basic-gpu";
  flags.labels = std::map<std::string, std::string>{{"a", "b"}};
  flags.package_uris = std::vector<std::string>{};
  const Read got = read("jobId: mine\nlabels: {x: y}\ntrainingInput:\n  scale_tier: BASIC\n  args: [a]\n  region: here\n", Dialect::lenient, flags);
  ASSERT_EQ(got.error, "");
  EXPECT_EQ(got.job.job_id, "other");
  EXPECT_EQ(got.job.labels, (std::map<std::string, std::string>{{"a", "b"}}));
  EXPECT_EQ(got.job.input.scale_tier, "BASIC_GPU");
  EXPECT_EQ(got.job.input.args, std::vector<std::string>{"a"});
  EXPECT_EQ(got.job.input.region, "here");
}

TEST(Rules, Buckets) {
  EXPECT_EQ(object_url_problem("gs://bucket"), "");
  EXPECT_EQ(object_url_problem("gs://bucket/a/b/"), "");
  for (const char* bad : {"bucket", "s3://bucket", "gs://ab/x", "gs://Upper", "gs://10.0.0.1", "gs://-ab", "gs://a_b-"}) EXPECT_NE(object_url_problem(bad), "") << bad;
}

}  // namespace
}  // namespace masu::training
