#pragma once
/// The metric file of cloudml-hypertune (any framework): one JSON object a line, rewritten whole at every report.
///
///   {"checkpoint_path": "", "global_step": "1000", "timestamp": 1525851440.12, "trial": "1", "accuracy": "0.987"}
///
/// The writer truncates and writes again, so a reader may find it empty or cut. Whoever reads gives the whole content
/// each time; a line that is no complete object is left for the next time.

#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tuning/vocabulary.h"

namespace masu::tuning {

class HypertuneFile {
 public:
  /// The reports in `content` that were not there before, in the order of the file. An entry is known by its time, its
  /// step and its tag. Members other than timestamp, trial, global_step and checkpoint_path are metrics if they are
  /// numbers or text of a number. Also reads Katib's JSON lines (timestamp as RFC 3339 text).
  std::vector<MetricEntry> read(std::string_view content);

 private:
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace masu::tuning
