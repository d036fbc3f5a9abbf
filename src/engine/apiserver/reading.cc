#include "apiserver/reading.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/base64.h"
#include "kube/selector.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

/// A watch's bytes that wait for a slow reader; beyond it the watch ends.
constexpr std::size_t watch_queue_bytes = std::size_t{64} << 20;

struct ContinueToken {
  std::uint64_t revision = 0;
  std::string after;
};

std::string encode(const ContinueToken& token) {
  // The place holds a zero byte between namespace and name: base64 hides it.
  return crypto::base64_url(to_json(Value::object({{"v", "masu.dev/1"}, {"rv", token.revision}, {"after", crypto::base64(token.after)}})));
}

Outcome<ContinueToken> decode_token(std::string_view text) {
  const auto json = crypto::base64_url_decode(text);
  const auto value = json.ok() ? parse_json(*json) : Result<Value>(json.error());
  if (!value.ok() || !(*value)["rv"].is_integer()) return bad_request("continue key is not valid: it was not made by this server");
  auto after = crypto::base64_decode((*value)["after"].as_string());
  if (!after.ok()) return bad_request("continue key is not valid: it was not made by this server");
  return ContinueToken{static_cast<std::uint64_t>((*value)["rv"].as_integer()), std::move(*after)};
}

/// Half an hour to an hour, different for each watch so that they do not all end together.
Duration default_watch_time(std::uint64_t revision, std::size_t watchers) {
  return 30min + std::chrono::seconds((revision * 7919 + watchers * 104729) % 1800);
}

}  // namespace

Outcome<Selection> selection(const TypePtr& type, const net::Query& query) {
  Selection chosen;
  std::optional<kube::LabelSelector> labels;
  std::optional<kube::FieldSelector> fields;
  if (const std::string_view text = query.get("labelSelector"); !text.empty()) {
    auto parsed = kube::LabelSelector::parse(text);
    if (!parsed.ok()) return bad_request(cat("unable to parse requirement: ", parsed.error().message));
    labels = std::move(*parsed);
  }
  if (const std::string_view text = query.get("fieldSelector"); !text.empty()) {
    auto parsed = kube::FieldSelector::parse(text);
    if (!parsed.ok()) return bad_request(parsed.error().message);
    bool more = false;
    for (const auto& requirement : parsed->requirements()) {
      if (!type->knows_field(requirement.path)) return bad_request(cat("field label not supported: ", requirement.path));
      if (requirement.path == "metadata.name" && requirement.equal && chosen.name.empty()) chosen.name = requirement.value;
      else if (requirement.path == "metadata.namespace" && requirement.equal && chosen.ns.empty()) chosen.ns = requirement.value;
      else more = true;
    }
    if (more) fields = std::move(*parsed);
  }
  if (!labels && !fields) return chosen;
  chosen.matches = [type, labels, fields](const Record& record) {
    if (labels && !labels->matches(record.labels)) return false;
    if (!fields) return true;
    const auto object = parse_json(record.bytes);
    return object.ok() && fields->matches([&](std::string_view path) { return type->field_text(*object, path); });
  };
  return chosen;
}

Outcome<Rendering> Reading::rendering(const net::Request& request, const TypePtr& type) const {
  TRY(Accepted form, accepted(request));
  Rendering how{.type = type, .accepted = std::move(form), .now = clock_.now()};
  if (const std::string_view include = request.query.get("includeObject"); !include.empty()) how.include_object = include;
  return how;
}

Outcome<net::Answer> Reading::get(const net::Request& request, const Route& route, const TypePtr& type) const {
  TRY(const Rendering how, rendering(request, type));
  if (const std::string_view text = request.query.get("resourceVersion"); !text.empty() && text != "0") {
    TRY(const std::uint64_t version, parse_version(text));
    if (const std::uint64_t current = store_.revision(); version > current) return future_version(version, current);
  }
  const RecordPtr record = store_.get(type->key(route.ns, route.name));
  if (!record) return not_found(type->resource_name(), route.name);
  return net::Answer(text_reply(how.accepted, 200, render_object(how, *record)));
}

Outcome<std::optional<std::uint64_t>> Reading::list_revision(const net::Query& query, bool continued) const {
  const std::string_view text = query.get("resourceVersion"), match = query.get("resourceVersionMatch");
  const ResourceName options{"meta.k8s.io", "", "ListOptions"};
  if (!match.empty()) {
    if (text.empty()) return invalid(options, "", {forbidden_value("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")});
    if (continued) return invalid(options, "", {forbidden_value("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")});
    if (match != "Exact" && match != "NotOlderThan")
      return invalid(options, "", {{"resourceVersionMatch", "FieldValueNotSupported", cat("Unsupported value: ", quote(match), ": supported values: \"Exact\", \"NotOlderThan\"")}});
    if (match == "Exact" && text == "0")
      return invalid(options, "", {forbidden_value("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")});
  }
  if (text.empty() || text == "0") return std::optional<std::uint64_t>();
  if (continued) return bad_request("specifying resource version is not allowed when using continue");
  TRY(const std::uint64_t version, parse_version(text));
  if (const std::uint64_t current = store_.revision(); version > current) return future_version(version, current);
  return match == "Exact" ? std::optional(version) : std::nullopt;
}

