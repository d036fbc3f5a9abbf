#include "node/pod_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "value/json.h"

namespace masu::node {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant now{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}};

Value pod_object(std::string_view spec, std::string_view status = "{}", std::string_view meta = "") {
  return parse_json(cat(R"({"metadata":{"name":"p","namespace":"ml","uid":"u1")", meta, R"(},"spec":)", spec, R"(,"status":)", status, "}")).value_or(Value{});
}

World world_of(std::string_view spec, std::string_view status = "{}", std::string_view meta = "") {
  World world;
  world.pod = Pod::decode(pod_object(spec, status, meta)).value_or(Pod{});
  world.prepared = world.shim_lives = world.anything_left = true;
  world.node_ip = world.pod_ip = "127.0.0.1";
  world.now = now;
  return world;
}

ContainerView running(int attempt = 0) {
  ContainerView view;
  view.attempt = attempt;
  view.last = ContainerRecord{.pid = 9, .started = now - 5s};
  return view;
}
ContainerView ended(int code, int attempt = 0, int level = 0, Duration ago = 1s) {
  ContainerView view;
  view.attempt = attempt;
  view.last = ContainerRecord{
      .state = ContainerRecord::State::exited, .started = now - ago - 2s, .finished = now - ago, .exit_code = code, .backoff_level = level};
  return view;
}

/// The decision in words: "prepare", "start a.0", "stop a 30s", ...
std::vector<std::string> words(const Decision& decision) {
  std::vector<std::string> out;
  for (const Action& action : decision.actions) {
    switch (action.kind) {
      case Action::Kind::prepare: out.push_back("prepare"); break;
      case Action::Kind::start: out.push_back(cat("start ", action.container, ".", action.attempt, " level ", action.backoff_level)); break;
      case Action::Kind::stop:
        out.push_back(cat("stop ", action.container, " ", std::chrono::duration_cast<std::chrono::seconds>(action.grace).count(), "s"));
        break;
      case Action::Kind::delete_object: out.push_back("delete"); break;
      case Action::Kind::end_shim: out.push_back("end shim"); break;
      case Action::Kind::clean: out.push_back("clean"); break;
    }
  }
  return out;
}

constexpr std::string_view one = R"({"containers":[{"name":"a","image":"i"}]})";
constexpr std::string_view job = R"({"restartPolicy":"Never","containers":[{"name":"a","image":"i"}]})";
constexpr std::string_view training = R"({"restartPolicy":"Never","terminationGracePeriodSeconds":20,"containers":[{"name":"training","image":"i"}],
  "initContainers":[{"name":"setup","image":"i"},{"name":"collector","image":"i","restartPolicy":"Always"}]})";

std::string phase(const Decision& decision) { return decision.status ? std::string((*decision.status)["phase"].as_string()) : "none"; }

TEST(PodCore, ANewPodIsPreparedFirst) {
  World world = world_of(one);
  world.prepared = false;
  const Decision decision = decide(world);
  EXPECT_THAT(words(decision), ElementsAre("prepare"));
  EXPECT_EQ(phase(decision), "Pending");
  EXPECT_EQ((*decision.status)["containerStatuses"].as_array()[0].at("state", "waiting", "reason").as_string(), "ContainerCreating");
}

TEST(PodCore, AFailedPreparationWaits) {
  World world = world_of(one);
  world.prepared = false;
  world.trouble = Trouble{.reason = "FailedMount", .message = "configmap \"x\" not found", .retry_at = now + 2s};
  const Decision decision = decide(world);
  EXPECT_THAT(words(decision), IsEmpty());
  EXPECT_EQ(decision.look_again, 2s);
}

TEST(PodCore, StartsAllContainersAtOnce) {
  const Decision decision = decide(world_of(R"({"containers":[{"name":"a","image":"i"},{"name":"b","image":"i"}]})"));
  EXPECT_THAT(words(decision), ElementsAre("start a.0 level 0", "start b.0 level 0"));
}

TEST(PodCore, ARunningPodIsReady) {
  World world = world_of(one);
  world.containers["a"] = running();
  const Decision decision = decide(world);
  EXPECT_THAT(words(decision), IsEmpty());
  EXPECT_EQ(phase(decision), "Running");
  const auto conditions = kube::decode_conditions((*decision.status)["conditions"]);
  EXPECT_TRUE(kube::find_condition(conditions, "Ready")->is_true());
}

