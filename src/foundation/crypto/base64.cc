#include "crypto/base64.h"

#include <array>
#include <cstdint>

#include "base/text.h"

namespace masu::crypto {
namespace {

constexpr std::string_view standard_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> reverse(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i) table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return table;
}
constexpr auto standard_values = reverse(standard_alphabet);
constexpr auto url_values = reverse(url_alphabet);

enum class Padding { required, optional };

std::string encode(std::string_view bytes, std::string_view alphabet, Padding padding) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  const auto byte = [&](std::size_t at) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u; };
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::uint32_t group = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    const std::size_t characters = bytes.size() - at >= 3 ? 4 : bytes.size() - at + 1;
    for (std::size_t i = 0; i < characters; ++i) out += alphabet[(group >> (18 - 6 * i)) & 63];
    if (padding == Padding::required) out.append(4 - characters, '=');
  }
  return out;
}

Result<std::string> decode(std::string_view text, const std::array<std::int8_t, 256>& values, Padding padding) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t group = 0;
  int characters = 0, pads = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      ++pads;
      continue;
    }
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0 || pads > 0) return Error{Code::malformed, cat("reading base64: illegal character at position ", at)};
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (++characters % 4 == 0) {
      out += {static_cast<char>(group >> 16), static_cast<char>(group >> 8), static_cast<char>(group)};
      group = 0;
    }
  }
  const int rest = characters % 4;
  const int wanted_pads = rest == 0 ? 0 : 4 - rest;
  if (rest == 1) return Error{Code::malformed, "reading base64: the text ends in the middle of a byte"};
  if (pads != wanted_pads && !(padding == Padding::optional && pads == 0)) {
    return Error{Code::malformed, cat("reading base64: ", pads, " padding characters at the end, there have to be ", wanted_pads)};
  }
  if (rest == 2) out += static_cast<char>(group >> 4);
  if (rest == 3) out += {static_cast<char>(group >> 10), static_cast<char>(group >> 2)};
  return out;
}

}  // namespace

std::string base64(std::string_view bytes) { return encode(bytes, standard_alphabet, Padding::required); }
std::string base64_url(std::string_view bytes) { return encode(bytes, url_alphabet, Padding::optional); }
Result<std::string> base64_decode(std::string_view text) { return decode(text, standard_values, Padding::required); }
Result<std::string> base64_url_decode(std::string_view text) { return decode(text, url_values, Padding::optional); }

}  // namespace masu::crypto
