#include <gtest/gtest.h>

#include "base/text.h"
#include "controlplane/replicas_core.h"
#include "controlplane/stateful_core.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

const Instant kNow = *parse_rfc3339("2026-01-01T01:00:00Z");

template <class T>
T made(std::string_view text) {
  auto decoded = T::decode(*parse_json(text));
  EXPECT_TRUE(decoded.ok()) << text;
  return *decoded;
}

std::shared_ptr<const Pod> pod(std::string_view name, bool ready = true, std::string_view labels = "{}") {
  return std::make_shared<const Pod>(
      made<Pod>(cat(R"({"metadata":{"name":")", name, R"(","namespace":"d","uid":")", name, R"(","labels":)", labels,
                    R"(},"spec":{"nodeName":"n"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":")",
                    ready ? "True" : "False", R"(","lastTransitionTime":"2026-01-01T00:59:50Z"}]}})")));
}

/// Actions without events and status.
std::string said(const controller::Actions& actions) {
  std::vector<std::string> parts;
  for (const auto& action : actions) {
    const auto* patch = std::get_if<controller::Patch>(&action);
    if (std::holds_alternative<controller::Event>(action) || (patch && patch->subresource == "status")) continue;
    std::string word = controller::describe(action);
    if (patch && !patch->patch.at("spec", "replicas").is_null()) word += cat(" ", patch->patch.at("spec", "replicas").as_integer());
    if (const auto* create = std::get_if<controller::Create>(&action); create && create->resource.kind == "ReplicaSet")
      word = cat("create set of ", create->object.at("spec", "replicas").as_integer());
    parts.push_back(word);
  }
  return join(parts, "; ");
}
Value status_of(const controller::Actions& actions) {
  for (const auto& action : actions)
    if (const auto* patch = std::get_if<controller::Patch>(&action); patch && patch->subresource == "status") return patch->patch["status"];
  return {};
}

TEST(ReplicaSet, KeepsItsNumber) {
  const auto set = [](int replicas, std::string_view status = "{}") {
    return made<ReplicaSet>(cat(R"({"metadata":{"name":"s","namespace":"d","uid":"u"},"spec":{"replicas":)", replicas,
                                R"(,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}}}},"status":)", status,
                                "}"));
  };
  EXPECT_EQ(said(decide(ReplicaSetWorld{set(2), {pod("x")}, kNow}).actions).find("create pods d/s-"), 0u);
  EXPECT_EQ(said(decide(ReplicaSetWorld{set(1), {pod("x"), pod("y", false)}, kNow}).actions), "delete pods d/y")
      << "one that is not ready goes first";
  const auto first = decide(ReplicaSetWorld{set(1), {pod("x", true, R"({"a":"b"})")}, kNow});
  const Value status = status_of(first.actions);
  EXPECT_EQ(status["readyReplicas"], Value(1));
  EXPECT_TRUE(decide(ReplicaSetWorld{set(1, to_json(status)), {pod("x", true, R"({"a":"b"})")}, kNow}).actions.empty()) << "quiet";
}

TEST(Deployment, RollsOverStepByStep) {
  const auto deployment = [](std::string_view image, std::string_view more = "") {
    return made<Deployment>(cat(
        R"({"metadata":{"name":"w","namespace":"d","uid":"u"},"spec":{"replicas":4,"selector":{"matchLabels":{"a":"b"}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"image":")",
        image, R"("}})", more, "}}"));
  };
  const auto set = [](std::string_view name, std::string_view image, int replicas, int available, int revision) {
    return std::make_shared<const ReplicaSet>(
        made<ReplicaSet>(cat(R"({"metadata":{"name":")", name, R"(","namespace":"d","uid":")", name,
                             R"(","annotations":{"deployment.kubernetes.io/revision":")", revision, R"("}},"spec":{"replicas":)", replicas,
                             R"(,"selector":{},"template":{"metadata":{"labels":{"a":"b","pod-template-hash":"x"}},"spec":{"image":")",
                             image, R"("}}},"status":{"replicas":)", replicas, R"(,"availableReplicas":)", available, "}}")));
  };
  const std::string note = "; patch deployments.apps d/w";
  EXPECT_EQ(said(decide(DeploymentWorld{deployment("1"), {}, 0, kNow}).actions), "create set of 4" + note);
  EXPECT_EQ(said(decide(DeploymentWorld{deployment("2"), {set("old", "1", 4, 4, 1)}, 0, kNow}).actions),
            "create set of 1; patch replicasets.apps d/old 3" + note);
  EXPECT_EQ(said(decide(DeploymentWorld{deployment("2"), {set("old", "1", 3, 3, 1), set("new", "2", 1, 1, 2)}, 0, kNow}).actions),
            "patch replicasets.apps d/new 2; patch replicasets.apps d/old 2" + note);
  EXPECT_EQ(said(decide(DeploymentWorld{deployment("2"), {set("old", "1", 3, 3, 1), set("new", "2", 2, 0, 2)}, 0, kNow}).actions),
            "patch deployments.apps d/w")
      << "it waits for the new ones";
  EXPECT_EQ(
      said(decide(DeploymentWorld{deployment("2", R"(,"strategy":{"type":"Recreate"})"), {set("old", "1", 4, 4, 1)}, 4, kNow}).actions),
      "create set of 0; patch replicasets.apps d/old 0" + note);
  EXPECT_EQ(said(decide(DeploymentWorld{deployment("2", R"(,"paused":true)"), {set("old", "1", 4, 4, 1)}, 0, kNow}).actions),
            "patch deployments.apps d/w");
  EXPECT_EQ(said(decide(DeploymentWorld{deployment("1"), {set("a", "1", 0, 0, 1), set("b", "2", 4, 4, 2)}, 0, kNow}).actions),
            "patch replicasets.apps d/a 1; patch replicasets.apps d/a; patch replicasets.apps d/b 3" + note)
      << "back to the first template";
  const Value status = status_of(decide(DeploymentWorld{deployment("1"), {set("a", "1", 4, 4, 1)}, 0, kNow}).actions);
  EXPECT_EQ(status["conditions"][1]["reason"], Value("NewReplicaSetAvailable"));
}

