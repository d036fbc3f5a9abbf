#include "tuning/optimise/optimise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/text.h"
#include "tuning/optimise/methods.h"

namespace masu::tuning::optimise {
namespace {

Space mixed_space() {
  return Space::make({{.name = "lr", .min = 1e-5, .max = 1, .scale = Scale::log},
                      {.name = "momentum", .min = 0.5, .max = 0.999, .scale = Scale::reverse_log},
                      {.name = "layers", .kind = Kind::integer, .min = 1, .max = 8},
                      {.name = "batch", .kind = Kind::discrete, .values = {"64", "16", "32"}, .scale = Scale::log},
                      {.name = "optimizer", .kind = Kind::categorical, .values = {"sgd", "adam"}}})
      .value();
}

Space small_space() {
  return Space::make({{.name = "n", .kind = Kind::integer, .min = 1, .max = 4},
                      {.name = "x", .min = 0, .max = 1, .step = 0.25},
                      {.name = "c", .kind = Kind::categorical, .values = {"a", "b"}}})
      .value();
}

TEST(Space, RefusesWhatCannotBeSearched) {
  struct Row {
    const char* name;
    Parameter parameter;
    const char* says;
  };
  const std::vector<Row> rows = {
      {"min above max", {.name = "lr", .min = 0.1, .max = 0.01}, "min 0.1 is above max 0.01"},
      {"an integer with a broken bound", {.name = "n", .kind = Kind::integer, .min = 0.5, .max = 3}, "whole numbers"},
      {"a step of zero", {.name = "x", .step = 0.0}, "step 0 is not above 0"},
      {"an empty list", {.name = "c", .kind = Kind::categorical}, "empty"},
      {"a word in a discrete list", {.name = "d", .kind = Kind::discrete, .values = {"1", "two"}}, "no number"},
      {"a value twice", {.name = "d", .kind = Kind::discrete, .values = {"1", "1.0"}}, "listed twice"},
      {"a log scale with zero", {.name = "lr", .min = 0, .max = 1, .scale = Scale::log}, "above 0"},
      {"a discrete log scale below zero", {.name = "d", .kind = Kind::discrete, .values = {"-1", "2"}, .scale = Scale::log}, "above 0"},
      {"a scale on choices", {.name = "c", .kind = Kind::categorical, .values = {"a"}, .scale = Scale::log}, "no scale"},
  };
  for (const Row& row : rows) {
    const auto space = Space::make({row.parameter});
    ASSERT_FALSE(space.ok()) << row.name;
    EXPECT_EQ(space.error().code, Code::invalid) << row.name;
    EXPECT_NE(space.error().message.find(row.says), std::string::npos) << row.name << ": " << space.error().message;
  }
  EXPECT_FALSE(Space::make({}).ok());
  EXPECT_FALSE(Space::make({{.name = "a"}, {.name = "a"}}).ok());
}

TEST(Space, EveryCellIsFoundAtItsOwnPlace) {
  for (const Scale scale : {Scale::linear, Scale::log, Scale::reverse_log}) {
    const Axis axis({.name = "n", .kind = Kind::integer, .min = 1, .max = 1000, .scale = scale});
    ASSERT_EQ(axis.cells(), 1000u);
    double before = 0;
    for (std::uint64_t cell = 0; cell < 1000; ++cell) {
      const auto [low, high] = axis.interval(cell);
      EXPECT_NEAR(low, before, 1e-12);
      EXPECT_LT(low, high);
      before = high;
      EXPECT_EQ(axis.value_at(axis.place_of(axis.cell_value(cell))), static_cast<double>(cell + 1));
    }
    EXPECT_NEAR(before, 1, 1e-12);
  }
}

TEST(Space, ScalesSpreadValuesWhereTheySay) {
  const Axis log({.name = "x", .min = 0.001, .max = 1, .scale = Scale::log});
  EXPECT_NEAR(log.value_at(0.5), std::sqrt(0.001), 1e-6);
  const Axis reverse({.name = "x", .min = 0.001, .max = 1, .scale = Scale::reverse_log});
  EXPECT_NEAR(reverse.value_at(0.5), 1.001 - std::sqrt(0.001), 1e-6);
  const Axis list({.name = "x", .kind = Kind::discrete, .values = {"100", "1", "10"}, .scale = Scale::log});
  EXPECT_EQ(list.value_at(0.1), 1.0);  // the index of "1"
  EXPECT_NEAR(list.interval(1).low, 1.0 / 3, 1e-9);
}

TEST(Space, TextsReadBackAsTheSamePoint) {
  const Space space = mixed_space();
  Dice dice(1);
  for (int i = 0; i < 500; ++i) {
    std::vector<double> unit(space.size());
    for (double& u : unit) u = dice.uniform();
    const Point point = space.at(unit);
    const auto texts = space.texts(point);
    const auto back = space.read(texts);
    ASSERT_TRUE(back.ok()) << join(texts, " ");
    EXPECT_EQ(*back, point) << join(texts, " ");
    EXPECT_EQ(texts[2].find('.'), std::string::npos) << "an integer has no point";
  }
  const std::vector<std::string> odd = {"1e-3", "0.9", "3", "32.0", "adam"};
  EXPECT_TRUE(space.read(odd).ok());
  const std::vector<std::string> foreign = {"2", "0.9", "3", "32", "adam"};
  EXPECT_FALSE(space.read(foreign).ok());
}

TEST(Ask, SaysWhatIsWrongWithTheAlgorithm) {
  const Space space = mixed_space();
  const auto code = [&](Settings settings) { return validate(space, settings).error().code; };
  EXPECT_EQ(code({.algorithm = "tpee"}), Code::invalid);
  EXPECT_NE(validate(space, {.algorithm = "tpee"}).error().message.find("tpe"), std::string::npos);
  EXPECT_EQ(code({.algorithm = "hyperband"}), Code::unsupported);
  EXPECT_EQ(code({.algorithm = "grid"}), Code::invalid);
  EXPECT_EQ(code({.algorithm = "tpe", .algorithm_settings = {{"gamma", "1.5"}}}), Code::invalid);
  EXPECT_EQ(code({.algorithm = "random", .algorithm_settings = {{"random_state", "-1"}}}), Code::invalid);
  EXPECT_EQ(code({.algorithm = "random", .algorithm_settings = {{"gamma", "0.2"}}}), Code::invalid);
  EXPECT_TRUE(validate(space, {.algorithm = "bayesianoptimization", .algorithm_settings = {{"base_estimator", "GP"}, {"n_initial_points", "5"}}}).ok());
}

/// Runs a search to its end; each round sees some trials finished, some failed and some pending.
std::vector<Point> search(const Space& space, const Settings& settings, int budget, int batch) {
  std::vector<Point> all;
  std::vector<Observed> history;
  while (static_cast<int>(all.size()) < budget) {
    const std::span<const Point> pending(all.data() + history.size(), all.size() - history.size());
    const auto points = ask(space, settings, history, pending, std::min(batch, budget - static_cast<int>(all.size())));
    EXPECT_TRUE(points.ok());
    const auto again = ask(space, settings, history, pending, std::min(batch, budget - static_cast<int>(all.size())));
    EXPECT_EQ(*points, *again) << "the same question has the same answer";
    if (points->empty()) break;
    all.insert(all.end(), points->begin(), points->end());
    while (history.size() + 1 < all.size()) {  // one stays pending
      const Point& point = all[history.size()];
      std::optional<double> value = -std::pow(point.values[0] - 1, 2);
      if (history.size() % 7 == 3) value.reset();
      if (history.size() % 11 == 5) value = std::nan("");
      history.push_back({point, value});
    }
  }
  return all;
}

TEST(Ask, NeverGivesAPointTwiceWhileTheSpaceHasOthers) {
  for (const std::string& algorithm : algorithms()) {
    for (const int batch : {1, 3, 50}) {
      for (const std::uint64_t seed : {1u, 2u}) {
        const auto points = search(small_space(), {.algorithm = algorithm, .seed = seed}, 100, batch);
        EXPECT_EQ(points.size(), 40u) << algorithm << ": the space is used up, not more and not less";
        EXPECT_EQ(std::set<Point>(points.begin(), points.end()).size(), points.size()) << algorithm;
      }
    }
    if (algorithm == "grid") continue;
    const auto points = search(mixed_space(), {.algorithm = algorithm, .seed = 5}, 60, 4);
    EXPECT_EQ(points.size(), 60u) << algorithm;
    EXPECT_EQ(std::set<Point>(points.begin(), points.end()).size(), 60u) << algorithm;
  }
}

TEST(Ask, StartsOverOnlyWhenToldTo) {
  const Space space = Space::make({{.name = "c", .kind = Kind::categorical, .values = {"a", "b"}}}).value();
  const std::vector<Observed> history = {{{{0}}, 1}, {{{1}}, 2}};
  EXPECT_TRUE(ask(space, {.algorithm = "random"}, history, {}, 3)->empty());
  for (const std::string& algorithm : algorithms()) {
    EXPECT_EQ(ask(space, {.algorithm = algorithm, .used_up = UsedUp::repeat}, history, {}, 3)->size(), 3u) << algorithm;
  }
}

TEST(Ask, AGridGoesThroughItsCellsInOrder) {
  const auto points = ask(small_space(), {.algorithm = "grid"}, {}, {}, 11).value();
  EXPECT_EQ(small_space().texts(points[0]), (std::vector<std::string>{"1", "0", "a"}));
  EXPECT_EQ(small_space().texts(points[1]), (std::vector<std::string>{"1", "0", "b"}));
  EXPECT_EQ(small_space().texts(points[3]), (std::vector<std::string>{"1", "0.25", "b"}));
  EXPECT_EQ(small_space().texts(points[10]), (std::vector<std::string>{"2", "0", "a"}));
}

TEST(Ask, SobolStartsInTheMiddleAndFillsEvenly) {
  const Space space = Space::make({{.name = "x"}, {.name = "y"}}).value();
  const auto points = ask(space, {.algorithm = "sobol"}, {}, {}, 255).value();
  EXPECT_EQ(points[0].values, (std::vector<double>{0.5, 0.5}));
  int counts[4][4] = {};
  for (const Point& p : points) ++counts[std::min(3, static_cast<int>(p.values[0] * 4))][std::min(3, static_cast<int>(p.values[1] * 4))];
  for (const auto& row : counts) {
    for (const int count : row) EXPECT_NEAR(count, 16, 1);
  }
}

TEST(Sobol, EachDimensionIsAPermutationOfTheBinaryGrid) {
  for (std::size_t d = 0; d < 40; ++d) {
    std::set<double> seen;
    for (std::uint32_t n = 0; n < 256; ++n) seen.insert(std::floor(sobol(n, d, 0) * 256));
    EXPECT_EQ(seen.size(), 256u) << d;
  }
}

TEST(Ask, RandomFollowsTheScale) {
  const Space space = Space::make({{.name = "lr", .min = 1e-4, .max = 1, .scale = Scale::log}, {.name = "n", .min = 0, .max = 1, .prior = Prior::normal}}).value();
  const auto points = ask(space, {.algorithm = "random", .seed = 9}, {}, {}, 2000).value();
  int low = 0, middle = 0;
  for (const Point& p : points) {
    low += p.values[0] < 1e-2;
    middle += std::abs(p.values[1] - 0.5) < 1.0 / 6;
  }
  EXPECT_NEAR(low, 1000, 100);
  EXPECT_NEAR(middle, 1365, 100);  // 68 % within one standard deviation
}

TEST(Tpe, FindsTheGoodCornerAndLeavesTheFailingOne) {
  const Space space = Space::make({{.name = "x"}, {.name = "c", .kind = Kind::categorical, .values = {"bad", "good", "dies"}}}).value();
  std::vector<Observed> history;
  int late_good = 0;
  for (int i = 0; i < 60; ++i) {
    const Point point = ask(space, {.algorithm = "tpe", .seed = 3}, history, {}, 1)->front();
    std::optional<double> value = -std::abs(point.values[0] - 0.8) - (point.values[1] == 0 ? 1 : 0);
    if (point.values[1] == 2) value.reset();
    if (i >= 40) late_good += point.values[1] == 1 && std::abs(point.values[0] - 0.8) < 0.2;
    history.push_back({point, value});
  }
  EXPECT_GE(late_good, 12);
}

TEST(Tpe, AThousandTrialsAreAnsweredQuickly) {
  const Space space = mixed_space();
  std::vector<Observed> history;
  const auto points = ask(space, {.algorithm = "random"}, {}, {}, 1500).value();
  for (const Point& point : points) history.push_back({point, point.values[0]});
  EXPECT_EQ(ask(space, {.algorithm = "tpe"}, history, {}, 1)->size(), 1u);
}

TEST(Tpe, MaximiseAndMinimiseAreMirrorImages) {
  const Space space = mixed_space();
  std::vector<Observed> up, down;
  const auto points = ask(space, {.algorithm = "random"}, {}, {}, 20).value();
  for (const Point& point : points) {
    up.push_back({point, point.values[0]});
    down.push_back({point, -point.values[0]});
  }
  EXPECT_EQ(ask(space, {.goal = Goal::maximise}, up, {}, 4).value(), ask(space, {.goal = Goal::minimise}, down, {}, 4).value());
}

}  // namespace
}  // namespace masu::tuning::optimise
