#include "hub/route.h"

#include <charconv>

#include "base/text.h"
#include "net/message.h"

namespace masu::hub {
namespace {

struct Entrance {
  std::string_view path;
  Route::Door door;
};
// The longer ones first.
constexpr Entrance entrances[] = {{"/resumable/upload/storage/v1", Route::Door::upload}, {"/upload/resumable/storage/v1", Route::Door::upload},
                                  {"/upload/storage/v1", Route::Door::upload},           {"/download/storage/v1", Route::Door::download},
                                  {"/batch/storage/v1", Route::Door::batch},             {"/storage/v1", Route::Door::json}};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::string joined(const std::vector<std::string>& parts, std::size_t first, std::size_t last) {
  std::string out;
  for (std::size_t i = first; i < last; ++i) out += cat(i > first ? "/" : "", parts[i]);
  return net::percent_decode(out);
}

/// segments: raw, after "/b".
void read_bucket_path(const std::vector<std::string>& segments, Route& route) {
  route.buckets = segments.empty() || segments[0].empty();
  if (route.buckets) return;
  route.bucket = net::percent_decode(segments[0]);
  if (segments.size() < 2) return;
  route.part = net::percent_decode(segments[1]);
  if (route.part != "o" || segments.size() < 3) {
    if (route.part != "o") route.rest = joined(segments, 2, segments.size());
    return;
  }
  // A name should be one segment with its slashes encoded; some clients leave them as they are.
  std::size_t end = segments.size();
  for (std::size_t i = 3; i < segments.size(); ++i) {
    const std::string& word = segments[i];
    const bool transfer = (word == "rewriteTo" || word == "copyTo") && i + 4 <= segments.size() - 1 && segments[i + 1] == "b" && segments[i + 3] == "o";
    const bool move = word == "moveTo" && i + 2 <= segments.size() - 1 && segments[i + 1] == "o";
    const bool last = i + 1 == segments.size() && (word == "compose" || word == "acl");
    if (!transfer && !move && !last) continue;
    route.action = word;
    if (transfer) {
      route.to_bucket = net::percent_decode(segments[i + 2]);
      route.to_object = joined(segments, i + 4, segments.size());
    } else if (move) {
      route.to_bucket = route.bucket;
      route.to_object = joined(segments, i + 2, segments.size());
    }
    end = i;
    break;
  }
  route.object = joined(segments, 2, end);
}

}  // namespace

Route parse_route(std::string_view path) {
  Route route;
  if (path.starts_with("/t/")) {
    const std::size_t end = std::min(path.find('/', 3), path.size());
    route.prefix = path.substr(0, end);
    route.token = net::percent_decode(path.substr(3, end - 3));
    path.remove_prefix(end);
  }
  std::string_view rest = path;
  for (const Entrance& entrance : entrances) {
    if (!path.starts_with(entrance.path)) continue;
    const std::string_view after = path.substr(entrance.path.size());
    if (!after.empty() && after[0] != '/') continue;
    route.door = entrance.door;
    rest = after;
    break;
  }
  if (route.door == Route::Door::batch) return route;
  if (path == "/batch") {
    route.door = Route::Door::batch;
    return route;
  }
  if (route.door == Route::Door::plain && (path == "/b" || path.starts_with("/b/"))) route.door = Route::Door::json;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  std::vector<std::string> segments = split(rest, '/');
  if (route.door == Route::Door::plain) {
    route.bucket = net::percent_decode(segments[0]);
    route.object = joined(segments, 1, segments.size());
    route.buckets = route.bucket.empty();
    return route;
  }
  if (segments[0] != "b") {
    route.rest = joined(segments, 0, segments.size());
    return route;
  }
  segments.erase(segments.begin());
  read_bucket_path(segments, route);
  return route;
}

std::optional<Span> parse_range(std::string_view field, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (!field.starts_with(unit) || field.find(',') != std::string_view::npos) return {};
  field = trim(field.substr(unit.size()));
  const std::size_t dash = field.find('-');
  if (dash == std::string_view::npos) return {};
  const auto first = number(field.substr(0, dash)), last = number(field.substr(dash + 1));
  if (dash == 0) {
    if (!last) return {};
    const std::uint64_t length = std::min(*last, size);
    return Span{size - length, length, length > 0};
  }
  if (!first || (!last && dash + 1 != field.size()) || (last && *last < *first)) return {};
  if (*first >= size) return Span{0, 0, false};
  return Span{*first, (last ? std::min(*last, size - 1) : size - 1) - *first + 1, true};
}

Result<ContentRange> parse_content_range(std::string_view field) {
  const auto wrong = [&] { return Error{Code::malformed, cat("Content-Range ", quote(field), " must be of the form bytes FIRST-LAST/TOTAL")}; };
  constexpr std::string_view unit = "bytes ";
  if (!field.starts_with(unit)) return wrong();
  const std::string_view text = trim(field.substr(unit.size()));
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return wrong();
  ContentRange range;
  const std::string_view span = text.substr(0, slash), total = text.substr(slash + 1);
  if (total != "*" && !(range.total = number(total))) return wrong();
  if (span == "*") return range;
  const std::size_t dash = span.find('-');
  if (dash == std::string_view::npos) return wrong();
  range.first = number(span.substr(0, dash));
  range.last = number(span.substr(dash + 1));
  if (!range.first || !range.last || *range.last < *range.first || (range.total && *range.last >= *range.total)) return wrong();
  return range;
}

}  // namespace masu::hub
