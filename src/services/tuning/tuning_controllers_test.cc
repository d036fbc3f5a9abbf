#include "tuning/tuning_controllers.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "tuning/optimise/dice.h"
#include "value/json.h"
#include "value/patch.h"

namespace masu::tuning {
namespace {

/// As much of an API server as these controllers need: lists, watches, versions, status, merge patches.
class FakeApi {
 public:
  std::map<std::string, Value> objects;  // by whole path
  int writes = 0;

  net::Answer answer(const net::Request& request) {
    auto parts = split(request.path, '/');
    std::string path = request.path, sub;
    if (parts.back() == "status" && parts.size() > 7) sub = "status", path.resize(path.size() - 7), parts.pop_back();
    if (request.method == "POST") {
      Value object = parse_json(request.body).value();
      const std::string name(object.at("metadata", "name").as_string());
      const std::string where = cat(path, "/", name);
      if (objects.contains(where)) return failure(409, "AlreadyExists");
      object["metadata"]["uid"] = cat("uid-", version_ + 1);
      object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
      object["metadata"].erase("resourceVersion");
      store(where, std::move(object), "ADDED");
      return json(201, objects[where]);
    }
    const bool collection = parts.back() == "experiments" || parts.back() == "suggestions" || parts.back() == "trials" || parts.back() == "jobs";
    if (request.method == "GET" && collection) return list(parts.back(), request);
    const auto found = objects.find(path);
    if (found == objects.end()) return failure(404, "NotFound");
    if (request.method == "GET") return json(200, found->second);
    if (request.method == "DELETE") {
      const Value object = found->second;
      objects.erase(found);
      ++version_, ++writes;
      tell(path, "DELETED", object);
      return json(200, object);
    }
    const Value change = parse_json(request.body).value();
    const std::string_view wanted = change.at("metadata", "resourceVersion").as_string();
    if (!wanted.empty() && wanted != found->second.at("metadata", "resourceVersion").as_string()) return failure(409, "Conflict");
    Value next = merge_patch(found->second, change);
    if (sub == "status") next["spec"] = found->second["spec"];
    store(path, std::move(next), "MODIFIED");
    return json(200, objects[path]);
  }
  Value* find(std::string_view plural, std::string_view name) {
    for (auto& [path, object] : objects) {
      if (path.ends_with(cat("/", plural, "/", name))) return &object;
    }
    return nullptr;
  }
  void set_status(std::string_view plural, std::string_view name, Value status) {
    for (auto& [path, object] : objects) {
      if (!path.ends_with(cat("/", plural, "/", name))) continue;
      Value next = object;
      next["status"] = std::move(status);
      return store(path, std::move(next), "MODIFIED");
    }
  }

