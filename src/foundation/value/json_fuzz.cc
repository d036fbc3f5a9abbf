/// Any bytes: no crash, and what was read prints to something that reads back the same.
#include <cstddef>
#include <cstdint>

#include "value/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> duplicates;
  const auto value = masu::parse_json({reinterpret_cast<const char*>(data), size}, duplicates);
  if (!value.ok()) return 0;
  const std::string text = masu::to_json(*value);
  const auto again = masu::parse_json(text);
  if (!again.ok() || masu::to_json(*again) != text) __builtin_trap();
  return 0;
}
