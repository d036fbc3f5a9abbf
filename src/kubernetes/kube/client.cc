#include "kube/client.h"

#include "base/text.h"
#include "value/json.h"

namespace masu::kube {
namespace {

std::string_view content_type(PatchType type) {
  switch (type) {
    case PatchType::merge: return "application/merge-patch+json";
    case PatchType::json: return "application/json-patch+json";
    case PatchType::strategic: return "application/strategic-merge-patch+json";
    case PatchType::apply: return "application/apply-patch+yaml";
  }
  return "application/merge-patch+json";
}

net::Request request(std::string_view method, std::string path) {
  net::Request out;
  out.method = method;
  out.path = std::move(path);
  out.headers.set("Accept", "application/json");
  return out;
}

void set_body(net::Request& to, const Value& body, std::string_view type = "application/json") {
  to.body = to_json(body);
  to.body_size = to.body.size();
  to.headers.set("Content-Type", type);
}

void add_selectors(net::Request& to, const ListOptions& options) {
  if (!options.label_selector.empty()) to.query.add("labelSelector", options.label_selector);
  if (!options.field_selector.empty()) to.query.add("fieldSelector", options.field_selector);
}

}  // namespace

Client::Client(Transport& transport, std::string agent) : transport_(transport), agent_(std::move(agent)) {}

Result<net::Reply> Client::raw(net::Request request, Deadline deadline) const {
  if (!request.headers.has("User-Agent")) request.headers.set("User-Agent", agent_);
  TRY(net::Reply reply, transport_.call(request, deadline));
  if (reply.status >= 400) return error_from_reply(reply.status, reply.headers, reply.body);
  return reply;
}

Result<std::unique_ptr<ByteSource>> Client::open(net::Request request, Deadline deadline) const {
  if (!request.headers.has("User-Agent")) request.headers.set("User-Agent", agent_);
  return transport_.open(request, deadline);
}

Result<Value> Client::send(net::Request request, Deadline deadline) const {
  TRY(const net::Reply reply, raw(std::move(request), deadline));
  return parse_json(reply.body).context("reading the API server's answer");
}

Result<Value> Client::get(const Resource& resource, const Key& key, Deadline deadline, std::string_view subresource) const {
  return send(request("GET", resource.path(key, subresource)), deadline);
}

Result<List> Client::list(const Resource& resource, std::string_view name_space, const ListOptions& options, Deadline deadline) const {
  List out;
  std::string next;
  do {
    net::Request page = request("GET", resource.path(name_space));
    add_selectors(page, options);
    page.query.add("limit", cat(options.page));
    if (!next.empty()) page.query.add("continue", next);
    else if (!options.resource_version.empty()) page.query.add("resourceVersion", options.resource_version);
    TRY(Value answer, send(std::move(page), deadline));
    out.resource_version = answer.at("metadata", "resourceVersion").as_string();
    next = answer.at("metadata", "continue").as_string();
    for (Value& item : answer["items"].array()) {
      if (!item.contains("kind")) {
        item["apiVersion"] = resource.api_version();
        item["kind"] = resource.kind;
      }
      out.items.push_back(std::move(item));
    }
  } while (!next.empty());
  return out;
}

Result<Value> Client::create(const Resource& resource, const Value& object, Deadline deadline, bool dry_run) const {
  net::Request post = request("POST", resource.path(object.at("metadata", "namespace").as_string()));
  if (dry_run) post.query.add("dryRun", "All");
  set_body(post, object);
  return send(std::move(post), deadline);
}

Result<Value> Client::post(const Resource& resource, const Key& key, std::string_view subresource, const Value& body, Deadline deadline) const {
  net::Request post = request("POST", resource.path(key, subresource));
  set_body(post, body);
  return send(std::move(post), deadline);
}

Result<Value> Client::replace(const Resource& resource, const Value& object, Deadline deadline, std::string_view subresource) const {
  net::Request put = request("PUT", resource.path(key_of(object), subresource));
  set_body(put, object);
  return send(std::move(put), deadline);
}

Result<Value> Client::patch(const Resource& resource, const Key& key, PatchType type, const Value& patch, Deadline deadline,
                            std::string_view subresource) const {
  net::Request change = request("PATCH", resource.path(key, subresource));
  if (type == PatchType::apply) {
    change.query.add("fieldManager", split(agent_, '/')[0]);
    change.query.add("force", "true");
  }
  set_body(change, patch, content_type(type));
  return send(std::move(change), deadline);
}

Status Client::remove(const Resource& resource, const Key& key, const DeleteOptions& options, Deadline deadline) const {
  net::Request gone = request("DELETE", resource.path(key));
  Value body = Value::object({{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", options.propagation}});
  if (options.grace_s) body["gracePeriodSeconds"] = *options.grace_s;
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  set_body(gone, body);
  TRY_OK(send(std::move(gone), deadline));
  return {};
}

Result<std::unique_ptr<Watch>> Client::watch(const Resource& resource, std::string_view name_space, const ListOptions& options, Deadline deadline) const {
  net::Request start = request("GET", resource.path(name_space));
  start.query.add("watch", "true");
  start.query.add("allowWatchBookmarks", "true");
  add_selectors(start, options);
  if (!options.resource_version.empty()) start.query.add("resourceVersion", options.resource_version);
  TRY(auto source, open(std::move(start), deadline));
  return std::make_unique<Watch>(std::move(source));
}

Result<std::optional<WatchEvent>> Watch::next(Deadline deadline, const std::stop_token& stop) {
  for (;;) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end != std::string::npos) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      scanned_ = 0;
      if (trim(line).empty()) continue;
      TRY(Value event, parse_json(line).context("reading a watch event"));
      const std::string_view type = event["type"].as_string();
      WatchEvent out;
      if (type == "ERROR") {
        const Value& status = event["object"];
        return Error{status["code"].as_integer() == 410 ? Code::gone : Code::unavailable, std::string(status["message"].as_string())};
      }
      if (type == "MODIFIED") out.type = WatchEvent::Type::modified;
      else if (type == "DELETED") out.type = WatchEvent::Type::deleted;
      else if (type == "BOOKMARK") out.type = WatchEvent::Type::bookmark;
      out.object = std::move(event["object"]);
      return std::optional(std::move(out));
    }
    scanned_ = buffer_.size();
    TRY(const ByteSource::State state, source_->read(buffer_, deadline, stop));
    if (state == ByteSource::State::nothing_yet) return std::optional<WatchEvent>();
    if (state == ByteSource::State::finished) return Error{Code::unavailable, "the watch ended"};
  }
}

}  // namespace masu::kube
