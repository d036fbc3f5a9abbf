#include "node/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "base/files.h"
#include "base/text.h"
#include "node/fake_api_test_support.h"
#include "value/json.h"

namespace masu::node {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class HostImages final : public ImageStore {
 public:
  Result<Image> resolve(std::string_view name) override {
    if (name != "host") return Error{Code::not_found, cat("image ", quote(name), " is not here")};
    return Image{.name = "host",
        .id = "host",
        .layers = {"/"},
        .config = {.entrypoint = {},
            .command = {},
            .environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}},
            .working_directory = {},
            .user = {}},
        .binds = {}};
  }
  Result<Image> pull(std::string_view name, std::string_view, Deadline) override {
    return Error{Code::unavailable, cat("no registry has ", quote(name))};
  }
};

fs::path shim_program() {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path().parent_path() / "bin" / "masu-shim";
}

pid_t shim_of(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code ignored;
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && fs::read_symlink(entry.path() / "cwd", ignored) == folder &&
        read_file(entry.path() / "comm").value_or("") == "masu-shim\n")
      return pid;
  }
  return -1;
}

class AgentTest : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    if (!fs::exists(shim_program())) GTEST_SKIP() << "needs " << shim_program();
    if (GetParam() == Mode::runc && !(look_at_machine(directory_.path()).best_mode() == Mode::runc))
      GTEST_SKIP() << "needs root, runc and overlays over /";
    launch();
  }
  void TearDown() override {
    for (const std::string& name : names_) api_.forget(kube::resources::pods, {"ml", name});
    if (agent_) until([&] { return fs::is_empty(directory_.path() / "pods"); });
    agent_.reset();
  }
  void launch() {
    agent_ = std::make_unique<Agent>(client_, images_, system_clock(),
        AgentOptions{.data = directory_.path(),
            .name = "n1",
            .shim_program = shim_program(),
            .address = "unix:/x",
            .mode = GetParam(),
            .api_host = "127.0.0.1",
            .api_port = "6443",
            .hidden = {directory_.path()},
            .threads = 2});
    ASSERT_TRUE(agent_->start(Deadline::after(10s)).ok());
  }
  void create(const std::string& name, std::string_view spec) {
    Value pod = parse_json(cat(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")", name, R"(","namespace":"ml","uid":"uid-)", name, R"("},"spec":)", spec, R"(,"status":{"phase":"Pending"}})")).value_or(Value{});
    pod["spec"]["nodeName"] = "n1";
    names_.push_back(name);
    api_.put(kube::resources::pods, std::move(pod));
  }
  Value pod(const std::string& name) { return api_.get(kube::resources::pods, {"ml", name}); }
  std::string phase(const std::string& name) { return std::string(pod(name).at("status", "phase").as_string()); }
  template <class Condition>
  void until(Condition condition) {
    const Deadline deadline = Deadline::after(10s);
    while (!condition()) {
      if (deadline.expired()) {
        for (const std::string& name : names_) std::fprintf(stderr, "%s\n", to_json(pod(name)["status"]).c_str());
        FAIL() << "condition never held";
      }
      pause(2ms, {});
    }
  }
  std::string logs(const std::string& name, const std::string& container, net::Query query = {}) {
    const net::Answer answer =
        agent_->handler()({.method = "GET", .path = cat("/containerLogs/ml/", name, "/", container), .query = std::move(query)});
    if (const auto* reply = std::get_if<net::Reply>(&answer)) return reply->body;
    const auto& stream = std::get<net::Subscription>(answer).stream;
    std::string out, piece;
    while (stream->wait(piece, Deadline::after(10s)) != net::Stream::State::finished) out += std::exchange(piece, "");
    return out + piece;
  }

  TemporaryDirectory directory_;
  FakeApi api_;
  std::unique_ptr<kube::Transport> transport_ = kube::in_process_transport(api_.handler(), "system:node:n1", {"system:nodes"});
  kube::Client client_{*transport_, "masu-node"};
  HostImages images_;
  std::unique_ptr<Agent> agent_;
  std::vector<std::string> names_;
};

TEST_P(AgentTest, RegistersTheNode) {
  const Value node = api_.get(kube::resources::nodes, {"", "n1"});
  EXPECT_EQ(node.at("metadata", "annotations", "node.masu.dev/address").as_string(), "unix:/x");
  EXPECT_FALSE(node.at("status", "capacity", "cpu").as_string().empty());
}

