#include "apiserver/discovery.h"

#include <algorithm>

#include "apiserver/route.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

/// "v2" or "v2beta1" if the client prefers aggregated discovery; empty for the old form.
std::string aggregated_version(const net::Request& request) {
  for (const std::string& media : split(request.headers.get("Accept"), ',')) {
    const std::string_view type = trim(std::string_view(media).substr(0, media.find(';')));
    if (type != "application/json") continue;
    if (media_parameter(media, "as").empty()) return {};
    const std::string version = media_parameter(media, "v");
    if (media_parameter(media, "g") == "apidiscovery.k8s.io" && media_parameter(media, "as") == "APIGroupDiscoveryList" && (version == "v2" || version == "v2beta1"))
      return version;
  }
  return {};
}

Value response_kind(const Type& type, const builtin::GroupVersionKind& gvk) {
  if (gvk.kind.empty()) return response_kind(type, type.kind.gvk());
  Value kind = Value::object({{"group", gvk.group}, {"version", gvk.version}, {"kind", gvk.kind}});
  if (gvk.group == type.kind.group && gvk.version == type.kind.version) kind["group"] = kind["version"] = "";
  return kind;
}

Value aggregated_resource(const Type& type) {
  Value resource = Value::object({{"resource", type.kind.plural},
                                  {"responseKind", response_kind(type, type.kind.gvk())},
                                  {"scope", type.kind.namespaced ? "Namespaced" : "Cluster"},
                                  {"singularResource", type.kind.singular},
                                  {"verbs", Value::strings(type.kind.verbs)}});
  if (!type.kind.short_names.empty()) resource["shortNames"] = Value::strings(type.kind.short_names);
  if (!type.kind.categories.empty()) resource["categories"] = Value::strings(type.kind.categories);
  for (const builtin::Subresource& sub : type.kind.subresources)
    resource["subresources"].push_back(
        Value::object({{"subresource", sub.name}, {"responseKind", response_kind(type, sub.response)}, {"verbs", Value::strings(sub.verbs)}}));
  return resource;
}

Value aggregated(const Catalog& catalog, bool core, const std::string& version) {
  Array items;
  for (const auto& [group, group_version] : catalog.group_versions()) {
    if (group.empty() != core) continue;
    if (items.empty() || std::as_const(items.back())["metadata"]["name"].as_string() != group || (core && items.empty()))
      items.push_back(Value::object({{"metadata", Value::object({{"name", group}, {"creationTimestamp", nullptr}})}, {"versions", Array{}}}));
    Array resources;
    for (const TypePtr& type : catalog.of(group, group_version)) resources.push_back(aggregated_resource(*type));
    items.back()["versions"].push_back(Value::object({{"version", group_version}, {"freshness", "Current"}, {"resources", std::move(resources)}}));
  }
  return Value::object({{"kind", "APIGroupDiscoveryList"}, {"apiVersion", "apidiscovery.k8s.io/" + version}, {"metadata", Object{}}, {"items", std::move(items)}});
}

Value group_document(const Catalog& catalog, std::string_view group) {
  Value document = Value::object({{"name", group}, {"versions", Array{}}});
  for (const auto& [name, version] : catalog.group_versions()) {
    if (name != group) continue;
    const Value entry = Value::object({{"groupVersion", cat(name, "/", version)}, {"version", version}});
    if (std::as_const(document)["preferredVersion"].is_null()) document["preferredVersion"] = entry;
    document["versions"].push_back(entry);
  }
  return document;
}

Value resource_list(const Catalog& catalog, std::string_view group, std::string_view version) {
  Array resources;
  for (const TypePtr& type : catalog.of(group, version)) {
    const builtin::Kind& kind = type->kind;
    Value entry = Value::object({{"name", kind.plural}, {"singularName", kind.singular}, {"namespaced", kind.namespaced}, {"kind", kind.kind}, {"verbs", Value::strings(kind.verbs)}});
    if (!kind.short_names.empty()) entry["shortNames"] = Value::strings(kind.short_names);
    if (!kind.categories.empty()) entry["categories"] = Value::strings(kind.categories);
    resources.push_back(std::move(entry));
    for (const builtin::Subresource& sub : kind.subresources) {
      const builtin::GroupVersionKind body = sub.response.kind.empty() ? kind.gvk() : sub.response;
      Value part = Value::object({{"name", cat(kind.plural, "/", sub.name)}, {"singularName", ""}, {"namespaced", kind.namespaced}, {"kind", body.kind}, {"verbs", Value::strings(sub.verbs)}});
      if (body.group != kind.group || body.version != kind.version) {
        part["group"] = body.group;
        part["version"] = body.version;
      }
      resources.push_back(std::move(part));
    }
  }
  return Value::object({{"kind", "APIResourceList"}, {"apiVersion", "v1"}, {"groupVersion", group.empty() ? std::string(version) : cat(group, "/", version)}, {"resources", std::move(resources)}});
}

