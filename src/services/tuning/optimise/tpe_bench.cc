/// How much better than random? Standard functions, fixed seeds; prints the regret (distance from the known optimum)
/// after the budget for both, and the median over functions and seeds of regret(random) / regret(method).

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <numbers>

#include "base/text.h"
#include "tuning/optimise/optimise.h"

using namespace masu;
using namespace masu::tuning::optimise;

namespace {

struct Task {
  const char* name;
  std::vector<Parameter> parameters;
  std::function<double(const std::vector<double>&)> loss;
  double optimum;
};

std::vector<Parameter> box(int dimensions, double low, double high) {
  std::vector<Parameter> out;
  for (int i = 0; i < dimensions; ++i) out.push_back({.name = cat("x", i), .min = low, .max = high});
  return out;
}

std::vector<Task> tasks() {
  using std::numbers::pi;
  std::vector<Task> out;
  out.push_back({"sphere-4", box(4, -5, 7), [](const auto& x) { double s = 0; for (double v : x) s += v * v; return s; }, 0});
  out.push_back({"branin-2", {{.name = "x", .min = -5, .max = 10}, {.name = "y", .min = 0, .max = 15}},
                 [](const auto& x) {
                   const double a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
                   return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
                 }, 0.397887});
  out.push_back({"rosenbrock-3", box(3, -2, 2), [](const auto& x) {
                   double s = 0;
                   for (std::size_t i = 0; i + 1 < x.size(); ++i) s += 100 * std::pow(x[i + 1] - x[i] * x[i], 2) + std::pow(1 - x[i], 2);
                   return s;
                 }, 0});
  out.push_back({"ackley-5", box(5, -20, 30), [](const auto& x) {
                   double a = 0, b = 0;
                   for (double v : x) a += v * v, b += std::cos(2 * pi * v);
                   const double n = static_cast<double>(x.size());
                   return -20 * std::exp(-0.2 * std::sqrt(a / n)) - std::exp(b / n) + 20 + std::numbers::e;
                 }, 0});
  out.push_back({"styblinski-4", box(4, -5, 5), [](const auto& x) {
                   double s = 0;
                   for (double v : x) s += v * v * v * v - 16 * v * v + 5 * v;
                   return s / 2;
                 }, -39.16616570377142 * 4});
  out.push_back({"hartmann-6", box(6, 0, 1), [](const auto& x) {
                   static const double alpha[4] = {1, 1.2, 3, 3.2};
                   static const double A[4][6] = {{10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8},
                       {17, 8, 0.05, 10, 0.1, 14}};
                   static const double P[4][6] = {{1312, 1696, 5569, 124, 8283, 5886}, {2329, 4135, 8307, 3736, 1004, 9991},
                                                  {2348, 1451, 3522, 2883, 3047, 6650}, {4047, 8828, 8732, 5743, 1091, 381}};
                   double s = 0;
                   for (int i = 0; i < 4; ++i) {
                     double e = 0;
                     for (std::size_t j = 0; j < 6; ++j) e += A[i][j] * std::pow(x[j] - 1e-4 * P[i][j], 2);
                     s -= alpha[i] * std::exp(-e);
                   }
                   return s;
                 }, -3.32237});
  // As a small training job: learning rate and decay on log scales, width, depth, a choice; the choice moves the best rate.
  out.push_back({"training-5",
                 {{.name = "lr", .min = 1e-5, .max = 1, .scale = Scale::log},
                  {.name = "decay", .min = 1e-6, .max = 1e-1, .scale = Scale::log},
                  {.name = "layers", .kind = Kind::integer, .min = 1, .max = 8},
                  {.name = "batch", .kind = Kind::discrete, .values = {"16", "32", "64", "128", "256"}, .scale = Scale::log},
                  {.name = "optimizer", .kind = Kind::categorical, .values = {"sgd", "adam", "rmsprop"}}},
                 [](const auto& x) {
                   const double best_rate = x[4] == 0 ? -1 : -3;
                   const double rate = std::log10(x[0]) - best_rate - 0.15 * (x[3] - 2);
                   const double decay = std::log10(x[1]) + 4;
                   return 0.05 * rate * rate + 0.01 * decay * decay + 0.01 * std::pow(x[2] - 4,
                       2) + 0.02 * std::abs(x[3] - 1) + (x[4] == 1 ? 0 : 0.05);
                 }, 0.01 * 0});
  return out;
}

double regret(const Task& task, const std::string& algorithm, std::uint64_t seed, int budget, int parallel) {
  const Space space = Space::make(task.parameters).value();
  Settings settings{.algorithm = algorithm, .goal = Goal::minimise, .seed = seed, .budget = budget};
  std::vector<Observed> history;
  double best = 1e300;
  while (static_cast<int>(history.size()) < budget) {
    const int count = std::min(parallel, budget - static_cast<int>(history.size()));
    const std::vector<Point> points = ask(space, settings, history, {}, count).value();
    if (points.empty()) break;
    for (const Point& point : points) {
      const double loss = task.loss(point.values);
      best = std::min(best, loss);
      history.push_back({point, loss});
    }
  }
  return std::max(best - task.optimum, 1e-9);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::atoi(argv[1]) : 20;
  for (const auto& [budget, parallel] : {std::pair{12, 3}, std::pair{30, 3}, std::pair{100, 4}}) {
    std::vector<double> all;
    std::printf("%d trials, %d at a time, %d seeds\n", budget, parallel, seeds);
    for (const Task& task : tasks()) {
      std::vector<double> random, tpe, ratio;
      for (int seed = 1; seed <= seeds; ++seed) {
        random.push_back(regret(task, "random", static_cast<std::uint64_t>(seed), budget, parallel));
        tpe.push_back(regret(task, "tpe", static_cast<std::uint64_t>(seed), budget, parallel));
        ratio.push_back(random.back() / tpe.back());
      }
      all.insert(all.end(), ratio.begin(), ratio.end());
      std::printf("  %-14s median regret random %9.4g  tpe %9.4g  median ratio %6.2f\n", task.name, median(random), median(tpe),
          median(ratio));
    }
    std::printf("  median regret ratio random/tpe over all: %.2f\n", median(all));
  }
  return 0;
}