Outcome<net::Answer> Reading::list(const net::Request& request, const Route& route, const TypePtr& type) const {
  TRY(const Rendering how, rendering(request, type));
  if (flag(request.query, "sendInitialEvents"))
    return invalid({"meta.k8s.io", "", "ListOptions"}, "", {forbidden_value("sendInitialEvents", "sendInitialEvents is forbidden for list")});
  TRY(const Selection chosen, selection(type, request.query));
  const std::string_view token = request.query.get("continue");
  TRY(const auto at, list_revision(request.query, !token.empty()));
  ListQuery query{.resource = type->storage(), .ns = route.ns, .name = chosen.name, .at = at, .matches = chosen.matches};
  if (!chosen.ns.empty()) {
    if (!query.ns.empty() && query.ns != chosen.ns) query.name = std::string(1, '\0');  // no object is called so
    query.ns = chosen.ns;
  }
  if (const std::string_view limit = request.query.get("limit"); !limit.empty()) {
    TRY(const std::uint64_t number, parse_version(limit, "limit"));
    query.limit = number;
  }
  if (!token.empty()) {
    TRY(ContinueToken position, decode_token(token));
    // Revision 0: the token of an expired list, which goes on at the newest state.
    if (position.revision != 0) query.at = position.revision;
    query.after = std::move(position.after);
  }
  auto listing = store_.list(query);
  if (!listing.ok()) {
    if (token.empty()) return expired(listing.error().message);
    Failure failure = expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, "
                              "or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an "
                              "inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.");
    failure.metadata["continue"] = encode({0, query.after});
    return failure;
  }
  const std::string next = listing->next.empty() ? std::string() : encode({listing->revision, listing->next});
  return net::Answer(text_reply(how.accepted, 200, render_list(how, *listing, next)));
}

Outcome<net::Answer> Reading::watch(const net::Request& request, const Route& route, const TypePtr& type) const {
  TRY(const Rendering how, rendering(request, type));
  TRY(const Selection chosen, selection(type, request.query));
  const net::Query& query = request.query;
  const bool bookmarks = flag(query, "allowWatchBookmarks");
  const bool streaming_list = flag(query, "sendInitialEvents");
  const ResourceName options{"meta.k8s.io", "", "ListOptions"};
  const std::string_view match = query.get("resourceVersionMatch");
  if (query.has("sendInitialEvents") && match != "NotOlderThan")
    return invalid(options, "", {forbidden_value("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")});
  if (!query.has("sendInitialEvents") && !match.empty())
    return invalid(options, "", {forbidden_value("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")});
  if (streaming_list && !bookmarks)
    return invalid(options, "", {forbidden_value("sendInitialEvents", "sendInitialEvents requires allowWatchBookmarks")});

  const Instant now = clock_.now();
  WatchSpec spec{.resource = type->storage(), .ns = type->kind.namespaced ? route.ns : "", .name = route.name.empty() ? chosen.name : route.name, .matches = chosen.matches};
  if (spec.ns.empty()) spec.ns = chosen.ns;
  const std::string_view version = query.get("resourceVersion");
  if (!version.empty() && version != "0" && !streaming_list) {
    TRY(const std::uint64_t from, parse_version(version));
    spec.from = from;
  } else if (query.has("sendInitialEvents") && !streaming_list) {
    spec.from = store_.revision();
  }
  spec.bookmarks = bookmarks;
  spec.mark_initial_end = streaming_list;
  spec.ends = now + default_watch_time(store_.revision(), store_.watchers());
  if (const std::string_view seconds = query.get("timeoutSeconds"); !seconds.empty() && seconds != "0") {
    TRY(const std::uint64_t number, parse_version(seconds, "timeoutSeconds"));
    spec.ends = now + std::chrono::seconds(std::min<std::uint64_t>(number, 86400));
  }
  // Ages in tables of a watch are those of the moment of each change.
  spec.frame = [how, &clock = clock_](Event::Type type, const Record& record) {
    if (how.accepted.form != Form::table) return render_event(how, type, record);
    Rendering at_this_time = how;
    at_this_time.now = clock.now();
    return render_event(at_this_time, type, record);
  };
  spec.bookmark = [how](std::uint64_t revision, bool initial_end) { return render_bookmark(how, revision, initial_end); };

  auto stream = std::make_shared<net::Stream>(watch_queue_bytes);
  net::Subscription answer{.stream = stream};
  answer.headers.set("Content-Type", "application/json");  // lines of JSON, whatever else was asked for
  answer.headers.set("Cache-Control", "no-cache, private");
  const Status started = store_.watch(std::make_shared<Watcher>(std::move(spec), now, stream));
  if (!started.ok()) {
    // Not an HTTP 410: clients would try again without pause.
    stream->push(render_error(expired(started.error().message)));
    stream->finish();
  }
  return net::Answer(std::move(answer));
}

}  // namespace masu::apiserver