 private:
  static net::Reply json(int status, const Value& body) { return {status, {{"Content-Type", "application/json"}}, to_json(body)}; }
  static net::Reply failure(int status, std::string_view reason) {
    return json(status, Value::object({{"kind", "Status"}, {"reason", reason}, {"message", reason}, {"code", status}}));
  }
  static std::string plural_of(const std::string& path) {
    const auto parts = split(path, '/');
    return parts[parts.size() - 2];
  }
  void store(const std::string& path, Value object, std::string_view type) {
    object["metadata"]["resourceVersion"] = cat(++version_);
    ++writes;
    objects[path] = object;
    tell(path, type, object);
  }
  void tell(const std::string& path, std::string_view type, const Value& object) {
    for (const auto& [plural, stream] : watches_) {
      if (plural == plural_of(path)) stream->push(cat(to_json(Value::object({{"type", type}, {"object", object}})), "\n"));
    }
  }
  net::Answer list(const std::string& plural, const net::Request& request) {
    if (!request.query.get("watch").empty()) {
      auto stream = std::make_shared<net::Stream>();
      for (const auto& [path, object] : objects) {
        if (plural_of(path) == plural) stream->push(cat(to_json(Value::object({{"type", "MODIFIED"}, {"object", object}})), "\n"));
      }
      watches_.emplace_back(plural, stream);
      return net::Subscription{200, {}, stream};
    }
    Value items{Array{}};
    for (const auto& [path, object] : objects) {
      if (plural_of(path) == plural) items.push_back(object);
    }
    return json(200, Value::object({{"kind", "List"}, {"apiVersion", "v1"}, {"metadata", Value::object({{"resourceVersion", cat(version_)}})}, {"items", items}}));
  }
  std::vector<std::pair<std::string, std::shared_ptr<net::Stream>>> watches_;
  int version_ = 0;
};

class FakeLedger final : public MetricSource {
 public:
  std::map<std::string, std::vector<MetricEntry>> logs;
  bool away = false;
  Result<std::vector<MetricEntry>> read(const kube::Key& trial, Deadline) override {
    if (away) return Error{Code::unavailable, "the ledger is away"};
    return logs[trial.name];
  }
  Status forget(const kube::Key& trial, Deadline) override {
    logs.erase(trial.name);
    return {};
  }
};

struct House {
  FakeApi api;
  std::unique_ptr<kube::Transport> transport = kube::in_process_transport([this](const net::Request& r) { return api.answer(r); }, "masu", {});
  kube::Client client{*transport};
  SimClock clock;
  FakeLedger ledger;
  std::unique_ptr<TuningControllers> tuning;
  optimise::Dice dice{1};
  double crash = 0;

  explicit House(std::uint64_t seed = 1) : dice(seed) { restart(); }
  /// The process dies and comes back: all caches and queues are new.
  void restart() {
    TuningControllers::Options options;
    options.run_kinds = {kube::resources::jobs};
    tuning = std::make_unique<TuningControllers>(client, clock, ledger, options);
    tuning->performer().intercept([this](const controller::Action&) {
      return dice.uniform() < crash ? Status(Error{Code::unavailable, "crash"}) : Status{};
    });
  }
  bool pump_all() {
    bool any = false;
    for (kube::InformerBase* informer : tuning->informers()) {
      while (informer->pump()) any = true;
    }
    return any;
  }
  /// Runs all that is ready, without letting time pass.
  void settle() {
    for (bool moved = true; moved;) {
      moved = pump_all();
      for (controller::Controller* c : tuning->controllers()) {
        while (c->step()) moved = true;
      }
    }
  }
  void create(const kube::Resource& resource, const Value& object) { ASSERT_TRUE(client.create(resource, object, Deadline::none()).ok()); }
  void start_job(const std::string& name) { api.set_status("jobs", name, Value::object({{"active", 1}})); }
  void end_job(const std::string& name, bool well, std::string_view reason = "") {
    const Value condition = Value::object({{"type", well ? "Complete" : "Failed"}, {"status", "True"}, {"reason", reason}, {"lastTransitionTime", to_rfc3339(clock.now())}});
    api.set_status("jobs", name, Value::object({{"conditions", Value::array({condition})}}));
  }
  std::string last_condition(std::string_view plural, std::string_view name) {
    const Value* object = api.find(plural, name);
    if (object == nullptr) return "absent";
    const Array& list = object->at("status", "conditions").as_array();
    return list.empty() ? "none" : cat(list.back()["type"].as_string(), "/", list.back()["reason"].as_string());
  }
};

Value experiment_object(std::string_view changes = "{}") {
  return merge_patch(parse_json(R"({"apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment", "metadata": {"name": "digits", "namespace": "ml"},
    "spec": {"parallelTrialCount": 2, "maxTrialCount": 5, "objective": {"type": "maximize", "objectiveMetricName": "acc"},
      "algorithm": {"algorithmName": "tpe"},
      "parameters": [{"name": "lr", "parameterType": "double", "feasibleSpace": {"min": "0.001", "max": "1"}}],
      "trialTemplate": {"primaryContainerName": "training", "retain": true, "trialParameters": [{"name": "lr", "reference": "lr"}],
        "trialSpec": {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {"containers": [{"name": "training", "args": ["--lr=${trialParameters.lr}"]}]}}}}}}})").value(),
                     parse_json(changes).value());
}

