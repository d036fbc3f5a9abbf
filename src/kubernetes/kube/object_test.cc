#include "kube/object.h"

#include <gtest/gtest.h>

#include "kube/names.h"
#include "kube/selector.h"
#include "kube/transport.h"

namespace masu::kube {
namespace {

TEST(Resource, PathsAreThoseOfTheApi) {
  EXPECT_EQ(resources::pods.path("ml", "nb-0", "log"), "/api/v1/namespaces/ml/pods/nb-0/log");
  EXPECT_EQ(resources::jobs.path(""), "/apis/batch/v1/jobs");
  EXPECT_EQ(resources::nodes.path("", "n"), "/api/v1/nodes/n");
}

TEST(Resource, PluralsOfUnknownKindsAreGuessed) {
  const auto plural = [](const char* kind) { return resource_of(Value::object({{"apiVersion", "x.dev/v1"}, {"kind", kind}})).plural; };
  EXPECT_EQ(plural("TFJob"), "tfjobs");
  EXPECT_EQ(plural("NetworkPolicy"), "networkpolicies");
  EXPECT_EQ(plural("Ingress"), "ingresses");
  EXPECT_EQ(plural("Gateway"), "gateways");
}

TEST(ObjectName, KeepsWhatIsALabelAndHashesTheRest) {
  EXPECT_EQ(object_name("resnet-50"), "resnet-50");
  const std::string hashed = object_name("My_Job_2021");
  EXPECT_TRUE(hashed.starts_with("my-job-2021-")) << hashed;
  EXPECT_EQ(hashed.size(), std::string("my-job-2021-").size() + 8);
  EXPECT_NE(object_name("My_Job"), object_name("my_job"));
  EXPECT_TRUE(is_dns1035_label(object_name(std::string(128, 'A'))));
  EXPECT_LE(object_name(std::string(128, 'A')).size(), 40u);
  EXPECT_TRUE(is_dns1035_label(object_name("2021-run")));
  EXPECT_TRUE(is_dns1035_label(object_name("___")));
}

struct SelectorRow {
  const char* selector;
  Labels labels;
  bool matches;
};

TEST(LabelSelector, MatchesAsUpstreamDoes) {
  const Labels labels{{"app", "web"}, {"tier", "1"}};
  const SelectorRow rows[] = {
      {"", labels, true},           {"app=web", labels, true},       {"app==web,tier=1", labels, true}, {"app!=web", labels, false},
      {"absent!=x", labels, true},  {"app in (a, web)", labels, true}, {"app notin (a,b)", labels, true}, {"app", labels, true},
      {"!app", labels, false},      {"!absent", labels, true},       {"absent in (x)", labels, false},
  };
  for (const SelectorRow& row : rows) {
    const auto selector = LabelSelector::parse(row.selector);
    ASSERT_TRUE(selector.ok()) << row.selector;
    EXPECT_EQ(selector->matches(row.labels), row.matches) << row.selector;
    EXPECT_EQ(LabelSelector::parse(selector->text())->requirements(), selector->requirements()) << row.selector;
  }
  for (const char* bad : {"a b", "=x", "a in b", "a=b=c", "a,,b"}) EXPECT_FALSE(LabelSelector::parse(bad).ok()) << bad;
}

TEST(SetCondition, KeepsTheTimeUntilTheStatusChanges) {
  SimClock clock;
  std::vector<Condition> conditions;
  set_condition(conditions, {"Ready", "False", "Starting", "", {}}, clock.now());
  const Instant first = clock.now();
  clock.advance(10s);
  set_condition(conditions, {"Ready", "False", "Pulling", "", {}}, clock.now());
  EXPECT_EQ(conditions[0].last_transition, first);
  set_condition(conditions, {"Ready", "True", "Up", "", {}}, clock.now());
  EXPECT_EQ(conditions[0].last_transition, clock.now());
}

TEST(ErrorFromReply, ReadsAStatusBody) {
  const Error error = error_from_reply(409, {}, R"({"kind":"Status","reason":"AlreadyExists","message":"pods \"x\" already exists"})");
  EXPECT_EQ(error.code, Code::already_exists);
  EXPECT_EQ(error.message, "pods \"x\" already exists");
  EXPECT_EQ(error_from_reply(502, {}, "bad gateway").code, Code::unavailable);
}

}  // namespace
}  // namespace masu::kube
