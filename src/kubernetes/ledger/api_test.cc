#include "ledger/api.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "kube/transport.h"
#include "ledger/client.h"
#include "net/server.h"
#include "value/json.h"

namespace masu::ledger {
namespace {

const Deadline soon = Deadline::after(60s);
const kube::Key trial{"ml", "digits-1"}, job{"ml", "digits"};

/// Allows what its list names: "get trials.kubeflow.org ml/digits-1".
class ListedAuthorizer final : public Authorizer {
 public:
  Status allow(const net::Request&, const Deed& deed, Deadline) override {
    asked.push_back(cat(deed.verb, " ", deed.resource.qualified(), " ", deed.key.text()));
    return denied ? Status(Error{Code::denied, "not you"}) : Status();
  }
  bool denied = false;
  std::vector<std::string> asked;
};

class ApiTest : public testing::Test {
 protected:
  net::Reply ask(std::string method, std::string path, std::string body = "", net::Query query = {}) {
    net::Request request{.method = std::move(method), .path = std::move(path), .query = std::move(query), .body = std::move(body)};
    request.body_size = request.body.size();
    return std::get<net::Reply>(api_.handle(request));
  }
  static constexpr const char* metrics_path = "/ledger/v1/namespaces/ml/trials/digits-1/metrics";
  static constexpr const char* logs_path = "/ledger/v1/namespaces/ml/jobs/digits/logs";

  TemporaryDirectory directory_;
  std::unique_ptr<Ledger> ledger_ =
      Ledger::open(directory_.path() / "ledger.db", {.mode = sqlite::Writer::Mode::inline_, .durability = sqlite::Durability::none}).value();
  std::unique_ptr<LogArchive> archive_ = LogArchive::open(*ledger_, directory_.path() / "logs", LogArchive::Feeding::thread).value();
  ListedAuthorizer authorizer_;
  Api api_{*ledger_, *archive_, authorizer_};
};

TEST_F(ApiTest, KeepsAndShowsMetrics) {
  const std::string body = R"({"metrics":[{"name":"accuracy","value":"0.90","step":3,"timestamp":"2026-01-02T03:04:05Z"},{"name":"loss","value":0.5}]})";
  EXPECT_EQ(ask("POST", metrics_path, body).status, 200);
  EXPECT_EQ(ask("POST", metrics_path, body).status, 200);
  const net::Reply shown = ask("GET", metrics_path);
  EXPECT_EQ(shown.body,
            R"({"metrics":[{"name":"accuracy","step":3,"timestamp":"2026-01-02T03:04:05.000000000Z","value":"0.90"},{"name":"loss","value":"0.5"}]})");
  EXPECT_EQ(authorizer_.asked, (std::vector<std::string>{"update trials.kubeflow.org ml/digits-1", "update trials.kubeflow.org ml/digits-1",
                                                         "get trials.kubeflow.org ml/digits-1"}));
}

TEST_F(ApiTest, RefusesWithAStatusThatSaysWhy) {
  struct Row {
    const char* name;
    const char* method;
    const char* path;
    const char* body;
    int status;
  } rows[] = {
      {"no JSON", "POST", metrics_path, "{", 400},
      {"no metrics", "POST", metrics_path, "{}", 422},
      {"no name", "POST", metrics_path, R"({"metrics":[{"value":"1"}]})", 422},
      {"a time that is none", "POST", metrics_path, R"({"metrics":[{"name":"a","value":"1","timestamp":"soon"}]})", 422},
      {"another verb", "DELETE", metrics_path, "", 405},
      {"an unknown path", "GET", "/ledger/v1/namespaces/ml/trials", "", 404},
      {"an empty name", "GET", "/ledger/v1/namespaces//trials/x/metrics", "", 404},
      {"another prefix", "GET", "/other/v1/namespaces/ml/trials/x/metrics", "", 404},
  };
  for (const Row& row : rows) EXPECT_EQ(ask(row.method, row.path, row.body).status, row.status) << row.name;
  const Value status = parse_json(ask("POST", metrics_path, R"({"metrics":[{"value":"1"}]})").body).value();
  EXPECT_EQ(status["kind"].as_string(), "Status");
  EXPECT_EQ(status.at("details", "causes")[0]["field"].as_string(), "metrics[0].name");
  EXPECT_TRUE(ledger_->metrics(trial).value().empty());
}

TEST_F(ApiTest, WhoMayNotLearnsNothingAndChangesNothing) {
  authorizer_.denied = true;
  EXPECT_EQ(ask("POST", metrics_path, R"({"metrics":[{"name":"a","value":"1"}]})").status, 403);
  EXPECT_EQ(ask("GET", metrics_path).status, 403);
  EXPECT_EQ(ask("GET", logs_path).status, 403);
  EXPECT_TRUE(ledger_->metrics(trial).value().empty());
}

TEST_F(ApiTest, PagesOfLogsNameTheNextPosition) {
  const LogSource source{.job = job, .pod = "p", .pod_uid = "u", .container = "c", .task = "t"};
  ASSERT_TRUE(archive_->append(source, std::vector<LogLine>{{Instant{}, Output::standard, "one"}, {Instant{1s}, Output::standard, "two"}}, soon).ok());
  const net::Reply first = ask("GET", logs_path, "", {{"limitBytes", "10"}});
  EXPECT_NE(first.body.find("one"), std::string::npos);
  EXPECT_EQ(first.headers.get("Masu-End"), "false");
  const net::Reply second = ask("GET", logs_path, "", {{"limitBytes", "1000"}, {"after", std::string(first.headers.get("Masu-Next"))}});
  EXPECT_NE(second.body.find("two"), std::string::npos);
  EXPECT_EQ(second.headers.get("Masu-End"), "true");
  EXPECT_EQ(ask("GET", logs_path, "", {{"limitBytes", "0"}}).status, 400);
  EXPECT_EQ(ask("GET", logs_path, "", {{"since", "yesterday"}}).status, 400);
}

TEST_F(ApiTest, TheClientSaysAndReadsTheSameOverARealConnection) {
  net::Server::Options options;
  options.listeners.push_back({.address = "127.0.0.1:0", .handler = api_.handler()});
  options.workers = 1;
  const auto server = net::Server::start(std::move(options)).value();
  net::Client http;
  const auto client = Client::make(http, cat("http://", server->addresses().front(), "/"), [] { return Result<std::string>("token\n"); }).value();
  const std::vector<Metric> metrics = {{"accuracy", "0.9", 1, Instant{5s}}, {"loss", "1e-3", {}, {}}};
  const Status reported = client.report(trial, metrics, soon);
  ASSERT_TRUE(reported.ok()) << reported.error().message;
  EXPECT_EQ(client.metrics(trial, soon).value(), metrics);

  const LogSource source{.job = job, .pod = "p", .pod_uid = "u", .container = "c", .task = "master-replica-0", .trial = "2"};
  ASSERT_TRUE(archive_->append(source, std::vector<LogLine>{{Instant{1s}, Output::errors, "one"}}, soon).ok());
  std::vector<std::string> seen;
  const auto take = [&](const LogEntry& entry) {
    seen.push_back(cat(entry.severity, " ", entry.task, " ", entry.trial, " ", entry.message));
    // The second line is written only now: the stream is seen to go on.
    if (seen.size() == 1) {
      EXPECT_TRUE(archive_->append(source, std::vector<LogLine>{{Instant{2s}, Output::standard, "two"}}, soon).ok());
      EXPECT_TRUE(archive_->close_job(job, soon).ok());
    }
    return true;
  };
  const Status read = client.logs(job, {.follow = true}, take, {});
  EXPECT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(seen, (std::vector<std::string>{"ERROR master-replica-0 2 one", "INFO master-replica-0 2 two"}));

  authorizer_.denied = true;
  EXPECT_EQ(client.report(trial, metrics, soon).error().code, Code::denied);
  EXPECT_EQ(client.logs(job, {}, take, {}).error().code, Code::denied);
}

/// An API server of two tokens: alice's, who may get everything, and nobody's.
class ReviewTest : public testing::Test {
 protected:
  net::Answer review(const net::Request& request) {
    ++reviews_;
    Value object = parse_json(request.body).value();
    if (object["kind"].as_string() == "TokenReview") {
      const bool known = object.at("spec", "token").as_string() == "alices";
      object["status"] = Value::object({{"authenticated", known}});
      if (known) object["status"]["user"] = Value::object({{"username", "alice"}, {"groups", Value::array({"ml"})}});
    } else {
      const Value& spec = object["spec"];
      const bool allowed = (spec["user"].as_string() == "alice" && spec["groups"] == Value::array({"ml"}) &&
                            spec.at("resourceAttributes", "verb").as_string() == "get") || spec["user"].as_string() == "system:masu";
      object["status"] = Value::object({{"allowed", allowed}});
    }
    return net::Reply{.status = 201, .headers = {{"Content-Type", "application/json"}}, .body = to_json(object)};
  }
  Status allow(std::string_view verb, std::string_view header) {
    net::Request request;
    if (!header.empty()) request.headers.set("Authorization", header);
    return authorizer_.allow(request, {std::string(verb), kube::resources::trials, trial}, soon);
  }

