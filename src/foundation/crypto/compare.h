#pragma once
/// Comparing secrets without telling by the time it takes where they differ.

#include <string_view>

namespace masu::crypto {

/// Time depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace masu::crypto