TEST(TuningControllers, RunsAnExperimentFromBeginningToEnd) {
  House house;
  house.create(kube::resources::experiments, experiment_object());
  house.settle();
  for (int n = 1; n <= 5; ++n) {
    const std::string name = cat("digits-", n);
    ASSERT_NE(house.api.find("jobs", name), nullptr) << name << ": the next job is there without any waiting";
    EXPECT_EQ(house.api.find("jobs", name)->at("metadata", "labels", "katib.kubeflow.org/trial").as_string(), name);
    house.start_job(name);
    house.settle();
    EXPECT_EQ(house.last_condition("trials", name), "Running/TrialRunning");
    house.ledger.logs[name] = {{"acc", cat("0.", n), 1, house.clock.now()}};
    house.end_job(name, true);
    house.settle();
    EXPECT_EQ(house.last_condition("trials", name), "Succeeded/TrialSucceeded");
  }
  EXPECT_EQ(house.last_condition("experiments", "digits"), "Succeeded/ExperimentMaxTrialsReached");
  EXPECT_EQ(house.api.find("experiments", "digits")->at("status", "currentOptimalTrial", "bestTrialName").as_string(), "digits-5");
  EXPECT_EQ(house.api.find("trials", "digits-6"), nullptr);
  EXPECT_EQ(house.last_condition("suggestions", "digits"), "Succeeded/Experiment is succeeded");

  const int before = house.api.writes;
  house.restart();
  house.settle();
  house.clock.advance(1h);
  house.settle();
  EXPECT_EQ(house.api.writes, before) << "a quiet system stays quiet";
}

TEST(TuningControllers, SaysWhichMetricsWereSeenInstead) {
  House house;
  house.create(kube::resources::experiments, experiment_object());
  house.settle();
  house.start_job("digits-1");
  house.ledger.logs["digits-1"] = {{"accuracy", "0.9", 1, house.clock.now()}};
  house.end_job("digits-1", true);
  house.settle();
  EXPECT_EQ(house.last_condition("trials", "digits-1"), "Created/TrialCreated") << "reports may still be on their way";
  house.clock.advance(11s);
  house.settle();
  EXPECT_EQ(house.last_condition("trials", "digits-1"), "MetricsUnavailable/MetricsUnavailable");
  const std::string message(house.api.find("trials", "digits-1")->at("status", "conditions").as_array().back()["message"].as_string());
  EXPECT_NE(message.find("\"acc\""), std::string::npos) << message;
  EXPECT_NE(message.find("it reported accuracy"), std::string::npos) << message;
}

TEST(TuningControllers, WaitsForALedgerThatIsAway) {
  House house;
  house.create(kube::resources::experiments, experiment_object());
  house.settle();
  house.ledger.logs["digits-1"] = {{"acc", "0.9", 1, house.clock.now()}};
  house.ledger.away = true;
  house.end_job("digits-1", true);
  house.settle();
  house.clock.advance(1min);
  house.settle();
  EXPECT_EQ(house.last_condition("trials", "digits-1"), "Created/TrialCreated");
  house.ledger.away = false;
  house.clock.advance(2min);
  house.settle();
  EXPECT_EQ(house.last_condition("trials", "digits-1"), "Succeeded/TrialSucceeded");
}

TEST(TuningControllers, AFailedJobSaysWhy) {
  House house;
  house.create(kube::resources::experiments, experiment_object(R"({"spec": {"maxFailedTrialCount": 1}})"));
  house.settle();
  house.end_job("digits-1", false, "BackoffLimitExceeded");
  house.settle();
  EXPECT_EQ(house.last_condition("trials", "digits-1"), "Failed/TrialFailed. Job reason: BackoffLimitExceeded");
  EXPECT_EQ(house.last_condition("experiments", "digits"), "Failed/ExperimentFailed");
  EXPECT_EQ(house.last_condition("trials", "digits-2"), "Created/TrialCreated") << "others go on";
}

