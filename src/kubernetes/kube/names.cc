#include "kube/names.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"

namespace masu::kube {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_dns1123_label(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_dns1035_label(std::string_view text) { return is_dns1123_label(text) && is_lower(text.front()); }

bool is_dns1123_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  const auto labels = split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
    return !label.empty() && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
  });
}

std::string object_name(std::string_view user_name) {
  if (user_name.size() <= 40 && is_dns1035_label(user_name)) return std::string(user_name);
  std::string slug;
  for (const char c : lower(user_name)) {
    const bool keep = is_lower(c) || is_digit(c);
    if (keep) slug += c;
    else if (!slug.empty() && slug.back() != '-') slug += '-';
  }
  if (slug.empty() || !is_lower(slug.front())) slug.insert(0, "x");
  slug.resize(std::min<std::size_t>(slug.size(), 31));
  while (slug.ends_with('-')) slug.pop_back();
  return cat(slug, "-", crypto::sha256_hex(user_name).substr(0, 8));
}

}  // namespace masu::kube
