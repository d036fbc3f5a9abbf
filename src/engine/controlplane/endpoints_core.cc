#include "controlplane/endpoints_core.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace masu::controlplane {
namespace {

const kube::Resource kEndpoints{"", "v1", "endpoints", "Endpoints", true};

bool selected(const Service& service, const Pod& pod) {
  return std::all_of(service.selector.begin(), service.selector.end(), [&](const auto& want) {
    auto at = pod.meta.labels.find(want.first);
    return at != pod.meta.labels.end() && at->second == want.second;
  });
}

/// The service's ports as this pod has them; a name that no container has is left out.
Value ports_of(const Service& service, const Pod& pod) {
  Value out = Array{};
  for (const Service::Port& port : service.ports) {
    std::int64_t number = port.target;
    if (!port.target_name.empty()) {
      auto at = std::find_if(pod.ports.begin(), pod.ports.end(),
                             [&](const Pod::Port& one) { return one.name == port.target_name && one.protocol == port.protocol; });
      if (at == pod.ports.end()) continue;
      number = at->number;
    }
    Value one = Value::object({{"port", number}, {"protocol", port.protocol}});
    if (!port.name.empty()) one["name"] = port.name;
    out.push_back(std::move(one));
  }
  return out;
}

Value address_of(const Service& service, const Pod& pod) {
  Value out = Value::object(
      {{"ip", pod.pod_ip},
       {"nodeName", pod.node_name},
       {"targetRef",
        Value::object({{"kind", "Pod"}, {"namespace", pod.meta.name_space}, {"name", pod.meta.name}, {"uid", pod.meta.uid}})}});
  if (!pod.hostname.empty() && pod.subdomain == service.meta.name) out["hostname"] = pod.hostname;
  return out;
}

Value subsets_of(const EndpointsWorld& world) {
  struct Group {
    Value ports, ready = Array{}, waiting = Array{};
  };
  std::vector<Group> groups;
  for (const auto& pod : world.pods) {
    if (!selected(world.service, *pod) || pod->pod_ip.empty() || pod->finished() || pod->deleting()) continue;
    const Value ports = ports_of(world.service, *pod);
    auto at = std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group.ports == ports; });
    if (at == groups.end()) at = groups.insert(groups.end(), Group{ports});
    (pod->ready() || world.service.publishes_not_ready ? at->ready : at->waiting).push_back(address_of(world.service, *pod));
  }
  Value out = Array{};
  for (Group& group : groups) {
    Value subset = Object{};
    if (!group.ready.as_array().empty()) subset["addresses"] = std::move(group.ready);
    if (!group.waiting.as_array().empty()) subset["notReadyAddresses"] = std::move(group.waiting);
    if (!group.ports.as_array().empty()) subset["ports"] = std::move(group.ports);
    out.push_back(std::move(subset));
  }
  return out;
}

}  // namespace

controller::Actions decide(const EndpointsWorld& world) {
  const Service& service = world.service;
  if (service.external || service.selector.empty() || service.meta.deleted) return {};
  const Value subsets = subsets_of(world);
  if (!world.endpoints) {
    // Owned by the service, so they go with it.
    Value metadata = Value::object({{"name", service.meta.name},
                                    {"namespace", service.meta.name_space},
                                    {"ownerReferences", Value::array({kube::owned_by(kube::resources::services, service.meta).encode()})}});
    for (const auto& [key, value] : service.meta.labels) metadata["labels"][key] = value;
    Value object = Value::object({{"apiVersion", "v1"}, {"kind", "Endpoints"}, {"metadata", metadata}});
    if (!subsets.as_array().empty()) object["subsets"] = subsets;
    return {controller::Create{kEndpoints, std::move(object)}};
  }
  if (world.endpoints->subsets == subsets || (world.endpoints->subsets.is_null() && subsets.as_array().empty())) return {};
  return {controller::Patch{kEndpoints, service.meta.key(), Value::object({{"subsets", subsets}}), world.endpoints->meta.resource_version, ""}};
}

}  // namespace masu::controlplane
