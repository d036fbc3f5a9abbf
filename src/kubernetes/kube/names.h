#pragma once
/// Users' names become object names by one function, used everywhere.

#include <string>
#include <string_view>

namespace masu::kube {

/// A name of up to 128 characters (capitals, underscores) as an object name: unchanged where it is a DNS-1035 label of at
/// most 40 characters, else `<slug, at most 31>-<first 8 hex digits of its SHA-256>`. Deterministic.
std::string object_name(std::string_view user_name);
/// [a-z]([-a-z0-9]*[a-z0-9])?, at most 63 characters.
bool is_dns1035_label(std::string_view text);
/// [a-z0-9]([-a-z0-9]*[a-z0-9])?, at most 63 characters.
bool is_dns1123_label(std::string_view text);
/// Labels joined by dots, at most 253 characters.
bool is_dns1123_subdomain(std::string_view text);
/// The annotation that keeps the name as the user wrote it.
inline constexpr std::string_view original_name_annotation = "masu.dev/name";

}  // namespace masu::kube
