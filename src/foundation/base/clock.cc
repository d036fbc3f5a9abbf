#include "base/clock.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace masu {
namespace {

class SystemClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

Instant SimClock::now() const {
  const std::scoped_lock lock(mutex_);
  return now_;
}

void SimClock::advance(Duration by) {
  const std::scoped_lock lock(mutex_);
  now_ += by;
}

void SimClock::set(Instant to) {
  const std::scoped_lock lock(mutex_);
  now_ = to;
}

Deadline Deadline::after(Duration limit) {
  Deadline deadline;
  deadline.point_ = std::chrono::steady_clock::now() + limit;
  return deadline;
}

bool Deadline::expired() const { return point_ && std::chrono::steady_clock::now() >= *point_; }

Duration Deadline::remaining() const {
  if (!point_) return std::chrono::hours(24 * 365);
  return std::max(Duration{0}, std::chrono::duration_cast<Duration>(*point_ - std::chrono::steady_clock::now()));
}

Deadline Deadline::at_most(Duration limit) const {
  const Deadline other = after(limit);
  return point_ && *point_ < *other.point_ ? *this : other;
}

bool pause(Duration wait, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  return !wake.wait_for(lock, stop, wait, [&] { return stop.stop_requested(); });
}

namespace {

std::string date_and_time(Instant instant) {
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(instant - day)};
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return buffer;
}

/// Reads exactly `digits` digits at `at`; -1 if they are not there.
int number(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::string to_rfc3339(Instant instant) { return date_and_time(instant) + "Z"; }

std::string to_rfc3339_micro(Instant instant) {
  const auto fraction = std::chrono::duration_cast<std::chrono::microseconds>(instant - std::chrono::floor<std::chrono::seconds>(instant));
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, ".%06dZ", static_cast<int>(fraction.count()));
  return date_and_time(instant) + buffer;
}

Result<Instant> parse_rfc3339(std::string_view text) {
  const Error bad{Code::malformed, cat("time ", quote(text), " is not of the form 2026-01-02T03:04:05Z")};
  const int year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
  const int hour = number(text, 11, 2), minute = number(text, 14, 2), second = number(text, 17, 2);
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':')
    return bad;
  if (year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return bad;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return bad;
  std::size_t at = 19;
  std::int64_t fraction_ns = 0;
  if (text[at] == '.') {
    std::int64_t scale = 100'000'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) fraction_ns += (text[at] - '0') * scale;
  }
  std::chrono::minutes offset{0};
  const std::string_view zone = text.substr(at);
  if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
    const int zone_hour = number(zone, 1, 2), zone_minute = number(zone, 4, 2);
    if (zone_hour < 0 || zone_minute < 0) return bad;
    offset = std::chrono::minutes((zone[0] == '-' ? -1 : 1) * (zone_hour * 60 + zone_minute));
  } else if (zone != "Z" && zone != "z") {
    return bad;
  }
  return Instant{std::chrono::sys_days{date}} + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + Duration(fraction_ns) - offset;
}

std::string to_human(Duration duration) {
  const double s = seconds(duration);
  char buffer[32];
  if (s < 1) {
    std::snprintf(buffer, sizeof buffer, "%.0fms", s * 1000);
  } else if (s < 60) {
    std::snprintf(buffer, sizeof buffer, s < 10 ? "%.1fs" : "%.0fs", s);
  } else if (s < 3600) {
    std::snprintf(buffer, sizeof buffer, "%dm%ds", static_cast<int>(s) / 60, static_cast<int>(s) % 60);
  } else if (s < 48 * 3600) {
    std::snprintf(buffer, sizeof buffer, "%dh%dm", static_cast<int>(s) / 3600, static_cast<int>(s) / 60 % 60);
  } else {
    std::snprintf(buffer, sizeof buffer, "%dd%dh", static_cast<int>(s / 86400), static_cast<int>(s / 3600) % 24);
  }
  return buffer;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration backoff(int attempt, Duration first, Duration most) {
  for (int i = 0; i < attempt && first < most; ++i) first *= 2;
  return std::min(first, most);
}

}  // namespace masu
