#include "hub/preconditions.h"

#include <charconv>

#include "base/text.h"

namespace masu::hub {
namespace {

Result<std::optional<std::int64_t>> number(std::string_view name, std::string_view text) {
  if (text.empty()) return std::optional<std::int64_t>{};
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return Error{Code::invalid, cat(name, " must be a number, not ", quote(text))};
  return std::optional<std::int64_t>(value);
}

}  // namespace

Result<std::optional<std::int64_t>> number_parameter(const net::Query& query, std::string_view name) { return number(name, query.get(name)); }

Result<Preconditions> Preconditions::read(const net::Query& query, const net::Headers& headers, std::string_view middle) {
  struct Name {
    std::optional<std::int64_t> Preconditions::* member;
    const char* parameter;
    const char* header;
  };
  constexpr Name names[] = {{&Preconditions::generation, "GenerationMatch", "x-goog-if-generation-match"},
                            {&Preconditions::not_generation, "GenerationNotMatch", "x-goog-if-generation-not-match"},
                            {&Preconditions::metageneration, "MetagenerationMatch", "x-goog-if-metageneration-match"},
                            {&Preconditions::not_metageneration, "MetagenerationNotMatch", "x-goog-if-metageneration-not-match"}};
  Preconditions out;
  for (const Name& name : names) {
    const std::string parameter = cat("if", middle, name.parameter);
    const bool from_header = !query.has(parameter) && middle.empty();
    TRY(out.*name.member, from_header ? number(name.header, headers.get(name.header)) : number(parameter, query.get(parameter)));
  }
  return out;
}

Status Preconditions::check(const ObjectMeta* current) const {
  const std::int64_t there = current != nullptr ? current->generation : 0;
  const std::int64_t described = current != nullptr ? current->metageneration : 0;
  const auto failed = [&](std::string_view condition, std::int64_t wanted) {
    return Error{Code::precondition, cat("At least one of the pre-conditions you specified did not hold: ", condition, "=", wanted, ", but ",
                                         current == nullptr ? "there is no such object" : cat("generation is ", there, ", metageneration ", described))};
  };
  if (generation && *generation != there) return failed("ifGenerationMatch", *generation);
  if (not_generation && *not_generation == there) return failed("ifGenerationNotMatch", *not_generation);
  if (metageneration && (current == nullptr || *metageneration != described)) return failed("ifMetagenerationMatch", *metageneration);
  if (not_metageneration && current != nullptr && *not_metageneration == described) return failed("ifMetagenerationNotMatch", *not_metageneration);
  return {};
}

bool Preconditions::not_modified(const ObjectMeta& current) const {
  return (not_generation && *not_generation == current.generation) || (not_metageneration && *not_metageneration == current.metageneration);
}

}  // namespace masu::hub
