#include "apiserver/route.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace masu::apiserver {

namespace {

std::string verb_of(const net::Request& request, bool one, bool watching) {
  const std::string& method = request.method;
  if (method == "GET" || method == "HEAD") return one && !watching ? "get" : watching ? "watch" : "list";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return one ? "delete" : "deletecollection";
  return lower(method);
}

/// metadata.name=x of a field selector: authorization and watches of one object go by it.
std::string selected_name(std::string_view selector) {
  for (const std::string& part : split(selector, ',')) {
    std::string_view rest = part;
    if (!rest.starts_with("metadata.name=")) continue;
    rest.remove_prefix(14);
    if (rest.starts_with('=')) rest.remove_prefix(1);
    return std::string(rest);
  }
  return {};
}

}  // namespace

bool flag(const net::Query& query, std::string_view name) {
  if (!query.has(name)) return false;
  const std::string_view value = query.get(name);
  return value != "0" && !equal_fold(value, "false");
}

Route parse_route(const net::Request& request) {
  Route route;
  std::vector<std::string> parts;
  for (const std::string& part : split(request.path, '/'))
    if (!part.empty()) parts.push_back(net::percent_decode(part));
  route.path = "/" + join(parts, "/");
  route.verb = lower(request.method);
  std::size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    route.version = parts[1];
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    route.group = parts[1];
    route.version = parts[2];
    at = 3;
  } else {
    return route;
  }
  route.resource = true;
  bool watching = false;
  if (parts[at] == "watch" && parts.size() > at + 1) {
    watching = true;
    ++at;
  }
  if (parts[at] == "namespaces" && parts.size() > at + 1) {
    route.ns = parts[at + 1];
    const bool itself = parts.size() == at + 2 || (parts.size() == at + 3 && (parts[at + 2] == "status" || parts[at + 2] == "finalize"));
    if (!itself) at += 2;
  }
  route.plural = parts[at];
  if (parts.size() > at + 1) route.name = parts[at + 1];
  if (parts.size() > at + 2) route.subresource = parts[at + 2];
  for (std::size_t i = at + 3; i < parts.size(); ++i) route.rest += (route.rest.empty() ? "" : "/") + parts[i];
  const bool reading = request.method == "GET" || request.method == "HEAD";
  watching = reading && (watching || (flag(request.query, "watch") && route.subresource.empty()));
  route.verb = verb_of(request, !route.name.empty(), watching);
  if (route.name.empty() && (route.verb == "list" || route.verb == "watch" || route.verb == "deletecollection"))
    if (std::string name = selected_name(request.query.get("fieldSelector")); !name.empty() && reading) route.name = std::move(name);
  return route;
}

