#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"
#include "context.h"
#include "kube/object.h"
#include "objectstore/file_store.h"
#include "value/json.h"
#include "value/patch.h"
#include "value/yaml.h"

namespace masu::plugin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Objects by path, as far as the plugin asks for them.
class FakeCluster {
 public:
  net::Answer answer(const net::Request& request) {
    if (request.method != "GET") writes.push_back(cat(request.method, " ", request.path));
    if (request.method == "POST") {
      Value object = *parse_json(request.body);
      const std::string path = cat(request.path, "/", object.at("metadata", "name").as_string());
      if (objects.contains(path)) return status(409, "AlreadyExists", "exists");
      if (request.query.get("dryRun").empty()) objects[path] = complete(object);
      return ok(complete(object), 201);
    }
    const auto found = objects.find(request.path);
    if (request.method == "PATCH" && found != objects.end()) {
      found->second = merge_patch(found->second, *parse_json(request.body));
      return ok(found->second);
    }
    if (request.method == "DELETE" && found != objects.end()) {
      objects.erase(found);
      return ok(Value(Object{}));
    }
    if (request.method == "GET" && found != objects.end()) return ok(found->second);
    if (request.method == "GET" && is_collection(request.path)) {
      Value list = Value::object({{"kind", "List"}, {"metadata", Value::object({{"resourceVersion", "1"}})}, {"items", Value(Array{})}});
      for (const auto& [path, object] : objects) {
        if (path.starts_with(request.path + "/")) list["items"].push_back(object);
      }
      return ok(list);
    }
    return status(404, "NotFound", cat(request.path, " not found"));
  }
  std::map<std::string, Value> objects;
  std::vector<std::string> writes;

 private:
  static bool is_collection(const std::string& path) {
    for (const char* plural : {"trainingjobs", "machinetypes", "catalogimages", "nodes", "pods"}) {
      if (path.ends_with(plural)) return true;
    }
    return false;
  }
  static Value complete(Value object) {
    object["metadata"]["uid"] = Value("u");
    object["metadata"]["creationTimestamp"] = Value("2026-01-02T03:04:05Z");
    return object;
  }
  static net::Reply ok(const Value& value, int code = 200) { return {.status = code, .headers = {{"Content-Type", "application/json"}}, .body = to_json(value)}; }
  static net::Reply status(int code, std::string_view reason, std::string_view message) {
    return ok(Value::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"}, {"reason", reason}, {"message", message}, {"code", code}}), code);
  }
};

class Plugin : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ASSERT_TRUE(make_directories(work_.path() / "code/trainer").ok());
    ASSERT_TRUE(write_file(work_.path() / "code/trainer/__init__.py", "").ok());
    ASSERT_TRUE(write_file(work_.path() / "code/trainer/task.py", "print(1)\n").ok());
    ASSERT_TRUE(make_directories(work_.path() / "buckets/bucket").ok());
    trainer_ = (work_.path() / "code/trainer").string();
    store_ = std::make_shared<objectstore::FileStore>(work_.path() / "buckets");
    cluster_.objects["/api/v1/namespaces/masu-system/configmaps/masu-public"] = Value::object({{"data", Value::object({{"hub", "http://hub"}})}});
    cluster_.objects["/api/v1/nodes/box"] = parse_yaml_single("{metadata: {name: box}, status: {allocatable: {cpu: '2', memory: 4Gi}}}")->value;
    cluster_.objects["/api/v1/namespaces/ml"] = parse_yaml_single("{metadata: {name: ml}}")->value;
    context_.environment = {};
    context_.out = [this](std::string_view text) { out_ += text; };
    context_.err = [this](std::string_view text) { err_ += text; };
    context_.ask = [this](std::string_view) { return answer_; };
    context_.clock = &clock_;
    context_.connect = [this](const ConnectionRequest& request) -> Result<Connection> {
      Connection connection;
      connection.transport = kube::in_process_transport([this](const net::Request& r) { return cluster_.answer(r); }, "ann", {});
      connection.client = std::make_shared<kube::Client>(*connection.transport);
      connection.name_space = request.name_space.empty() ? "ml" : request.name_space;
      connection.token = "t";
      return connection;
    };
    context_.open_store = [this](const std::string&, const std::string&) -> Result<std::shared_ptr<objectstore::BlobStore>> {
      ++opened_;
      return store_;
    };
    context_.stream_lines = [this](const std::string& url, const std::string&, const Context::OnLine& on_line, Duration) -> Status {
      streamed_ = url;
      for (const std::string& line : log_) {
        if (!on_line(line)) break;
      }
      return {};
    };
    context_.interrupted = [this] { return interrupted_; };
    context_.wait = [](Duration) {};
  }

  int run(std::vector<std::string> words) {
    out_.clear();
    err_.clear();
    return run_plugin(words, context_);
  }
  std::vector<std::string> submit(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"jobs", "submit", "training", "demo_1", "--package-path", trainer_, "--module-name", "trainer.task", "--region", "here", "--job-dir", "gs://bucket/run"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Value& job(const std::string& name) { return cluster_.objects[cat("/apis/masu.dev/v1alpha1/namespaces/ml/trainingjobs/", name)]; }
  void set_state(const std::string& name, const std::string& yaml) { job(name)["status"] = parse_yaml_single(yaml)->value; }

  TemporaryDirectory work_;
  FakeCluster cluster_;
  SimClock clock_;
  Context context_;
  std::shared_ptr<objectstore::BlobStore> store_;
  std::string out_, err_, answer_, trainer_, streamed_;
  std::vector<std::string> log_;
  int opened_ = 0;
  bool interrupted_ = false;
};

