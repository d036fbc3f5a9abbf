#pragma once
/// Structured logs on standard error: a constant sentence and key-values, never values inside the sentence.
///
///   log::info("pod bound", {{"pod", key}, {"node", node}});

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace masu::log {

enum class Level { debug, info, warn, error };

struct Field {
  Field(std::string_view key, std::string_view value) : key(key), value(value) {}
  Field(std::string_view key, long long value) : key(key), value(std::to_string(value)) {}
  std::string_view key;
  std::string value;
};
using Fields = std::initializer_list<Field>;

/// Lines below this level are dropped. Process-wide, set once at start (MASU_LOG=debug|info|warn|error).
void set_level(Level level);
Level level();
void write(Level level, std::string_view sentence, Fields fields);

inline void debug(std::string_view sentence, Fields fields = {}) { write(Level::debug, sentence, fields); }
inline void info(std::string_view sentence, Fields fields = {}) { write(Level::info, sentence, fields); }
inline void warn(std::string_view sentence, Fields fields = {}) { write(Level::warn, sentence, fields); }
inline void error(std::string_view sentence, Fields fields = {}) { write(Level::error, sentence, fields); }

}  // namespace masu::log
