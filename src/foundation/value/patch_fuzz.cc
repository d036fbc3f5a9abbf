/// Two documents, split at the first newline: no patch crashes, and the difference leads from one to the other.
#include <cstddef>
#include <cstdint>

#include "value/json.h"
#include "value/patch.h"
#include "value/quantity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t split = text.find('\n');
  if (split == std::string_view::npos) return 0;
  const auto from = masu::parse_json(text.substr(0, split)), to = masu::parse_json(text.substr(split + 1));
  if (!from.ok() || !to.ok()) return 0;
  (void)masu::json_patch(*from, *to);
  (void)masu::Quantity::from(*from);
  (void)masu::strategic_merge(*from, *to, [](std::string_view path) {
    const auto strategy = path.ends_with('k') ? masu::ListMerge::Strategy::merge_by_key
                          : path.ends_with('v') ? masu::ListMerge::Strategy::merge_values : masu::ListMerge::Strategy::replace;
    return masu::ListMerge{strategy, "k"};
  });
  const masu::Value there = masu::merge_patch(*from, *to);  // a document that a patch can lead to
  if (from->is_object() && there.is_object() && *from != there) {
    const masu::Value again = masu::merge_patch(*from, masu::merge_diff(*from, there));
    if (masu::merge_patch(again, *to) != again) __builtin_trap();
  }
  return 0;
}
