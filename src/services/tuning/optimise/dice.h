#pragma once
/// Numbers that look random and are the same everywhere: the standard library's distributions differ between libraries.

#include <cmath>
#include <cstdint>
#include <string_view>

namespace masu::tuning::optimise {

/// SplitMix64's finaliser: a good hash of one word.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// FNV-1a, mixed: a seed from a name.
constexpr std::uint64_t seed_of(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(h);
}

/// A stream of numbers from a seed (SplitMix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(mix(seed)) {}
  std::uint64_t word() { return mix(state_ += 0x9e3779b97f4a7c15ULL); }
  /// 0 <= u < 1, 53 bits.
  double uniform() { return static_cast<double>(word() >> 11) * 0x1.0p-53; }
  std::uint64_t below(std::uint64_t limit) { return static_cast<std::uint64_t>(uniform() * static_cast<double>(limit)); }

 private:
  std::uint64_t state_;
};

/// Distribution function of the standard normal and its inverse (Acklam, relative error below 1.2e-9, one step of Halley).
double normal_cdf(double x);
double normal_quantile(double p);

}  // namespace masu::tuning::optimise
