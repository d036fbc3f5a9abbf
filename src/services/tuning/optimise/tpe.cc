/// Tree-structured Parzen estimator, multivariate (Bergstra et al. 2011; Falkner et al. 2018; defaults after Watanabe 2023).
///
/// The observed points are split into the good (the best few) and the rest; each group becomes a mixture with one
/// kernel for each point plus one for the prior. Candidates are drawn from the good mixture and the one whose density
/// is largest relative to the other mixture is next. A kernel is a product over the parameters (a cut-off normal on
/// the axis, or a smoothed choice), so combinations that were good together stay together.
///
/// Failed points and points still running count as bad: the search leaves places where trials die, and a batch spreads.
/// The first points are the centre of the space and then a scrambled Sobol sequence. A quarter of the points counts as
/// good and kernels are narrow (0.16 of the axis): the best of ten settings in tpe_bench for 12 to 100 trials.
///
/// Cost of a point: candidates x kernels x parameters. History beyond the newest 1,000 entries is not looked at.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tuning/optimise/methods.h"

namespace masu::tuning::optimise {
namespace {

constexpr std::size_t history_max = 1000;
constexpr std::uint64_t enumerate_max = 1024;  // a space of so few cells is judged whole, not by candidates

/// A mixture of product kernels over the unit cube.
class Mixture {
 public:
  Mixture(const Space& space, double prior_weight) : space_(space), prior_weight_(prior_weight) {}
  void add(const Point& point) {
    points_.push_back(&point);
    places_.push_back(space_.place_of(point));
  }
  /// Fixes bandwidths; after the last add.
  void prepare();
  Point sample(Dice& dice) const;
  double log_density(const Point& point) const;

 private:
  double bandwidth(std::size_t axis) const { return bandwidth_[axis]; }
  std::size_t kernels() const { return points_.size() + 1; }
  /// Probability of the value's cell (or density at its place) under the kernel of one point.
  double kernel(std::size_t axis, double mean, double center_value, double value, double place) const;

