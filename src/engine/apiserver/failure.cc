#include "apiserver/failure.h"

#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

struct Translation {
  int http;
  const char* reason;
};

Translation translate(Code code) {
  switch (code) {
    case Code::malformed: return {400, "BadRequest"};
    case Code::invalid: return {422, "Invalid"};
    case Code::precondition: return {409, "Conflict"};
    case Code::unauthenticated: return {401, "Unauthorized"};
    case Code::denied: return {403, "Forbidden"};
    case Code::not_found: return {404, "NotFound"};
    case Code::already_exists: return {409, "AlreadyExists"};
    case Code::conflict: return {409, "Conflict"};
    case Code::gone: return {410, "Expired"};
    case Code::exhausted: return {413, "RequestEntityTooLarge"};
    case Code::unavailable: return {503, "ServiceUnavailable"};
    case Code::timeout: return {504, "Timeout"};
    case Code::cancelled: return {503, "ServiceUnavailable"};
    case Code::unsupported: return {405, "MethodNotAllowed"};
    case Code::internal: return {500, "InternalError"};
  }
  return {500, "InternalError"};
}

Value cause_list(const std::vector<Cause>& causes) {
  Array list;
  for (const Cause& cause : causes)
    list.push_back(Value::object({{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}}));
  return list;
}

/// Details of most errors: the plural stands in "kind".
Value details_of(const ResourceName& resource, std::string_view name) {
  Value details = Object{};
  if (!name.empty()) details["name"] = name;
  if (!resource.group.empty()) details["group"] = resource.group;
  if (!resource.plural.empty()) details["kind"] = resource.plural;
  return details;
}

}  // namespace

Failure::Failure(const Error& error) : message(error.message) {
  const Translation t = translate(error.code);
  code = t.http;
  reason = t.reason;
  if (error.code == Code::internal) message = cat("Internal error occurred: ", error.message);
  if (!error.causes.empty()) details["causes"] = cause_list(error.causes);
}

Failure bad_request(std::string message) { return {400, "BadRequest", std::move(message)}; }

Failure unauthorized() { return {401, "Unauthorized", "Unauthorized"}; }

Failure forbidden(const ResourceName& resource, std::string_view name, std::string_view why) {
  const std::string subject = name.empty() ? resource.qualified() : cat(resource.qualified(), " ", quote(name));
  return {403, "Forbidden", cat(subject, " is forbidden: ", why), details_of(resource, name)};
}

Failure not_found(const ResourceName& resource, std::string_view name) {
  return {404, "NotFound", cat(resource.qualified(), " ", quote(name), " not found"), details_of(resource, name)};
}

Failure unknown_resource() { return {404, "NotFound", "the server could not find the requested resource", Object{}}; }

Failure page_not_found() {
  Failure failure{404, "NotFound", "404 page not found"};
  failure.plain = true;
  return failure;
}

Failure method_not_allowed(std::string_view what) { return {405, "MethodNotAllowed", std::string(what), Object{}}; }

Failure already_exists(const ResourceName& resource, std::string_view name) {
  return {409, "AlreadyExists", cat(resource.qualified(), " ", quote(name), " already exists"), details_of(resource, name)};
}

Failure conflict(const ResourceName& resource, std::string_view name, std::string_view why) {
  return {409, "Conflict", cat("Operation cannot be fulfilled on ", resource.qualified(), " ", quote(name), ": ", why),
          details_of(resource, name)};
}

Failure modified(const ResourceName& resource, std::string_view name) {
  return conflict(resource, name, "the object has been modified; please apply your changes to the latest version and try again");
}

Failure expired(std::string message) { return {410, "Expired", std::move(message)}; }

Failure too_old_version(std::uint64_t asked, std::uint64_t floor) {
  return expired(cat("too old resource version: ", asked, " (", floor, ")"));
}

Failure future_version(std::uint64_t asked, std::uint64_t current) {
  Value details = Value::object({{"retryAfterSeconds", 1}});
  details["causes"] = Value::array({Value::object({{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}})});
  return {504, "Timeout", cat("Too large resource version: ", asked, ", current: ", current), std::move(details)};
}

Failure invalid(const ResourceName& resource, std::string_view name, const std::vector<Cause>& causes) {
  std::vector<std::string> sentences;
  for (const Cause& cause : causes) sentences.push_back(cat(cause.field, ": ", cause.message));
  const std::string all = sentences.size() == 1 ? sentences[0] : cat("[", join(sentences, ", "), "]");
  Value details = Object{};
  if (!name.empty()) details["name"] = name;
  if (!resource.group.empty()) details["group"] = resource.group;
  details["kind"] = resource.kind;
  details["causes"] = cause_list(causes);
  return {422, "Invalid", cat(resource.qualified_kind(), " ", quote(name), " is invalid: ", all), std::move(details)};
}

Failure unprocessable(std::string message) { return {422, "Invalid", std::move(message), Object{}}; }

Failure unsupported_media(std::string_view supported) {
  return {415, "UnsupportedMediaType", cat("the body of the request was in an unknown format - accepted media types include: ", supported)};
}

Failure too_large(std::string message) { return {413, "RequestEntityTooLarge", std::move(message)}; }

Failure internal(std::string_view what) { return {500, "InternalError", cat("Internal error occurred: ", what)}; }

Cause wrong_value(std::string field, std::string_view value, std::string_view why) {
  return {std::move(field), "FieldValueInvalid", cat("Invalid value: ", quote(value), why.empty() ? "" : ": ", why)};
}

Cause missing_value(std::string field, std::string_view why) {
  return {std::move(field), "FieldValueRequired", cat("Required value", why.empty() ? "" : ": ", why)};
}

Cause forbidden_value(std::string field, std::string_view why) {
  return {std::move(field), "FieldValueForbidden", cat("Forbidden: ", why)};
}

Value status_object(const Failure& failure) {
  Value status = Value::object({{"kind", "Status"},
                                {"apiVersion", "v1"},
                                {"metadata", failure.metadata},
                                {"status", "Failure"},
                                {"message", failure.message},
                                {"reason", failure.reason},
                                {"code", failure.code}});
  if (!failure.details.is_null()) status["details"] = failure.details;
  return status;
}

net::Reply json_reply(int code, const Value& body) {
  net::Reply reply{.status = code, .body = to_json(body) + "\n"};
  reply.headers.set("Content-Type", "application/json");
  reply.headers.set("Cache-Control", "no-cache, private");
  return reply;
}

net::Reply to_reply(const Failure& failure) {
  if (failure.plain) {
    net::Reply reply{.status = failure.code, .body = failure.message + "\n"};
    reply.headers.set("Content-Type", "text/plain; charset=utf-8");
    return reply;
  }
  net::Reply reply = json_reply(failure.code, status_object(failure));
  if (const Value& after = failure.details["retryAfterSeconds"]; after.is_integer())
    reply.headers.set("Retry-After", cat(after.as_integer()));
  return reply;
}

Value success_status(const ResourceName& resource, std::string_view name, std::string_view uid, int code) {
  Value details = details_of(resource, name);
  if (!uid.empty()) details["uid"] = uid;
  Value status = Value::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Object{}}, {"status", "Success"}, {"details", details}});
  if (code != 0) status["code"] = code;
  return status;
}

}  // namespace masu::apiserver