  int reviews_ = 0;
  SimClock clock_;
  std::unique_ptr<kube::Transport> transport_ =
      kube::in_process_transport([this](const net::Request& request) { return review(request); }, "system:masu", {});
  kube::Client client_{*transport_};
  ReviewAuthorizer authorizer_{client_, clock_};
};

TEST_F(ReviewTest, TokensAndRightsAreAskedOfTheCluster) {
  EXPECT_TRUE(allow("get", "Bearer alices").ok());
  EXPECT_EQ(allow("update", "Bearer alices").error().code, Code::denied);
  EXPECT_EQ(allow("get", "Bearer wrong").error().code, Code::unauthenticated);
  EXPECT_EQ(allow("get", "").error().code, Code::unauthenticated);
  EXPECT_EQ(allow("get", "Basic alices").error().code, Code::unauthenticated);
}

TEST_F(ReviewTest, AnswersAreRememberedForAWhileRefusalsAreNot) {
  ASSERT_TRUE(allow("get", "Bearer alices").ok());
  EXPECT_EQ(reviews_, 2);
  ASSERT_TRUE(allow("get", "Bearer alices").ok());
  EXPECT_EQ(reviews_, 2);
  clock_.advance(11s);
  ASSERT_TRUE(allow("get", "Bearer alices").ok());
  EXPECT_EQ(reviews_, 4);
  EXPECT_FALSE(allow("update", "Bearer alices").ok());
  EXPECT_FALSE(allow("update", "Bearer alices").ok());
  EXPECT_EQ(reviews_, 6);
}

TEST_F(ReviewTest, AUserOfTheInProcessTransportNeedsNoToken) {
  net::Request request;
  request.peer.user = "system:masu";
  EXPECT_TRUE(authorizer_.allow(request, {"update", kube::resources::trials, trial}, soon).ok());
  request.peer.user = "mallory";
  EXPECT_EQ(authorizer_.allow(request, {"update", kube::resources::trials, trial}, soon).error().code, Code::denied);
}

}  // namespace
}  // namespace masu::ledger
