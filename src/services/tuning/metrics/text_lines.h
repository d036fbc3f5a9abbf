#pragma once
/// Metrics in the standard output: `accuracy=0.93`, as Katib's collectors read it. Fed piece by piece.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tuning/vocabulary.h"

namespace masu::tuning {

/// Katib's default filter, and nan and inf besides, which Katib overlooks.
inline constexpr std::string_view default_metrics_filter = R"(([\w|-]+)\s*=\s*([+-]?(?:(?i:nan|infinity|inf)\b|\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)))";

class TextLines {
 public:
  /// `filters`: RE2 expressions with two groups, name and value; none: the default filter, and the wanted names as they
  /// are (a tag like `training/hptuning/metric` too). `wanted`: names that count; "*" alone: all.
  /// invalid if a filter cannot be read or has fewer than two groups.
  static Result<TextLines> make(const std::vector<std::string>& filters, std::vector<std::string> wanted);
  TextLines(TextLines&&) noexcept;
  TextLines& operator=(TextLines&&) noexcept;
  ~TextLines();

  /// Reports in the lines that are complete by now. The step is the report's number (1, 2, ...) for its name; the time
  /// is the first word of the line if that is RFC 3339. Lines above 64 KiB are skipped.
  std::vector<MetricEntry> feed(std::string_view bytes);
  /// Takes the last line even without a newline.
  std::vector<MetricEntry> finish();

 private:
  struct Filters;
  TextLines();
  void read_line(std::string_view line, std::vector<MetricEntry>& out);
  bool wants(std::string_view name) const;

  std::unique_ptr<Filters> filters_;
  std::vector<std::string> wanted_;
  std::string rest_;      // the line that is not complete
  bool skipping_ = false;  // inside a line that is too long
  std::map<std::string, std::int64_t, std::less<>> counts_;
};

}  // namespace masu::tuning
