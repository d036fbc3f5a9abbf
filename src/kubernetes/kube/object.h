#pragma once
/// What every Kubernetes object has: a resource it belongs to, a key, metadata. Plain values.

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "value/reader.h"
#include "value/value.h"

namespace masu::kube {

using Labels = std::map<std::string, std::string>;

/// Namespace and name. Cluster-scoped objects have an empty namespace.
struct Key {
  std::string name_space;
  std::string name;
  std::string text() const;  // "ns/name", or "name"
  static Key parse(std::string_view text);
  auto operator<=>(const Key&) const = default;
};

/// Where objects of a kind live in the API.
struct Resource {
  std::string group;    // empty: the core group
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;

  std::string api_version() const;  // "v1", "batch/v1"
  /// "/apis/batch/v1/namespaces/ml/jobs/x/status". An empty namespace means all of them (or cluster scope).
  std::string path(std::string_view name_space, std::string_view name = {}, std::string_view subresource = {}) const;
  std::string path(const Key& key, std::string_view subresource = {}) const { return path(key.name_space, key.name, subresource); }
  /// "jobs.batch", "pods": as error messages say it.
  std::string qualified() const;
  auto operator<=>(const Resource&) const = default;
};

struct OwnerReference {
  std::string api_version, kind, name, uid;
  bool controller = false, block_owner_deletion = false;
  Value encode() const;
  bool operator==(const OwnerReference&) const = default;
};

struct Metadata {
  std::string name, name_space, uid, resource_version;
  std::int64_t generation = 0;
  std::optional<Instant> created, deleted;  // creationTimestamp, deletionTimestamp
  std::optional<std::int64_t> deletion_grace_s;
  Labels labels, annotations;
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;

  Key key() const { return {name_space, name}; }
  /// The owner with controller: true, if any.
  const OwnerReference* controller() const;
  std::string label(std::string_view name) const;       // empty if absent
  std::string annotation(std::string_view name) const;  // empty if absent
  /// Reads `metadata` of an object. Never fails: the API server has checked it.
  static Metadata decode(const Value& object);
  bool operator==(const Metadata&) const = default;
};

/// A reference that makes `owner` the controller of a child.
OwnerReference owned_by(const Resource& resource, const Metadata& owner);

/// `status.conditions[i]`.
struct Condition {
  std::string type, status, reason, message;  // status: "True", "False", "Unknown"
  std::optional<Instant> last_transition;
  bool is_true() const { return status == "True"; }
  Value encode() const;  // lastTransitionTime only if known
  bool operator==(const Condition&) const = default;
};
std::vector<Condition> decode_conditions(const Value& list);
const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type);
/// Sets one condition; its transition time changes only with its status. Others stay.
void set_condition(std::vector<Condition>& conditions, Condition condition, Instant now);
Value encode_conditions(const std::vector<Condition>& conditions);

/// An object of any kind, as the cache keeps kinds that are only known at run time.
struct Dynamic {
  Metadata meta;
  Value object;
  static Result<Dynamic> decode(const Value& object) { return Dynamic{Metadata::decode(object), object}; }
};

Key key_of(const Value& object);
/// apiVersion and kind of an object as a Resource with the plural guessed (lower case + "s"/"es"/"ies"), namespaced.
Resource resource_of(const Value& object);

/// The well-known resources that several rooms use.
namespace resources {
inline const Resource pods{"", "v1", "pods", "Pod", true};
inline const Resource namespaces{"", "v1", "namespaces", "Namespace", false};
inline const Resource nodes{"", "v1", "nodes", "Node", false};
inline const Resource services{"", "v1", "services", "Service", true};
inline const Resource secrets{"", "v1", "secrets", "Secret", true};
inline const Resource config_maps{"", "v1", "configmaps", "ConfigMap", true};
inline const Resource service_accounts{"", "v1", "serviceaccounts", "ServiceAccount", true};
inline const Resource events{"", "v1", "events", "Event", true};
inline const Resource claims{"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true};
inline const Resource volumes{"", "v1", "persistentvolumes", "PersistentVolume", false};
inline const Resource storage_classes{"storage.k8s.io", "v1", "storageclasses", "StorageClass", false};
inline const Resource jobs{"batch", "v1", "jobs", "Job", true};
inline const Resource stateful_sets{"apps", "v1", "statefulsets", "StatefulSet", true};
inline const Resource replica_sets{"apps", "v1", "replicasets", "ReplicaSet", true};
inline const Resource deployments{"apps", "v1", "deployments", "Deployment", true};
inline const Resource leases{"coordination.k8s.io", "v1", "leases", "Lease", true};
inline const Resource roles{"rbac.authorization.k8s.io", "v1", "roles", "Role", true};
inline const Resource role_bindings{"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true};
inline const Resource cluster_roles{"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false};
inline const Resource cluster_role_bindings{"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false};
inline const Resource crds{"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false};
inline const Resource token_reviews{"authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false};
inline const Resource subject_access_reviews{"authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", false};
inline const Resource self_subject_access_reviews{"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false};
inline const Resource experiments{"kubeflow.org", "v1beta1", "experiments", "Experiment", true};
inline const Resource suggestions{"kubeflow.org", "v1beta1", "suggestions", "Suggestion", true};
inline const Resource trials{"kubeflow.org", "v1beta1", "trials", "Trial", true};
inline const Resource tf_jobs{"kubeflow.org", "v1", "tfjobs", "TFJob", true};
inline const Resource pytorch_jobs{"kubeflow.org", "v1", "pytorchjobs", "PyTorchJob", true};
inline const Resource training_jobs{"masu.dev", "v1alpha1", "trainingjobs", "TrainingJob", true};
inline const Resource machine_types{"masu.dev", "v1alpha1", "machinetypes", "MachineType", false};
inline const Resource catalog_images{"masu.dev", "v1alpha1", "catalogimages", "CatalogImage", false};
inline const Resource buckets{"masu.dev", "v1alpha1", "buckets", "Bucket", true};
}  // namespace resources

}  // namespace masu::kube
