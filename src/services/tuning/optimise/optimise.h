#pragma once
/// Where to look next. One stateless question for every search algorithm.
///
/// The caller brings the whole story (what was observed, what is still running) and gets points; the same story gives
/// the same points on every machine. Nothing is remembered between calls, so a restarted controller goes on where it was.
///
/// Never the same point twice while the space has others: neither one of the history, nor a pending one, nor twice in one answer.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tuning/optimise/space.h"

namespace masu::tuning::optimise {

enum class Goal { minimise, maximise };
/// What to do when a finite space has no point left that was not asked before.
enum class UsedUp {
  stop,    // answer with fewer points, at last with none: the search is complete
  repeat,  // start over (a peer that insists on full answers)
};

struct Settings {
  std::string algorithm = "tpe";
  Goal goal = Goal::maximise;
  std::uint64_t seed = 0;
  int budget = 0;  // trials the whole search may use, as far as known; 0: unknown
  UsedUp used_up = UsedUp::stop;
  std::map<std::string, std::string> algorithm_settings = {};  // Katib's names: gamma, n_startup_trials, random_state ...
};

/// A finished trial. No objective (or one that is not finite): it failed there.
struct Observed {
  Point point;
  std::optional<double> objective;
};

/// Names that `ask` knows: random grid sobol tpe multivariate-tpe bayesianoptimization.
const std::vector<std::string>& algorithms();

/// Checks the algorithm's name, its settings, and whether it can search this space (a grid needs cells).
/// unsupported: a known algorithm of Katib that is not served here; invalid: anything else, with the nearest name.
Status validate(const Space& space, const Settings& settings);

/// At most `count` new points; fewer only if the space is used up and Settings says stop. Errors: those of validate.
/// Cost of TPE: O(points x candidates x history x parameters); history is capped at its newest 1,000 entries.
Result<std::vector<Point>> ask(const Space& space, const Settings& settings, std::span<const Observed> history,
                               std::span<const Point> pending, int count);

}  // namespace masu::tuning::optimise
