#include "tuning/observation.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"

namespace masu::tuning {
namespace {

/// True if b comes after a (or at the same place, later in the log).
bool later(const MetricEntry& a, const MetricEntry& b, bool by_step) {
  if (by_step && *a.step != *b.step) return *b.step > *a.step;
  return !a.time || (b.time && *b.time >= *a.time);
}

std::vector<const MetricEntry*> reports_of(std::string_view name, std::span<const MetricEntry> log) {
  std::vector<const MetricEntry*> out;
  for (const MetricEntry& entry : log) {
    if (entry.name == name && entry.value != unavailable) out.push_back(&entry);
  }
  return out;
}

bool all_have_steps(const std::vector<const MetricEntry*>& reports) {
  return std::all_of(reports.begin(), reports.end(), [](const MetricEntry* e) { return e->step.has_value(); });
}

}  // namespace

std::vector<MetricSummary> summarise(const Objective& objective, std::span<const MetricEntry> log) {
  std::vector<MetricSummary> out;
  for (const std::string& name : objective.all_metrics()) {
    MetricSummary summary{name, std::string(unavailable), std::string(unavailable), std::string(unavailable)};
    const auto reports = reports_of(name, log);
    const bool by_step = all_have_steps(reports);
    const MetricEntry* latest = nullptr;
    std::optional<double> least, most;
    for (const MetricEntry* report : reports) {
      if (latest == nullptr || later(*latest, *report, by_step)) latest = report;
      const auto number = read_number(report->value);
      if (!number || std::isnan(*number)) continue;
      if (!least || *number < *least) least = number, summary.min = report->value;
      if (!most || *number > *most) most = number, summary.max = report->value;
    }
    if (latest != nullptr) {
      summary.latest = latest->value;
      if (by_step) summary.step = latest->step;
    }
    out.push_back(std::move(summary));
  }
  return out;
}

std::vector<std::string> seen_metrics(std::span<const MetricEntry> log, std::string_view except) {
  std::set<std::string> names;
  for (const MetricEntry& entry : log) {
    if (entry.value != unavailable && entry.name != except) names.insert(entry.name);
  }
  return {names.begin(), names.end()};
}

Curve curve_of(const Objective& objective, std::span<const MetricEntry> log) {
  auto reports = reports_of(objective.metric, log);
  const bool by_step = all_have_steps(reports);
  std::stable_sort(reports.begin(), reports.end(), [&](const MetricEntry* a, const MetricEntry* b) { return !later(*b, *a, by_step); });
  Curve out;
  std::int64_t number = 0;
  for (const MetricEntry* report : reports) {
    const auto value = read_number(report->value);
    ++number;
    if (value && std::isfinite(*value)) out.points.emplace_back(by_step ? *report->step : number, *value);
  }
  return out;
}

Result<MedianRule> MedianRule::from(const Algorithm& algorithm) {
  MedianRule out;
  for (const auto& [key, text] : algorithm.settings) {
    const auto number = read_number(text);
    if (key != "min_trials_required" && key != "start_step") {
      return Error{Code::invalid, cat("early stopping ", quote(algorithm.name), " has no setting ", quote(key),
          "; it has min_trials_required and start_step")};
    }
    if (!number || std::floor(*number) != *number || *number < 1 || *number > 1e6) {
      return Error{Code::invalid, cat("early stopping setting ", key, " must be a whole number of at least 1, not ", quote(text))};
    }
    (key == "start_step" ? out.start_reports : out.min_trials) = static_cast<int>(*number);
  }
  return out;
}

bool falls_behind(const MedianRule& rule, optimise::Goal goal, const Curve& running, std::span<const Curve> finished) {
  if (static_cast<int>(running.points.size()) < rule.start_reports) return false;
  const double sign = goal == optimise::Goal::maximise ? 1 : -1;
  const std::int64_t step = running.points.back().first;
  double best = sign * running.points.front().second;
  for (const auto& [at, value] : running.points) best = std::max(best, sign * value);

  std::vector<double> averages;
  for (const Curve& curve : finished) {
    // A trial that ended before this step says nothing about it.
    if (curve.points.empty() || curve.points.back().first < step) continue;
    double sum = 0;
    int count = 0;
    for (const auto& [at, value] : curve.points) {
      if (at <= step) sum += sign * value, ++count;
    }
    if (count > 0) averages.push_back(sum / count);
  }
  if (static_cast<int>(averages.size()) < rule.min_trials) return false;
  std::sort(averages.begin(), averages.end());
  const std::size_t half = averages.size() / 2;
  const double median = averages.size() % 2 == 1 ? averages[half] : (averages[half - 1] + averages[half]) / 2;
  return best < median;
}

}  // namespace masu::tuning
