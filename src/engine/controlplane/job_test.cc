#include <gtest/gtest.h>

#include "base/text.h"
#include "controlplane/job_core.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

const Instant kNow = *parse_rfc3339("2026-01-01T01:00:00Z");

Value job_json(std::string_view spec, std::string_view status = "{}") {
  auto value = parse_json(
      cat(R"({"metadata":{"name":"j","namespace":"d","uid":"u","resourceVersion":"7"},"spec":)", spec, R"(,"status":)", status, "}"));
  EXPECT_TRUE(value.ok()) << spec << status;
  return *value;
}

JobWorld world_of(std::string_view spec, std::string_view status = "{}", const std::vector<std::string>& pods = {}) {
  JobWorld world{*Job::decode(job_json(spec, status)), {}, kNow};
  for (const std::string& pod : pods) world.pods.push_back(std::make_shared<const Pod>(*Pod::decode(*parse_json(pod))));
  return world;
}

std::string pod(std::string_view name, std::string_view phase, std::string_view more = "") {
  return cat(R"({"metadata":{"name":")", name, R"(","namespace":"d","uid":")", name, R"(")", more, R"(},"status":{"phase":")", phase, R"("}})");
}
std::string indexed_pod(int index, std::string_view phase) {
  return pod(cat("j-", index), phase, cat(R"(,"annotations":{"batch.kubernetes.io/job-completion-index":")", index, R"("})"));
}
std::string failed_with(std::string_view name, int code) {
  return cat(R"({"metadata":{"name":")", name,
             R"(","namespace":"d"},"status":{"phase":"Failed","containerStatuses":[{"name":"main","state":{"terminated":{"exitCode":)",
             code, R"(,"finishedAt":"2026-01-01T00:00:00Z"}}}]}})");
}

/// Creations, deletions and the status patch, without events.
std::vector<std::string> said(const JobDecision& decision) {
  std::vector<std::string> out;
  for (const controller::Action& action : decision.actions) {
    if (std::holds_alternative<controller::Event>(action)) continue;
    out.push_back(controller::describe(action).substr(0, 11));
  }
  return out;
}
int count(const JobDecision& decision, std::string_view what) {
  int n = 0;
  for (const std::string& one : said(decision)) n += one.starts_with(what) ? 1 : 0;
  return n;
}
Value patched(const JobDecision& decision) {
  for (const controller::Action& action : decision.actions)
    if (const auto* patch = std::get_if<controller::Patch>(&action)) return patch->patch["status"];
  return {};
}
std::string condition(const JobDecision& decision) {
  const Value status = patched(decision);
  std::string out;
  for (const Value& one : status["conditions"].as_array())
    out += cat(out.empty() ? "" : " ", one["type"].as_string(), one["status"].as_string() == "True" ? "" : "=False",
               one["reason"].as_string().empty() ? "" : ":", one["reason"].as_string());
  return out;
}

TEST(Job, StartsAsManyPodsAsMayRunAtOnce) {
  const JobDecision decision = decide(world_of(R"({"parallelism":3,"completions":5,"template":{"spec":{"restartPolicy":"Never"}}})"));
  EXPECT_EQ(count(decision, "create"), 3);
  EXPECT_EQ(patched(decision)["active"], Value(3));
  EXPECT_EQ(patched(decision)["startTime"], Value("2026-01-01T01:00:00Z"));
  std::set<std::string> names;
  for (const auto& action : decision.actions)
    if (const auto* create = std::get_if<controller::Create>(&action)) {
      names.insert(std::string(create->object.at("metadata", "name").as_string()));
      EXPECT_EQ(create->object.at("metadata", "ownerReferences")[0]["uid"], Value("u"));
    }
  EXPECT_EQ(names.size(), 3u);
}

TEST(Job, WritesNothingWhenNothingIsToDo) {
  const char* spec = R"({"completions":1,"backoffLimit":6})";
  JobWorld world = world_of(spec, "{}", {pod("a", "Running")});
  const JobDecision first = decide(world);
  Value status = patched(first);
  world = world_of(spec, to_json(status), {pod("a", "Running")});
  EXPECT_TRUE(decide(world).actions.empty()) << controller::describe(decide(world).actions[0]);
}

TEST(Job, EndsInEachOfItsWays) {
  struct Row {
    const char *name, *spec, *status;
    std::vector<std::string> pods;
    const char* conditions;
    int created, deleted;
  };
  const Row rows[] = {
      {"one success completes it", R"({"completions":1})", "{}", {pod("a", "Succeeded")}, "Complete", 0, 0},
      {"a failure is tried again", R"({"completions":1,"backoffLimit":2})", R"({"failed":1})", {failed_with("a", 1)}, "", 1, 0},
      {"failures beyond the limit end it",
       R"({"completions":1,"backoffLimit":1})",
       "{}",
       {failed_with("a", 1), failed_with("b", 1)},
       "Failed:BackoffLimitExceeded",
       0,
       0},
      {"no retry at all", R"({"completions":1,"backoffLimit":0})", "{}", {failed_with("a", 1)}, "Failed:BackoffLimitExceeded", 0, 0},
      {"the deadline",
       R"({"completions":1,"activeDeadlineSeconds":60})",
       R"({"startTime":"2026-01-01T00:58:00Z"})",
       {pod("a", "Running")},
       "Failed:DeadlineExceeded",
       0,
       1},
      {"suspending deletes pods",
       R"({"completions":1,"suspend":true})",
       R"({"startTime":"2026-01-01T00:58:00Z"})",
       {pod("a", "Running")},
       "Suspended:JobSuspended",
       0,
       1},
      {"resuming starts them",
       R"({"completions":1})",
       R"({"conditions":[{"type":"Suspended","status":"True","reason":"JobSuspended"}]})",
       {},
       "Suspended=False:JobResumed",
       1,
       0},
      {"a rule fails it at once",
       R"({"completions":1,"podFailurePolicy":{"rules":[{"action":"FailJob","onExitCodes":{"operator":"In","values":[42]}}]}})",
       "{}",
       {failed_with("a", 42)},
       "Failed:PodFailurePolicy",
       0,
       0},
      {"a rule ignores a failure",
       R"({"completions":1,"backoffLimit":0,"podFailurePolicy":{"rules":[{"action":"Ignore","onExitCodes":{"operator":"NotIn","values":[42]}}]}})",
       "{}",
       {failed_with("a", 1)},
       "",
       1,
       0},
      {"without completions the first success waits for the rest",
       R"({"parallelism":2})",
       "{}",
       {pod("a", "Succeeded"), pod("b", "Running")},
       "",
       0,
       0},
      {"without completions it is complete when all are done",
       R"({"parallelism":2})",
       "{}",
       {pod("a", "Succeeded"), pod("b", "Succeeded")},
       "Complete",
       0,
       0},
      {"too many pods are deleted", R"({"completions":3,"parallelism":1})", "{}", {pod("a", "Running"), pod("b", "Running")}, "", 0, 1},
      {"a pod on its way out is replaced and not counted as failed",
       R"({"completions":1,"backoffLimit":0})",
       "{}",
       {pod("a", "Running", R"(,"deletionTimestamp":"2026-01-01T00:59:59Z")")},
       "",
       1,
       0},
      {"restarts in place count",
       R"({"completions":1,"backoffLimit":3,"template":{"spec":{"restartPolicy":"OnFailure"}}})",
       "{}",
       {R"({"metadata":{"name":"a"},"status":{"phase":"Running","containerStatuses":[{"name":"c","restartCount":3}]}})"},
       "Failed:BackoffLimitExceeded",
       0,
       1},
  };
  for (const Row& row : rows) {
    const JobDecision decision = decide(world_of(row.spec, row.status, row.pods));
    EXPECT_EQ(condition(decision), row.conditions) << row.name;
    EXPECT_EQ(count(decision, "create"), row.created) << row.name;
    EXPECT_EQ(count(decision, "delete"), row.deleted) << row.name;
  }
}

TEST(Job, WaitsBeforeItTriesAgain) {
  JobWorld world = world_of(R"({"completions":1,"backoffLimit":5})", "{}", {failed_with("a", 1)});
  world.now = *parse_rfc3339("2026-01-01T00:00:04Z");
  const JobDecision decision = decide(world);
  EXPECT_EQ(count(decision, "create"), 0);
  EXPECT_EQ(decision.look_again, 6s);
}

TEST(Job, RunsEachIndexOnce) {
  const char* spec = R"({"completions":4,"parallelism":2,"completionMode":"Indexed","template":{"spec":{"containers":[{"name":"c"}]}}})";
  const JobDecision decision = decide(world_of(spec, R"({"completedIndexes":"0"})", {indexed_pod(1, "Succeeded"), indexed_pod(2, "Running")}));
  ASSERT_EQ(count(decision, "create"), 1);
  EXPECT_EQ(patched(decision)["completedIndexes"], Value("0,1"));
  EXPECT_EQ(patched(decision)["succeeded"], Value(2));
  for (const auto& action : decision.actions)
    if (const auto* create = std::get_if<controller::Create>(&action)) {
      EXPECT_EQ(create->object.at("metadata", "annotations", "batch.kubernetes.io/job-completion-index"), Value("3"));
      EXPECT_EQ(create->object.at("spec", "hostname"), Value("j-3"));
      EXPECT_EQ(create->object.at("spec", "containers")[0]["env"][0]["name"], Value("JOB_COMPLETION_INDEX"));
    }
  EXPECT_EQ(condition(decide(world_of(spec, R"({"completedIndexes":"0-2"})", {indexed_pod(3, "Succeeded")}))), "Complete");
}

TEST(Job, GivesUpSingleIndexes) {
  const char* spec = R"({"completions":2,"parallelism":2,"completionMode":"Indexed","backoffLimit":2147483647,"backoffLimitPerIndex":0})";
  EXPECT_EQ(condition(decide(world_of(spec, "{}", {indexed_pod(0, "Failed"), indexed_pod(1, "Running")}))), "");
  EXPECT_EQ(condition(decide(world_of(spec, "{}", {indexed_pod(0, "Failed"), indexed_pod(1, "Succeeded")}))), "Failed:FailedIndexes");
}

TEST(Job, GoesAwayAfterItsTimeToLive) {
  const char* status = R"({"completionTime":"2026-01-01T00:59:00Z","conditions":[{"type":"Complete","status":"True"}]})";
  EXPECT_EQ(decide(world_of(R"({"completions":1,"ttlSecondsAfterFinished":100})", status)).look_again, 40s);
  EXPECT_EQ(said(decide(world_of(R"({"completions":1,"ttlSecondsAfterFinished":60})", status))), (std::vector<std::string>{"delete jobs"}));
  EXPECT_TRUE(decide(world_of(R"({"completions":1})", status)).actions.empty());
}

TEST(Job, WritesIndexesAsRanges) {
  for (const char* text : {"", "0", "0,1", "0-2", "0-2,5", "1,3,5-7"}) EXPECT_EQ(index_text(parse_indexes(text)), text);
}

}  // namespace
}  // namespace masu::controlplane
