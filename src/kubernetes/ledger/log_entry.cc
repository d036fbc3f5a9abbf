#include "ledger/log_entry.h"

#include <algorithm>

#include "base/text.h"
#include "ledger/ledger.h"
#include "value/json.h"

namespace masu::ledger {
namespace {

constexpr std::string_view opening = R"({"time":")";
constexpr std::size_t stamp_size = 30;  // 2026-01-02T03:04:05.123456789Z

/// The words of Cloud Logging and of Python's logging, as Cloud Logging's.
std::string severity_word(std::string_view word) {
  const std::string upper_word = upper(word);
  if (upper_word == "WARN") return "WARNING";
  if (upper_word == "FATAL") return "CRITICAL";
  if (upper_word == "TRACE") return "DEBUG";
  for (const std::string_view known : {"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}) {
    if (upper_word == known) return upper_word;
  }
  return {};
}

}  // namespace

LogEntry entry_of(const LogLine& line, std::string_view task, std::string_view trial) {
  LogEntry entry{.time = line.time,
                 .severity = line.output == Output::errors ? "ERROR" : "INFO",
                 .task = std::string(task),
                 .trial = std::string(trial),
                 .message = line.text};
  if (!trim(line.text).starts_with('{')) return entry;
  auto object = parse_json(line.text);
  if (!object.ok() || !object->is_object()) return entry;
  for (const char* key : {"severity", "levelname"}) {
    if (const std::string word = severity_word((*object)[key].as_string()); !word.empty()) {
      entry.severity = word;
      break;
    }
  }
  if ((*object)["message"].is_string()) entry.message = (*object)["message"].as_string();
  entry.payload = std::move(object).value();
  return entry;
}

std::string encode(const LogEntry& entry) {
  Value rest = Value::object({{"message", entry.message}, {"severity", entry.severity}, {"task", entry.task}, {"trial", entry.trial}});
  if (!entry.payload.is_null()) rest["payload"] = entry.payload;
  return cat(opening, stamp(entry.time), "\",", std::string_view(to_json(rest)).substr(1), "\n");
}

Result<LogEntry> decode_entry(std::string_view line) {
  TRY(const Value value, parse_json(line).context("reading a log line"));
  TRY(const Instant time, parse_rfc3339(value["time"].as_string()).context("reading a log line"));
  return LogEntry{.time = time,
                  .severity = std::string(value["severity"].as_string("DEFAULT")),
                  .task = std::string(value["task"].as_string()),
                  .trial = std::string(value["trial"].as_string()),
                  .message = std::string(value["message"].as_string()),
                  .payload = value["payload"]};
}

std::string_view time_text(std::string_view line) {
  if (!line.starts_with(opening) || line.size() < opening.size() + stamp_size) return {};
  return line.substr(opening.size(), stamp_size);
}

Result<LogLine> parse_pod_log_line(std::string_view line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  TRY(const Instant time, parse_rfc3339(line.substr(0, blank)).context("reading a line of a pod's log"));
  return LogLine{.time = time, .text = std::string(line.substr(std::min(blank + 1, line.size())))};
}

bool Resume::is_new(Instant time) {
  if (!position_ || time > position_->time) return true;
  return time == position_->time && ++seen_ > position_->lines;
}

}  // namespace masu::ledger