TEST_F(Plugin, SubmitsUploadsOnceAndSaysWhatIsNext) {
  ASSERT_EQ(run(submit({"--labels", "team=red", "--", "--epochs", "3"})), 0) << err_;
  EXPECT_EQ(out_, "jobId: demo_1\nstate: QUEUED\n");
  EXPECT_THAT(err_, HasSubstr("Job [demo_1] submitted successfully.\n"));
  EXPECT_THAT(err_, HasSubstr("kubectl ai-platform jobs describe demo_1"));
  const auto stored = store_->list_all("bucket", "", Deadline::after(5s));
  ASSERT_TRUE(stored.ok());
  ASSERT_EQ(stored->size(), 1u);
  EXPECT_THAT(stored->at(0).name.object, ::testing::MatchesRegex("run/packages/[0-9a-f]+/trainer-0.0.0.tar.gz"));
  const auto created = cluster_.objects.lower_bound("/apis/masu.dev/v1alpha1/namespaces/ml/trainingjobs/");
  ASSERT_NE(created, cluster_.objects.end());
  const Value& spec = created->second["spec"];
  EXPECT_EQ(spec["jobId"], Value("demo_1"));
  EXPECT_EQ(spec["labels"], Value::object({{"team", "red"}}));
  EXPECT_EQ(spec.at("trainingInput", "args"), Value::array({"--epochs", "3"}));
  EXPECT_EQ(spec.at("trainingInput", "packageUris")[0], Value(cat("gs://bucket/", stored->at(0).name.object)));

  EXPECT_EQ(run(submit()), 1);
  EXPECT_THAT(err_, HasSubstr("ALREADY_EXISTS: there is a job [demo_1]"));
  const auto generation = store_->list_all("bucket", "", Deadline::after(5s))->at(0).generation;
  EXPECT_EQ(generation, stored->at(0).generation) << "the same code is uploaded once";
}

TEST_F(Plugin, DryRunPrintsWhatStockKatibTakes) {
  ASSERT_TRUE(write_file(work_.path() / "config.yaml", "trainingInput:\n  hyperparameters:\n    algorithm: RANDOM\n    maxTrials: 2\n    params:\n    - {parameterName: x, type: DOUBLE, minValue: 0, maxValue: 1}\n").ok());
  ASSERT_EQ(run(submit({"--dry-run=client", "-o", "yaml", "--config", (work_.path() / "config.yaml").string()})), 0) << err_;
  const auto documents = parse_yaml(out_);
  ASSERT_TRUE(documents.ok());
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ(documents->at(1).value["kind"], Value("Experiment"));
  EXPECT_THAT(err_, HasSubstr("note: trainingInput.hyperparameters.algorithm: \"RANDOM\" taken as RANDOM_SEARCH\n"));
  EXPECT_EQ(opened_, 0) << "nothing leaves the machine";
  EXPECT_TRUE(cluster_.writes.empty());
  ASSERT_EQ(run(submit({"--dry-run=client", "-o", "json", "--upload"})), 0) << err_;
  EXPECT_EQ((*parse_json(out_))["kind"], Value("List"));
  EXPECT_EQ(opened_, 1);
  ASSERT_EQ(run(submit({"--dry-run=server"})), 0) << err_;
  EXPECT_THAT(err_, HasSubstr("would run as a Job in namespace ml"));
}

