#pragma once
/// Kubernetes quantities: "500m", "2Gi", "1e3", "0.5".

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "value/value.h"

namespace masu {

/// An amount in thousandths, exact within +-9.2e15 units (rounded up beyond a thousandth, as upstream does).
struct Quantity {
  std::int64_t milli = 0;
  static Result<Quantity> parse(std::string_view text);  // malformed says the allowed form
  /// A string, an integer or a double of an object.
  static Result<Quantity> from(const Value& value);
  /// Whole units, rounded up.
  std::int64_t units() const { return milli >= 0 ? (milli + 999) / 1000 : milli / 1000; }
  /// Upstream's canonical text: "500m", "2", "1k"; with `binary` in powers of 1024 as far as divisible ("1536Mi").
  std::string text(bool binary = false) const;
  auto operator<=>(const Quantity&) const = default;
};

}  // namespace masu