TEST(TuningControllers, ARunThatIsRefusedIsAFailedTrial) {
  House house;
  house.api.objects["/apis/batch/v1/namespaces/ml/jobs/digits-1"] = parse_json(R"({"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "digits-1", "namespace": "ml", "uid": "x"}})").value();
  house.create(kube::resources::experiments, experiment_object());
  for (int i = 0; i < 5; ++i) house.settle(), house.clock.advance(1s);
  EXPECT_EQ(house.last_condition("trials", "digits-1"), "Failed/TrialFailed");
  const std::string message(house.api.find("trials", "digits-1")->at("status", "conditions").as_array().back()["message"].as_string());
  EXPECT_NE(message.find("belongs to nobody"), std::string::npos) << message;
}

TEST(TuningControllers, KillsTheRestWhenToldTo) {
  House house;
  house.create(kube::resources::experiments, experiment_object(R"({"metadata": {"annotations": {"masu.dev/stop-running-trials": "true"}}, "spec": {"maxFailedTrialCount": 1}})"));
  house.settle();
  house.start_job("digits-2");
  house.end_job("digits-1", false);
  house.settle();
  EXPECT_EQ(house.last_condition("trials", "digits-2"), "Killed/TrialKilled");
  EXPECT_TRUE(house.api.find("jobs", "digits-2")->at("spec", "suspend").as_bool()) << "kept, but its pods go";
}

TEST(TuningControllers, StopsATrialThatFallsBehind) {
  House house;
  house.create(kube::resources::experiments, experiment_object(R"({"spec": {"parallelTrialCount": 1, "earlyStopping": {"algorithmName": "medianstop", "algorithmSettings": [{"name": "start_step", "value": "2"}]},
    "objective": {"metricStrategies": [{"name": "acc", "value": "latest"}]}}})"));
  house.settle();
  const auto log = [&](double from) {
    return std::vector<MetricEntry>{{"acc", cat(from), 1, house.clock.now()}, {"acc", cat(from + 0.1), 2, house.clock.now()}};
  };
  for (int n = 1; n <= 3; ++n) {
    house.start_job(cat("digits-", n));
    house.ledger.logs[cat("digits-", n)] = log(0.5);
    house.end_job(cat("digits-", n), true);
    house.settle();
  }
  house.start_job("digits-4");
  house.settle();
  house.ledger.logs["digits-4"] = log(0.1);
  house.clock.advance(1s);
  house.settle();
  EXPECT_EQ(house.last_condition("trials", "digits-4"), "EarlyStopped/TrialEarlyStopped");
  EXPECT_EQ(house.api.find("trials", "digits-4")->at("status", "observation", "metrics")[0]["latest"].as_string(), "0.2");
  EXPECT_TRUE(house.api.find("jobs", "digits-4")->at("spec", "suspend").as_bool());
  EXPECT_NE(house.api.find("jobs", "digits-5"), nullptr);
}

TEST(TuningControllers, ARaisedLimitGoesOnWhereThePolicyAllows) {
  for (const bool allowed : {true, false}) {
    House house;
    house.create(kube::resources::experiments, experiment_object(cat(R"({"spec": {"maxTrialCount": 1, "resumePolicy": ")", allowed ? "LongRunning" : "Never", R"("}})")));
    house.settle();
    house.ledger.logs["digits-1"] = {{"acc", "0.9", 1, house.clock.now()}};
    house.end_job("digits-1", true);
    house.settle();
    EXPECT_EQ(house.last_condition("experiments", "digits"), "Succeeded/ExperimentMaxTrialsReached");
    ASSERT_TRUE(house.client.patch(kube::resources::experiments, {"ml", "digits"}, kube::PatchType::merge, parse_json(R"({"spec": {"maxTrialCount": 2}})").value(), Deadline::none()).ok());
    house.settle();
    EXPECT_EQ(house.api.find("jobs", "digits-2") != nullptr, allowed);
    EXPECT_EQ(house.last_condition("experiments", "digits"), allowed ? "Running/ExperimentRunning" : "Succeeded/ExperimentMaxTrialsReached");
  }
}