Outcome<WriteOptions> write_options(const net::Request& request) {
  WriteOptions options;
  const ResourceName kind{"meta.k8s.io", "", request.method == "POST" ? "CreateOptions" : request.method == "PATCH" ? "PatchOptions" : "UpdateOptions"};
  for (const std::string& value : request.query.all("dryRun")) {
    if (value.empty()) continue;
    if (value != "All") return invalid(kind, "", {{"dryRun", "FieldValueNotSupported", cat("Unsupported value: []string{", quote(value), "}: supported values: \"All\"")}});
    options.dry_run = true;
  }
  const std::string_view validation = request.query.get("fieldValidation");
  if (validation == "Strict") options.validation = FieldValidation::strict;
  else if (validation == "Ignore") options.validation = FieldValidation::ignore;
  else if (!validation.empty() && validation != "Warn")
    return invalid(kind, "", {{"fieldValidation", "FieldValueNotSupported",
                   cat("Unsupported value: ", quote(validation), ": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"")}});
  options.field_manager = request.query.get("fieldManager");
  options.manager_given = !options.field_manager.empty();
  if (options.field_manager.size() > 128)
    return invalid(kind, "", {{"fieldManager", "FieldValueTooLong", "Too long: may not be more than 128 bytes"}});
  if (options.field_manager.empty()) {
    const std::string_view agent = request.headers.get("User-Agent");
    options.field_manager = agent.substr(0, agent.find('/'));
    if (options.field_manager.empty()) options.field_manager = "unknown";
  }
  options.force = flag(request.query, "force");
  return options;
}

Outcome<DeleteOptions> delete_options(const net::Query& query, const Value& body) {
  DeleteOptions options;
  std::optional<bool> orphan;
  if (body.is_object() && !body.as_object().empty()) {
    if (const Value& grace = body["gracePeriodSeconds"]; grace.is_integer()) options.grace_seconds = grace.as_integer();
    options.propagation = body["propagationPolicy"].as_string();
    if (const Value& old = body["orphanDependents"]; old.is_bool()) orphan = old.as_bool();
    options.uid = body.at("preconditions", "uid").as_string();
    options.resource_version = body.at("preconditions", "resourceVersion").as_string();
    for (const Value& dry : body["dryRun"].as_array()) options.dry_run = options.dry_run || dry.as_string() == "All";
  }
  if (!options.grace_seconds && !query.get("gracePeriodSeconds").empty()) {
    TRY(const std::uint64_t grace, parse_version(query.get("gracePeriodSeconds"), "gracePeriodSeconds"));
    options.grace_seconds = static_cast<std::int64_t>(grace);
  }
  if (options.propagation.empty()) options.propagation = query.get("propagationPolicy");
  if (!orphan && query.has("orphanDependents")) orphan = flag(query, "orphanDependents");
  options.dry_run = options.dry_run || query.get("dryRun") == "All";
  const ResourceName name{"meta.k8s.io", "", "DeleteOptions"};
  if (orphan && !options.propagation.empty())
    return invalid(name, "", {wrong_value("propagationPolicy", options.propagation, "orphanDependents and deletionPropagation cannot be both set")});
  if (orphan) options.propagation = *orphan ? "Orphan" : "Background";
  if (!options.propagation.empty() && options.propagation != "Background" && options.propagation != "Foreground" && options.propagation != "Orphan")
    return invalid(name, "", {{"propagationPolicy", "FieldValueNotSupported", cat("Unsupported value: ", quote(options.propagation),
                   ": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"")}});
  if (options.grace_seconds && *options.grace_seconds < 0) options.grace_seconds = 1;
  return options;
}

Outcome<std::uint64_t> parse_version(std::string_view text, std::string_view what) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty())
    return bad_request(cat(what, ": Invalid value: ", quote(text), ": must be a decimal number"));
  return number;
}

std::string media_parameter(std::string_view media, std::string_view name) {
  for (const std::string& part : split(media, ';')) {
    const std::string_view text = trim(part);
    if (text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=') return std::string(trim(text.substr(name.size() + 1)));
  }
  return {};
}

Outcome<Accepted> accepted(const net::Request& request) {
  const std::string_view header = request.headers.get("Accept");
  if (trim(header).empty()) return Accepted{};
  for (const std::string& media : split(header, ',')) {
    const std::string_view type = trim(std::string_view(media).substr(0, media.find(';')));
    const std::string as = media_parameter(media, "as");
    const std::string version = media_parameter(media, "v");
    const bool yaml = type == "application/yaml";
    if (type != "application/json" && type != "*/*" && type != "application/*" && !yaml) continue;
    if (as.empty()) return Accepted{.yaml = yaml};
    if (media_parameter(media, "g") != "meta.k8s.io" || (version != "v1" && version != "v1beta1")) continue;
    if (as == "Table") return Accepted{Form::table, version, yaml};
    if (as == "PartialObjectMetadata" || as == "PartialObjectMetadataList") return Accepted{Form::metadata, version, yaml};
  }
  return Failure{406, "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml", Object{}};
}

}  // namespace masu::apiserver
