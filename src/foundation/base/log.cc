#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "base/clock.h"
#include "base/text.h"

namespace masu::log {
namespace {

Level from_environment() {
  const char* wanted = std::getenv("MASU_LOG");
  const std::string_view text = wanted != nullptr ? wanted : "";
  if (text == "debug") return Level::debug;
  if (text == "warn") return Level::warn;
  if (text == "error") return Level::error;
  return Level::info;
}

std::atomic<Level>& current() {
  static std::atomic<Level> level = from_environment();
  return level;
}

}  // namespace

void set_level(Level level) { current() = level; }
Level level() { return current(); }

void write(Level level, std::string_view sentence, Fields fields) {
  if (level < current()) return;
  constexpr std::string_view names[] = {"debug", "info ", "warn ", "error"};
  std::string line = cat(to_rfc3339_micro(system_clock().now()), " ", names[static_cast<int>(level)], " ", sentence);
  for (const Field& field : fields) {
    const bool plain = !field.value.empty() && field.value.find_first_of(" \"\n\t=") == std::string::npos;
    line += cat(" ", field.key, "=", plain ? field.value : quote(field.value));
  }
  line += '\n';
  // One write, so that lines of several threads and processes do not mix.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace masu::log
