#include "arguments.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace masu::plugin {
namespace {

Error usage_error(const CommandGrammar& grammar, std::string_view sentence) {
  return Error{Code::invalid, cat(sentence, "\nUsage: ", grammar.usage, "\nFor all flags: ", split(grammar.usage, '[')[0].substr(0, grammar.usage.find(" [")), " --help")};
}

std::string unified(std::string_view choice) { return replace_all(lower(choice), "_", "-"); }

const Flag* find_flag(const CommandGrammar& grammar, std::string_view name) {
  for (const Flag& flag : grammar.flags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

const Flag* find_letter(const CommandGrammar& grammar, char letter) {
  for (const Flag& flag : grammar.flags) {
    if (flag.letter == letter && letter != 0) return &flag;
  }
  return nullptr;
}

/// Checks one value of a flag and brings it into its canonical spelling.
Result<std::string> checked(const CommandGrammar& grammar, const Flag& flag, std::string value) {
  if (flag.kind == FlagKind::boolean) {
    if (equal_fold(value, "true") || value == "1" || equal_fold(value, "yes")) return std::string("true");
    if (equal_fold(value, "false") || value == "0" || equal_fold(value, "no")) return std::string("false");
    return usage_error(grammar, cat("argument ", flag.name, ": ", quote(value), " is neither true nor false"));
  }
  if (flag.kind == FlagKind::integer) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || value.empty())
      return usage_error(grammar, cat("argument ", flag.name, ": ", quote(value), " is no whole number"));
  }
  if (flag.kind == FlagKind::choice) {
    for (const std::string_view choice : flag.choices) {
      if (unified(choice) == unified(value)) return std::string(choice);
    }
    std::vector<std::string> names(flag.choices.begin(), flag.choices.end());
    const std::string near = nearest(unified(value), names);
    return usage_error(grammar, cat("argument ", flag.name, ": invalid choice: ", quote(value), near.empty() ? std::string() : cat(", did you mean ", quote(near), "?"),
                                    " Valid choices are [", join(names, ", "), "]."));
  }
  if (flag.kind == FlagKind::dictionary) {
    const auto parsed = split_dictionary(flag.name, value);
    if (!parsed.ok()) return usage_error(grammar, parsed.error().message);
  }
  return value;
}

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
  char separator = ',';
  if (text.size() > 2 && text.starts_with('^')) {
    const std::size_t end = text.find('^', 1);
    if (end == 2) {
      separator = text[1];
      text.remove_prefix(3);
    }
  }
  std::vector<std::string> out;
  if (text.empty()) return out;
  for (std::string& part : split(text, separator)) {
    if (!part.empty()) out.push_back(std::move(part));
  }
  return out;
}

Result<std::map<std::string, std::string>> split_dictionary(std::string_view flag, std::string_view text) {
  std::map<std::string, std::string> out;
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error{Code::invalid, cat("argument ", flag, ": Bad syntax for dict arg: [", part, "]. It is a list of KEY=VALUE")};
    if (!out.emplace(part.substr(0, equals), part.substr(equals + 1)).second)
      return Error{Code::invalid, cat("argument ", flag, ": ", quote(part.substr(0, equals)), " cannot be specified multiple times")};
  }
  return out;
}

