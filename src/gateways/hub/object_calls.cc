#include <algorithm>

#include "crypto/base64.h"
#include "hub/call.h"
#include "value/json.h"

namespace masu::hub {
namespace {

constexpr std::size_t most_listed = 1000;
constexpr std::size_t most_composed = 32;

Result<ListQuery> list_query(const net::Query& query) {
  ListQuery out;
  out.prefix = query.get("prefix");
  out.delimiter = query.get("delimiter");
  out.start = query.get("startOffset");
  out.end = query.get("endOffset");
  out.glob = query.get("matchGlob");
  out.with_trailing_delimiter = query.get("includeTrailingDelimiter") == "true";
  TRY(out.after, crypto::base64_url_decode(query.get("pageToken")).context("reading pageToken"));
  TRY(const auto most, number_parameter(query, "maxResults"));
  if (most && *most <= 0) return Error{Code::invalid, "maxResults must be at least 1"};
  if (most) out.most = std::min(most_listed, static_cast<std::size_t>(*most));
  return out;
}

}  // namespace

Result<net::Answer> Hub::list_objects(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "get"));
  TRY(const ListQuery query, list_query(call.request.query));
  TRY(const ListPage page, store_->list(call.route.bucket, query));
  Value out = Value::object({{"kind", "storage#objects"}});
  for (const MetaPtr& object : page.objects) out["items"].push_back(to_resource(*object, call.base));
  for (const std::string& prefix : page.prefixes) out["prefixes"].push_back(prefix);
  if (!page.next.empty()) out["nextPageToken"] = crypto::base64_url(page.next);
  return json_reply(out);
}

Result<net::Answer> Hub::object_call(const Call& call) {
  const Route& route = call.route;
  if (route.action == "compose" && call.is("POST")) return compose(call);
  if ((route.action == "rewriteTo" || route.action == "copyTo" || route.action == "moveTo") && call.is("POST")) return copy_object(call);
  if (route.action == "acl" && call.is("GET")) {
    TRY_OK(enter(call, route.bucket, "get"));
    return json_reply(Value::object({{"kind", "storage#objectAccessControls"}, {"items", Value(Array{})}}));
  }
  if (!route.action.empty()) return no_method(call.request);
  if (call.is("GET") || call.is("HEAD")) {
    if (call.parameter("alt") == "media") return media(call);
    TRY_OK(enter(call, route.bucket, "get"));
    TRY(const auto generation, number_parameter(call.request.query, "generation"));
    TRY(const MetaPtr meta, store_->find(route.bucket, route.object, generation));
    TRY(const Preconditions conditions, Preconditions::read(call.request.query, {}));
    if (conditions.not_modified(*meta)) return net::Reply{304, {{"ETag", meta->etag()}}, ""};
    TRY_OK(conditions.check(meta.get()));
    net::Reply reply = json_reply(to_resource(*meta, call.base));
    reply.headers.set("ETag", meta->etag());
    return reply;
  }
  if (call.is("PATCH") || call.is("PUT")) return update_object(call);
  if (call.is("DELETE")) {
    TRY_OK(enter(call, route.bucket, "update"));
    TRY(const auto generation, number_parameter(call.request.query, "generation"));
    TRY(const Preconditions conditions, Preconditions::read(call.request.query, call.request.headers));
    TRY_OK(store_->remove(route.bucket, route.object, conditions, generation));
    return net::Reply{204, {}, ""};
  }
  return no_method(call.request);
}

Result<net::Answer> Hub::media(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "get"));
  TRY(const auto generation, number_parameter(call.request.query, "generation"));
  TRY(const Store::Opened opened, store_->read(call.route.bucket, call.route.object, generation));
  const ObjectMeta& meta = *opened.meta;
  TRY(const Preconditions conditions, Preconditions::read(call.request.query, call.request.headers));
  net::Headers headers = media_headers(meta);
  const std::string_view known = call.request.headers.get("If-None-Match");
  if (conditions.not_modified(meta) || (!known.empty() && (known == meta.etag() || known == cat("\"", meta.etag(), "\"")))) return net::Reply{304, headers, ""};
  TRY_OK(conditions.check(&meta));
  const auto span = parse_range(call.request.headers.get("Range"), meta.size);
  if (!span) return net::FileReply{200, headers, opened.file, 0, meta.size};
  if (!span->satisfiable) {
    net::Reply reply = error_reply(Error{Code::invalid, cat("The requested range cannot be satisfied: the object has ", meta.size, " bytes.")}, false);
    reply.status = 416;
    reply.headers.set("Content-Range", cat("bytes */", meta.size));
    return reply;
  }
  headers.set("Content-Range", cat("bytes ", span->offset, "-", span->offset + span->length - 1, "/", meta.size));
  return net::FileReply{206, headers, opened.file, span->offset, span->length};
}

