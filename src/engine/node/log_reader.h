#pragma once
/// Reading a container's log as `kubectl logs` asks for it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/message.h"

namespace masu::node {

struct LogOptions {
  bool follow = false, previous = false, timestamps = false;
  bool streams = false;  // ours: "O " or "E " before each line says which stream it came from
  std::optional<std::int64_t> tail_lines, limit_bytes;
  std::optional<Instant> since;
};
/// From the query of containerLogs. invalid names the parameter.
Result<LogOptions> log_options(const net::Query& query, Instant now);

/// Turns lines of a log file into what is shown. Holds what was cut at the end of a piece.
class LogFilter {
 public:
  explicit LogFilter(const LogOptions& options) : options_(options), left_(options.limit_bytes) {}
  /// Bytes of the file in, bytes for the reader out.
  std::string take(std::string_view bytes);
  /// The byte limit was reached.
  bool full() const { return left_ && *left_ <= 0; }

 private:
  void line(std::string_view text, std::string& out);
  LogOptions options_;
  std::optional<std::int64_t> left_;
  std::string pending_;
  bool in_line_ = false;  // the last piece did not end its line
};

/// Where to begin in `text` to see the last `lines` lines (pieces of one line count once).
std::size_t tail_position(std::string_view text, std::int64_t lines);

/// The last lines of a log without times, at most `bytes`.
std::string tail_of_log(const std::filesystem::path& path, std::int64_t lines, std::size_t bytes);

/// All of a log, rotated files first, filtered.
std::string read_log(const std::filesystem::path& path, const LogOptions& options);

/// Sends the log and what is added to it until `ended` says so (and all is read), the stream closes, or stop.
void follow_log(const std::filesystem::path& path, const LogOptions& options, net::Stream& stream, const std::function<bool()>& ended,
    const std::stop_token& stop);

}  // namespace masu::node
