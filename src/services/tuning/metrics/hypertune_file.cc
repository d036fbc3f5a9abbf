#include "tuning/metrics/hypertune_file.h"

#include <cmath>

#include "base/text.h"
#include "tuning/optimise/dice.h"
#include "value/json.h"

namespace masu::tuning {
namespace {

constexpr std::size_t line_bytes_max = 1 << 20;
constexpr std::size_t seen_max = 1'000'000;

std::optional<Instant> time_of(const Value& value) {
  if (value.is_string()) return read_time(value);
  // Half the range of 64-bit nanoseconds: the years 1824 to 2116 (and no overflow).
  const double seconds = value.as_number();
  if (!value.is_number() || !std::isfinite(seconds) || std::abs(seconds) > 4.6e9) return {};
  return Instant{std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e6) * 1000}};
}

std::optional<std::int64_t> step_of(const Value& value) {
  if (value.is_integer()) return value.as_integer();
  const auto number = value.is_string() ? read_number(value.as_string()) : value.is_number()
      ? std::optional(value.as_number()) : std::nullopt;
  if (!number || !(std::abs(*number) < 9e18)) return {};
  return static_cast<std::int64_t>(*number);
}

}  // namespace

std::vector<MetricEntry> HypertuneFile::read(std::string_view content) {
  std::vector<MetricEntry> out;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view line = trim(content.substr(0, end));
    content = end == std::string_view::npos ? std::string_view{} : content.substr(end + 1);
    if (line.empty() || line.size() > line_bytes_max || line.front() != '{' || line.back() != '}') continue;
    const auto object = parse_json(line);
    if (!object.ok()) continue;
    const Value& timestamp = (*object)["timestamp"];
    const Value& global_step = (*object)["global_step"];
    for (const auto& [key, value] : object->as_object()) {
      if (key == "timestamp" || key == "trial" || key == "global_step" || key == "checkpoint_path") continue;
      std::string text(value.as_string());
      if (value.is_integer()) text = cat(value.as_integer());
      else if (value.is_number()) text = cat(value.as_number());
      if (!read_number(text)) continue;
      const std::string identity = cat(to_json(timestamp), "\n", to_json(global_step), "\n", key);
      if (seen_.size() >= seen_max) seen_.clear();
      if (!seen_.insert(optimise::seed_of(identity)).second) continue;
      out.push_back({key, std::string(trim(text)), step_of(global_step), time_of(timestamp)});
    }
  }
  return out;
}

}  // namespace masu::tuning