TEST(TuningControllers, ASpecThatCannotRunFailsWithTheReason) {
  House house;
  house.create(kube::resources::experiments, experiment_object(R"({"spec": {"parameters": [{"name": "lr", "parameterType": "double", "feasibleSpace": {"min": "1", "max": "0.1"}}]}})"));
  house.settle();
  EXPECT_EQ(house.last_condition("experiments", "digits"), "Failed/ExperimentFailed");
  const std::string message(house.api.find("experiments", "digits")->at("status", "conditions").as_array().back()["message"].as_string());
  EXPECT_NE(message.find("min 1 is above max 0.1"), std::string::npos) << message;
  EXPECT_EQ(house.api.find("suggestions", "digits"), nullptr);
}

TEST(TuningControllers, AnEarlierSearchSeedsThisOne) {
  House house;
  Value object = experiment_object(R"({"spec": {"algorithm": {"algorithmName": "grid"}, "parameters": [{"name": "lr", "parameterType": "categorical", "feasibleSpace": {"list": ["a", "b", "c"]}}]}})");
  object["metadata"]["annotations"][previous_annotation] = R"([{"assignments": {"lr": "a"}, "value": "0.5"}, {"assignments": {"lr": "gone"}, "value": "1"}])";
  house.create(kube::resources::experiments, object);
  house.settle();
  EXPECT_EQ(to_json(house.api.find("trials", "digits-1")->at("spec", "parameterAssignments")), R"([{"name":"lr","value":"b"}])");
  EXPECT_EQ(to_json(house.api.find("trials", "digits-2")->at("spec", "parameterAssignments")), R"([{"name":"lr","value":"c"}])");
}

TEST(TuningControllers, SurvivesCrashesLostWatchesAndRestarts) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    House house(seed);
    house.crash = 0.15;
    house.create(kube::resources::experiments, experiment_object());
    int rounds = 0;
    for (; rounds < 4000 && !house.last_condition("experiments", "digits").starts_with("Succeeded"); ++rounds) {
      const double what = house.dice.uniform();
      const auto informers = house.tuning->informers();
      const auto controllers = house.tuning->controllers();
      if (what < 0.01) house.restart();
      else if (what < 0.05) informers[house.dice.below(informers.size())]->drop_watch();
      else if (what < 0.45) informers[house.dice.below(informers.size())]->pump();  // caches lag each in its own way
      else if (what < 0.85) controllers[house.dice.below(controllers.size())]->step();
      else if (what < 0.95) house.clock.advance(100ms);
      else {
        for (int n = 1; n <= 5; ++n) {
          const std::string name = cat("digits-", n);
          const Value* job = house.api.find("jobs", name);
          if (job == nullptr || !job->at("status", "conditions").is_null() || house.dice.uniform() < 0.5) continue;
          house.ledger.logs[name] = {{"acc", cat(house.dice.uniform()), 1, house.clock.now()}};
          house.end_job(name, true);
        }
      }
      std::set<std::string> points;
      for (const auto& [path, object] : house.api.objects) {
        if (path.find("/trials/") == std::string::npos) continue;
        ASSERT_TRUE(points.insert(to_json(object.at("spec", "parameterAssignments"))).second) << path;
      }
      ASSERT_LE(points.size(), 5u);
    }
    house.crash = 0;
    for (int i = 0; i < 20; ++i) house.settle(), house.clock.advance(1min);
    EXPECT_EQ(house.last_condition("experiments", "digits"), "Succeeded/ExperimentMaxTrialsReached") << "after " << rounds << " rounds";
    for (int n = 1; n <= 5; ++n) EXPECT_EQ(house.last_condition("trials", cat("digits-", n)), "Succeeded/TrialSucceeded");
  }
}

}  // namespace
}  // namespace masu::tuning
