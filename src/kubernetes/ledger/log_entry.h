#pragma once
/// One line of a job's log: from a container's output, to a line of JSON in a file and on the wire. Pure.
///
///   {"time":"2026-01-02T03:04:05.123456789Z","message":"epoch 3","severity":"INFO","task":"master-replica-0","trial":"2"}
///
/// `time` comes first and has one length, so lines can be ordered without being parsed.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "value/value.h"

namespace masu::ledger {

enum class Output { standard, errors };

/// A line as a container wrote it, without its end.
struct LogLine {
  Instant time;
  Output output = Output::standard;
  std::string text;
};

struct LogEntry {
  Instant time;
  std::string severity;  // DEFAULT, DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL, ALERT, EMERGENCY
  std::string task, trial, message;
  Value payload;  // the object, if the line was one in JSON; else null
  bool operator==(const LogEntry&) const = default;
};

/// Standard output is INFO, standard error ERROR; a line that is a JSON object gives its own message and severity
/// (spec gcp-ai-platform RUN-30).
LogEntry entry_of(const LogLine& line, std::string_view task, std::string_view trial);

std::string encode(const LogEntry& entry);  // with the line's end
Result<LogEntry> decode_entry(std::string_view line);
/// The time of an encoded line as text that sorts; empty if the line is none of ours.
std::string_view time_text(std::string_view line);

/// Splits a line of a pod's log with timestamps: "2026-01-02T03:04:05.123456789Z the text".
Result<LogLine> parse_pod_log_line(std::string_view line);

/// How far a source is archived: the newest time, and how many lines have just that time (many lines may share one).
struct LogPosition {
  Instant time;
  std::int64_t lines = 0;
  bool operator==(const LogPosition&) const = default;
};

/// Leaves out what is archived already when a source is read again from its position's time on (or from its beginning).
class Resume {
 public:
  explicit Resume(std::optional<LogPosition> position) : position_(position) {}
  /// True if the line is new. Lines come in order.
  bool is_new(Instant time);

 private:
  std::optional<LogPosition> position_;
  std::int64_t seen_ = 0;
};

}  // namespace masu::ledger
