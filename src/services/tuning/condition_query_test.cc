#include "tuning/condition_query.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "value/json.h"

namespace masu::tuning {
namespace {

TEST(ConditionQuery, ReadsWhatKatibsTemplatesUse) {
  const Value job = parse_json(R"({"status": {"startTime": "t", "active": 2, "conditions": [
      {"type": "Suspended", "status": "False"},
      {"type": "Complete", "status": "True", "reason": "Done", "message": "all well", "lastTransitionTime": "2026-01-01T00:00:00Z"},
      {"type": "Complete", "status": "False", "n": 3}],
      "nodes": {"phase": "Succeeded"}, "a.b": 7, "list": [1, 2, 3]}})").value();
  struct Row {
    const char* path;
    const char* result;  // null: does not exist
  };
  const std::vector<Row> rows = {
      {"status.active", "2"},
      {"status.nothing", nullptr},
      {"status.conditions.#", "3"},
      {"status.conditions.1.reason", "\"Done\""},
      {"status.conditions.9", nullptr},
      {"status.conditions.#.type", R"(["Suspended","Complete","Complete"])"},
      {"status.conditions.#(type==\"Complete\").reason", "\"Done\""},
      {"status.conditions.#(type==\"Complete\")#.status", R"(["True","False"])"},
      {"status.conditions.#(type==\"Complete\")#|#", "2"},
      {"status.conditions.#(type==\"Complete\")#|#(status==\"False\")#|0.n", "3"},
      {"status.conditions.#(type==\"Nothing\")#", "[]"},
      {"status.conditions.#(type==\"Nothing\")", nullptr},
      {"status.conditions.#(n>2)#|#", "1"},
      {"status.conditions.#(type%\"Comp*\")#|#", "2"},
      {"status.conditions.#(type!%\"Comp*\").type", "\"Suspended\""},
      {"status.list.#(>=2)#", "[2,3]"},
      {"status.list.#(!=2)#", "[1,3]"},
      {"status.a\\.b", "7"},
      {"status.act*", "2"},
      {"status.[@this].#(active==2)#|#", "1"},
      {"status.[active,startTime]", R"([2,"t"])"},
      {"status.@this.active", "2"},
      {"status.nodes.[@this].#(phase==\"Succeeded\")#", R"([{"phase":"Succeeded"}])"},
  };
  for (const Row& row : rows) {
    const auto found = query(job, row.path);
    EXPECT_EQ(found ? to_json(*found) : "-", row.result != nullptr ? row.result : std::string("-")) << row.path;
  }
}

TEST(ConditionQuery, HoldsForAnObjectOrANonEmptyList) {
  const Value job = parse_json(R"({"status": {"x": 1, "o": {"reason": "R"}, "conditions": [
      {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})").value();
  const auto failed = condition_holds(job, R"(status.conditions.#(type=="Failed")#|#(status=="True")#)");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->reason, "BackoffLimitExceeded");
  EXPECT_EQ(failed->time, "2026-01-01T00:00:00Z");
  EXPECT_FALSE(condition_holds(job, R"(status.conditions.#(type=="Complete")#|#(status=="True")#)"));
  EXPECT_TRUE(condition_holds(job, "status.o"));
  EXPECT_FALSE(condition_holds(job, "status.x"));
  EXPECT_FALSE(condition_holds(job, ""));
  EXPECT_FALSE(condition_holds(Value{}, "status.conditions.#(type==\"A\")#"));
}

TEST(ConditionQuery, RefusesWhatItWouldMisread) {
  for (const char* path : {"a.#(b==\"c\"", "a..b", "a.@reverse", "a.{b,c}", "a.#(b==c)#", "a.", "[a"}) {
    EXPECT_FALSE(check_condition(path).ok()) << path;
    EXPECT_FALSE(query(Value::object({{"a", 1}}), path)) << path;
  }
}

}  // namespace
}  // namespace masu::tuning