Result<Arguments> Arguments::parse(const CommandGrammar& grammar, const std::vector<std::string>& words) {
  Arguments out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      if (!grammar.rest) return usage_error(grammar, "unrecognized arguments: --");
      out.rest_.emplace(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (!word.starts_with('-') || word == "-") {
      out.positionals_.push_back(word);
      continue;
    }
    const std::size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = word.substr(equals + 1);
    const Flag* flag = nullptr;
    if (!word.starts_with("--")) {
      flag = find_letter(grammar, word[1]);
      if (flag && word.size() > 2 && word[2] != '=') value = word.substr(2);
    } else {
      flag = find_flag(grammar, name);
      if (!flag && name.starts_with("--no-")) {
        flag = find_flag(grammar, cat("--", name.substr(5)));
        if (flag && (flag->kind != FlagKind::boolean || value)) flag = nullptr;
        if (flag) value = "false";
      }
    }
    if (!flag) {
      std::vector<std::string> names;
      for (const Flag& known : grammar.flags) names.emplace_back(known.name);
      const std::string near = nearest(name, names);
      return usage_error(grammar, cat("unrecognized arguments: ", word, near.empty() ? std::string() : cat(" (did you mean '", near, "'?)")));
    }
    if (!value && flag->kind == FlagKind::boolean) {
      // --use-chief-in-tf-config true: a boolean may have its word beside it.
      const bool word_follows = i + 1 < words.size() && (equal_fold(words[i + 1], "true") || equal_fold(words[i + 1], "false"));
      value = word_follows ? words[++i] : "true";
    }
    if (!value) {
      if (i + 1 >= words.size() || words[i + 1] == "--" || (words[i + 1].starts_with("--") && words[i + 1].size() > 2))
        return usage_error(grammar, cat("argument ", flag->name, ": expected one argument"));
      value = words[++i];
    }
    TRY(std::string good, checked(grammar, *flag, *std::move(value)));
    std::vector<std::string>& values = out.values_[std::string(flag->name)];
    if (flag->kind == FlagKind::dictionary && !values.empty()) {
      TRY(const auto before, split_dictionary(flag->name, values.front()));
      TRY(const auto more, split_dictionary(flag->name, good));
      for (const auto& [key, ignored] : more) {
        if (before.contains(key)) return usage_error(grammar, cat("argument ", flag->name, ": ", quote(key), " cannot be specified multiple times"));
      }
      values.push_back(std::move(good));
    } else if (flag->kind == FlagKind::repeated || flag->kind == FlagKind::dictionary) {
      values.push_back(std::move(good));
    } else {
      values = {std::move(good)};
    }
  }
  if (static_cast<int>(out.positionals_.size()) < grammar.positionals_min)
    return usage_error(grammar, "argument JOB: Must be specified.");
  if (static_cast<int>(out.positionals_.size()) > grammar.positionals_max)
    return usage_error(grammar, cat("unrecognized arguments: ", out.positionals_[static_cast<std::size_t>(grammar.positionals_max)]));
  return out;
}

std::optional<std::string> Arguments::text(std::string_view flag) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::nullopt : std::optional(found->second.back());
}

std::string Arguments::text_or(std::string_view flag, std::string_view otherwise) const { return text(flag).value_or(std::string(otherwise)); }

std::optional<std::int64_t> Arguments::integer(std::string_view flag) const {
  const auto value = text(flag);
  return value ? std::optional<std::int64_t>(std::strtoll(value->c_str(), nullptr, 10)) : std::nullopt;
}

std::optional<bool> Arguments::boolean(std::string_view flag) const {
  const auto value = text(flag);
  return value ? std::optional(*value == "true") : std::nullopt;
}

bool Arguments::is_set(std::string_view flag) const { return boolean(flag).value_or(false); }

std::vector<std::string> Arguments::list(std::string_view flag) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) return {};
  return found->second.size() == 1 ? split_list(found->second.front()) : found->second;
}

std::optional<std::map<std::string, std::string>> Arguments::dictionary(std::string_view flag) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) return std::nullopt;
  std::map<std::string, std::string> out;
  for (const std::string& value : found->second) {
    const auto part = split_dictionary(flag, value);
    if (part.ok()) out.insert(part->begin(), part->end());
  }
  return out;
}

std::string help_text(const CommandGrammar& grammar) {
  std::string out = cat("Usage: ", grammar.usage, "\n\nFlags:\n");
  std::size_t width = 0;
  for (const Flag& flag : grammar.flags) width = std::max(width, flag.name.size() + (flag.letter != 0 ? 4 : 0));
  for (const Flag& flag : grammar.flags) {
    const std::string names = flag.letter != 0 ? cat(flag.name, ", -", flag.letter) : std::string(flag.name);
    out += cat("  ", names, std::string(width - std::min(width, names.size()) + 2, ' '), flag.help);
    if (!flag.choices.empty()) out += cat(" (", join({flag.choices.begin(), flag.choices.end()}, ", "), ")");
    out += '\n';
  }
  return out;
}

}  // namespace masu::plugin