TEST_P(AgentTest, RunsAPodToItsEnd) {
  create("job", R"({"restartPolicy":"Never","containers":[{"name":"main","image":"host","command":["sh","-c","echo hello $WHO from $(hostname); echo why > /dev/termination-log; exit 3"],
    "env":[{"name":"WHO","value":"world"}]}]})");
  until([&] { return phase("job") == "Failed"; });
  const Value status = pod("job")["status"];
  const Value& ended = status["containerStatuses"].as_array().at(0).at("state", "terminated");
  EXPECT_EQ(ended["exitCode"].as_integer(), 3) << to_json(status);
  EXPECT_EQ(ended["message"].as_string(), "why\n");
  EXPECT_THAT(logs("job", "main"), HasSubstr("hello world from"));
}

TEST_P(AgentTest, ATrainingPodSetsUpTrainsAndCollects) {
  api_.put(kube::resources::config_maps, parse_json(R"({"metadata":{"name":"conf","namespace":"ml"},"data":{"a":"from-map"}})").value_or(Value{}));
  create("train",
      R"({"restartPolicy":"Never","serviceAccountName":"default","containers":[{"name":"training","image":"host","command":["sh","-c","cat /masu/setup /masu/conf/a /var/run/secrets/kubernetes.io/serviceaccount/token && echo 1 > /masu/metric"],
      "volumeMounts":[{"name":"masu","mountPath":"/masu"},{"name":"conf","mountPath":"/masu/conf"},{"name":"token","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}],
    "initContainers":[{"name":"setup","image":"host","command":["sh","-c","echo prepared > /masu/setup"],"volumeMounts":[{"name":"masu","mountPath":"/masu"}]},
      {"name":"collector","image":"host","restartPolicy":"Always","command":["sh","-c","trap 'cat /masu/metric > /masu/collected; exit 0' TERM; while :; do sleep 0.01; done"],"volumeMounts":[{"name":"masu","mountPath":"/masu"}]}],
    "volumes":[{"name":"masu","emptyDir":{}},{"name":"conf","configMap":{"name":"conf"}},{"name":"token","projected":{"sources":[{"serviceAccountToken":{"path":"token","expirationSeconds":3607}}]}}]})");
  until([&] { return phase("train") == "Succeeded" || phase("train") == "Failed"; });
  EXPECT_EQ(phase("train"), "Succeeded") << to_json(pod("train")["status"]) << logs("train", "training");
  EXPECT_EQ(logs("train", "training"), "prepared\nfrom-mapthe-token");
  EXPECT_EQ(read_file(directory_.path() / "pods/uid-train/volumes/masu/collected").value_or(""), "1\n");
  EXPECT_FALSE(fs::exists("/masu/setup"));
}

TEST_P(AgentTest, WhatRunsIsFoundAgainByTheNextAgent) {
  create("long", R"({"restartPolicy":"Never","containers":[{"name":"main","image":"host","command":["sh","-c","echo started; while [ ! -e /v/stop ]; do sleep 0.01; done; echo stopped; exit 5"],
    "volumeMounts":[{"name":"v","mountPath":"/v"}]}],"volumes":[{"name":"v","emptyDir":{}}]})");
  until([&] { return phase("long") == "Running" && logs("long", "main") == "started\n"; });
  agent_.reset();
  ASSERT_TRUE(write_file(directory_.path() / "pods/uid-long/volumes/v/stop", "").ok());
  launch();
  until([&] { return phase("long") == "Failed"; });
  const Value status = pod("long")["status"];
  EXPECT_EQ(status["containerStatuses"].as_array().at(0).at("state", "terminated", "exitCode").as_integer(), 5);
  EXPECT_EQ(status["containerStatuses"].as_array().at(0)["restartCount"].as_integer(), 0);
  EXPECT_EQ(logs("long", "main"), "started\nstopped\n");
}

TEST_P(AgentTest, AContainerOutlivesItsShim) {
  create("tough", R"({"restartPolicy":"Never","containers":[{"name":"main","image":"host","command":["sh","-c","echo started; while [ ! -e /v/stop ]; do sleep 0.01; done; echo stopped"],
    "volumeMounts":[{"name":"v","mountPath":"/v"}]}],"volumes":[{"name":"v","emptyDir":{}}]})");
  until([&] { return phase("tough") == "Running" && logs("tough", "main") == "started\n"; });
  const fs::path folder = directory_.path() / "pods/uid-tough";
  const pid_t first = shim_of(folder);
  ASSERT_GT(first, 0);
  ::kill(first, SIGKILL);
  until([&] { return shim_of(folder) != first && shim_of(folder) > 0 && connect_shim(folder).ok(); });
  ASSERT_TRUE(write_file(folder / "volumes/v/stop", "").ok());
  until([&] { return phase("tough") == "Failed"; });
  // Its exit code is lost with its parent; its words are not.
  EXPECT_EQ(pod("tough")["status"]["containerStatuses"].as_array().at(0).at("state", "terminated", "reason").as_string(),
      "ContainerStatusUnknown");
  EXPECT_EQ(logs("tough", "main"), "started\nstopped\n");
}

