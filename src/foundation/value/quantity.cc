#include "value/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/text.h"
#include "value/json.h"

namespace masu {
namespace {

__extension__ typedef __int128 Wide;  // no standard C++, but what both reference compilers have
constexpr Wide most = std::numeric_limits<std::int64_t>::max();
// Digits beyond this many decide nothing that 64 bits of thousandths could hold; they only decide rounding up.
constexpr int most_digits = 30;

struct Suffix {
  std::string_view text;
  int ten;  // a power of ten ...
  int two;  // ... or of two
};
constexpr std::array<Suffix, 16> suffixes = {{{"n", -9, 0}, {"u", -6, 0}, {"m", -3, 0}, {"", 0, 0}, {"k", 3, 0}, {"M", 6, 0}, {"G", 9, 0},
    {"T", 12, 0}, {"P", 15, 0}, {"E", 18, 0}, {"Ki", 0, 10}, {"Mi", 0, 20}, {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60}}};

struct Scale {
  int ten = 0, two = 0;
};

std::optional<Scale> read_suffix(std::string_view text) {
  for (const Suffix& suffix : suffixes)
    if (suffix.text == text) return Scale{suffix.ten, suffix.two};
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return {};
  text.remove_prefix(1);
  if (text[0] == '+') text.remove_prefix(1);
  int exponent = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (problem != std::errc{} || end != text.data() + text.size() || std::abs(exponent) > 1000) return {};
  return Scale{exponent, 0};
}

Error malformed(std::string_view text) {
  return Error{Code::malformed, cat("quantity ", quote(text), " must be a number with an optional suffix (n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, "
                                    "Ti, Pi, Ei) or exponent, such as 500m, 2Gi, 0.5 or 1e3")};
}

/// magnitude x 10^ten x 2^two thousandths, rounded up, at most 64 bits (larger amounts stay at the largest, as upstream).
std::int64_t scaled(Wide magnitude, int ten, int two) {
  if (magnitude == 0) return 0;
  bool inexact = false;
  for (; two > 0; --two) {
    // Halve the decimal fraction before doubling it, so that 0.1Ei does not run out of bits.
    if (magnitude > (Wide{1} << 120)) {
      inexact = inexact || magnitude % 10 != 0;
      magnitude /= 10;
      ++ten;
    }
    magnitude *= 2;
  }
  for (; ten > 0; --ten) {
    magnitude *= 10;
    if (magnitude > most) return static_cast<std::int64_t>(most);
  }
  for (; ten < 0 && magnitude > 0; ++ten) {
    inexact = inexact || magnitude % 10 != 0;
    magnitude /= 10;
  }
  if (inexact) ++magnitude;
  return static_cast<std::int64_t>(std::min(magnitude, most));
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  Wide magnitude = 0;
  int digits = 0, significant = 0, ten = 0;
  bool fraction = false, lost = false;
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    ++digits;
    if (significant < most_digits) {
      magnitude = magnitude * 10 + (c - '0');
      if (magnitude != 0) ++significant;
      if (fraction) --ten;
    } else {
      lost = lost || c != '0';
      if (!fraction) ++ten;
    }
  }
  const auto scale = read_suffix(rest.substr(i));
  if (digits == 0 || !scale) return malformed(text);
  if (lost) ++magnitude;
  const std::int64_t milli = scaled(magnitude, ten + scale->ten + 3, scale->two);
  return Quantity{negative ? -milli : milli};
}

Result<Quantity> Quantity::from(const Value& value) {
  if (value.is_string()) return parse(value.as_string());
  if (value.is_number()) return parse(to_json(value));
  return malformed(to_json(value));
}

std::string Quantity::text(bool binary) const {
  if (milli % 1000 != 0) return cat(milli, "m");
  std::int64_t whole = milli / 1000;
  const auto reduced = [&](std::int64_t step, const std::array<std::string_view, 7>& units) {
    std::size_t unit = 0;
    while (whole != 0 && whole % step == 0 && unit + 1 < units.size()) {
      whole /= step;
      ++unit;
    }
    return cat(whole, units[unit]);
  };
  if (binary) return reduced(1024, {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"});
  return reduced(1000, {"", "k", "M", "G", "T", "P", "E"});
}

}  // namespace masu
