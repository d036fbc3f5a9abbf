#pragma once
/// ifGenerationMatch and its kin: what must be there for a request to go on. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

#include "hub/object_meta.h"
#include "net/message.h"

namespace masu::hub {

struct Preconditions {
  std::optional<std::int64_t> generation, not_generation, metageneration, not_metageneration;

  /// From query parameters ("ifGenerationMatch", with "Source" in the middle for the source of a copy) and, without a
  /// word in the middle, from the headers of the XML API. invalid for what is no number.
  static Result<Preconditions> read(const net::Query& query, const net::Headers& headers, std::string_view middle = "");
  /// precondition with what was found, if `current` (null: nothing is there) does not fit.
  Status check(const ObjectMeta* current) const;
  /// True if a `not` condition is what fails: a read then answers 304.
  bool not_modified(const ObjectMeta& current) const;
};

/// A query parameter that must be a number; no value if it is absent.
Result<std::optional<std::int64_t>> number_parameter(const net::Query& query, std::string_view name);

}  // namespace masu::hub