Result<net::Answer> Hub::update_object(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "update"));
  TRY(const Value body, json_body(call.request));
  TRY(const Preconditions conditions, Preconditions::read(call.request.query, call.request.headers));
  TRY(const auto generation, number_parameter(call.request.query, "generation"));
  TRY_OK(store_->find(call.route.bucket, call.route.object, generation));
  TRY(const MetaPtr meta, store_->update(call.route.bucket, call.route.object, conditions, [&](ObjectMeta& object) -> Status {
    if (call.is("PUT")) {  // a full update: what the body does not name is cleared
      object.metadata.clear();
      object.content_type = object.content_encoding = object.content_disposition = object.content_language = object.cache_control = "";
    }
    return take_writable(body, object);
  }));
  return json_reply(to_resource(*meta, call.base));
}

Result<net::Answer> Hub::copy_object(const Call& call) {
  const Route& route = call.route;
  const bool moves = route.action == "moveTo";
  TRY_OK(enter(call, route.bucket, moves ? "update" : "get"));
  TRY_OK(enter(call, route.to_bucket, "update"));
  TRY(const Value body, json_body(call.request));
  TRY(const auto generation, number_parameter(call.request.query, "sourceGeneration"));
  TRY(const Preconditions of_source, Preconditions::read(call.request.query, {}, "Source"));
  TRY(const Preconditions of_target, Preconditions::read(call.request.query, {}));
  TRY(const MetaPtr source, store_->find(route.bucket, route.object, generation));
  TRY_OK(of_source.check(source.get()));
  ObjectMeta wanted = *source;
  wanted.bucket = route.to_bucket;
  wanted.name = route.to_object;
  // A body that describes the copy replaces the description as a whole; without one the source's is taken over.
  if (body.contains("metadata")) wanted.metadata.clear();
  TRY_OK(take_writable(body, wanted));
  const bool onto_itself = wanted.bucket == source->bucket && wanted.name == source->name;
  if (moves && onto_itself) return Error{Code::invalid, "an object cannot be moved onto itself"};
  TRY(const MetaPtr made, store_->link(*source, std::move(wanted), of_target));
  if (moves) TRY_OK(store_->remove(route.bucket, route.object, {}, source->generation));
  const Value resource = to_resource(*made, call.base);
  if (route.action != "rewriteTo") return json_reply(resource);
  return json_reply(Value::object({{"kind", "storage#rewriteResponse"},
                                   {"totalBytesRewritten", cat(made->size)},
                                   {"objectSize", cat(made->size)},
                                   {"done", true},
                                   {"resource", resource}}));
}

Result<net::Answer> Hub::compose(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "update"));
  TRY_OK(enter(call, call.route.bucket, "get"));
  TRY(const Value body, json_body(call.request));
  TRY(const Preconditions conditions, Preconditions::read(call.request.query, call.request.headers));
  const Array& sources = body["sourceObjects"].as_array();
  if (sources.empty() || sources.size() > most_composed) return Error{Code::invalid, cat("sourceObjects must name 1 to ", most_composed, " objects, not ", sources.size())};
  ObjectMeta wanted;
  wanted.bucket = call.route.bucket;
  wanted.name = call.route.object;
  if (body["destination"].is_object()) TRY_OK(take_writable(body["destination"], wanted));
  TRY(Incoming bytes, store_->incoming());
  for (const Value& source : sources) {
    const auto number = [&](const Value& text) -> std::optional<std::int64_t> {
      if (text.is_null()) return {};
      return text.is_string() ? std::strtoll(std::string(text.as_string()).c_str(), nullptr, 10) : text.as_integer();
    };
    TRY(const Store::Opened opened, store_->read(call.route.bucket, source["name"].as_string(), number(source["generation"])));
    Preconditions of_source;
    of_source.generation = number(source.at("objectPreconditions", "ifGenerationMatch"));
    TRY_OK(of_source.check(opened.meta.get()));
    TRY_OK(bytes.write_from(opened.file->get(), 0, opened.meta->size));
    wanted.component_count += std::max<std::int64_t>(1, opened.meta->component_count);
    if (wanted.content_type.empty()) wanted.content_type = opened.meta->content_type;
  }
  TRY(const MetaPtr meta, insert(std::move(bytes), std::move(wanted), body.at("destination", "crc32c").as_string(), "", conditions));
  return json_reply(to_resource(*meta, call.base));
}

}  // namespace masu::hub