/// The document as an answer with an ETag; 304 if the client has it already.
net::Answer tagged(const net::Request& request, const Value& document, std::string_view media) {
  net::Reply reply{.status = 200, .body = to_json(document) + "\n"};
  const std::string tag = quote(crypto::sha256_hex(reply.body).substr(0, 32));
  if (request.headers.get("If-None-Match") == tag) {
    reply.status = 304;
    reply.body.clear();
  }
  reply.headers.set("Content-Type", media);
  reply.headers.set("ETag", tag);
  reply.headers.set("Vary", "Accept");
  reply.headers.set("Cache-Control", "public");
  return reply;
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string& part : split(path, '/'))
    if (!part.empty()) parts.push_back(part);
  return parts;
}

// ---- OpenAPI

std::string resource_path(const Type& type) {
  const std::string root = type.kind.group.empty() ? cat("/api/", type.kind.version) : cat("/apis/", type.kind.group, "/", type.kind.version);
  return cat(root, type.kind.namespaced ? "/namespaces/{namespace}/" : "/", type.kind.plural, "/{name}");
}

/// Schemas of custom kinds for explain, and a path for each whose patch takes fieldValidation.
void add_custom(Value& document, const Type& type) {
  const Value gvk = Value::object({{"group", type.kind.group}, {"version", type.kind.version}, {"kind", type.kind.kind}});
  std::vector<std::string> reversed = split(type.kind.group, '.');
  std::reverse(reversed.begin(), reversed.end());
  const std::string name = cat(join(reversed, "."), ".", type.kind.version, ".", type.kind.kind);
  Value schema = type.custom->schema;
  schema["x-kubernetes-group-version-kind"] = Value::array({gvk});
  Value& properties = schema["properties"];
  properties["apiVersion"] = Value::object({{"type", "string"}, {"description", "The version of the schema of this representation of an object."}});
  properties["kind"] = Value::object({{"type", "string"}, {"description", "The kind of the object."}});
  if (std::as_const(properties)["metadata"].as_object().size() < 2)
    properties["metadata"] = Value::object({{"type", "object"}, {"description", "Standard object's metadata."}});
  document["components"]["schemas"][name] = std::move(schema);
  const Value body = Value::object({{"application/json", Value::object({{"schema", Value::object({{"$ref", "#/components/schemas/" + name}})}})}});
  const Value answer = Value::object({{"200", Value::object({{"description", "OK"}, {"content", body}})}});
  const auto parameter = [](const char* parameter_name, const char* place) {
    return Value::object({{"name", parameter_name}, {"in", place}, {"required", std::string_view(place) == "path"}, {"schema", Value::object({{"type", "string"}, {"uniqueItems", true}})}});
  };
  const Value writing = Value::array({parameter("dryRun", "query"), parameter("fieldManager", "query"), parameter("fieldValidation", "query")});
  Value& path = document["paths"][resource_path(type)];
  const auto operation = [&](const char* action, Value parameters) {
    return Value::object({{"x-kubernetes-action", action}, {"x-kubernetes-group-version-kind", gvk}, {"parameters", std::move(parameters)}, {"responses", answer}});
  };
  path["get"] = operation("get", Array{});
  path["put"] = operation("put", writing);
  path["patch"] = operation("patch", writing);
  path["delete"] = operation("delete", Array{});
  path["parameters"].push_back(parameter("name", "path"));
  if (type.kind.namespaced) path["parameters"].push_back(parameter("namespace", "path"));
}

Value v3_document(const Catalog& catalog, std::string_view group, std::string_view version) {
  Value document = builtin::openapi_v3(group, version);
  if (document.is_null())
    document = Value::object({{"openapi", "3.0.0"}, {"info", Value::object({{"title", "masu"}, {"version", "v1"}})}, {"paths", Object{}}, {"components", Value::object({{"schemas", Object{}}})}});
  for (const TypePtr& type : catalog.of(group, version))
    if (type->custom) add_custom(document, *type);
  return document;
}

std::vector<builtin::OpenApiV2Kind> v2_kinds(const Catalog& catalog) {
  std::vector<builtin::OpenApiV2Kind> kinds = builtin::openapi_v2_kinds();
  for (const TypePtr& type : catalog.all())
    if (type->custom) kinds.push_back({type->kind.gvk(), resource_path(*type)});
  return kinds;
}

}  // namespace

