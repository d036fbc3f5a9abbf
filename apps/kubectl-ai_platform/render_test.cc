#include "render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "value/yaml.h"

namespace masu::plugin {
namespace {

const Value job = parse_yaml_single("jobId: census_1\nstate: FAILED\nlabels: {team: red}\ncreateTime: '2026-01-02T00:00:00Z'\n"
                                    "trainingOutput: {completedTrialCount: '2', trials: [{trialId: '2', finalMetric: {objectiveValue: 0.9}}, {trialId: '1', finalMetric: {objectiveValue: 0.5}}]}\n")
                      ->value;

TEST(Render, Paths) {
  EXPECT_EQ(at_path(job, "trainingOutput.trials[0].finalMetric.objectiveValue"), Value(0.9));
  EXPECT_EQ(cell(at_path(job, "trainingOutput.trials[].trialId")), "2;1");
  EXPECT_EQ(cell(at_path(job, "trainingOutput.trials.trialId")), "2;1");
  EXPECT_EQ(cell(at_path(job, "nothing.here")), "");
  EXPECT_EQ(cell(at_path(job, "labels")), "team=red");
}

TEST(Render, Formats) {
  EXPECT_EQ(*render({job}, true, "value(jobId,state)", {}), "census_1\tFAILED\n");
  EXPECT_EQ(*render({job}, false, "table(jobId:label=NAME,createTime)", {}), "NAME      CREATE_TIME\ncensus_1  2026-01-02T00:00:00Z\n");
  EXPECT_EQ(*render({job}, false, "csv(jobId,labels.team)", {}), "jobId,team\ncensus_1,red\n");
  EXPECT_EQ(*render({job}, true, "none", {}), "");
  EXPECT_THAT(*render({job}, true, "flattened", {}), ::testing::HasSubstr("labels.team:"));
  EXPECT_THAT(*render({job}, true, "json", {}), ::testing::StartsWith("{\n  \"createTime\""));
  EXPECT_EQ(*render({job}, false, "", {{"JOB_ID", "jobId"}, {"STATUS", "state"}}), "JOB_ID    STATUS\ncensus_1  FAILED\n");
  EXPECT_FALSE(render({job}, true, "xml", {}).ok());
}

TEST(Render, Filters) {
  struct Row {
    const char* filter;
    bool matches;
  };
  for (const Row& row : {Row{"jobId:census*", true}, Row{"jobId:rnn* AND state:FAILED", false}, Row{"jobId:census* state=failed", true}, Row{"NOT state=FAILED", false}, Row{"-state:QUEUED", true},
                         Row{"(state=QUEUED OR labels.team=red)", true}, Row{"createTime>\"2026-01-01\"", true}, Row{"createTime<2026-01-01T00:00:00Z", false}, Row{"labels.nobody:*", false},
                         Row{"trainingOutput.completedTrialCount>=2", true}, Row{"state!=FAILED", false}, Row{"", true}}) {
    const auto got = matches_filter(row.filter, job);
    ASSERT_TRUE(got.ok()) << row.filter << ": " << got.error().message;
    EXPECT_EQ(*got, row.matches) << row.filter;
  }
  for (const char* bad : {"jobId", "jobId:", "(a:b", "a:b AND", "a:\"b", "a:b )"}) {
    if (std::string_view(bad) != "jobId:") { EXPECT_FALSE(matches_filter(bad, job).ok()) << bad; }
  }
}

TEST(Render, BoxedTable) {
  EXPECT_EQ(boxed_table("Trials", {"TRIAL", "HP"}, {{"1", "a=1\nb=2"}}),
            "+-------------+\n"
            "|   Trials    |\n"
            "+-------+-----+\n"
            "| TRIAL | HP  |\n"
            "+-------+-----+\n"
            "| 1     | a=1 |\n"
            "|       | b=2 |\n"
            "+-------+-----+\n");
}

TEST(Render, Sorting) {
  std::vector<Value> list = {Value::object({{"a", 1}}), Value::object({{"a", 10}}), Value::object({{"a", 2}})};
  sort_resources(list, "~a");
  EXPECT_EQ(list[0]["a"], Value(10));
  EXPECT_EQ(list[2]["a"], Value(1));
}

}  // namespace
}  // namespace masu::plugin
