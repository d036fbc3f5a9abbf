#include "controlplane/objects.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "crypto/hash.h"

namespace masu::controlplane {
namespace {

std::vector<std::string> strings_of(const Value& list) {
  std::vector<std::string> out;
  for (const Value& one : list.as_array()) out.emplace_back(one.as_string());
  return out;
}

Quantity amount_of(const Value& value) { return Quantity::from(value).value_or(Quantity{}); }

NodeTerm decode_term(const Value& term) {
  NodeTerm out;
  for (const auto& [member, on_field] : {std::pair("matchExpressions", false), std::pair("matchFields", true)})
    for (const Value& one : term[std::string_view(member)].as_array())
      out.push_back({std::string(one["key"].as_string()), std::string(one["operator"].as_string()), strings_of(one["values"]), on_field});
  return out;
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool holds(const NodeRequirement& requirement, const std::string& node, const kube::Labels& labels) {
  std::optional<std::string> value;
  if (requirement.on_field) {
    if (requirement.key == "metadata.name") value = node;
  } else if (auto at = labels.find(requirement.key); at != labels.end()) {
    value = at->second;
  }
  const bool listed = value && std::find(requirement.values.begin(), requirement.values.end(), *value) != requirement.values.end();
  if (requirement.op == "In") return listed;
  if (requirement.op == "NotIn") return !listed;
  if (requirement.op == "Exists") return value.has_value();
  if (requirement.op == "DoesNotExist") return !value;
  if ((requirement.op == "Gt" || requirement.op == "Lt") && value && requirement.values.size() == 1) {
    const auto have = whole(*value), limit = whole(requirement.values[0]);
    return have && limit && (requirement.op == "Gt" ? *have > *limit : *have < *limit);
  }
  return false;
}

}  // namespace

std::vector<NodeTerm> decode_node_terms(const Value& terms) {
  std::vector<NodeTerm> out;
  for (const Value& term : terms.as_array()) out.push_back(decode_term(term));
  return out;
}

bool matches_any(const std::vector<NodeTerm>& terms, const std::string& node, const kube::Labels& labels) {
  return std::any_of(terms.begin(), terms.end(), [&](const NodeTerm& term) {
    return !term.empty() && std::all_of(term.begin(), term.end(), [&](const NodeRequirement& one) { return holds(one, node, labels); });
  });
}

Result<Pod> Pod::decode(const Value& object) {
  TRY(kinds::Pod base, kinds::Pod::decode(object));
  Pod out{std::move(base)};
  const Value& affinity = object.at("spec", "affinity", "nodeAffinity");
  const Value& required = affinity["requiredDuringSchedulingIgnoredDuringExecution"];
  out.has_node_terms = required.is_object();
  out.node_terms = decode_node_terms(required["nodeSelectorTerms"]);
  for (const Value& one : affinity["preferredDuringSchedulingIgnoredDuringExecution"].as_array())
    out.preferred.emplace_back(one["weight"].as_integer(), decode_term(one["preference"]));
  for (const Value& container : object.at("spec", "containers").as_array())
    for (const Value& port : container["ports"].as_array()) {
      if (port["hostPort"].as_integer() != 0) out.host_ports.push_back(cat(port["protocol"].as_string("TCP"), "/", port["hostPort"].as_integer()));
      out.ports.push_back(
          {std::string(port["name"].as_string()), std::string(port["protocol"].as_string("TCP")), port["containerPort"].as_integer()});
    }
  out.hostname = object.at("spec", "hostname").as_string();
  out.subdomain = object.at("spec", "subdomain").as_string();
  for (const Value& gate : object.at("spec", "schedulingGates").as_array()) out.gates.emplace_back(gate["name"].as_string());
  return out;
}

Result<Node> Node::decode(const Value& object) {
  Node out;
  out.meta = kube::Metadata::decode(object);
  out.unschedulable = object.at("spec", "unschedulable").as_bool();
  for (const Value& taint : object.at("spec", "taints").as_array())
    out.taints.push_back({std::string(taint["key"].as_string()), std::string(taint["value"].as_string()), std::string(taint["effect"].as_string())});
  for (const auto& [name, amount] : object.at("status", "allocatable").as_object()) out.allocatable[name] = amount_of(amount);
  const auto conditions = kube::decode_conditions(object.at("status", "conditions"));
  const kube::Condition* ready = kube::find_condition(conditions, "Ready");
  out.ready = ready && ready->is_true();
  return out;
}

Result<Claim> Claim::decode(const Value& object) {
  const Value& spec = object["spec"];
  Claim out;
  out.meta = kube::Metadata::decode(object);
  if (spec["storageClassName"].is_string()) out.storage_class = spec["storageClassName"].as_string();
  out.volume_name = spec["volumeName"].as_string();
  out.phase = object.at("status", "phase").as_string("Pending");
  out.volume_mode = spec["volumeMode"].as_string("Filesystem");
  out.access_modes = strings_of(spec["accessModes"]);
  out.size = amount_of(spec.at("resources", "requests", "storage"));
  if (spec["selector"].is_object()) {
    TRY(out.selector, kube::LabelSelector::from(spec["selector"]));
  }
  out.has_data_source = spec["dataSource"].is_object() || spec["dataSourceRef"].is_object();
  return out;
}

Result<Volume> Volume::decode(const Value& object) {
  const Value& spec = object["spec"];
  Volume out;
  out.meta = kube::Metadata::decode(object);
  out.storage_class = spec["storageClassName"].as_string();
  out.phase = object.at("status", "phase").as_string("Pending");
  out.reclaim = spec["persistentVolumeReclaimPolicy"].as_string("Retain");
  out.path = spec.at("hostPath", "path").as_string();
  out.volume_mode = spec["volumeMode"].as_string("Filesystem");
  out.access_modes = strings_of(spec["accessModes"]);
  out.size = amount_of(spec.at("capacity", "storage"));
  out.claim = {std::string(spec.at("claimRef", "namespace").as_string()), std::string(spec.at("claimRef", "name").as_string())};
  out.claim_uid = spec.at("claimRef", "uid").as_string();
  const Value& required = spec.at("nodeAffinity", "required");
  out.has_node_terms = required.is_object();
  out.node_terms = decode_node_terms(required["nodeSelectorTerms"]);
  return out;
}

Result<StorageClass> StorageClass::decode(const Value& object) {
  StorageClass out;
  out.meta = kube::Metadata::decode(object);
  out.provisioner = object["provisioner"].as_string();
  out.reclaim = object["reclaimPolicy"].as_string("Delete");
  out.wait_for_consumer = object["volumeBindingMode"].as_string() == "WaitForFirstConsumer";
  out.is_default = out.meta.annotation("storageclass.kubernetes.io/is-default-class") == "true";
  return out;
}

Result<Namespace> Namespace::decode(const Value& object) {
  Namespace out;
  out.meta = kube::Metadata::decode(object);
  out.phase = object.at("status", "phase").as_string();
  out.finalizers = strings_of(object.at("spec", "finalizers"));
  out.conditions = kube::decode_conditions(object.at("status", "conditions"));
  return out;
}

Result<Service> Service::decode(const Value& object) {
  const Value& spec = object["spec"];
  Service out;
  out.meta = kube::Metadata::decode(object);
  for (const auto& [key, value] : spec["selector"].as_object()) out.selector.emplace(key, value.as_string());
  out.external = spec["type"].as_string() == "ExternalName";
  out.publishes_not_ready = spec["publishNotReadyAddresses"].as_bool();
  for (const Value& port : spec["ports"].as_array()) {
    const Value& target = port["targetPort"];
    Service::Port one{std::string(port["name"].as_string()), std::string(port["protocol"].as_string("TCP")),
                      std::string(target.as_string()), port["port"].as_integer()};
    if (target.is_number() && target.as_integer() != 0) one.target = target.as_integer();
    out.ports.push_back(std::move(one));
  }
  return out;
}

Result<RootAuthority> RootAuthority::decode(const Value& object) {
  return RootAuthority{kube::Metadata::decode(object), std::string(object.at("data", "ca.crt").as_string())};
}

Value pod_from_template(const Value& pod_template, const kube::Resource& owner_resource, const kube::Metadata& owner, const std::string& name) {
  const Value& from = pod_template["metadata"];
  Value metadata = Value::object({{"name", name}, {"namespace", owner.name_space}});
  for (std::string_view part : {"labels", "annotations", "finalizers"})
    if (!from[part].is_null()) metadata[part] = from[part];
  metadata["ownerReferences"] = Value::array({kube::owned_by(owner_resource, owner).encode()});
  return Value::object({{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", metadata}, {"spec", pod_template["spec"]}});
}

void events_last(controller::Actions& actions) {
  std::stable_partition(actions.begin(), actions.end(), [](const controller::Action& one) { return !std::holds_alternative<controller::Event>(one); });
}

std::string name_suffix(std::string_view seed) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  const std::string digest = crypto::sha256_hex(seed);
  std::string out;
  for (int i = 0; i < 5; ++i) {
    unsigned part = 0;
    std::from_chars(digest.data() + 4 * i, digest.data() + 4 * i + 4, part, 16);
    out += kLetters[part % kLetters.size()];
  }
  return out;
}

}  // namespace masu::controlplane
