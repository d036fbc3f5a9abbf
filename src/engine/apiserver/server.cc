#include "apiserver/server.h"

#include <algorithm>

#include "apiserver/admission.h"
#include "apiserver/body.h"
#include "apiserver/bootstrap.h"
#include "apiserver/discovery.h"
#include "apiserver/reading.h"
#include "apiserver/reviews.h"
#include "apiserver/server_parts.h"
#include "apiserver/subresources.h"
#include "apiserver/writing.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

Attributes attributes(const Call& call) {
  const Route& route = call.route;
  return {.verb = route.verb, .resource = route.resource, .group = route.group, .plural = route.plural, .subresource = route.subresource, .ns = route.ns, .name = route.name, .path = route.path};
}

/// "User "bob" cannot list resource "pods" in API group "" in the namespace "default"".
Failure refusal(const Identity& user, const Attributes& asked) {
  if (!asked.resource) return {403, "Forbidden", cat("forbidden: User ", quote(user.name), " cannot ", asked.verb, " path ", quote(asked.path)), Object{}};
  const std::string where = asked.ns.empty() ? std::string(" at the cluster scope") : cat(" in the namespace ", quote(asked.ns));
  return forbidden({asked.group, asked.plural, ""}, asked.name,
                   cat("User ", quote(user.name), " cannot ", asked.verb, " resource ", quote(asked.resource_text()), " in API group ", quote(asked.group), where));
}

std::string warning_text(std::string_view text) { return cat("299 - ", quote(text)); }

bool allowed_verb(const std::vector<std::string>& verbs, std::string_view verb) { return std::find(verbs.begin(), verbs.end(), verb) != verbs.end(); }

}  // namespace

net::Answer ApiServer::handle(const net::Request& request) {
  Call call{.request = request, .route = parse_route(request)};
  auto outcome = serve(call);
  net::Answer answer = outcome.ok() ? std::move(*outcome) : net::Answer(to_reply(outcome.error()));
  if (!call.warnings.empty())
    if (auto* reply = std::get_if<net::Reply>(&answer))
      for (const std::string& warning : call.warnings) reply->headers.add("Warning", warning_text(warning));
  return answer;
}

Outcome<net::Answer> ApiServer::serve(Call& call) {
  TRY(call.user, parts_->authenticator.authenticate(call.request));
  TRY_OK(impersonate(call));
  call.catalog = catalog();
  TRY_OK(authorize(call));
  return call.route.resource ? serve_resource(call) : serve_path(call);
}

Check ApiServer::authorize(const Call& call) const {
  const Attributes asked = attributes(call);
  if (parts_->authorizer.authorize(call.user, asked).allowed) return {};
  return refusal(call.user, asked);
}

Check ApiServer::impersonate(Call& call) const {
  const net::Headers& headers = call.request.headers;
  const std::string name(headers.get("Impersonate-User"));
  const std::vector<std::string> groups = headers.all("Impersonate-Group");
  const std::string uid(headers.get("Impersonate-Uid"));
  std::map<std::string, std::vector<std::string>> extra;
  for (const auto& [field, value] : headers.fields())
    if (const std::string lowered = lower(field); lowered.starts_with("impersonate-extra-")) extra[net::percent_decode(lowered.substr(18))].push_back(value);
  if (name.empty()) {
    if (!groups.empty() || !uid.empty() || !extra.empty())
      return bad_request("requested [groups, uid or extra] to be impersonated without impersonating a user");
    return {};
  }
  const auto check = [&](Attributes asked) -> Check {
    asked.verb = "impersonate";
    if (parts_->authorizer.authorize(call.user, asked).allowed) return {};
    const std::string where = asked.ns.empty() ? std::string(" at the cluster scope") : cat(" in the namespace ", quote(asked.ns));
    return forbidden({asked.group, asked.plural, ""}, asked.name,
                     cat("User ", quote(call.user.name), " cannot impersonate resource ", quote(asked.resource_text()), " in API group ", quote(asked.group), where));
  };
  Identity wanted{.name = name, .uid = uid, .groups = groups, .extra = extra};
  const std::vector<std::string> parts = split(name, ':');
  if (parts.size() == 4 && parts[0] == "system" && parts[1] == "serviceaccount") {
    TRY_OK(check({.plural = "serviceaccounts", .ns = parts[2], .name = parts[3]}));
    if (groups.empty()) wanted.groups = service_account_groups(parts[2]);
  } else {
    TRY_OK(check({.plural = "users", .name = name}));
  }
  for (const std::string& group : groups) TRY_OK(check({.plural = "groups", .name = group}));
  if (!uid.empty()) TRY_OK(check({.group = "authentication.k8s.io", .plural = "uids", .name = uid}));
  for (const auto& [key, values] : extra)
    for (const std::string& value : values) TRY_OK(check({.group = "authentication.k8s.io", .plural = "userextras", .subresource = key, .name = value}));
  const std::string_view everyone = name == "system:anonymous" ? "system:unauthenticated" : "system:authenticated";
  if (!wanted.in_group(everyone)) wanted.groups.emplace_back(everyone);
  call.user = std::move(wanted);
  return {};
}