TEST_P(AgentTest, ProbesDecideWhetherAPodIsReadyAndAlive) {
  create("probed",
      R"({"containers":[{"name":"main","image":"host","command":["sh","-c","touch /v/ready; while :; do sleep 0.01; done"],"volumeMounts":[{"name":"v","mountPath":"/v"}],
    "readinessProbe":{"exec":{"command":["test","-e","/v/ready"]},"periodSeconds":1},"livenessProbe":{"exec":{"command":["test","!","-e","/v/dead"]},"periodSeconds":1,"failureThreshold":1}}],
    "terminationGracePeriodSeconds":0,"volumes":[{"name":"v","emptyDir":{}}]})");
  const auto status = [&] { return pod("probed")["status"]["containerStatuses"].as_array().at(0); };
  until([&] { return phase("probed") == "Running" && status()["ready"].as_bool(); });
  ASSERT_TRUE(write_file(directory_.path() / "pods/uid-probed/volumes/v/dead", "").ok());
  until([&] { return status()["restartCount"].as_integer() == 1; });
}

TEST_P(AgentTest, DeletionStopsCleansAndReleases) {
  create("web", R"({"containers":[{"name":"main","image":"host","command":["sh","-c","trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"]}]})");
  until([&] { return phase("web") == "Running" && logs("web", "main") == "up\n"; });
  api_.remove(kube::resources::pods, {"ml", "web"}, system_clock().now(), 20);
  until([&] { return pod("web").is_null() && !fs::exists(directory_.path() / "pods/uid-web"); });
}

TEST_P(AgentTest, FollowsALogToItsEnd) {
  create("talk", R"({"restartPolicy":"Never","containers":[{"name":"main","image":"host","command":["sh","-c","for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done"]}]})");
  until([&] { return logs("talk", "main", {{"tailLines", "1"}}).find("line") == 0; });
  EXPECT_EQ(logs("talk", "main", {{"follow", "true"}}), "line 1\nline 2\nline 3\nline 4\nline 5\n");
  EXPECT_EQ(logs("talk", "main", {{"tailLines", "2"}}), "line 4\nline 5\n");
  EXPECT_EQ(logs("talk", "main", {{"limitBytes", "9"}}), "line 1\nli");
}

TEST_P(AgentTest, TroubleIsSaidInKubernetesWords) {
  create("noimage", R"({"containers":[{"name":"main","image":"nowhere/x:1","imagePullPolicy":"Never"}]})");
  create("nomap", R"({"containers":[{"name":"main","image":"host","command":["true"],"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"none","key":"k"}}}]}]})");
  create("noprogram", R"({"restartPolicy":"Never","containers":[{"name":"main","image":"host","command":["/no/such/program"]}]})");
  const auto waiting = [&](const std::string& name) {
    const Value object = pod(name);
    const Array& list = object.at("status", "containerStatuses").as_array();
    return list.empty() ? std::string() : std::string(list[0].at("state", "waiting", "reason").as_string());
  };
  until([&] {
    return waiting("noimage") == "ErrImageNeverPull" && waiting("nomap") == "CreateContainerConfigError" && phase("noprogram") == "Failed";
  });
  const Value ended = pod("noprogram")["status"]["containerStatuses"].as_array().at(0).at("state", "terminated");
  EXPECT_EQ(ended["reason"].as_string(), "StartError");
  EXPECT_EQ(ended["exitCode"].as_integer(), 128);
}

TEST_P(AgentTest, APodTakesLittleTime) {
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    const std::string name = cat("quick-", i);
    const auto before = std::chrono::steady_clock::now();
    create(name, R"({"restartPolicy":"Never","containers":[{"name":"main","image":"host","command":["true"]}]})");
    until([&] { return phase(name) == "Succeeded"; });
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("create to Succeeded of `true`: median %.1f ms, most %.1f ms\n", times[2] * 1000, times.back() * 1000);
  EXPECT_LT(times[2], 2.0);
}

INSTANTIATE_TEST_SUITE_P(Modes, AgentTest, testing::Values(Mode::process, Mode::runc),
    [](const auto& info) { return info.param == Mode::runc ? "Runc" : "Process"; });

}  // namespace
}  // namespace masu::node
