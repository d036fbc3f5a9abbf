#pragma once
/// Where reports of metrics are kept. The ledger does it; a fake does it in tests.

#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/object.h"
#include "tuning/vocabulary.h"

namespace masu::tuning {

/// What the controllers read. Thread-safe.
class MetricSource {
 public:
  virtual ~MetricSource() = default;
  /// All reports of a trial in the order they came; none is an empty list, not an error.
  virtual Result<std::vector<MetricEntry>> read(const kube::Key& trial, Deadline deadline) = 0;
  /// Removes a trial's reports; an absent trial is success.
  virtual Status forget(const kube::Key& trial, Deadline deadline) = 0;
};

/// What a collector writes to. A report that comes twice (same name, step and time) counts once.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual Status report(const kube::Key& trial, std::span<const MetricEntry> entries, Deadline deadline) = 0;
};

}  // namespace masu::tuning