TEST(PodCore, AContainerThatIsNotReadyMakesThePodUnready) {
  World world = world_of(one);
  world.containers["a"] = running();
  world.containers["a"].ready = false;
  const auto conditions = kube::decode_conditions((*decide(world).status)["conditions"]);
  EXPECT_FALSE(kube::find_condition(conditions, "Ready")->is_true());
  EXPECT_EQ(kube::find_condition(conditions, "Ready")->message, "containers with unready status: [a]");
}

TEST(PodCore, RestartsFollowThePolicyAndBackOff) {
  struct Row {
    const char* sentence;
    const char* policy;
    ContainerView view;
    std::vector<std::string> actions;
    const char* phase;
  };
  const Row rows[] = {
      {"Always restarts a success at once the first time", "Always", ended(0), {"start a.1 level 1"}, "Running"},
      {"a second end waits ten seconds", "Always", ended(1, 1, 1), {}, "Running"},
      {"and is started when they are over", "Always", ended(1, 1, 1, 10s), {"start a.2 level 2"}, "Running"},
      {"OnFailure leaves a success alone", "OnFailure", ended(0), {"end shim"}, "Succeeded"},
      {"OnFailure restarts a failure", "OnFailure", ended(3), {"start a.1 level 1"}, "Running"},
      {"Never leaves a failure alone", "Never", ended(3), {"end shim"}, "Failed"},
      {"Never leaves a success alone", "Never", ended(0), {"end shim"}, "Succeeded"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.sentence);
    World world = world_of(cat(R"({"restartPolicy":")", row.policy, R"(","containers":[{"name":"a","image":"i"}]})"));
    world.containers["a"] = row.view;
    const Decision decision = decide(world);
    EXPECT_EQ(words(decision), row.actions);
    EXPECT_EQ(phase(decision), row.phase);
  }
}

TEST(PodCore, BackOffIsSaidAsCrashLoop) {
  World world = world_of(one);
  world.containers["a"] = ended(1, 1, 1);
  const Decision decision = decide(world);
  EXPECT_EQ(decision.look_again, 9s);
  const Value& state = (*decision.status)["containerStatuses"].as_array()[0];
  EXPECT_EQ(state.at("state", "waiting", "reason").as_string(), "CrashLoopBackOff");
  EXPECT_EQ(state.at("lastState", "terminated", "exitCode").as_integer(), 1);
  EXPECT_EQ(state["restartCount"].as_integer(), 1);
}

TEST(PodCore, InitContainersRunOneAfterAnotherAndSidecarsStay) {
  World world = world_of(training);
  EXPECT_THAT(words(decide(world)), ElementsAre("start setup.0 level 0"));
  world.containers["setup"] = running();
  EXPECT_THAT(words(decide(world)), IsEmpty());
  world.containers["setup"] = ended(0);
  EXPECT_THAT(words(decide(world)), ElementsAre("start collector.0 level 0"));
  world.containers["collector"] = running();
  EXPECT_THAT(words(decide(world)), ElementsAre("start training.0 level 0"));
  EXPECT_EQ(phase(decide(world)), "Pending");
  world.containers["training"] = running();
  EXPECT_THAT(words(decide(world)), IsEmpty());
  EXPECT_EQ(phase(decide(world)), "Running");
  world.containers["training"] = ended(0);
  EXPECT_THAT(words(decide(world)), ElementsAre("stop collector 20s"));
  EXPECT_EQ(phase(decide(world)), "Running");
  world.containers["collector"].last->stop_by = now + 20s;
  EXPECT_THAT(words(decide(world)), IsEmpty());
  world.containers["collector"] = ended(0);
  EXPECT_THAT(words(decide(world)), ElementsAre("end shim"));
  EXPECT_EQ(phase(decide(world)), "Succeeded");
}

TEST(PodCore, ASidecarThatCrashesIsRestartedWhileTheProgramRuns) {
  World world = world_of(training);
  world.containers["setup"] = ended(0);
  world.containers["training"] = running();
  world.containers["collector"] = ended(1);
  EXPECT_THAT(words(decide(world)), ElementsAre("start collector.1 level 1"));
}

