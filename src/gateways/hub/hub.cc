#include "hub/hub.h"

#include "hub/call.h"
#include "hub/xml_text.h"
#include "value/json.h"

namespace masu::hub {
namespace {

using namespace std::chrono_literals;

struct Form {
  Code code;
  int status;
  const char* reason;    // of the JSON API
  const char* xml_code;  // of the XML API
};
constexpr Form forms[] = {{Code::malformed, 400, "badRequest", "InvalidRequest"},      {Code::invalid, 400, "invalid", "InvalidArgument"},
                          {Code::precondition, 412, "conditionNotMet", "PreconditionFailed"}, {Code::unauthenticated, 401, "required", "AccessDenied"},
                          {Code::denied, 403, "forbidden", "AccessDenied"},            {Code::not_found, 404, "notFound", "NoSuchKey"},
                          {Code::already_exists, 409, "conflict", "BucketAlreadyExists"}, {Code::conflict, 409, "conflict", "Conflict"},
                          {Code::gone, 410, "gone", "Gone"},                           {Code::exhausted, 413, "uploadTooLarge", "EntityTooLarge"},
                          {Code::unavailable, 503, "backendError", "ServiceUnavailable"}, {Code::timeout, 504, "backendError", "ServiceUnavailable"},
                          {Code::cancelled, 499, "cancelled", "RequestCancelled"},     {Code::unsupported, 501, "notImplemented", "NotImplemented"},
                          {Code::internal, 500, "internalError", "InternalError"}};

const Form& form_of(Code code) {
  for (const Form& form : forms)
    if (form.code == code) return form;
  return forms[std::size(forms) - 1];
}

/// The token of a request: in the path, in the Authorization field, or (as Google allows) in the query.
std::string token_of(const net::Request& request, const Route& route) {
  const std::string_view field = request.headers.get("Authorization");
  if (field.size() > 7 && equal_fold(field.substr(0, 7), "Bearer ")) return std::string(trim(field.substr(7)));
  if (!route.token.empty()) return route.token;
  return std::string(request.query.get("access_token"));
}

std::string base_of(const net::Request& request, const Route& route) {
  const std::string_view scheme = request.headers.get("X-Forwarded-Proto"), host = request.headers.get("Host");
  return cat(scheme == "https" ? "https" : "http", "://", host.empty() ? "localhost" : host, route.prefix);
}

}  // namespace

int http_status(Code code) { return form_of(code).status; }

net::Reply json_reply(const Value& body, int status) {
  return net::Reply{status, {{"Content-Type", "application/json; charset=UTF-8"}, {"Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"}}, to_json(body)};
}

net::Reply error_reply(const Error& error, bool xml) {
  const Form& form = form_of(error.code);
  net::Reply reply;
  if (xml) {
    reply.status = form.status;
    reply.headers.set("Content-Type", "application/xml; charset=UTF-8");
    reply.body = cat("<?xml version='1.0' encoding='UTF-8'?><Error><Code>", form.xml_code, "</Code><Message>", xml_escape(error.message), "</Message></Error>");
  } else {
    const Value detail = Value::object({{"domain", "global"}, {"reason", form.reason}, {"message", error.message}});
    reply = json_reply(Value::object({{"error", Value::object({{"code", form.status}, {"message", error.message}, {"errors", Value::array({detail})}})}}), form.status);
  }
  if (error.code == Code::unauthenticated) reply.headers.set("WWW-Authenticate", "Bearer realm=\"masu\"");
  if (error.code == Code::unavailable) reply.headers.set("Retry-After", "1");
  return reply;
}

Error no_method(const net::Request& request) {
  return Error{Code::unsupported, cat(request.method, " ", request.path, " is not served by this object store; see docs/hub.md for what is")};
}

Result<Value> json_body(const net::Request& request) {
  TRY(const std::string body, net::whole_body(request, std::size_t{1} << 20));
  if (trim(body).empty()) return Value(Object{});
  TRY(Value value, parse_json(body));
  if (!value.is_object()) return Error{Code::malformed, "the body must be a JSON object"};
  return value;
}

Result<std::unique_ptr<Hub>> Hub::open(std::filesystem::path root, Buckets& buckets, Authorizer& authorizer, const Clock& clock) {
  // Buckets lie in a folder of their own, so that none can be named as one of ours.
  TRY(auto store, Store::open(root / "buckets", clock).context("opening the hub's folder"));
  TRY(auto uploads, Uploads::open(root / "uploads", clock).context("opening the hub's folder"));
  TRY(auto parts, PartUploads::open(root / "parts", clock).context("opening the hub's folder"));
  return std::unique_ptr<Hub>(new Hub(std::move(store), std::move(uploads), std::move(parts), buckets, authorizer));
}

net::Answer Hub::handle(const net::Request& request) {
  Call call{request, parse_route(request.path), {}, {}, Deadline::after(60s)};
  call.caller = {token_of(request, call.route), request.peer};
  call.base = base_of(request, call.route);
  auto answer = dispatch(call);
  if (answer.ok()) return std::move(answer).value();
  return error_reply(answer.error(), call.route.door == Route::Door::plain);
}

Result<net::Answer> Hub::dispatch(const Call& call) {
  switch (call.route.door) {
    case Route::Door::json: return json_call(call);
    case Route::Door::upload: return upload(call);
    case Route::Door::download: return call.is("GET") || call.is("HEAD") ? media(call) : no_method(call.request);
    case Route::Door::batch: return batch(call);
    case Route::Door::plain: return xml_call(call);
  }
  return no_method(call.request);
}

Result<net::Answer> Hub::json_call(const Call& call) {
  const Route& route = call.route;
  if (route.buckets) {
    if (call.is("GET")) return list_buckets(call);
    if (call.is("POST")) return insert_bucket(call);
    return no_method(call.request);
  }
  if (route.bucket.empty()) return other_call(call);
  if (route.part != "o") return bucket_call(call);
  if (!route.object.empty()) return object_call(call);
  if (call.is("GET")) return list_objects(call);
  if (call.is("POST") && call.request.query.has("uploadType")) return upload(call);
  return no_method(call.request);
}

Result<net::Answer> Hub::other_call(const Call& call) const {
  TRY_OK(authorizer_.known(call.caller, call.deadline));
  // gsutil asks for the service's own account before some commands.
  if (call.is("GET") && call.route.rest.starts_with("projects/") && call.route.rest.ends_with("/serviceAccount"))
    return json_reply(Value::object({{"kind", "storage#serviceAccount"}, {"email_address", "hub@masu.invalid"}}));
  return no_method(call.request);
}

}  // namespace masu::hub
