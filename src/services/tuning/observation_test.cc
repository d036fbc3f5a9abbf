#include "tuning/observation.h"

#include <gtest/gtest.h>

namespace masu::tuning {
namespace {

Instant at(int seconds) { return Instant{std::chrono::seconds{1'700'000'000 + seconds}}; }

Objective accuracy() {
  Objective out;
  out.metric = "acc";
  out.more_metrics = {"loss"};
  out.strategies = {{"acc", Strategy::latest}, {"loss", Strategy::min}};
  return out;
}

TEST(Observation, LatestIsTheHighestStepAndThenTheLatestTime) {
  const std::vector<MetricEntry> log = {{"acc", "0.90", 3, at(5)}, {"acc", "0.8", 2, at(9)}, {"acc", "0.91", 3, at(6)}, {"acc", "0.1", 3, at(1)}, {"loss", "2", {}, at(2)}, {"loss", "1.0", {}, at(1)}};
  const auto metrics = summarise(accuracy(), log);
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0], (MetricSummary{"acc", "0.1", "0.91", "0.91", 3}));
  EXPECT_EQ(metrics[1], (MetricSummary{"loss", "1.0", "2", "2"}));
  EXPECT_EQ(objective_value(accuracy(), metrics), 0.91);
}

TEST(Observation, WithoutStepsTheLatestTimeCountsAndLaterLinesWinTies) {
  const std::vector<MetricEntry> log = {{"acc", "1", {}, at(2)}, {"acc", "2", {}, at(2)}, {"acc", "3", {}, at(1)}};
  EXPECT_EQ(summarise(accuracy(), log)[0].latest, "2");
}

TEST(Observation, WhatIsNoFiniteNumberIsNoValue) {
  for (const char* text : {"nan", "inf", "unavailable", "high", ""}) {
    const std::vector<MetricEntry> log = {{"acc", text, 1, at(0)}};
    EXPECT_FALSE(objective_value(accuracy(), summarise(accuracy(), log))) << text;
  }
  EXPECT_EQ(summarise(accuracy(), {})[0].latest, "unavailable");
  const std::vector<MetricEntry> log = {{"acc", "unavailable", {}, at(0)}, {"Acc", "1", 1, at(0)}, {"loss", "1", 1, at(0)}};
  EXPECT_EQ(seen_metrics(log, "acc"), (std::vector<std::string>{"Acc", "loss"}));
}

TEST(MedianStop, StopsOnlyWhatIsClearlyBehind) {
  const auto curve = [](std::vector<double> values) {
    Curve out;
    for (std::size_t i = 0; i < values.size(); ++i) out.points.emplace_back(static_cast<std::int64_t>(i + 1), values[i]);
    return out;
  };
  const std::vector<Curve> finished = {curve({.5, .6, .7, .8, .9}), curve({.4, .5, .6, .7, .8}), curve({.3, .4, .5, .6, .7})};
  const MedianRule rule;
  struct Row {
    const char* name;
    Curve running;
    std::size_t others;
    bool stops;
  };
  const std::vector<Row> rows = {
      {"behind at the fourth report", curve({.1, .2, .3, .4}), 3, true},
      {"too early to say", curve({.1, .2, .3}), 3, false},
      {"too few others", curve({.1, .2, .3, .4}), 2, false},
      {"its best is above the median of averages", curve({.1, .6, .3, .4}), 3, false},
      {"nobody came that far", curve({.1, .1, .1, .1, .1, .1}), 3, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(falls_behind(rule, optimise::Goal::maximise, row.running, std::span(finished).first(row.others)), row.stops) << row.name;
  }
  EXPECT_FALSE(falls_behind(rule, optimise::Goal::minimise, curve({.1, .2, .3, .4}), finished));
  EXPECT_TRUE(falls_behind(rule, optimise::Goal::minimise, curve({.9, .9, .9, .9}), finished));
  EXPECT_FALSE(MedianRule::from({"medianstop", {{"start_step", "0"}}}).ok());
  EXPECT_FALSE(MedianRule::from({"medianstop", {{"step", "1"}}}).ok());
  EXPECT_EQ(MedianRule::from({"medianstop", {{"start_step", "2"}}})->start_reports, 2);
}

}  // namespace
}  // namespace masu::tuning
