#pragma once
/// One container's log file, in the form of the container runtime interface:
/// `2026-01-02T03:04:05.123456789Z stdout F the line`.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/files.h"

namespace masu::shim {

class LogWriter {
 public:
  struct Limits {
    std::size_t line_bytes = 16384;            // longer lines are cut into parts marked P
    std::size_t file_bytes = 10u << 20;        // then the file is rotated: LOG.1 is the newest old one
    int old_files = 4;
  };
  LogWriter(std::string path, Limits limits) : path_(std::move(path)), limits_(limits) {}

  enum class Source { output, errors };
  /// Takes bytes as they come; whole lines are written at once. A full disk loses lines, never the program.
  void take(Source source, std::string_view bytes, Instant now);
  /// What is left of a line without its end.
  void finish(Source source, Instant now);

 private:
  void emit(std::string& out, Source source, bool whole, std::string_view text, std::string_view stamp) const;
  void write(const std::string& text);
  void rotate();

  std::string path_;
  Limits limits_;
  FileDescriptor file_;
  std::size_t written_ = 0;
  std::string pending_[2];
};

/// RFC 3339 with nine digits of fraction.
std::string log_stamp(Instant instant);

}  // namespace masu::shim