  const Space& space_;
  double prior_weight_;
  std::vector<const Point*> points_;
  std::vector<std::vector<double>> places_;
  std::vector<double> bandwidth_;
};

void Mixture::prepare() {
  const double n = static_cast<double>(std::max<std::size_t>(points_.size(), 1));
  const double d = static_cast<double>(space_.size());
  const double scott = 0.16 * std::pow(n, -1 / (d + 4));
  for (std::size_t a = 0; a < space_.size(); ++a) {
    // Not narrower than a hundredth of the axis, nor than the points are many; nor than half a cell.
    double width = std::max(scott, 1 / std::min(100.0, n + 1) / 4);
    if (const auto cells = space_.axes()[a].cells(); cells > 1) width = std::max(width, 0.5 / static_cast<double>(cells));
    bandwidth_.push_back(width);
  }
}

double Mixture::kernel(std::size_t a, double mean, double center_value, double value, double place) const {
  const Axis& axis = space_.axes()[a];
  if (!axis.ordered()) {
    const double cells = static_cast<double>(axis.cells());
    const double smooth = prior_weight_ / static_cast<double>(kernels());
    return ((value == center_value ? 1.0 : 0.0) + smooth) / (1 + smooth * cells);
  }
  const double h = bandwidth(a);
  const double inside = normal_cdf((1 - mean) / h) - normal_cdf(-mean / h);
  if (axis.cells() > 0) {
    const auto own = axis.interval(axis.cell_of(value));
    return std::max(1e-300, (normal_cdf((own.high - mean) / h) - normal_cdf((own.low - mean) / h)) / inside);
  }
  const double z = (place - mean) / h;
  return std::exp(-z * z / 2) / (h * std::sqrt(2 * std::numbers::pi) * inside);
}

double Mixture::log_density(const Point& point) const {
  const std::vector<double> place = space_.place_of(point);
  std::vector<double> logs;
  double prior = std::log(prior_weight_);
  for (std::size_t a = 0; a < space_.size(); ++a) {
    const Axis& axis = space_.axes()[a];
    double low = place[a] - 5e-4, high = place[a] + 5e-4;
    if (axis.cells() > 0) {
      const auto own = axis.interval(axis.cell_of(point.values[a]));
      low = own.low, high = own.high;
    }
    // The prior's mass of the cell; for a continuous axis its density.
    double mass = high - low;
    if (axis.prior() == Prior::normal) mass = (normal_cdf((high - 0.5) * 6) - normal_cdf((low - 0.5) * 6)) / (normal_cdf(3) - normal_cdf(-3));
    if (axis.cells() == 0) mass /= 1e-3;
    prior += std::log(std::max(mass, 1e-300));
  }
  logs.push_back(prior);
  for (std::size_t k = 0; k < points_.size(); ++k) {
    double log = 0;
    for (std::size_t a = 0; a < space_.size(); ++a) {
      log += std::log(std::max(kernel(a, places_[k][a], points_[k]->values[a], point.values[a], place[a]), 1e-300));
    }
    logs.push_back(log);
  }
  const double most = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (const double log : logs) sum += std::exp(log - most);
  return most + std::log(sum / (static_cast<double>(points_.size()) + prior_weight_));
}

Point Mixture::sample(Dice& dice) const {
  const double total = static_cast<double>(points_.size()) + prior_weight_;
  const double pick = dice.uniform() * total;
  std::vector<double> unit(space_.size());
  if (pick >= static_cast<double>(points_.size())) {
    for (std::size_t a = 0; a < unit.size(); ++a) unit[a] = from_prior(space_.axes()[a], dice.uniform());
    return space_.at(unit);
  }
  const std::size_t k = static_cast<std::size_t>(pick);
  for (std::size_t a = 0; a < unit.size(); ++a) {
    const Axis& axis = space_.axes()[a];
    const double mean = places_[k][a];
    if (!axis.ordered()) {
      const double smooth = prior_weight_ / static_cast<double>(kernels());
      const double stray = smooth * static_cast<double>(axis.cells()) / (1 + smooth * static_cast<double>(axis.cells()));
      const double where = dice.uniform();
      unit[a] = dice.uniform() < stray ? where : mean;
      continue;
    }
    const double low = normal_cdf(-mean / bandwidth(a)), high = normal_cdf((1 - mean) / bandwidth(a));
    unit[a] = mean + bandwidth(a) * normal_quantile(low + dice.uniform() * (high - low));
  }
  return space_.at(unit);
}

struct Groups {
  std::vector<const Point*> good, bad;
};

/// The best few are good; of equal ones the older. Failed and running points are bad.
Groups split(const Question& question, const std::vector<Point>& chosen) {
  const auto history = question.history.last(std::min(history_max, question.history.size()));
  const double sign = question.settings.goal == Goal::maximise ? -1 : 1;
  std::vector<std::pair<double, const Point*>> done;
  Groups groups;
  for (const Observed& observed : history) {
    if (observed.objective && std::isfinite(*observed.objective)) done.emplace_back(sign * *observed.objective, &observed.point);
    else groups.bad.push_back(&observed.point);
  }
  std::stable_sort(done.begin(), done.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const double n = static_cast<double>(done.size());
  const double gamma = question.setting("gamma", 0);
  const double wanted = gamma > 0 ? std::ceil(gamma * std::sqrt(n)) : std::ceil(0.25 * n);
  const std::size_t good = static_cast<std::size_t>(std::clamp(wanted, std::min(n, 2.0), 25.0));
  for (std::size_t i = 0; i < done.size(); ++i) (i < good ? groups.good : groups.bad).push_back(done[i].second);
  for (const Point& point : question.pending) groups.bad.push_back(&point);
  for (const Point& point : chosen) groups.bad.push_back(&point);
  return groups;
}

std::uint64_t startup(const Question& question) {
  const Settings& settings = question.settings;
  for (const std::string_view name : {"n_startup_trials", "n_initial_points"}) {
    if (settings.algorithm_settings.contains(std::string(name))) return static_cast<std::uint64_t>(question.setting(name, 10));
  }
  if (settings.budget <= 0) return 10;
  const auto quarter = static_cast<std::uint64_t>((settings.budget + 3) / 4);
  return std::clamp<std::uint64_t>(std::max<std::uint64_t>(quarter, question.space.size() + 1), 3, 10);
}

}  // namespace

Point next_tpe(const Question& question, const std::vector<Point>& chosen, const Used& used) {
  const Space& space = question.space;
  const std::uint64_t number = question.asked() + chosen.size();
  const Groups groups = split(question, chosen);
  if (number < startup(question) || groups.good.size() < 2) {
    Point centre = space.at(std::vector<double>(space.size(), 0.5));
    if (number == 0 && !used.contains(centre)) return centre;
    return spread(question, number, question.settings.seed, used);
  }

  const double prior_weight = question.setting("prior_weight", 1);
  Mixture good(space, prior_weight), bad(space, prior_weight);
  for (const Point* point : groups.good) good.add(*point);
  for (const Point* point : groups.bad) bad.add(*point);
  good.prepare();
  bad.prepare();

  std::optional<Point> best;
  double best_score = -std::numeric_limits<double>::infinity();
  const auto judge = [&](const Point& candidate) {
    if (used.contains(candidate)) return;
    const double score = good.log_density(candidate) - bad.log_density(candidate);
    if (!best || score > best_score) best = candidate, best_score = score;
  };
  Dice dice(mix(question.settings.seed ^ 0x7065ULL) ^ mix(number));
  if (used.cells() && *used.cells() <= enumerate_max) {
    for (std::uint64_t cell = 0; cell < *used.cells(); ++cell) judge(space.cell(cell));
  } else {
    const double asked = question.setting("n_ei_candidates", question.setting("n_EI_candidates", 64));
    for (int i = 0; i < static_cast<int>(std::max(asked, 1.0)); ++i) judge(good.sample(dice));
  }
  return best ? *best : next_random(question, chosen, used);
}

}  // namespace masu::tuning::optimise
