#include "hub/listing.h"

#include <optional>

namespace masu::hub {
namespace {

/// The first text after all texts that start with `prefix`; empty if there is none.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

/// Where [...] ends and whether it takes c; no value if it is not closed.
struct ClassMatch {
  std::size_t length;
  bool takes;
};
std::optional<ClassMatch> match_class(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (std::size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) return ClassMatch{i + 1, found != negated};
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      found = found || pattern[i] == c;
    }
  }
  return {};
}

// A pattern of a request may make the matcher try many ways; it gives up (no match) after so many steps.
constexpr int most_steps = 100'000;

bool matches(std::string_view pattern, std::string_view name, int& steps) {
  while (!pattern.empty()) {
    if (++steps > most_steps) return false;
    if (pattern[0] == '*') {
      const bool across = pattern.starts_with("**");
      std::string_view rest = pattern.substr(across ? 2 : 1);
      if (across && rest.starts_with('/') && matches(rest.substr(1), name, steps)) return true;  // "**/x" is "x" too
      for (std::size_t i = 0; i <= name.size(); ++i) {
        if (matches(rest, name.substr(i), steps)) return true;
        if (i < name.size() && name[i] == '/' && !across) return false;
      }
      return false;
    }
    if (pattern[0] == '{') {
      const std::size_t end = pattern.find('}');
      if (end != std::string_view::npos) {
        std::string_view choices = pattern.substr(1, end - 1);
        for (;;) {
          const std::size_t comma = choices.find(',');
          const std::string choice = std::string(choices.substr(0, comma)) + std::string(pattern.substr(end + 1));
          if (matches(choice, name, steps)) return true;
          if (comma == std::string_view::npos) return false;
          choices.remove_prefix(comma + 1);
        }
      }
    }
    if (name.empty()) return false;
    if (pattern[0] == '[') {
      if (const auto match = match_class(pattern, name[0])) {
        if (!match->takes || name[0] == '/') return false;
        pattern.remove_prefix(match->length);
        name.remove_prefix(1);
        continue;
      }
    }
    if (pattern[0] == '?' ? name[0] == '/' : pattern[0] != name[0]) return false;
    pattern.remove_prefix(1);
    name.remove_prefix(1);
  }
  return name.empty();
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view name) {
  int steps = 0;
  return matches(pattern, name, steps);
}

ListPage list_page(const Objects& objects, const ListQuery& query) {
  ListPage page;
  auto at = objects.lower_bound(std::max(query.prefix, query.start));
  if (!query.after.empty() && query.after >= query.prefix) {
    const bool was_prefix = !query.delimiter.empty() && query.after.size() > query.prefix.size() && query.after.ends_with(query.delimiter);
    // After a "folder" everything below it is passed over; the folder object itself was told beside it.
    if (was_prefix) {
      const std::string next = after_prefix(query.after);
      const auto beyond = next.empty() ? objects.end() : objects.lower_bound(next);
      if (beyond == objects.end() || at == objects.end() || at->first < beyond->first) at = beyond;
    } else if (at != objects.end() && at->first <= query.after) {
      at = objects.upper_bound(query.after);
    }
  }
  std::string last;
  while (at != objects.end() && at->first.starts_with(query.prefix)) {
    const std::string& name = at->first;
    if (!query.end.empty() && name >= query.end) break;
    const std::size_t cut = query.delimiter.empty() ? std::string::npos : name.find(query.delimiter, query.prefix.size());
    const bool folded = cut != std::string::npos;
    const bool fits = query.glob.empty() || glob_matches(query.glob, folded && query.glob.ends_with('/') ? name.substr(0, cut + query.delimiter.size()) : name);
    if (!fits) {
      ++at;
      continue;
    }
    if (page.objects.size() + page.prefixes.size() >= query.most) {
      page.next = last;
      break;
    }
    if (!folded) {
      page.objects.push_back(at->second);
      last = name;
      ++at;
      continue;
    }
    std::string folder = name.substr(0, cut + query.delimiter.size());
    if (query.with_trailing_delimiter && name == folder) page.objects.push_back(at->second);
    last = folder;
    const std::string next = after_prefix(folder);
    page.prefixes.push_back(std::move(folder));
    at = next.empty() ? objects.end() : objects.lower_bound(next);
  }
  return page;
}

}  // namespace masu::hub
