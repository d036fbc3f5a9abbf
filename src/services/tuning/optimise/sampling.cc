/// Random, grid and Sobol: points that do not look at what was observed.
///
/// Sobol: direction numbers of S. Joe and F. Y. Kuo (new-joe-kuo-6), the first 40 dimensions; further parameters get
/// independent uniform draws. The plain sequence starts at its second point, 0.5 of every range.

#include <algorithm>
#include <array>

#include "tuning/optimise/methods.h"

namespace masu::tuning::optimise {
namespace {

constexpr std::size_t sobol_dimensions = 40;

struct Direction {
  std::uint32_t polynomial;  // with its leading and trailing bit
  std::array<std::uint32_t, 8> first;
};

constexpr std::array<Direction, sobol_dimensions> directions = {{
    {1, {1}}, {3, {1}}, {7, {1, 3}}, {11, {1, 3, 1}}, {13, {1, 1, 1}}, {19, {1, 1, 3, 3}}, {25, {1, 3, 5, 13}},
    {37, {1, 1, 5, 5, 17}}, {41, {1, 1, 5, 5, 5}}, {47, {1, 1, 7, 11, 19}}, {55, {1, 1, 5, 1, 1}},
    {59, {1, 1, 1, 3, 11}}, {61, {1, 3, 5, 5, 31}}, {67, {1, 3, 3, 9, 7, 49}}, {91, {1, 1, 1, 15, 21, 21}},
    {97, {1, 3, 1, 13, 27, 49}}, {103, {1, 1, 1, 15, 7, 5}}, {109, {1, 3, 1, 15, 13, 25}}, {115, {1, 1, 5, 5, 19, 61}},
    {131, {1, 3, 7, 11, 23, 15, 103}}, {137, {1, 3, 7, 13, 13, 15, 69}}, {143, {1, 1, 3, 13, 7, 35, 63}},
    {145, {1, 3, 5, 9, 1, 25, 53}}, {157, {1, 3, 1, 13, 9, 35, 107}}, {167, {1, 3, 1, 5, 27, 61, 31}},
    {171, {1, 1, 5, 11, 19, 41, 61}}, {185, {1, 3, 5, 3, 3, 13, 69}}, {191, {1, 1, 7, 13, 1, 19, 1}},
    {193, {1, 3, 7, 5, 13, 19, 59}}, {203, {1, 1, 3, 9, 25, 29, 41}}, {211, {1, 3, 5, 13, 23, 1, 55}},
    {213, {1, 3, 7, 3, 13, 59, 17}}, {229, {1, 3, 1, 3, 5, 53, 69}}, {239, {1, 1, 5, 5, 23, 33, 13}},
    {241, {1, 1, 7, 7, 1, 61, 123}}, {247, {1, 1, 7, 9, 13, 61, 49}}, {253, {1, 3, 3, 5, 3, 55, 33}},
    {285, {1, 3, 1, 15, 31, 13, 49, 245}}, {299, {1, 3, 5, 15, 31, 59, 63, 97}}, {301, {1, 3, 1, 11, 11, 11, 77, 249}},
}};

using Columns = std::array<std::uint32_t, 32>;

Columns columns_of(std::size_t dimension) {
  Columns v{};
  if (dimension == 0) {
    for (std::size_t i = 0; i < 32; ++i) v[i] = 1u << (31 - i);
    return v;
  }
  const Direction& direction = directions[dimension];
  std::size_t degree = 0;
  while ((direction.polynomial >> (degree + 1)) != 0) ++degree;
  for (std::size_t i = 0; i < 32; ++i) {
    if (i < degree) {
      v[i] = direction.first[i] << (31 - i);
      continue;
    }
    v[i] = v[i - degree] ^ (v[i - degree] >> degree);
    for (std::size_t k = 1; k < degree; ++k) {
      if ((direction.polynomial >> (degree - k)) & 1u) v[i] ^= v[i - k];
    }
  }
  return v;
}

Point at_sobol(const Space& space, std::uint64_t n, std::uint64_t seed, bool scrambled) {
  std::vector<double> unit(space.size());
  for (std::size_t d = 0; d < unit.size(); ++d) {
    const std::uint64_t own = mix(seed ^ mix(d + 1));
    if (d < sobol_dimensions) unit[d] = sobol(static_cast<std::uint32_t>(n), d, scrambled ? static_cast<std::uint32_t>(own >> 32) : 0);
    else unit[d] = Dice(own ^ mix(n)).uniform();
    unit[d] = from_prior(space.axes()[d], unit[d]);
  }
  return space.at(unit);
}

}  // namespace

double sobol(std::uint32_t n, std::size_t dimension, std::uint32_t shift) {
  static const std::array<Columns, sobol_dimensions> table = [] {
    std::array<Columns, sobol_dimensions> out{};
    for (std::size_t d = 0; d < sobol_dimensions; ++d) out[d] = columns_of(d);
    return out;
  }();
  const std::uint32_t gray = n ^ (n >> 1);
  std::uint32_t x = shift;
  for (std::size_t bit = 0; bit < 32; ++bit) {
    if ((gray >> bit) & 1u) x ^= table[dimension][bit];
  }
  return static_cast<double>(x) * 0x1.0p-32;
}

double from_prior(const Axis& axis, double u) {
  if (axis.prior() == Prior::uniform) return u;
  const double low = normal_cdf(-3), high = normal_cdf(3);
  return std::clamp(0.5 + normal_quantile(low + u * (high - low)) / 6, 0.0, 1.0);
}

Point next_random(const Question& question, const std::vector<Point>& chosen, const Used& used) {
  const Space& space = question.space;
  Dice dice(mix(question.settings.seed) ^ mix(question.asked() + chosen.size()));
  for (int attempt = 0; attempt < 200; ++attempt) {
    std::vector<double> unit(space.size());
    for (std::size_t d = 0; d < unit.size(); ++d) unit[d] = from_prior(space.axes()[d], dice.uniform());
    Point point = space.at(unit);
    if (!used.contains(point)) return point;
  }
  // Only a nearly used-up (hence finite) space, or one of a few rounded reals, gets here.
  if (used.cells()) return used.free_cell_from(dice.below(*used.cells()));
  std::vector<double> unit(space.size());
  for (double& u : unit) u = dice.uniform();
  return space.at(unit);
}

Point next_grid(const Question&, const std::vector<Point>&, const Used& used) { return used.free_cell_from(0); }

Point next_sobol(const Question& question, const std::vector<Point>& chosen, const Used& used) {
  const bool scrambled = question.settings.algorithm_settings.contains("random_state");
  const std::uint64_t n = question.asked() + chosen.size() + 1;
  for (std::uint64_t attempt = 0; attempt < 200; ++attempt) {
    // A taken point (several points of the sequence share a cell) is replaced by a far later one, so that the
    // following numbers of the series stay as they are.
    Point point = at_sobol(question.space, attempt == 0 ? n : n + (attempt << 16), question.settings.seed, scrambled);
    if (!used.contains(point)) return point;
  }
  return next_random(question, chosen, used);
}

Point spread(const Question& question, std::uint64_t n, std::uint64_t seed, const Used& used) {
  for (std::uint64_t attempt = 0; attempt < 50; ++attempt) {
    Point point = at_sobol(question.space, attempt == 0 ? n : n + (attempt << 16), seed, true);
    if (!used.contains(point)) return point;
  }
  return next_random(question, {}, used);
}

}  // namespace masu::tuning::optimise
