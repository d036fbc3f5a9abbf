#pragma once
/// What was seen, in one SQLite file: metrics of trials, and where the logs of jobs lie. Nothing here is wanted by
/// anybody; what is wanted is a Kubernetes object (docs/adr/0002-ledger-room.md).

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/object.h"
#include "sqlite/connection.h"
#include "sqlite/writer.h"

namespace masu::ledger {

/// One report of one metric. The value stays the text that was reported.
struct Metric {
  std::string name, value;
  std::optional<std::int64_t> step;
  std::optional<Instant> time;
  bool operator==(const Metric&) const = default;
};

/// Whose output a log is. `task` and `trial` are what people see beside each line: "master-replica-0", "3".
struct LogSource {
  kube::Key job;  // namespace and name of the TrainingJob
  std::string pod, pod_uid, container;
  std::string task, trial;
};

/// One file of archived log lines: all of one container of one pod.
struct LogSegment {
  std::int64_t id = 0;
  LogSource source;
  std::string file;  // below the archive's directory
  bool finished = false;
};

/// Thread-safe. Reads see what was committed before them.
class Ledger {
 public:
  struct Options {
    sqlite::Writer::Mode mode = sqlite::Writer::Mode::thread;
    sqlite::Durability durability = sqlite::Durability::full;
  };
  /// Opens or makes the file; its folder has to exist. precondition if a newer masu wrote it.
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& file, const Options& options);

  /// Keeps reports; one that is known already (same trial, name, step and time) changes nothing. Durable when answered.
  Status report(const kube::Key& trial, std::span<const Metric> metrics, Deadline deadline);
  /// All reports of a trial in the order they came; `name` empty: of all metrics.
  Result<std::vector<Metric>> metrics(const kube::Key& trial, std::string_view name = {});
  /// Success also if there is nothing.
  Status forget_trial(const kube::Key& trial, Deadline deadline);

  /// The segment of a source, made if it is new.
  Result<LogSegment> segment(const LogSource& source, Deadline deadline);
  Status finish_segment(std::int64_t id, Deadline deadline);
  /// All segments of a job, oldest first.
  Result<std::vector<LogSegment>> segments(const kube::Key& job);
  /// A closed job gets no further lines: whoever follows its log comes to an end.
  Status close_job(const kube::Key& job, Deadline deadline);
  Result<bool> job_closed(const kube::Key& job);
  /// Jobs that have segments.
  Result<std::vector<kube::Key>> jobs_with_logs();
  /// Forgets all segments of a job and that it was closed. The files are the caller's.
  Status forget_job(const kube::Key& job, Deadline deadline);

 private:
  Ledger(std::unique_ptr<sqlite::Connection> writing, std::unique_ptr<sqlite::Connection> reading, sqlite::Writer::Mode mode)
      : reading_(std::move(reading)), writer_(std::move(writing), mode) {}

  std::mutex mutex_;  // guards the use of reading_
  std::unique_ptr<sqlite::Connection> reading_;
  sqlite::Writer writer_;
};

/// Nanoseconds since 1970, as stored.
std::int64_t to_nanoseconds(Instant instant);
Instant from_nanoseconds(std::int64_t count);
/// RFC 3339 with nine digits after the point: equal instants have equal texts, and texts sort as instants do.
std::string stamp(Instant instant);

}  // namespace masu::ledger
