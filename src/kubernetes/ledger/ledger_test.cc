#include "ledger/ledger.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"
#include "ledger/log_entry.h"

namespace masu::ledger {
namespace {

const Deadline soon = Deadline::after(60s);
Instant at(long long seconds) { return Instant{std::chrono::seconds{seconds}}; }

class LedgerTest : public testing::Test {
 protected:
  std::unique_ptr<Ledger> open() {
    return Ledger::open(directory_.path() / "ledger.db", {.mode = sqlite::Writer::Mode::inline_, .durability = sqlite::Durability::full}).value();
  }
  TemporaryDirectory directory_;
};

TEST_F(LedgerTest, AReportThatComesTwiceCountsOnce) {
  const auto ledger = open();
  const kube::Key trial{"ml", "digits-1"};
  const std::vector<Metric> metrics = {{"accuracy", "0.90", 1, at(10)}, {"accuracy", "0.95", 2, at(20)}, {"loss", "nan", std::nullopt, std::nullopt}};
  ASSERT_TRUE(ledger->report(trial, metrics, soon).ok());
  ASSERT_TRUE(ledger->report(trial, metrics, soon).ok());
  EXPECT_EQ(ledger->metrics(trial).value(), metrics);  // texts are kept: 0.90 is not 0.9
  EXPECT_EQ(ledger->metrics(trial, "loss").value(), (std::vector<Metric>{metrics[2]}));
  EXPECT_TRUE(ledger->metrics({"other", "digits-1"}).value().empty());
}

TEST_F(LedgerTest, TheSameStepAtAnotherTimeIsAnotherReport) {
  const auto ledger = open();
  const kube::Key trial{"ml", "t"};
  const std::vector<Metric> metrics = {{"a", "1", 0, at(1)}, {"a", "2", 0, at(2)}, {"a", "3", 0, std::nullopt}, {"a", "4", std::nullopt, at(1)}};
  ASSERT_TRUE(ledger->report(trial, metrics, soon).ok());
  EXPECT_EQ(ledger->metrics(trial).value().size(), 4u);
}

TEST_F(LedgerTest, SurvivesAReopeningAndForgets) {
  const kube::Key trial{"ml", "t"}, job{"ml", "j"};
  {
    const auto ledger = open();
    ASSERT_TRUE(ledger->report(trial, std::vector<Metric>{{"a", "1", {}, {}}}, soon).ok());
    const LogSource source{.job = job, .pod = "j-0", .pod_uid = "12345678-abcd", .container = "training", .task = "master-replica-0"};
    const auto one = ledger->segment(source, soon).value();
    EXPECT_EQ(ledger->segment(source, soon).value().id, one.id);
    EXPECT_EQ(one.file, "ml/j/j-0.12345678.training.log");
    ASSERT_TRUE(ledger->finish_segment(one.id, soon).ok());
    ASSERT_TRUE(ledger->close_job(job, soon).ok());
  }
  const auto ledger = open();
  EXPECT_EQ(ledger->metrics(trial).value().size(), 1u);
  ASSERT_EQ(ledger->segments(job).value().size(), 1u);
  EXPECT_TRUE(ledger->segments(job).value()[0].finished);
  EXPECT_EQ(ledger->segments(job).value()[0].source.task, "master-replica-0");
  EXPECT_TRUE(ledger->job_closed(job).value());
  EXPECT_EQ(ledger->jobs_with_logs().value(), std::vector<kube::Key>{job});
  ASSERT_TRUE(ledger->forget_trial(trial, soon).ok());
  ASSERT_TRUE(ledger->forget_job(job, soon).ok());
  EXPECT_TRUE(ledger->metrics(trial).value().empty());
  EXPECT_TRUE(ledger->segments(job).value().empty());
  EXPECT_FALSE(ledger->job_closed(job).value());
}

TEST(LogEntry, TakesSeverityFromTheStreamOrFromJson) {
  const auto of = [](Output output, std::string text) { return entry_of({at(0), output, std::move(text)}, "master-replica-0", "3"); };
  EXPECT_EQ(of(Output::standard, "epoch 1").severity, "INFO");
  EXPECT_EQ(of(Output::errors, "oh no").severity, "ERROR");
  const auto json = of(Output::standard, R"({"message":"slow","levelname":"WARN","step":3})");
  EXPECT_EQ(json.severity, "WARNING");
  EXPECT_EQ(json.message, "slow");
  EXPECT_EQ(json.payload["step"].as_integer(), 3);
  EXPECT_EQ(of(Output::errors, R"({"severity":"DEBUG"})").severity, "DEBUG");
  EXPECT_EQ(of(Output::errors, R"({"severity":"loud"})").severity, "ERROR");
  EXPECT_EQ(of(Output::standard, "{not json").message, "{not json");
}

TEST(LogEntry, ReadsWhatItWritesWithTimesThatSort) {
  LogEntry entry{.time = at(1767323045) + 5ns, .severity = "INFO", .task = "t", .trial = "2", .message = "a \"b\"\n\xc3\xa9"};
  const std::string line = encode(entry);
  EXPECT_EQ(time_text(line), "2026-01-02T03:04:05.000000005Z");
  EXPECT_EQ(decode_entry(line).value(), entry);
  entry.time += 1ns;
  EXPECT_LT(time_text(line), time_text(encode(entry)));
  EXPECT_EQ(time_text("{}"), "");
  EXPECT_FALSE(decode_entry("nonsense").ok());
}

TEST(LogEntry, ReadsLinesOfAPodsLog) {
  const auto line = parse_pod_log_line("2026-01-02T03:04:05.123456789Z loss: 0.1  x").value();
  EXPECT_EQ(stamp(line.time), "2026-01-02T03:04:05.123456789Z");
  EXPECT_EQ(line.text, "loss: 0.1  x");
  EXPECT_EQ(parse_pod_log_line("2026-01-02T03:04:05Z ").value().text, "");
  EXPECT_EQ(parse_pod_log_line("2026-01-02T03:04:05Z").value().text, "");
  EXPECT_EQ(parse_pod_log_line("hello").error().code, Code::malformed);
}

TEST(Resume, LeavesOutWhatIsArchivedEvenWhereManyLinesShareATime) {
  Resume resume(LogPosition{at(5), 2});
  std::vector<bool> got;
  for (const int second : {4, 5, 5, 5, 5, 6}) got.push_back(resume.is_new(at(second)));
  EXPECT_EQ(got, (std::vector<bool>{false, false, false, true, true, true}));
  EXPECT_TRUE(Resume(std::nullopt).is_new(at(0)));
}

}  // namespace
}  // namespace masu::ledger
