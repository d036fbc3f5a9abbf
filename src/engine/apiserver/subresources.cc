#include "apiserver/subresources.h"

#include <algorithm>

#include "apiserver/body.h"
#include "base/text.h"
#include "value/json.h"
#include "value/patch.h"

namespace masu::apiserver {

namespace {

std::vector<std::string> container_names(const Value& pod, const std::vector<const char*>& lists) {
  std::vector<std::string> names;
  for (const char* list : lists)
    for (const Value& container : pod["spec"][list].as_array()) names.emplace_back(container["name"].as_string());
  return names;
}

/// The condition is set, its time only when its status changes.
void set_pod_scheduled(Value& pod, Instant now) {
  Value condition = Value::object({{"type", "PodScheduled"}, {"status", "True"}, {"lastProbeTime", nullptr}, {"lastTransitionTime", to_rfc3339(now)}});
  Array& conditions = pod["status"]["conditions"].array();
  std::erase_if(conditions, [](const Value& present) { return present["type"].as_string() == "PodScheduled"; });
  conditions.push_back(std::move(condition));
}

}  // namespace

Outcome<std::string> chosen_container(const Value& pod, std::string_view named) {
  const std::string pod_name(pod.at("metadata", "name").as_string());
  const std::vector<std::string> main = container_names(pod, {"containers"});
  if (named.empty()) {
    if (main.size() == 1) return main[0];
    std::string text = cat("a container name must be specified for pod ", pod_name, ", choose one of: [", join(main, " "), "]");
    if (const auto first = container_names(pod, {"initContainers"}); !first.empty()) text += cat(" or one of the init containers: [", join(first, " "), "]");
    return bad_request(std::move(text));
  }
  const std::vector<std::string> all = container_names(pod, {"containers", "initContainers", "ephemeralContainers"});
  if (std::find(all.begin(), all.end(), named) == all.end()) return bad_request(cat("container ", named, " is not valid for pod ", pod_name));
  return std::string(named);
}

Outcome<Value> Subresources::present(const Call& call) const {
  const RecordPtr record = store_.get(call.type->key(call.route.ns, call.route.name));
  if (!record) return not_found(call.type->resource_name(), call.route.name);
  return call.type->tree(*record);
}

Outcome<net::Answer> Subresources::serve(Call& call) const {
  const std::string& part = call.route.subresource;
  if (part == "status") {
    if (call.route.verb == "get") return reading_.get(call.request, call.route, call.type);
    return call.route.verb == "update" ? writing_.update(call) : writing_.patch(call);
  }
  if (part == "scale") return scale(call);
  if (part == "binding") return bind(call, *call.type, call.route.name);
  if (part == "eviction") return evict(call);
  if (part == "token") return token(call);
  if (part == "finalize") return finalize(call);
  if (part == "log") return log(call);
  return unknown_resource();
}

Outcome<net::Answer> Subresources::scale(Call& call) const {
  const Type& type = *call.type;
  TRY(const Value object, present(call));
  TRY(const Value before, type.scale_of(object));
  if (call.route.verb == "get") return net::Answer(json_reply(200, before));
  TRY(const WriteOptions options, write_options(call.request));
  TRY(const Body body, read_body(call.request));
  const Writing::Make make = [&](const Value& old) -> Outcome<Value> {
    TRY(const Value scale, type.scale_of(old));
    Value wanted = body.value;
    if (call.route.verb == "patch") {
      if (body_type(call.request) == "application/strategic-merge-patch+json" || body_type(call.request) == "application/apply-patch+yaml") wanted = merge_patch(scale, body.value);
      else {
        TRY(wanted, writing_.patched(call, type, scale, body.value));
      }
    }
    const std::string_view version = std::as_const(wanted)["metadata"]["resourceVersion"].as_string();
    if (!version.empty() && version != old.at("metadata", "resourceVersion").as_string()) return modified(type.resource_name(), call.route.name);
    Value changed = old;
    TRY_OK(type.set_scale(changed, wanted));
    return changed;
  };
  TRY(const Written written, writing_.change(call, type, call.route.name, "scale", make, options));
  TRY(const Value after, type.scale_of(written.object));
  return net::Answer(json_reply(200, after));
}

Outcome<net::Answer> Subresources::bind(Call& call, const Type& pods, std::string name) const {
  TRY(const WriteOptions options, write_options(call.request));
  TRY(const Body body, read_body(call.request));
  const std::string node(body.value.at("target", "name").as_string());
  const std::string_view kind = body.value.at("target", "kind").as_string();
  if (name.empty()) name = body.value.at("metadata", "name").as_string();
  const ResourceName resource{"", "pods/binding", "Binding"};
  if (node.empty()) return invalid(resource, name, {missing_value("target.name")});
  if (!kind.empty() && kind != "Node") return invalid(resource, name, {{"target.kind", "FieldValueNotSupported", cat("Unsupported value: ", quote(kind), ": supported values: \"Node\"")}});
  if (const std::string_view given = body.value.at("metadata", "name").as_string(); !given.empty() && given != name)
    return bad_request(cat("the name of the object (", given, ") does not match the name on the URL (", name, ")"));
  const Writing::Make make = [&](const Value& old) -> Outcome<Value> {
    if (const std::string_view uid = body.value.at("metadata", "uid").as_string(); !uid.empty() && uid != old.at("metadata", "uid").as_string())
      return conflict(resource, name, cat("Precondition failed: UID in precondition: ", uid, ", UID in object meta: ", old.at("metadata", "uid").as_string()));
    if (!old.at("metadata", "deletionTimestamp").is_null()) return conflict(resource, name, cat("pod ", name, " is being deleted, cannot be assigned to a host"));
    if (const std::string_view present = old.at("spec", "nodeName").as_string(); !present.empty())
      return conflict(resource, name, cat("pod ", name, " is already assigned to node ", quote(present)));
    Value pod = old;
    pod["spec"]["nodeName"] = node;
    for (const auto& [key, value] : body.value.at("metadata", "annotations").as_object()) pod["metadata"]["annotations"][key] = value;
    set_pod_scheduled(pod, writing_.now());
    return pod;
  };
  TRY(const Written written, writing_.change(call, pods, name, "binding", make, options));
  return net::Answer(json_reply(201, success_status({}, "", "", 201)));
}

Outcome<net::Answer> Subresources::evict(Call& call) const {
  TRY(const Body body, read_body(call.request));
  TRY(DeleteOptions options, delete_options(call.request.query, body.value["deleteOptions"]));
  TRY(const Written written, writing_.remove_object(call, *call.type, call.route.ns, call.route.name, options));
  return net::Answer(json_reply(201, success_status({}, "", "", 201)));
}

Outcome<net::Answer> Subresources::token(Call& call) const {
  TRY(Body body, read_body(call.request));
  TRY(const Value account, present(call));
  if (!body.value.is_object()) body.value = Object{};
  body.value["apiVersion"] = "authentication.k8s.io/v1";
  body.value["kind"] = "TokenRequest";
  TRY(const Value answer, authenticator_.issue(account, body.value));
  return net::Answer(json_reply(201, answer));
}

Outcome<net::Answer> Subresources::finalize(Call& call) const {
  TRY(const WriteOptions options, write_options(call.request));
  TRY(Body body, read_body(call.request));
  TRY_OK(fit_identity(call, *call.type, body.value, call.route.name));
  const Writing::Make make = [&](const Value& old) -> Outcome<Value> {
    Value object = old;
    // An unconditional PUT is possible; one with a version or uid is checked against them.
    for (const char* member : {"resourceVersion", "uid"})
      if (const Value& given = std::as_const(body.value)["metadata"][member]; !given.as_string().empty()) object["metadata"][member] = given;
    object["spec"]["finalizers"] = Array(std::as_const(body.value)["spec"]["finalizers"].as_array());
    if (const Value& status = std::as_const(body.value)["status"]; status.is_object()) object["status"] = status;
    return object;
  };
  TRY(const Written written, writing_.change(call, *call.type, call.route.name, "finalize", make, options));
  return writing_.answer(call, 200, written.object);
}

Outcome<net::Answer> Subresources::log(Call& call) const {
  TRY(const Value pod, present(call));
  const std::string node(pod.at("spec", "nodeName").as_string());
  TRY(const std::string container, chosen_container(pod, call.request.query.get("container")));
  if (node.empty()) return net::Answer(net::Reply{.status = 204});  // nothing has been said yet
  const RecordPtr record = store_.get({"/nodes", "", node});
  if (!record) return Failure(500, "InternalError", cat("Internal error occurred: node ", quote(node), " of pod ", call.route.name, " not found"));
  const auto agent = parse_json(record->bytes);
  const std::string address(agent.ok() ? (*agent)["metadata"]["annotations"][node_address_annotation].as_string() : std::string_view());
  if (address.empty())
    return Failure(503, "ServiceUnavailable", cat("node ", quote(node), " says no address of its agent: annotation ", node_address_annotation, " is missing"));
  net::Relay relay{.address = address, .request = call.request};
  relay.request.peer = {};
  relay.request.headers.remove("Authorization");
  relay.request.path = cat("/containerLogs/", call.route.ns, "/", call.route.name, "/", container);
  return net::Answer(std::move(relay));
}

}  // namespace masu::apiserver
