/// Paths, ranges, boundaries and multipart bodies from anybody: no crash, and parts lie inside the body.
#include <cstddef>
#include <cstdint>

#include "hub/listing.h"
#include "hub/multipart.h"
#include "hub/route.h"
#include "hub/xml_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const std::string_view first = text.substr(0, line), rest = line == std::string_view::npos ? "" : text.substr(line + 1);
  (void)masu::hub::parse_route(first);
  (void)masu::hub::parse_range(first, 100);
  (void)masu::hub::parse_content_range(first);
  (void)masu::hub::glob_matches(first, rest);
  (void)masu::hub::unchunk(rest);
  (void)masu::hub::xml_text(rest, first);
  const auto boundary = masu::hub::boundary_of(first);
  if (!boundary.ok()) return 0;
  const auto inside = [&](std::string_view part) { return part.data() >= rest.data() && part.data() + part.size() <= rest.data() + rest.size(); };
  if (const auto related = masu::hub::split_related(rest, *boundary); related.ok() && !(inside(related->description.body) && inside(related->content.body))) __builtin_trap();
  if (const auto parts = masu::hub::split_multipart(rest, *boundary); parts.ok())
    for (const auto& part : *parts)
      if (!inside(part.body)) __builtin_trap();
  return 0;
}
