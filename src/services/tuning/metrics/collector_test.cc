#include "tuning/metrics/collector.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"

namespace masu::tuning {
namespace {

class FakeSink final : public MetricSink {
 public:
  Status report(const kube::Key&, std::span<const MetricEntry> entries, Deadline) override {
    if (broken) return Error{Code::unavailable, "the ledger is away"};
    for (const MetricEntry& e : entries) text += cat(text.empty() ? "" : " ", e.name, "=", e.value);
    return {};
  }
  std::string text;
  bool broken = false;
};

struct Case {
  TemporaryDirectory directory;
  LocalFiles files;
  FakeSink sink;
  Instant now = Instant{std::chrono::seconds{1'700'000'000}};
  std::unique_ptr<Collector> collector;

  explicit Case(CollectFrom from, std::vector<std::string> metrics = {"acc"}) {
    CollectSettings settings{.trial = {"ml", "e-1"}, .from = from, .metrics = std::move(metrics)};
    settings.metric_file = path("output.metrics");
    settings.event_directory = path("events");
    settings.line_file = path("stdout");
    settings.done_file = path("done");
    collector = Collector::make(settings, files, files, sink).value();
  }
  std::string path(std::string_view name) const { return (directory.path() / name).string(); }
  void write(std::string_view name, std::string_view text) { ASSERT_TRUE(write_file(path(name), text).ok()); }
  Status poll() { return collector->poll(now, Deadline::none()); }
  Status finish() { return collector->finish(now, Deadline::none()); }
};

TEST(Collector, ReportsTheMetricFileAsItGrows) {
  Case c(CollectFrom::automatic);
  ASSERT_TRUE(c.poll().ok());
  c.write("output.metrics", "{\"timestamp\": 1, \"global_step\": \"1\", \"acc\": \"0.5\"}\n");
  ASSERT_TRUE(c.poll().ok());
  ASSERT_TRUE(c.poll().ok());
  EXPECT_EQ(c.sink.text, "acc=0.5");
  c.write("stdout", "acc=0.4\n");
  ASSERT_TRUE(c.finish().ok());
  EXPECT_EQ(c.sink.text, "acc=0.5") << "the metric file is the better source";
}

TEST(Collector, TakesTheStandardOutputWhenNothingBetterCame) {
  Case c(CollectFrom::automatic);
  c.write("stdout", "acc=0.4\nacc=0.6");
  ASSERT_TRUE(c.poll().ok());
  EXPECT_EQ(c.sink.text, "");
  ASSERT_TRUE(c.finish().ok());
  EXPECT_EQ(c.sink.text, "acc=0.4 acc=0.6");
}

TEST(Collector, SaysWhatWasSeenInsteadOfTheObjective) {
  Case c(CollectFrom::automatic);
  c.write("output.metrics", "{\"timestamp\": 1, \"accuracy\": \"0.5\", \"loss\": \"2\"}\n");
  ASSERT_TRUE(c.finish().ok());
  EXPECT_EQ(c.sink.text, "accuracy=0.5 loss=2 acc=unavailable");
  ASSERT_TRUE(c.finish().ok());
  EXPECT_EQ(c.sink.text, "accuracy=0.5 loss=2 acc=unavailable") << "once";
}

TEST(Collector, KeepsReportsWhileTheLedgerIsAway) {
  Case c(CollectFrom::lines);
  c.sink.broken = true;
  c.write("stdout", "acc=1\n");
  EXPECT_FALSE(c.poll().ok());
  c.write("stdout", "acc=1\nacc=2\n");
  EXPECT_FALSE(c.finish().ok());
  c.sink.broken = false;
  ASSERT_TRUE(c.finish().ok());
  EXPECT_EQ(c.sink.text, "acc=1 acc=2");
}

TEST(Collector, AStarTakesEverythingAndMissesNothing) {
  Case c(CollectFrom::file, {"*"});
  c.write("output.metrics", "{\"timestamp\": 1, \"accuracy\": \"0.5\", \"loss\": \"2\"}\n");
  ASSERT_TRUE(c.finish().ok());
  EXPECT_EQ(c.sink.text, "accuracy=0.5 loss=2");
}

TEST(Collector, KnowsWhenTheProgramIsDone) {
  Case c(CollectFrom::file);
  EXPECT_FALSE(c.collector->program_done());
  c.write("done", "0");
  EXPECT_TRUE(c.collector->program_done());
}

}  // namespace
}  // namespace masu::tuning
