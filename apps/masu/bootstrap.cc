#include "bootstrap.h"

#include <string_view>
#include <utility>

#include "base/text.h"
#include "value/patch.h"
#include "value/yaml.h"

namespace masu::embedded {
extern const std::vector<std::pair<std::string_view, std::string_view>> crds;
}

namespace masu::app {
namespace {

Value named(const char* api_version, const char* kind, std::string_view name, std::string_view name_space = {}) {
  Value out = Value::object({{"apiVersion", api_version}, {"kind", kind}, {"metadata", Value::object({{"name", name}})}});
  if (!name_space.empty()) out["metadata"]["namespace"] = name_space;
  return out;
}

Value rule(std::vector<std::string> groups, std::vector<std::string> resources, std::vector<std::string> verbs) {
  return Value::object({{"apiGroups", Value::strings(groups)}, {"resources", Value::strings(resources)}, {"verbs", Value::strings(verbs)}});
}

const std::vector<std::string> all_verbs{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"};
const std::vector<std::string> read_verbs{"get", "list", "watch"};

/// Users of a namespace get masu's kinds with the roles that Kubernetes itself has: admin and edit write, view reads.
Value aggregated_role(const char* name, const char* into, const std::vector<std::string>& verbs) {
  Value role = named("rbac.authorization.k8s.io/v1", "ClusterRole", name);
  role["metadata"]["labels"][cat("rbac.authorization.k8s.io/aggregate-to-", into)] = "true";
  role["rules"] = Value::array({rule({"masu.dev"}, {"trainingjobs", "buckets"}, verbs),
                                rule({"kubeflow.org"}, {"experiments", "suggestions", "trials", "tfjobs", "pytorchjobs"}, verbs)});
  return role;
}

/// What the pods of a job may do in their namespace: read and write buckets, report metrics of trials.
Value job_role() {
  Value role = named("rbac.authorization.k8s.io/v1", "ClusterRole", "masu-job");
  role["rules"] = Value::array({rule({"masu.dev"}, {"buckets"}, {"get", "list", "update"}), rule({"masu.dev"}, {"trainingjobs"}, {"get", "update"}),
                                rule({"kubeflow.org"}, {"trials"}, {"get", "update"})});
  return role;
}

/// Everybody who is signed in may read where hub and ledger are, and what is in the catalogue.
std::vector<Value> public_reading() {
  const Value everybody = Value::array({Value::object({{"kind", "Group"}, {"apiGroup", "rbac.authorization.k8s.io"}, {"name", "system:authenticated"}})});
  Value role = named("rbac.authorization.k8s.io/v1", "Role", "masu-public", "masu-system");
  Value read = rule({""}, {"configmaps"}, {"get"});
  read["resourceNames"] = Value::array({"masu-public"});
  role["rules"] = Value::array({std::move(read)});
  Value binding = named("rbac.authorization.k8s.io/v1", "RoleBinding", "masu-public", "masu-system");
  binding["roleRef"] = Value::object({{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", "masu-public"}});
  binding["subjects"] = everybody;
  Value catalogue = named("rbac.authorization.k8s.io/v1", "ClusterRole", "masu-catalogue");
  catalogue["rules"] = Value::array({rule({"masu.dev"}, {"catalogimages", "machinetypes"}, read_verbs)});
  Value catalogue_binding = named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "masu-catalogue");
  catalogue_binding["roleRef"] = Value::object({{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "masu-catalogue"}});
  catalogue_binding["subjects"] = everybody;
  return {role, binding, catalogue, catalogue_binding};
}

/// The part of `wanted` that `there` does not have, as a merge patch; null if nothing is missing.
Value missing_part(const Value& there, const Value& wanted) { return merge_diff(there, merge_patch(there, wanted)); }

constexpr std::string_view manager_label = "app.kubernetes.io/managed-by";

/// A definition that came with Katib or the training-operator: theirs to change, even where ours would be newer.
bool is_foreign(const Value& there) {
  return there["kind"].as_string() == "CustomResourceDefinition" && there.at("spec", "group").as_string() != "masu.dev" &&
         there.at("metadata", "labels")[manager_label].as_string() != "masu";
}

Status wait_until_served(const kube::Client& client, const kube::Key& crd, Deadline deadline) {
  for (Duration step = 5ms;; step = std::min<Duration>(step * 2, 200ms)) {
    TRY(const Value there, client.get(kube::resources::crds, crd, deadline));
    const auto conditions = kube::decode_conditions(there.at("status", "conditions"));
    const kube::Condition* established = kube::find_condition(conditions, "Established");
    if (established != nullptr && established->is_true()) return {};
    if (deadline.expired()) return Error{Code::timeout, cat("the kind ", quote(crd.name), " is not served in time")};
    pause(step, {});
  }
}

}  // namespace

Result<std::vector<Value>> objects_of_masu(const Places& places) {
  std::vector<Value> out;
  for (const auto& [name, text] : embedded::crds) {
    TRY(const auto documents, parse_yaml(text).context(name));
    for (const YamlDocument& document : documents) {
      out.push_back(document.value);
      out.back()["metadata"]["labels"][manager_label] = "masu";
    }
  }
  out.push_back(named("v1", "Namespace", "masu-system"));
  out.push_back(aggregated_role("masu-aggregate-to-edit", "edit", all_verbs));
  out.push_back(aggregated_role("masu-aggregate-to-view", "view", read_verbs));
  out.push_back(job_role());
  for (Value& object : public_reading()) out.push_back(std::move(object));
  Value config = named("v1", "ConfigMap", "masu-public", "masu-system");
  config["data"] = Value::object({{"hub", places.hub}, {"ledger", places.ledger}});
  if (!places.runtime_image.empty()) config["data"]["runtimeImage"] = places.runtime_image;
  if (!places.default_image.empty()) config["data"]["defaultImage"] = places.default_image;
  out.push_back(std::move(config));
  return out;
}

std::vector<Value> objects_of_the_engine() {
  std::vector<Value> out;
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) out.push_back(named("v1", "Namespace", name));
  Value storage = named("storage.k8s.io/v1", "StorageClass", "standard");
  storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] = "true";
  storage["provisioner"] = "masu.dev/local";
  storage["reclaimPolicy"] = "Delete";
  storage["volumeBindingMode"] = "Immediate";
  out.push_back(std::move(storage));
  return out;
}

Status ensure(const kube::Client& client, const std::vector<Value>& objects, Deadline deadline) {
  std::vector<kube::Key> definitions;
  for (const Value& object : objects) {
    kube::Resource resource = kube::resource_of(object);
    const std::string_view kind = object["kind"].as_string();
    resource.namespaced = object["metadata"].contains("namespace");
    const kube::Key key = kube::key_of(object);
    if (kind == "CustomResourceDefinition") definitions.push_back(key);
    auto there = client.get(resource, key, deadline);
    if (!there.ok() && there.error().code != Code::not_found) return std::move(there).error();
    if (!there.ok()) {
      auto made = client.create(resource, object, deadline);
      if (!made.ok() && made.error().code != Code::already_exists) return std::move(made).error().context(cat("creating ", resource.qualified(), " ", key.text()));
    } else if (const Value patch = missing_part(*there, object); !patch.is_null() && !is_foreign(*there)) {
      TRY_OK(client.patch(resource, key, kube::PatchType::merge, patch, deadline).context(cat("changing ", resource.qualified(), " ", key.text())));
    }
  }
  for (const kube::Key& crd : definitions) TRY_OK(wait_until_served(client, crd, deadline));
  return {};
}

}  // namespace masu::app