std::shared_ptr<const Catalog> ApiServer::catalog() {
  const std::lock_guard lock(parts_->catalog_mutex);
  const std::uint64_t changed = parts_->store->last_change(definitions_storage);
  if (parts_->catalog && parts_->catalog_version == changed) return parts_->catalog;
  std::vector<Value> definitions;
  if (const auto listing = parts_->store->list({.resource = std::string(definitions_storage)}); listing.ok())
    for (const RecordPtr& record : listing->items)
      if (auto definition = parse_json(record->bytes); definition.ok()) definitions.push_back(std::move(*definition));
  parts_->catalog = Catalog::make(definitions);
  parts_->catalog_version = changed;
  return parts_->catalog;
}

Outcome<net::Answer> ApiServer::serve_path(Call& call) {
  const std::string& path = call.route.path;
  const net::Request& request = call.request;
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (!reading) return method_not_allowed();
  if (path == "/version") return net::Answer(json_reply(200, version_document()));
  if (path == "/api" || path.starts_with("/api/") || path == "/apis" || path.starts_with("/apis/")) return discover(*call.catalog, request, path);
  if (path == "/openapi/v2" || path.starts_with("/openapi/v3")) return parts_->openapi.serve(call.catalog, request, path);
  for (const char* check : {"/healthz", "/livez", "/readyz"}) {
    if (path != check) continue;
    net::Reply reply{.status = 200, .body = request.query.has("verbose") ? cat("[+]ping ok\n[+]store ok\n", std::string_view(check).substr(1), " check passed\n") : "ok"};
    reply.headers.set("Content-Type", "text/plain; charset=utf-8");
    return net::Answer(std::move(reply));
  }
  const TokenKeys& keys = parts_->authenticator.keys();
  if (path == "/.well-known/openid-configuration")
    return net::Answer(json_reply(200, Value::object({{"issuer", keys.issuer},
                                                      {"jwks_uri", keys.issuer + "/openid/v1/jwks"},
                                                      {"response_types_supported", Value::array({"id_token"})},
                                                      {"subject_types_supported", Value::array({"public"})},
                                                      {"id_token_signing_alg_values_supported", Value::array({keys.signing.verifying_key().algorithm() == crypto::JwtAlgorithm::rs256 ? "RS256" : "ES256"})}})));
  if (path == "/openid/v1/jwks") return net::Answer(json_reply(200, crypto::jwks({keys.signing.verifying_key()})));
  if (path == "/") {
    Array paths{"/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"};
    for (const auto& [group, version] : call.catalog->group_versions())
      if (!group.empty()) paths.push_back(cat("/apis/", group, "/", version));
    return net::Answer(json_reply(200, Value::object({{"paths", std::move(paths)}})));
  }
  return page_not_found();
}

namespace {

/// What a real cluster serves and this engine does not is told in words; kubectl shows them.
Failure unknown_subresource(const Route& route) {
  const bool streams = route.group.empty() && route.plural == "pods" && (route.subresource == "exec" || route.subresource == "attach" || route.subresource == "portforward");
  if (!streams) return unknown_resource();
  return Failure(501, "NotImplemented", cat("pods/", route.subresource, " is not served by masu's own engine: kubectl exec, attach, cp and port-forward need a cluster. "
                                            "\"kubectl logs\" shows what a container says (docs/engine.md)"));
}

}  // namespace

Outcome<net::Answer> ApiServer::serve_resource(Call& call) {
  const Route& route = call.route;
  call.type = call.catalog->find(route.group, route.version, route.plural);
  if (!call.type) return call.catalog->has_group(route.group) ? unknown_resource() : page_not_found();
  const builtin::Kind& kind = call.type->kind;
  const bool is_namespaces = kind.group.empty() && kind.plural == "namespaces";
  if (!kind.namespaced && !route.ns.empty() && !is_namespaces) return unknown_resource();
  if (!route.rest.empty()) return unknown_resource();
  if (kind.namespaced && route.ns.empty() && route.verb != "list" && route.verb != "watch") return method_not_allowed();

  if (!route.subresource.empty()) {
    const builtin::Subresource* part = kind.subresource(route.subresource);
    if (part == nullptr) return unknown_subresource(route);
    if (!allowed_verb(part->verbs, route.verb)) return method_not_allowed();
    return parts_->subresources.serve(call);
  }
  if (!allowed_verb(kind.verbs, route.verb)) return method_not_allowed();
  // One object is made at its collection, and changed under its own name.
  const bool one = route.verb == "update" || route.verb == "patch";
  if ((route.verb == "create" && !route.name.empty()) || (one && route.name.empty())) return method_not_allowed();
  if (kind.is_virtual) {
    if (kind.kind == "Binding") {
      const TypePtr pods = call.catalog->find("", "v1", "pods");
      return parts_->subresources.bind(call, *pods, "");
    }
    TRY(Body body, read_body(call.request));
    TRY_OK(fit_identity(call, *call.type, body.value, ""));
    TRY(const Value review, parts_->reviews.answer(call, std::move(body.value)));
    return net::Answer(json_reply(201, review));
  }
  if (route.verb == "get") return parts_->reading.get(call.request, route, call.type);
  if (route.verb == "list") return parts_->reading.list(call.request, route, call.type);
  if (route.verb == "watch") return parts_->reading.watch(call.request, route, call.type);
  if (route.verb == "create") return parts_->writing.create(call);
  if (route.verb == "update") return parts_->writing.update(call);
  if (route.verb == "patch") return parts_->writing.patch(call);
  if (route.verb == "delete") return parts_->writing.remove(call);
  if (route.verb == "deletecollection") return parts_->writing.remove_collection(call);
  return method_not_allowed();
}

}  // namespace masu::apiserver