StatefulSet set_of(std::string_view more = "", std::string_view status = "{}") {
  return made<StatefulSet>(cat(
      R"({"metadata":{"name":"s","namespace":"d","uid":"u"},"spec":{"replicas":3,"serviceName":"svc","template":{"metadata":{"labels":{"a":"b"}}})",
      more, R"(},"status":)", status, "}"));
}
std::string revision() { return cat("s-", template_hash(set_of().pod_template)); }
std::shared_ptr<const Pod> mine(int ordinal, bool ready = true) {
  return pod(cat("s-", ordinal), ready, cat(R"({"controller-revision-hash":")", revision(), R"("})"));
}

TEST(StatefulSet, GoesInOrder) {
  struct Row {
    const char *name, *more;
    std::vector<std::shared_ptr<const Pod>> pods;
    const char* actions;
  };
  const std::string all = "create pods d/s-0; create pods d/s-1; create pods d/s-2";
  const Row rows[] = {
      {"the first", "", {}, "create pods d/s-0"},
      {"the second waits for the first", "", {mine(0, false)}, ""},
      {"the second", "", {mine(0)}, "create pods d/s-1"},
      {"a gap is filled", "", {mine(0), mine(2)}, "create pods d/s-1"},
      {"nothing", "", {mine(0), mine(1), mine(2)}, ""},
      {"from the top down", "", {mine(0), mine(1), mine(2), mine(3), mine(4)}, "delete pods d/s-4"},
      {"all at once", R"(,"podManagementPolicy":"Parallel")", {}, all.c_str()},
      {"an old template goes from the top", "", {mine(0), mine(1), pod("s-2")}, "delete pods d/s-2"},
      {"but not below the partition", R"(,"updateStrategy":{"rollingUpdate":{"partition":1}})", {pod("s-0"), mine(1), mine(2)}, ""},
      {"nor if it is left to the user", R"(,"updateStrategy":{"type":"OnDelete"})", {pod("s-0"), mine(1), mine(2)}, ""},
      {"with a claim",
       R"(,"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{}}])",
       {},
       "create persistentvolumeclaims d/data-s-0; create pods d/s-0"},
  };
  for (const Row& row : rows) EXPECT_EQ(said(decide(StatefulSetWorld{set_of(row.more), row.pods, {}, kNow}).actions), row.actions) << row.name;
}

TEST(StatefulSet, GivesAPodItsNameItsServiceAndItsClaim) {
  const auto actions =
      decide(StatefulSetWorld{set_of(R"(,"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{}}])"), {}, {"data-s-0"}, kNow})
          .actions;
  const auto& create = std::get<controller::Create>(actions[0]);
  EXPECT_EQ(create.object.at("spec", "hostname"), Value("s-0"));
  EXPECT_EQ(create.object.at("spec", "subdomain"), Value("svc"));
  EXPECT_EQ(create.object.at("spec", "volumes")[0].at("persistentVolumeClaim", "claimName"), Value("data-s-0"));
  EXPECT_EQ(create.object.at("metadata", "labels", "statefulset.kubernetes.io/pod-name"), Value("s-0"));
}

TEST(StatefulSet, IsQuietWhenAllIsWell) {
  const std::vector<std::shared_ptr<const Pod>> pods = {mine(0), mine(1), mine(2)};
  const Value status = status_of(decide(StatefulSetWorld{set_of(), pods, {}, kNow}).actions);
  EXPECT_EQ(status["readyReplicas"], Value(3));
  EXPECT_EQ(status["currentRevision"], Value(revision()));
  EXPECT_TRUE(decide(StatefulSetWorld{set_of("", to_json(status)), pods, {}, kNow}).actions.empty());
}

}  // namespace
}  // namespace masu::controlplane
