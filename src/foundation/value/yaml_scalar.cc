#include "value/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace masu {
namespace {

using Words = std::array<std::string_view, 11>;
constexpr Words true_words = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"};
constexpr Words false_words = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"};

template <class List>
bool one_of(const List& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Digits of one base, all of them, into 64 bits; no value if that is no such number, infinity-free double if too large.
std::optional<Value> whole_number(std::string_view digits, int base, bool negative) {
  if (digits.empty()) return {};
  for (const char c : digits) {
    const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
    if (digit >= base) return {};
  }
  std::uint64_t magnitude = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (result.ec == std::errc{}) {
    constexpr std::uint64_t limit = std::uint64_t{1} << 63;
    if (negative && magnitude <= limit) return Value(static_cast<std::int64_t>(0 - magnitude));
    if (!negative && magnitude < limit) return Value(static_cast<std::int64_t>(magnitude));
  }
  double number = 0;
  for (const char c : digits) number = number * base + (is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  if (base == 10) std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (!std::isfinite(number)) return {};
  return Value(negative ? -number : number);
}

/// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool is_float(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i - start;
  };
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  const std::size_t before = digits();
  std::size_t after = 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    after = digits();
  }
  if (before + after == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

std::optional<Value> number(std::string_view text) {
  if (text.empty()) return {};
  const char first = text[0];
  if (!is_digit(first) && first != '-' && first != '+' && first != '.') return {};
  std::string plain(text);
  std::erase(plain, '_');
  std::string_view rest = plain;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  std::optional<Value> found;
  if (rest.starts_with("0x") || rest.starts_with("0X")) found = whole_number(rest.substr(2), 16, negative);
  else if (rest.starts_with("0b") || rest.starts_with("0B")) found = whole_number(rest.substr(2), 2, negative);
  else if (rest.starts_with("0o") || rest.starts_with("0O")) found = whole_number(rest.substr(2), 8, negative);
  else if (rest.size() > 1 && rest[0] == '0') found = whole_number(rest.substr(1), 8, negative);
  else found = whole_number(rest, 10, negative);
  if (found) return found;
  if (!is_float(plain)) return {};  // also 08: no octal number, so 8
  double real = 0;
  const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), real);
  if (result.ec == std::errc::result_out_of_range) return {};  // 1e999 stays the text it is
  if (negative) real = -real;
  // 1.0 travels as 1, as it does through kubectl's conversion to JSON.
  if (std::trunc(real) == real && std::abs(real) < 9.2e18) return Value(static_cast<std::int64_t>(real));
  return Value(real);
}

}  // namespace

Result<Value> resolve_plain_scalar(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return Value();
  if (one_of(true_words, text)) return Value(true);
  if (one_of(false_words, text)) return Value(false);
  std::string_view unsigned_text = text;
  if (text[0] == '-' || text[0] == '+') unsigned_text.remove_prefix(1);
  if (one_of(std::array<std::string_view, 3>{".inf", ".Inf", ".INF"}, unsigned_text) ||
      one_of(std::array<std::string_view, 3>{".nan", ".NaN", ".NAN"}, text))
    return Error{Code::malformed, cat("unsupported value: ", text, " is a number that JSON cannot hold; put it in quotes if it is text")};
  if (auto found = number(text)) return std::move(*found);
  return Value(text);
}

bool needs_quotes(std::string_view text) {
  const auto resolved = resolve_plain_scalar(text);
  return !resolved.ok() || !resolved->is_string() || text == "<<" || text == "=";
}

}  // namespace masu
