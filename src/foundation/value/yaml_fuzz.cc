/// Any bytes: no crash, and what was read prints to something that reads back the same.
#include <cstddef>
#include <cstdint>

#include "value/json.h"
#include "value/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto documents = masu::parse_yaml({reinterpret_cast<const char*>(data), size});
  if (!documents.ok()) return 0;
  for (const auto& document : *documents) {
    // yaml-cpp lets bytes pass that are no UTF-8; through JSON they become what every writer makes of them.
    const auto clean = masu::parse_json(masu::to_json(document.value));
    if (!clean.ok()) __builtin_trap();
    const auto again = masu::parse_yaml_single(masu::to_yaml(*clean));
    if (!again.ok() || masu::to_json(again->value) != masu::to_json(*clean)) __builtin_trap();
  }
  return 0;
}
