#pragma once
/// Inside the room: what every search algorithm gets and gives. A new one is one function and one row in optimise.cc.

#include <set>

#include "tuning/optimise/dice.h"
#include "tuning/optimise/optimise.h"

namespace masu::tuning::optimise {

/// The points that may not be given again, and the way to a free one.
class Used {
 public:
  Used(const Space& space, std::span<const Observed> history, std::span<const Point> pending);
  bool contains(const Point& point) const { return points_.contains(point); }
  void add(const Point& point) { points_.insert(point); }
  /// Nothing is left. Only finite spaces are ever used up.
  bool all() const { return cells_ && points_.size() >= *cells_; }
  /// All cells are free again.
  void clear() { points_.clear(); }
  /// The first free cell from `start` on, round the end. Finite spaces only, and not all().
  Point free_cell_from(std::uint64_t start) const;
  std::optional<std::uint64_t> cells() const { return cells_; }

 private:
  const Space& space_;
  std::optional<std::uint64_t> cells_;
  std::set<Point> points_;
};

struct Question {
  const Space& space;
  const Settings& settings;
  std::span<const Observed> history;
  std::span<const Point> pending;
  /// What came before this answer; the n-th point of a series is asked with the same number each time.
  std::uint64_t asked() const { return history.size() + pending.size(); }
  double setting(std::string_view name, double otherwise) const;
};

/// The next point given those already chosen for this answer (they stand in `chosen`, and in `used`). used.all() is false.
using Method = Point (*)(const Question& question, const std::vector<Point>& chosen, const Used& used);

Point next_random(const Question& question, const std::vector<Point>& chosen, const Used& used);
Point next_grid(const Question& question, const std::vector<Point>& chosen, const Used& used);
Point next_sobol(const Question& question, const std::vector<Point>& chosen, const Used& used);
Point next_tpe(const Question& question, const std::vector<Point>& chosen, const Used& used);

/// Coordinate `dimension` (0..) of Sobol's point `n`, in [0,1). Digits are shifted by `shift` (0: the plain sequence).
double sobol(std::uint32_t n, std::size_t dimension, std::uint32_t shift);
/// A uniform number bent to the axis's prior.
double from_prior(const Axis& axis, double u);
/// The n-th point of the scrambled Sobol sequence, free of used points: what model-based methods start with.
Point spread(const Question& question, std::uint64_t n, std::uint64_t seed, const Used& used);

}  // namespace masu::tuning::optimise