Value version_document() {
  return Value::object({{"major", "1"},
                        {"minor", "30"},
                        {"gitVersion", "v1.30.4+masu"},
                        {"gitCommit", ""},
                        {"gitTreeState", "clean"},
                        {"buildDate", "2026-01-01T00:00:00Z"},
                        {"goVersion", "none"},
                        {"compiler", "c++"},
                        {"platform", "linux/amd64"}});
}

Outcome<net::Answer> discover(const Catalog& catalog, const net::Request& request, std::string_view path) {
  const std::vector<std::string> parts = parts_of(path);
  const bool core = parts[0] == "api";
  if (parts.size() == 1) {
    if (const std::string version = aggregated_version(request); !version.empty())
      return tagged(request, aggregated(catalog, core, version), cat("application/json;g=apidiscovery.k8s.io;v=", version, ";as=APIGroupDiscoveryList"));
    if (core)
      return tagged(request, Value::object({{"kind", "APIVersions"}, {"versions", Value::array({"v1"})}, {"serverAddressByClientCIDRs", Array{}}}), "application/json");
    Array groups;
    std::string last;
    for (const auto& [group, version] : catalog.group_versions()) {
      if (group.empty() || group == last) continue;
      groups.push_back(group_document(catalog, group));
      last = group;
    }
    return tagged(request, Value::object({{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}}), "application/json");
  }
  if (core && parts.size() == 2 && parts[1] == "v1") return tagged(request, resource_list(catalog, "", "v1"), "application/json");
  if (!core && catalog.has_group(parts[1])) {
    if (parts.size() == 2) {
      Value group = group_document(catalog, parts[1]);
      group["kind"] = "APIGroup";
      group["apiVersion"] = "v1";
      return tagged(request, group, "application/json");
    }
    if (parts.size() == 3 && catalog.has_version(parts[1], parts[2])) return tagged(request, resource_list(catalog, parts[1], parts[2]), "application/json");
    return unknown_resource();
  }
  return core ? unknown_resource() : page_not_found();
}

std::map<std::string, std::string> OpenApi::hashes(const std::shared_ptr<const Catalog>& catalog) {
  const std::lock_guard lock(mutex_);
  if (of_ == catalog) return hashes_;
  hashes_.clear();
  for (const auto& [group, version] : catalog->group_versions())
    hashes_[group.empty() ? cat("api/", version) : cat("apis/", group, "/", version)] = upper(crypto::sha256_hex(to_json(v3_document(*catalog, group, version))));
  of_ = catalog;
  return hashes_;
}

Outcome<net::Answer> OpenApi::serve(const std::shared_ptr<const Catalog>& catalog, const net::Request& request, std::string_view path) {
  if (path == "/openapi/v2") {
    if (request.headers.get("Accept").find("proto-openapi") == std::string_view::npos) return net::Answer(json_reply(200, builtin::openapi_v2_json(v2_kinds(*catalog))));
    net::Reply reply{.status = 200, .body = builtin::openapi_v2_protobuf(v2_kinds(*catalog))};
    reply.headers.set("Content-Type", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    return net::Answer(std::move(reply));
  }
  const auto known = hashes(catalog);
  if (path == "/openapi/v3") {
    Value paths = Object{};
    for (const auto& [key, hash] : known) paths[key] = Value::object({{"serverRelativeURL", cat("/openapi/v3/", key, "?hash=", hash)}});
    return net::Answer(json_reply(200, Value::object({{"paths", std::move(paths)}})));
  }
  const std::vector<std::string> parts = parts_of(path);  // openapi v3 api v1 | openapi v3 apis group version
  const bool core = parts.size() == 4 && parts[2] == "api";
  if (!core && (parts.size() != 5 || parts[2] != "apis")) return page_not_found();
  const std::string group = core ? "" : parts[3], version = parts.back();
  const auto found = known.find(std::string(path.substr(std::string_view("/openapi/v3/").size())));
  if (found == known.end()) return page_not_found();
  net::Reply reply{.status = 200};
  reply.headers.set("Content-Type", "application/json");
  reply.headers.set("ETag", quote(found->second));
  reply.headers.set("Vary", "Accept");
  // The index names the document with its hash: under that name it never changes.
  reply.headers.set("Cache-Control", request.query.has("hash") ? "public, immutable" : "public");
  if (request.headers.get("If-None-Match") == quote(found->second)) reply.status = 304;
  else reply.body = to_json(v3_document(*catalog, group, version)) + "\n";
  return net::Answer(std::move(reply));
}

}  // namespace masu::apiserver
