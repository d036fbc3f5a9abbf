#include "apiserver/render.h"

#include "base/text.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::apiserver {

namespace {

/// kind and apiVersion in front of an object's members.
std::string typed(std::string_view kind, std::string_view api_version, std::string_view members) {
  return cat("{\"kind\":", quote(kind), ",\"apiVersion\":", quote(api_version), ",", members.substr(1));
}

Value partial(const Accepted& accepted, const Value& object) {
  return Value::object({{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/" + accepted.meta_version}, {"metadata", object["metadata"]}});
}

Value row(const Rendering& how, const Value& object) {
  Value row = Value::object({{"cells", Array(how.type->cells(object, how.now))}});
  if (how.include_object == "Object") row["object"] = object;
  else if (how.include_object != "None") row["object"] = partial(how.accepted, object);
  if (Value conditions = how.type->row_conditions(object); !conditions.is_null()) row["conditions"] = std::move(conditions);
  return row;
}

Value table(const Rendering& how, std::string_view version, Array rows) {
  Array columns;
  for (const builtin::Column& column : how.type->columns())
    columns.push_back(Value::object({{"name", column.name}, {"type", column.type}, {"format", column.format}, {"description", column.description}, {"priority", column.priority}}));
  return Value::object({{"kind", "Table"}, {"apiVersion", "meta.k8s.io/" + how.accepted.meta_version}, {"metadata", Value::object({{"resourceVersion", version}})},
                        {"columnDefinitions", std::move(columns)}, {"rows", std::move(rows)}});
}

}  // namespace

std::string render_tree(const Rendering& how, const Value& object) {
  switch (how.accepted.form) {
    case Form::plain: return to_json(object);
    case Form::metadata: return to_json(partial(how.accepted, object));
    case Form::table: return to_json(table(how, object.at("metadata", "resourceVersion").as_string(), {row(how, object)}));
  }
  return {};
}

std::string render_object(const Rendering& how, const Record& record) {
  // What is stored goes out as it lies there; a custom resource may have got defaults since.
  if (how.accepted.form == Form::plain && !how.type->custom) return how.type->full(record);
  return render_tree(how, how.type->tree(record));
}

std::string render_list(const Rendering& how, const Listing& listing, std::string_view continue_token) {
  Value metadata = Value::object({{"resourceVersion", cat(listing.revision)}});
  if (!continue_token.empty()) metadata["continue"] = continue_token;
  if (listing.remaining > 0) metadata["remainingItemCount"] = listing.remaining;
  if (how.accepted.form == Form::table) {
    Array rows;
    for (const RecordPtr& record : listing.items) rows.push_back(row(how, how.type->tree(*record)));
    Value all = table(how, cat(listing.revision), std::move(rows));
    all["metadata"] = std::move(metadata);
    return to_json(all);
  }
  const bool metadata_only = how.accepted.form == Form::metadata;
  std::string out = cat("{\"kind\":", quote(metadata_only ? "PartialObjectMetadataList" : how.type->list_kind), ",\"apiVersion\":",
                        quote(metadata_only ? "meta.k8s.io/" + how.accepted.meta_version : how.type->api_version()), ",\"metadata\":", to_json(metadata), ",\"items\":[");
  bool first = true;
  for (const RecordPtr& record : listing.items) {
    if (!first) out += ',';
    first = false;
    if (metadata_only || how.type->custom) out += render_object(how, *record);
    else out += record->bytes;  // items of built-in kinds carry neither kind nor apiVersion
  }
  out += "]}";
  return out;
}

std::string render_event(const Rendering& how, Event::Type type, const Record& record) {
  return cat("{\"type\":\"", name(type), "\",\"object\":", render_object(how, record), "}\n");
}

std::string render_bookmark(const Rendering& how, std::uint64_t revision, bool initial_end) {
  Value metadata = Value::object({{"resourceVersion", cat(revision)}, {"creationTimestamp", nullptr}});
  if (initial_end) metadata["annotations"]["k8s.io/initial-events-end"] = "true";
  std::string object;
  if (how.accepted.form == Form::table) {
    Value all = table(how, cat(revision), {});
    if (initial_end) {  // the mark travels in a row's object, as upstream sends it
      Value mark = Value::object({{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/" + how.accepted.meta_version}, {"metadata", metadata}});
      all["rows"].push_back(Value::object({{"cells", Array(how.type->columns().size())}, {"object", std::move(mark)}}));
    }
    object = to_json(all);
  } else {
    const bool metadata_only = how.accepted.form == Form::metadata;
    object = typed(metadata_only ? "PartialObjectMetadata" : how.type->kind.kind, metadata_only ? "meta.k8s.io/" + how.accepted.meta_version : how.type->api_version(),
                   to_json(Value::object({{"metadata", metadata}})));
  }
  return cat("{\"type\":\"BOOKMARK\",\"object\":", object, "}\n");
}

std::string render_error(const Failure& failure) { return cat("{\"type\":\"ERROR\",\"object\":", to_json(status_object(failure)), "}\n"); }

std::string content_type(const Accepted& accepted) { return accepted.yaml ? "application/yaml" : "application/json"; }

net::Reply text_reply(const Accepted& accepted, int code, std::string json) {
  net::Reply reply{.status = code, .body = std::move(json)};
  if (accepted.yaml) {
    if (const auto value = parse_json(reply.body); value.ok()) reply.body = to_yaml(*value);
  } else {
    reply.body += '\n';
  }
  reply.headers.set("Content-Type", content_type(accepted));
  reply.headers.set("Cache-Control", "no-cache, private");
  return reply;
}

}  // namespace masu::apiserver