TEST_F(Plugin, APackageInTheBucketMustBeThere) {
  const std::vector<std::string> words = {"jobs", "submit", "training", "j", "--packages", "gs://bucket/a-1.0.tar.gz", "--module-name", "a.b", "--region", "r"};
  EXPECT_EQ(run(words), 1);
  EXPECT_THAT(err_, HasSubstr("package gs://bucket/a-1.0.tar.gz does not exist"));
  ASSERT_TRUE(store_->put({"bucket", "a-1.0.tar.gz"}, "x", {}, Deadline::after(5s)).ok());
  EXPECT_EQ(run(words), 0) << err_;
}

TEST_F(Plugin, DryRunNeedsNoCluster) {
  context_.connect = [](const ConnectionRequest&) -> Result<Connection> { return Error{Code::unavailable, "no cluster"}; };
  EXPECT_EQ(run(submit({"--dry-run=client"})), 0) << err_;
  EXPECT_EQ(run(submit()), 1);
  EXPECT_THAT(err_, HasSubstr("no cluster"));
}

TEST_F(Plugin, SubmitErrorsHaveTheirExitCodes) {
  struct Row {
    std::vector<std::string> words;
    int exit;
    const char* said;
  };
  const std::vector<std::string> base = {"jobs", "submit", "training"};
  const std::vector<Row> rows = {
      {{}, 2, "argument JOB: Must be specified"},
      {{"j", "--package-path", trainer_, "--module-name", "t.t", "--job-dir", "gs://bucket/x"}, 1, "[compute/region]"},
      {{"j", "--region", "r", "--module-name", "t.t"}, 1, "--packages"},
      {{"j", "--region", "r", "--package-path", trainer_, "--module-name", "t.t"}, 1, "--staging-bucket or --job-dir"},
      {{"j", "--region", "r", "--master-image-uri", "i", "--runtime-version", "2.1"}, 1, "Only one of --master-image-uri"},
      {{"j", "--region", "r", "--scale-tier", "custom", "--master-image-uri", "i"}, 1, "--master-machine-type is required"},
      {{"j", "--region", "r", "--worker-count", "2"}, 2, "argument --worker-machine-type: Must be specified"},
      {{"j", "--region", "r", "--async", "--stream-logs"}, 2, "At most one of --async | --stream-logs"},
      {{"j", "--staging-bucket", "gs://b/x"}, 2, "is a path"},
      {{"j", "--staging-bucket", "bucket"}, 2, "must begin with gs://"},
      {{"j", "--job-dir", "/tmp"}, 2, "must begin with gs://"},
      {{"j", "--kms-key", "k", "--region", "r"}, 1, "not fully specified"},
      {{"j", "--master-accelerator", "count=1"}, 2, "Key [type] required"},
      {{"j", "--master-accelerator", "count=0,type=nvidia-tesla-t4"}, 2, "greater than zero"},
      {{"j", "--master-accelerator", "count=1,type=nvidia-tesla-t5"}, 2, "valid ones are"},
      {{"j", "--labels", "Bad=x"}, 2, "bad key"},
      {{"j", "--scale-tier", "huge"}, 2, "invalid choice"},
      {{"j", "--packag", "x"}, 2, "unrecognized arguments"},
      {{"j", "--region", "r", "--config", "/nowhere.yaml"}, 1, "Unable to read file [/nowhere.yaml]"},
      {{"j", "--volume", "x"}, 2, "is no volume"},
      {{"9j", "--region", "r", "--package-path", trainer_, "--module-name", "t.t", "--job-dir", "gs://bucket/x"}, 1, "is no job name"},
      {{"j", "--region", "r", "--package-path", "/nowhere", "--module-name", "t.t", "--job-dir", "gs://bucket/x"}, 1, "there is no such directory"},
      {{"j-1", "--strict", "--region", "r", "--package-path", trainer_, "--module-name", "t.t", "--job-dir", "gs://bucket/x"}, 1, "is no job name"},
      {{"j", "--region", "r", "--package-path", trainer_, "--module-name", "t.t", "--job-dir", "gs://bucket/x", "--scale-tier", "custom", "--master-machine-type", "n1-standard-16",
        "--master-accelerator", "count=1,type=nvidia-tesla-v100"}, 1, "MachineType"},
  };
  for (const Row& row : rows) {
    std::vector<std::string> words = base;
    words.insert(words.end(), row.words.begin(), row.words.end());
    EXPECT_EQ(run(words), row.exit) << row.said << "\n" << err_;
    EXPECT_THAT(err_, HasSubstr(row.said));
    EXPECT_THAT(err_, ::testing::StartsWith("ERROR: (kubectl.ai-platform.jobs.submit.training) "));
    EXPECT_EQ(out_, "");
  }
  EXPECT_TRUE(cluster_.writes.empty());
}

