#pragma once
/// Small things that are done to text everywhere. Plain functions on views; nothing here knows a locale.

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace masu {

inline void append(std::string& out, std::string_view text) { out += text; }
inline void append(std::string& out, char c) { out += c; }
template <std::same_as<bool> B>  // a template, or a literal would rather turn into bool than into a view
void append(std::string& out, B b) {
  out += b ? "true" : "false";
}
template <std::integral I>
  requires(!std::same_as<I, char> && !std::same_as<I, bool>)
void append(std::string& out, I number) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}
/// Shortest decimal form that reads back as the same number.
void append(std::string& out, double number);

/// cat("pod ", key, " has ", 3, " containers"): one string from its parts.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

/// "text" in double quotes, with quotes and control characters escaped.
std::string quote(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// Splits at each separator; an empty text gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);
/// True if both are equal but for the case of ASCII letters.
bool equal_fold(std::string_view a, std::string_view b);
/// The candidate nearest to what was typed (edit distance at most a third of its length), or empty: "did you mean".
std::string nearest(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace masu
