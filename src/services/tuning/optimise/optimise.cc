#include "tuning/optimise/optimise.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "tuning/optimise/methods.h"

namespace masu::tuning::optimise {
namespace {

/// A setting's shape; what a reference engine accepts and we have no use for is checked all the same and then ignored.
struct SettingRule {
  std::string_view name;
  enum class Type { whole, number, word } type = Type::number;
  double low = 0, high = 0;  // both 0: any
  bool open = false;         // ends excluded
  std::string_view words = {};  // for a word: those allowed
};

using Type = SettingRule::Type;
constexpr double any_max = 9e15;
const SettingRule random_state{"random_state", Type::whole, 0, any_max};
const std::vector<SettingRule> tpe_rules = {
    random_state,
    {"gamma", Type::number, 0, 1, true},
    {"prior_weight", Type::number, 0, any_max, true},
    {"n_EI_candidates", Type::whole, 1, 100000},
    {"n_ei_candidates", Type::whole, 0, 100000},
    {"n_startup_trials", Type::whole, 0, any_max},
    {"n_initial_points", Type::whole, 0, any_max},
    {"base_estimator", Type::word, 0, 0, false, "GP RF ET GBRT"},
    {"acq_func", Type::word, 0, 0, false, "gp_hedge LCB EI PI EIps PIps"},
    {"acq_optimizer", Type::word, 0, 0, false, "auto sampling lbfgs"},
};

struct Row {
  std::string_view name;
  Method method;
  std::vector<SettingRule> rules;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"random", next_random, {random_state}},
      {"grid", next_grid, {random_state}},
      {"sobol", next_sobol, {random_state}},
      {"tpe", next_tpe, tpe_rules},
      {"multivariate-tpe", next_tpe, tpe_rules},
      {"bayesianoptimization", next_tpe, tpe_rules},
  };
  return table;
}

const Row* row_of(std::string_view name) {
  for (const Row& row : rows()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return {};
  return number;
}

Status check_setting(const Row& row, const std::string& key, const std::string& value) {
  const auto wrong = [&](std::string_view what) {
    return Error{Code::invalid, cat("algorithm ", quote(row.name), ": setting ", key, " ", what, ", not ", quote(value)),
                 {{"algorithm.algorithmSettings", "FieldValueInvalid", cat(key, " ", what)}}};
  };
  const auto rule = std::find_if(row.rules.begin(), row.rules.end(), [&](const SettingRule& r) { return r.name == key; });
  if (rule == row.rules.end()) {
    std::vector<std::string> known;
    for (const auto& r : row.rules) known.emplace_back(r.name);
    return Error{Code::invalid, cat("algorithm ", quote(row.name), " has no setting ", quote(key), "; it has ", join(known, ", ")),
                 {{"algorithm.algorithmSettings", "FieldValueNotSupported", cat("unknown setting ", key)}}};
  }
  if (rule->type == Type::word) {
    const auto words = split(rule->words, ' ');
    if (std::find(words.begin(), words.end(), value) == words.end()) return wrong(cat("must be one of ", rule->words));
    return {};
  }
  const auto number = number_of(value);
  if (!number) return wrong("must be a number");
  if (rule->type == Type::whole && std::floor(*number) != *number) return wrong("must be a whole number");
  if (rule->open ? (*number <= rule->low || *number >= rule->high) : (*number < rule->low || *number > rule->high)) {
    if (rule->high >= 100000) return wrong(cat("must be ", rule->open ? "above " : "at least ", rule->low));
    return wrong(cat("must lie between ", rule->low, " and ", rule->high));
  }
  return {};
}

}  // namespace

const std::vector<std::string>& algorithms() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Row& row : rows()) out.emplace_back(row.name);
    return out;
  }();
  return names;
}

Status validate(const Space& space, const Settings& settings) {
  const Row* row = row_of(settings.algorithm);
  if (!row) {
    for (const std::string_view known : {"cmaes", "hyperband", "pbt", "enas", "darts"}) {
      if (settings.algorithm == known) {
        return Error{Code::unsupported, cat("algorithm ", quote(known), " is not served here; choose one of ", join(algorithms(), ", ")),
                     {{"algorithm.algorithmName", "FieldValueNotSupported", "not served here"}}};
      }
    }
    const std::string near = nearest(settings.algorithm, algorithms());
    return Error{Code::invalid, cat("there is no algorithm ", quote(settings.algorithm), near.empty()
        ? "" : cat("; did you mean ", near, "?"), " Known: ", join(algorithms(), ", ")),
                 {{"algorithm.algorithmName", "FieldValueNotSupported", "unknown algorithm"}}};
  }
  for (const auto& [key, value] : settings.algorithm_settings) TRY_OK(check_setting(*row, key, value));
  if (row->name == "grid") {
    for (std::size_t i = 0; i < space.size(); ++i) {
      if (space.axes()[i].cells() == 0) {
        return Error{Code::invalid, cat("a grid search needs a finite number of values, and parameter ", quote(space.parameters()[i].name),
                                        " is continuous: give it a step, or choose another algorithm"),
                     {{cat("parameters[", i, "].feasibleSpace.step"), "FieldValueRequired", "a grid needs a step"}}};
      }
    }
    if (!space.cells()) return Error{Code::invalid, "the grid has more than 2^53 cells: use larger steps, or choose another algorithm"};
  }
  return {};
}

Result<std::vector<Point>> ask(const Space& space, const Settings& settings, std::span<const Observed> history,
                               std::span<const Point> pending, int count) {
  TRY_OK(validate(space, settings));
  const Row& row = *row_of(settings.algorithm);
  Used used(space, history, pending);
  Settings seeded = settings;
  if (const auto given = settings.algorithm_settings.find("random_state"); given != settings.algorithm_settings.end()) {
    seeded.seed = static_cast<std::uint64_t>(number_of(given->second).value_or(0));
  }
  const Question question{space, seeded, history, pending};
  std::vector<Point> chosen;
  while (static_cast<int>(chosen.size()) < count) {
    if (used.all()) {
      if (settings.used_up == UsedUp::stop) break;
      used.clear();
    }
    chosen.push_back(row.method(question, chosen, used));
    used.add(chosen.back());
  }
  return chosen;
}

Used::Used(const Space& space, std::span<const Observed> history, std::span<const Point> pending) : space_(space), cells_(space.cells()) {
  for (const Observed& observed : history) points_.insert(observed.point);
  for (const Point& point : pending) points_.insert(point);
}

Point Used::free_cell_from(std::uint64_t start) const {
  // At most |used| cells are taken, so |used|+1 steps find a free one.
  for (std::uint64_t step = 0;; ++step) {
    Point point = space_.cell((start + step) % *cells_);
    if (!points_.contains(point)) return point;
    MASU_CHECK(step <= points_.size(), "a free cell was promised");
  }
}

double Question::setting(std::string_view name, double otherwise) const {
  const auto found = settings.algorithm_settings.find(std::string(name));
  return found == settings.algorithm_settings.end() ? otherwise : number_of(found->second).value_or(otherwise);
}

}  // namespace masu::tuning::optimise