TEST_F(Plugin, ErrorsInTheFilePointAtTheirPlace) {
  const std::string config = (work_.path() / "c.yaml").string();
  ASSERT_TRUE(write_file(config, "trainingInput:\n  region: here\n  scaleTier: HUGE\n").ok());
  EXPECT_EQ(run(submit({"--config", config})), 1);
  EXPECT_THAT(err_, HasSubstr(cat(config, ":3")));
  EXPECT_THAT(err_, HasSubstr("unknown value \"HUGE\""));
}

TEST_F(Plugin, ListGetDescribe) {
  EXPECT_EQ(run({"jobs", "list"}), 0);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "Listed 0 items.\n");
  job("old") = parse_yaml_single("{metadata: {name: old, namespace: ml, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {jobId: old, trainingInput: {region: here}}, status: {state: SUCCEEDED}}")->value;
  job("new") = parse_yaml_single("{metadata: {name: new, namespace: ml, creationTimestamp: '2026-01-02T00:00:00Z'}, spec: {jobId: new, trainingInput: {region: here}}, status: {state: QUEUED, jobPosition: 2, "
                                 "conditions: [{type: Running, status: 'False', reason: Unschedulable, message: no cpu}]}}")->value;
  EXPECT_EQ(run({"jobs", "list"}), 0);
  EXPECT_EQ(out_, "JOB_ID  STATUS     CREATED\nnew     QUEUED     2026-01-02T00:00:00\nold     SUCCEEDED  2026-01-01T00:00:00\n");
  EXPECT_EQ(run({"-n", "ml", "jobs", "list", "--filter=state:SUCCEEDED", "--format=value(jobId)"}), 0);
  EXPECT_EQ(out_, "old\n");
  EXPECT_EQ(run({"jobs", "list", "--limit=1", "--uri"}), 0);
  EXPECT_EQ(out_, "/apis/masu.dev/v1alpha1/namespaces/ml/trainingjobs/new\n");
  EXPECT_EQ(run({"jobs", "get", "new", "-o", "name"}), 0);
  EXPECT_EQ(out_, "trainingjob.masu.dev/new\n");
  EXPECT_EQ(run({"jobs", "describe", "projects/p/jobs/new"}), 0);
  EXPECT_THAT(out_, HasSubstr("jobPosition: \"2\""));
  EXPECT_THAT(err_, HasSubstr("Waiting: no cpu"));
  EXPECT_EQ(run({"jobs", "describe", "none"}), 1);
  EXPECT_THAT(err_, HasSubstr("NOT_FOUND: there is no job [none] in namespace ml"));
  EXPECT_EQ(run({"jobs", "describe", "new", "--summarize"}), 0);
  EXPECT_THAT(out_, HasSubstr("Job Overview"));
  EXPECT_THAT(out_, HasSubstr("| new    |"));
}

