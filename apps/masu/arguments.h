#pragma once
/// The command line of `masu`: words, `--name value` or `--name=value`, and `--switch`. A dozen commands with a handful of
/// options each: a library would be larger than what it saves.

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace masu::app {

/// What a command takes.
struct Grammar {
  std::string usage;                     // "masu user add NAME [--group G]..."
  std::vector<std::string> switches;     // "--detach"
  std::vector<std::string> options;      // "--data"; each takes a value and may come several times
  std::size_t words_min = 0, words_max = 0;
};

class Arguments {
 public:
  /// invalid with the usage line: an unknown option (and the nearest known one), a missing value, too many words.
  static Result<Arguments> parse(const std::vector<std::string>& args, const Grammar& grammar);

  bool has(const std::string& option) const { return values_.contains(option); }
  /// The last value, or `otherwise`.
  std::string get(const std::string& option, std::string otherwise = {}) const;
  std::vector<std::string> all(const std::string& option) const;
  const std::vector<std::string>& words() const { return words_; }
  std::string word(std::size_t index, std::string otherwise = {}) const { return index < words_.size() ? words_[index] : otherwise; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> words_;
};

}  // namespace masu::app
