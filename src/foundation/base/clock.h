#pragma once
/// Time is passed in. Only clock.cc may ask the machine what time it is.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace masu {

using Duration = std::chrono::nanoseconds;
/// A point of wall-clock time, UTC.
using Instant = std::chrono::sys_time<std::chrono::nanoseconds>;
using namespace std::chrono_literals;

/// What time it is. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};

/// The machine's clock; the same object for everybody, it holds no state.
const Clock& system_clock();

/// A clock turned by hand. Starts at 2026-01-01T00:00:00Z. Thread-safe.
class SimClock final : public Clock {
 public:
  Instant now() const override;
  void advance(Duration by);
  void set(Instant to);

 private:
  mutable std::mutex mutex_;
  Instant now_ = Instant{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
};

/// A point of monotonic time by which a call has to answer. Passed down the call tree by value.
class Deadline {
 public:
  /// `limit` from now.
  static Deadline after(Duration limit);
  /// No limit: only for calls whose end is somebody's stop_token.
  static Deadline none() { return Deadline{}; }

  bool expired() const;
  /// What is left, at least 0; a very long time (a year) without limit.
  Duration remaining() const;
  /// The earlier of this one and `limit` from now.
  Deadline at_most(Duration limit) const;
  std::optional<std::chrono::steady_clock::time_point> point() const { return point_; }

 private:
  std::optional<std::chrono::steady_clock::time_point> point_;
};

/// Waits for `wait`, or until stop is asked for. True if the whole time passed. Not for tests, not for decisions.
bool pause(Duration wait, const std::stop_token& stop);

/// `2026-01-02T03:04:05Z` (Kubernetes Time).
std::string to_rfc3339(Instant instant);
/// `2026-01-02T03:04:05.123456Z` (Kubernetes MicroTime).
std::string to_rfc3339_micro(Instant instant);
/// Reads RFC 3339 with any fraction and offset. malformed otherwise.
Result<Instant> parse_rfc3339(std::string_view text);
/// `1h2m3s`, `4.5s`, `120ms`: at most two units, for people.
std::string to_human(Duration duration);
double seconds(Duration duration);
/// Ready-to-wait growth: first, 2 x first, ... at most `most`; `attempt` counts from 0.
Duration backoff(int attempt, Duration first, Duration most);

}  // namespace masu
