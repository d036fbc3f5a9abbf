#pragma once
/// The argument grammar of `gcloud ai-platform`: --flag value, --flag=value, --no-flag, no abbreviations, the last value
/// counts, dictionaries merge, lists may choose their separator (^:^a:b), everything after -- is the user's.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace masu::plugin {

/// boolean: --x, --no-x, --x=true. choice: one of `choices`, in either case, hyphens or underscores.
enum class FlagKind { text, integer, boolean, list, dictionary, choice, repeated };

struct Flag {
  std::string_view name;  // "--region"
  FlagKind kind = FlagKind::text;
  std::string_view help = {};
  std::vector<std::string_view> choices = {};
  char letter = 0;  // -n
};

struct CommandGrammar {
  std::string usage;  // "kubectl ai-platform jobs describe JOB"
  std::vector<Flag> flags;
  int positionals_min = 0, positionals_max = 0;
  bool rest = false;  // takes -- USER_ARGS
};

class Arguments {
 public:
  /// invalid for every wrong use: callers exit with 2.
  static Result<Arguments> parse(const CommandGrammar& grammar, const std::vector<std::string>& words);

  bool has(std::string_view flag) const { return values_.contains(flag); }
  std::optional<std::string> text(std::string_view flag) const;
  std::string text_or(std::string_view flag, std::string_view otherwise) const;
  std::optional<std::int64_t> integer(std::string_view flag) const;
  bool is_set(std::string_view flag) const;  // a boolean that is true
  std::optional<bool> boolean(std::string_view flag) const;
  std::vector<std::string> list(std::string_view flag) const;
  std::optional<std::map<std::string, std::string>> dictionary(std::string_view flag) const;
  const std::vector<std::string>& positionals() const { return positionals_; }
  const std::optional<std::vector<std::string>>& rest() const { return rest_; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positionals_;
  std::optional<std::vector<std::string>> rest_;
};

/// "a,b" or "^:^a:b".
std::vector<std::string> split_list(std::string_view text);
/// "k=v,k2=v2"; invalid names the part that has no '=' or comes twice.
Result<std::map<std::string, std::string>> split_dictionary(std::string_view flag, std::string_view text);
/// The usage line and all flags with their words.
std::string help_text(const CommandGrammar& grammar);

}  // namespace masu::plugin