TEST(PodCore, AFailedInitContainerFailsAPodThatIsNotRestarted) {
  World world = world_of(training);
  world.containers["setup"] = ended(2);
  EXPECT_THAT(words(decide(world)), ElementsAre("end shim"));
  EXPECT_EQ(phase(decide(world)), "Failed");
}

TEST(PodCore, ADeletedPodIsStoppedWithItsGraceAndThenDeleted) {
  World world = world_of(one, R"({"phase":"Running"})", cat(R"(,"deletionTimestamp":")", to_rfc3339(now + 8s), R"(","deletionGracePeriodSeconds":10)"));
  world.containers["a"] = running();
  EXPECT_THAT(words(decide(world)), ElementsAre("stop a 8s"));
  world.containers["a"].last->stop_by = now + 8s;
  EXPECT_THAT(words(decide(world)), IsEmpty());
  world.containers["a"] = ended(143);
  EXPECT_THAT(words(decide(world)), ElementsAre("end shim", "delete"));
  EXPECT_EQ(phase(decide(world)), "Failed");
}

TEST(PodCore, ADeletionWithLessGraceStopsSooner) {
  World world = world_of(one, R"({"phase":"Running"})", cat(R"(,"deletionTimestamp":")", to_rfc3339(now), R"(","deletionGracePeriodSeconds":0)"));
  world.containers["a"] = running();
  world.containers["a"].last->stop_by = now + 25s;
  EXPECT_EQ(words(decide(world)).size(), 1u);
}

TEST(PodCore, APodThatIsGoneIsKilledAndCleaned) {
  World world = world_of(one);
  world.gone = true;
  world.containers["a"] = running();
  EXPECT_EQ(words(decide(world)).size(), 1u);
  world.containers["a"] = ended(137);
  EXPECT_THAT(words(decide(world)), ElementsAre("clean"));
}

TEST(PodCore, AnActiveDeadlineFailsThePod) {
  World world = world_of(R"({"restartPolicy":"Never","activeDeadlineSeconds":60,"containers":[{"name":"a","image":"i"}]})",
                         cat(R"({"phase":"Running","startTime":")", to_rfc3339(now - 61s), R"("})"));
  world.containers["a"] = running();
  EXPECT_THAT(words(decide(world)), ElementsAre("stop a 30s"));
  world.containers["a"] = ended(143);
  const Decision decision = decide(world);
  EXPECT_EQ(phase(decision), "Failed");
  EXPECT_EQ((*decision.status)["reason"].as_string(), "DeadlineExceeded");
}

TEST(PodCore, AnImageErrorIsAWaitingContainer) {
  World world = world_of(job);
  world.containers["a"].trouble = Trouble{.reason = "ErrImageNeverPull", .message = "not here", .retry_at = now + 5s};
  const Decision decision = decide(world);
  EXPECT_THAT(words(decision), IsEmpty());
  EXPECT_EQ((*decision.status)["containerStatuses"].as_array()[0].at("state", "waiting", "reason").as_string(), "ErrImageNeverPull");
  world.containers["a"].trouble->retry_at = now;
  EXPECT_THAT(words(decide(world)), ElementsAre("start a.0 level 0"));
}

TEST(PodCore, AFailedLivenessProbeStopsTheContainer) {
  World world = world_of(one);
  world.containers["a"] = running();
  world.containers["a"].liveness_failed = true;
  EXPECT_THAT(words(decide(world)), ElementsAre("stop a 30s"));
}

TEST(PodCore, AQuietPodStaysQuiet) {
  World world = world_of(one);
  world.containers["a"] = running();
  const Decision first = decide(world);
  world.pod.status = *first.status;
  world.now += 60s;
  EXPECT_EQ(*decide(world).status, *first.status);
}

TEST(PodCore, OutOfMemoryIsTheReason) {
  World world = world_of(job);
  world.containers["a"] = ended(137);
  world.containers["a"].last->oom = true;
  EXPECT_EQ((*decide(world).status)["containerStatuses"].as_array()[0].at("state", "terminated", "reason").as_string(), "OOMKilled");
}

}  // namespace
}  // namespace masu::node
