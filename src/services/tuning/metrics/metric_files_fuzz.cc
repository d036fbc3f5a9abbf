/// Everything a training program may write for its collector: the first byte chooses the reader, the second the size of
/// the pieces in which the rest arrives. Nothing may crash, hang, or read a value that is not there.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tuning/metrics/event_file.h"
#include "tuning/metrics/hypertune_file.h"
#include "tuning/metrics/text_lines.h"

using namespace masu::tuning;

namespace {

void check(const std::vector<MetricEntry>& entries) {
  for (const MetricEntry& entry : entries) {
    if (!read_number(entry.value)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = std::size_t{data[1]} + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  HypertuneFile hypertune;
  EventFile events;
  auto lines = TextLines::make({}, {"*"}).value();
  if (data[0] % 4 == 3) {
    if (const auto entries = read_event(bytes); entries.ok()) check(*entries);
    return 0;
  }
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (data[0] % 4 == 0) check(hypertune.read(bytes.substr(0, at + piece)));
    if (data[0] % 4 == 1) check(events.feed(bytes.substr(at, piece)));
    if (data[0] % 4 == 2) check(lines.feed(bytes.substr(at, piece)));
  }
  if (data[0] % 4 == 2) check(lines.finish());
  return 0;
}