TEST_F(Plugin, CancelUpdateDelete) {
  job("j") = parse_yaml_single("{metadata: {name: j, namespace: ml, uid: u}, spec: {jobId: j, trainingInput: {}}, status: {state: RUNNING}}")->value;
  EXPECT_EQ(run({"jobs", "cancel", "j"}), 0);
  EXPECT_EQ(out_ + err_, "");
  EXPECT_EQ(job("j").at("spec", "cancelRequested"), Value(true));
  const std::size_t writes = cluster_.writes.size();
  EXPECT_EQ(run({"jobs", "cancel", "j"}), 0);
  EXPECT_EQ(cluster_.writes.size(), writes) << "a second cancel changes nothing";

  EXPECT_EQ(run({"jobs", "update", "j"}), 1);
  EXPECT_EQ(run({"jobs", "update", "j", "--update-labels", "a=b,c=d"}), 0);
  EXPECT_EQ(job("j").at("spec", "labels"), Value::object({{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(run({"jobs", "update", "j", "--remove-labels", "a"}), 0);
  EXPECT_EQ(job("j").at("spec", "labels"), Value::object({{"c", "d"}}));
  EXPECT_EQ(run({"jobs", "update", "j", "--remove-labels", "a"}), 0);
  EXPECT_THAT(err_, HasSubstr("No update to perform."));

  answer_ = "n";
  EXPECT_EQ(run({"jobs", "delete", "j"}), 1);
  EXPECT_EQ(run({"jobs", "delete", "j", "--quiet"}), 0);
  EXPECT_THAT(err_, HasSubstr("Deleted job [j]."));
  EXPECT_EQ(run({"jobs", "cancel", "j"}), 1);
}

TEST_F(Plugin, StreamsLogsOfTheLedger) {
  cluster_.objects["/api/v1/namespaces/masu-system/configmaps/masu-public"] = Value::object({{"data", Value::object({{"ledger", "http://ledger"}})}});
  job("j") = parse_yaml_single("{metadata: {name: j, namespace: ml}, spec: {jobId: j, trainingInput: {}}, status: {state: SUCCEEDED, endTime: '2026-01-01T00:00:09Z'}}")->value;
  log_ = {R"({"time":"2026-01-01T00:00:01.000000000Z","severity":"INFO","task":"master-replica-0","trial":"2","message":"a\nb"})",
          R"({"time":"2026-01-01T00:00:02.000000000Z","severity":"ERROR","task":"master-replica-0","message":""})"};
  EXPECT_EQ(run({"jobs", "stream-logs", "j"}), 0) << err_;
  EXPECT_EQ(out_, "INFO\t2026-01-01 00:00:01 +0000\tmaster-replica-0\t2\ta\nINFO\t2026-01-01 00:00:01 +0000\tmaster-replica-0\t2\tb\nERROR\t2026-01-01 00:00:02 +0000\tmaster-replica-0\t\t\n");
  EXPECT_EQ(streamed_, "http://ledger/ledger/v1/namespaces/ml/jobs/j/logs?follow=true");
  EXPECT_EQ(run({"jobs", "stream-logs", "none"}), 1);
  // A connection that breaks is taken up again: what was shown comes again, a late line of another pod does not get lost.
  int calls = 0;
  const auto line = [](int second, const char* message) { return cat(R"({"time":"2026-01-01T00:00:0)", second, R"(.000000000Z","severity":"INFO","task":"t","message":")", message, "\"}"); };
  context_.stream_lines = [&](const std::string& url, const std::string&, const Context::OnLine& on_line, Duration) -> Status {
    streamed_ = url;
    on_line(line(2, "a"));
    on_line(line(1, "late"));
    if (++calls == 1) return Error{Code::unavailable, "broken"};
    on_line(line(3, "b"));
    return {};
  };
  EXPECT_EQ(run({"jobs", "stream-logs", "j"}), 0) << err_;
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3) << out_;
  EXPECT_THAT(streamed_, HasSubstr("since="));
  EXPECT_EQ(run({"jobs", "stream-logs", "j", "--polling-interval", "0"}), 2);
  interrupted_ = true;
  EXPECT_EQ(run({"jobs", "stream-logs", "j"}), 1);
  EXPECT_THAT(err_, HasSubstr("interrupted"));
}

TEST_F(Plugin, InitWritesNothingTheSecondTime) {
  EXPECT_EQ(run({"init", "--image-pull-secret", "reg", "--bucket", "data-1"}), 0) << err_;
  EXPECT_EQ(cluster_.objects["/api/v1/namespaces/ml"].at("metadata", "labels", "katib.kubeflow.org/metrics-collector-injection"), Value("enabled"));
  EXPECT_EQ(cluster_.objects["/api/v1/namespaces/ml/serviceaccounts/ai-platform"]["imagePullSecrets"], Value::array({Value::object({{"name", "reg"}})}));
  EXPECT_TRUE(cluster_.objects.contains("/apis/masu.dev/v1alpha1/namespaces/ml/buckets/data-1"));
  const std::size_t writes = cluster_.writes.size();
  EXPECT_EQ(run({"init", "--image-pull-secret", "reg", "--bucket", "data-1"}), 0);
  EXPECT_EQ(cluster_.writes.size(), writes);
}

TEST_F(Plugin, UnknownCommands) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"jobs", "discribe", "x"}), 2);
  EXPECT_THAT(err_, HasSubstr("Invalid choice"));
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("jobs submit training"));
  EXPECT_EQ(run({"jobs", "submit", "training", "--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("--metrics-collector"));
}

}  // namespace
}  // namespace masu::plugin
