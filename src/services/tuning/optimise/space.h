#pragma once
/// The search space, and its map to the unit cube in which every algorithm works.
///
/// A parameter is continuous, or it has a finite number of cells (integers, steps, lists). Each cell owns an interval
/// of the axis [0,1]; the borders lie half-way between neighbours *after* scaling, so that with a logarithmic scale
/// 1..1000 spends as much of the axis on 1..10 as on 100..1000. Drawing uniformly on the axis is drawing from the prior.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace masu::tuning::optimise {

enum class Kind { real, integer, discrete, categorical };
enum class Scale { linear, log, reverse_log };
/// What is likely before anything is known, on the scaled axis. normal: centre of the range, a sixth of it wide, cut off
/// at the ends (Katib's normal and logNormal).
enum class Prior { uniform, normal };

struct Parameter {
  std::string name;
  Kind kind = Kind::real;
  double min = 0, max = 1;            // real and integer
  std::optional<double> step = {};    // real: none is continuous; integer: none is 1
  std::vector<std::string> values = {};  // discrete (numbers) and categorical, as the user wrote them
  Scale scale = Scale::linear;        // not categorical; log scales need positive values
  Prior prior = Prior::uniform;
};

/// One value for each parameter, in the order of the space: the number itself (real, integer) or the index into
/// `values` (discrete, categorical). Two points are the same if their values are equal.
struct Point {
  std::vector<double> values;
  bool operator==(const Point&) const = default;
  auto operator<=>(const Point&) const = default;
};

/// One parameter's map between values and [0,1]. Made by Space.
class Axis {
 public:
  explicit Axis(const Parameter& parameter);

  /// Number of cells; 0: continuous.
  std::uint64_t cells() const { return cells_; }
  bool ordered() const { return parameter_.kind != Kind::categorical; }
  Prior prior() const { return parameter_.prior; }
  /// The value whose place contains u (0..1). A continuous value is rounded to the digits that matter.
  double value_at(double u) const;
  /// Value of a cell, 0 <= cell < cells().
  double cell_value(std::uint64_t cell) const;
  std::uint64_t cell_of(double value) const;
  /// Where a value lies: its own place for a continuous axis, the middle of its interval for a cell.
  double place_of(double value) const;
  /// The interval of a cell.
  struct Interval {
    double low, high;
  };
  Interval interval(std::uint64_t cell) const;

 private:
  double scaled(double value) const;
  double unscaled(double s) const;
  double scaled_cell(std::uint64_t cell) const;
  double border(std::uint64_t cell) const;  // below the cell, on the scaled axis
  double number(std::uint64_t cell) const;  // a cell's number: for discrete the listed one, in rising order

  Parameter parameter_;
  std::vector<double> numbers_;          // discrete: rising
  std::vector<std::size_t> index_;       // discrete: rank -> index into values
  std::uint64_t cells_ = 0;
  double low_ = 0, high_ = 1;            // ends of the scaled axis
};

class Space {
 public:
  /// invalid, with one cause for each wrong parameter: no name, name twice, min above max, list empty or with a
  /// repeated value or (discrete) with a word that is no number, log scale with a value that is not positive.
  static Result<Space> make(std::vector<Parameter> parameters);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<Axis>& axes() const { return axes_; }
  std::size_t size() const { return parameters_.size(); }
  /// Number of different points; no value: not finite, or more than 2^53.
  std::optional<std::uint64_t> cells() const;
  /// The n-th point in the fixed order (first parameter slowest), n < cells().
  Point cell(std::uint64_t n) const;
  /// The point for a position in the unit cube.
  Point at(std::span<const double> unit) const;
  std::vector<double> place_of(const Point& point) const;

  /// The values as texts, in order: integers without a point, reals in the shortest form that reads back the same.
  std::vector<std::string> texts(const Point& point) const;
  /// Reads texts back. invalid if one is no value of its parameter (an old trial of another space). A real or integer
  /// outside its range is accepted at the nearest end only if it is within rounding; else invalid.
  Result<Point> read(std::span<const std::string> texts) const;

 private:
  std::vector<Parameter> parameters_;
  std::vector<Axis> axes_;
};

}  // namespace masu::tuning::optimise
