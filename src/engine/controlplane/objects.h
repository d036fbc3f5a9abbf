#pragma once
/// The objects of a cluster as the control plane's controllers look at them. Decoded once, kept in the caches.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/action.h"
#include "kinds/pod.h"
#include "kube/object.h"
#include "kube/selector.h"
#include "value/quantity.h"

namespace masu::controlplane {

using Amounts = std::map<std::string, Quantity>;

/// One requirement of a node selector term: an operator and its values.
struct NodeRequirement {
  std::string key, op;  // In, NotIn, Exists, DoesNotExist, Gt, Lt
  std::vector<std::string> values;
  bool on_field = false;  // matchFields: metadata.name only
  bool operator==(const NodeRequirement&) const = default;
};
/// All requirements of a term must hold; one term is enough.
using NodeTerm = std::vector<NodeRequirement>;
std::vector<NodeTerm> decode_node_terms(const Value& node_selector_terms);
/// True if any term holds; an empty term holds for no node.
bool matches_any(const std::vector<NodeTerm>& terms, const std::string& node, const kube::Labels& labels);

struct Pod : kinds::Pod {
  std::string uid() const { return meta.uid; }
  std::vector<NodeTerm> node_terms;  // required node affinity; meaningful if has_node_terms
  bool has_node_terms = false;
  std::vector<std::pair<std::int64_t, NodeTerm>> preferred;
  std::vector<std::string> host_ports;  // "TCP/8080"
  std::vector<std::string> gates;       // scheduling gates
  struct Port {
    std::string name, protocol;
    std::int64_t number = 0;
    bool operator==(const Port&) const = default;
  };
  std::vector<Port> ports;               // of its containers
  std::string hostname, subdomain;
  bool deleting() const { return meta.deleted.has_value(); }
  static Result<Pod> decode(const Value& object);
};

struct Taint {
  std::string key, value, effect;
  bool operator==(const Taint&) const = default;
};

struct Node {
  kube::Metadata meta;
  bool unschedulable = false, ready = false;
  std::vector<Taint> taints;
  Amounts allocatable;
  static Result<Node> decode(const Value& object);
};

struct Claim {
  kube::Metadata meta;
  std::optional<std::string> storage_class;  // spec.storageClassName
  std::string volume_name, phase, volume_mode = "Filesystem";
  std::vector<std::string> access_modes;
  Quantity size;
  std::optional<kube::LabelSelector> selector;
  bool has_data_source = false;
  bool bound() const { return phase == "Bound"; }
  bool deleting() const { return meta.deleted.has_value(); }
  static Result<Claim> decode(const Value& object);
};

struct Volume {
  kube::Metadata meta;
  std::string storage_class, phase, reclaim = "Retain", path, volume_mode = "Filesystem";
  std::vector<std::string> access_modes;
  Quantity size;
  kube::Key claim;        // claimRef; empty name: none
  std::string claim_uid;  // claimRef.uid
  std::vector<NodeTerm> node_terms;
  bool has_node_terms = false;
  static Result<Volume> decode(const Value& object);
};

struct StorageClass {
  kube::Metadata meta;
  std::string provisioner, reclaim = "Delete";
  bool wait_for_consumer = false, is_default = false;
  static Result<StorageClass> decode(const Value& object);
};

struct Namespace {
  kube::Metadata meta;
  std::string phase;
  std::vector<std::string> finalizers;  // spec.finalizers
  std::vector<kube::Condition> conditions;
  bool deleting() const { return meta.deleted.has_value(); }
  static Result<Namespace> decode(const Value& object);
};

struct Service {
  kube::Metadata meta;
  std::map<std::string, std::string> selector;
  bool external = false, publishes_not_ready = false;
  struct Port {
    std::string name, protocol, target_name;  // target_name: a container port's name, or empty
    std::int64_t target = 0;
  };
  std::vector<Port> ports;
  static Result<Service> decode(const Value& object);
};

struct Endpoints {
  kube::Metadata meta;
  Value subsets;
  static Result<Endpoints> decode(const Value& object) { return Endpoints{kube::Metadata::decode(object), object["subsets"]}; }
};

/// Anything of which only the metadata matters.
struct Named {
  kube::Metadata meta;
  static Result<Named> decode(const Value& object) { return Named{kube::Metadata::decode(object)}; }
};

/// ConfigMap kube-root-ca.crt.
struct RootAuthority {
  kube::Metadata meta;
  std::string pem;
  static Result<RootAuthority> decode(const Value& object);
};

/// The annotation by which the scheduler tells the provisioner where a claim's first user will run.
inline constexpr const char* selected_node_annotation = "volume.kubernetes.io/selected-node";

/// A pod from a template: labels, annotations, finalizers and spec of the template, owned by `owner`.
Value pod_from_template(const Value& pod_template, const kube::Resource& owner_resource, const kube::Metadata& owner, const std::string& name);
/// Puts events behind everything else: they are written only when the rest has worked, and hold nobody up.
void events_last(controller::Actions& actions);
/// Five characters from the letters upstream uses in made-up names; equal input, equal suffix.
std::string name_suffix(std::string_view seed);

}  // namespace masu::controlplane
