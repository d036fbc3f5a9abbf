/// The kinds that are offered. A kind stands here only if something behind it keeps its promise: a controller, the node
/// agent, the scheduler or the API server itself (docs/engine.md).
#include <algorithm>

#include "apiserver/builtin/kind.h"
#include "base/text.h"

namespace masu::apiserver::builtin {
namespace {

const std::vector<std::string> kAllVerbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
const std::vector<std::string> kStatusVerbs = {"get", "patch", "update"};

/// A kind with the usual verbs; group and version are set by its group.
Kind stored(std::string kind, std::string plural, std::string description, std::vector<std::string> short_names = {}) {
  Kind row;
  row.singular = lower(kind);
  row.kind = std::move(kind);
  row.plural = std::move(plural);
  row.short_names = std::move(short_names);
  row.verbs = kAllVerbs;
  row.description = std::move(description);
  return row;
}

/// A question that is answered and never stored.
Kind review(std::string kind, std::string plural, std::string description) {
  Kind row = stored(std::move(kind), std::move(plural), std::move(description));
  row.verbs = {"create"};
  row.is_virtual = true;
  row.namespaced = false;
  return row;
}

Kind cluster(Kind row) { row.namespaced = false; return row; }
Kind with_generation(Kind row) { row.has_generation = true; return row; }
Kind in_all(Kind row) { row.categories = {"all"}; return row; }
Kind makes_on_update(Kind row) { row.create_on_update = true; return row; }
Kind named(Kind row, NameForm form) { row.name_form = form; return row; }
Kind with_status(Kind row) {
  row.has_status = true;
  row.subresources.push_back({"status", {}, kStatusVerbs});
  return row;
}
Kind with_scale(Kind row) {
  row.subresources.push_back({"scale", {"autoscaling", "v1", "Scale"}, kStatusVerbs});
  return row;
}
Kind with_sub(Kind row, std::string name, GroupVersionKind response, std::vector<std::string> verbs) {
  row.subresources.push_back({std::move(name), std::move(response), std::move(verbs)});
  return row;
}
Kind answers_object(Kind row) { row.delete_answers_object = true; return row; }
Kind versioned(Kind row) { row.update_needs_version = true; return row; }

std::vector<Kind> core() {
  Kind pod = in_all(answers_object(
      with_generation(with_status(stored("Pod", "pods", "A group of containers that share volumes and run on one node.", {"po"})))));
  pod = with_sub(pod, "log", {}, {"get"});
  pod = with_sub(pod, "binding", {"", "v1", "Binding"}, {"create"});
  pod = with_sub(pod, "eviction", {"policy", "v1", "Eviction"}, {"create"});

  Kind space =
      named(answers_object(with_status(cluster(stored("Namespace", "namespaces", "A place for the objects of one project.", {"ns"})))),
            NameForm::label);
  space = with_sub(space, "finalize", {}, {"update"});
  std::erase(space.verbs, "deletecollection");

  Kind account = stored("ServiceAccount", "serviceaccounts", "Who a pod is when it talks to the API.", {"sa"});
  account = with_sub(account, "token", {"authentication.k8s.io", "v1", "TokenRequest"}, {"create"});

  Kind binding = stored("Binding", "bindings", "Puts a pod onto a node.");
  binding.verbs = {"create"};
  binding.is_virtual = true;

  return {
      binding,
      stored("ConfigMap", "configmaps", "Configuration data for pods.", {"cm"}),
      makes_on_update(stored("Endpoints", "endpoints", "The addresses behind a service.", {"ep"})),
      makes_on_update(stored("Event", "events", "A report of something that happened to an object.", {"ev"})),
      space,
      versioned(with_status(cluster(stored("Node", "nodes", "A machine that runs pods.", {"no"})))),
      answers_object(
          with_status(stored("PersistentVolumeClaim", "persistentvolumeclaims", "A request for a volume that outlives pods.", {"pvc"}))),
      answers_object(with_status(
          cluster(stored("PersistentVolume", "persistentvolumes", "A piece of storage that a claim can be bound to.", {"pv"})))),
      pod,
      stored("Secret", "secrets", "Data that must not be seen by everybody."),
      account,
      named(in_all(makes_on_update(answers_object(
                with_status(stored("Service", "services", "A name under which the pods of a selector are reached.", {"svc"}))))),
            NameForm::service),
  };
}

struct Group {
  std::string group, version;
  std::vector<Kind> kinds;
};

std::vector<Group> groups() {
  const auto rbac = [](Kind row) { return makes_on_update(named(std::move(row), NameForm::path_segment)); };
  Kind job = in_all(with_generation(with_status(stored("Job", "jobs", "Runs pods until enough of them have succeeded."))));
  job.delete_orphans = true;
  Kind crd = answers_object(with_generation(
      with_status(cluster(stored("CustomResourceDefinition", "customresourcedefinitions", "Adds a kind to the API.", {"crd", "crds"})))));
  crd.categories = {"api-extensions"};
  Kind local_review = review("LocalSubjectAccessReview", "localsubjectaccessreviews", "Asks whether somebody may do something in a namespace.");
  local_review.namespaced = true;
  return {
      {"", "v1", core()},
      {"apiextensions.k8s.io", "v1", {crd}},
      {"apps",
       "v1",
       {in_all(with_scale(with_generation(with_status(
            stored("Deployment", "deployments",
                   "Keeps a number of equal pods running and replaces them step by step when their template changes.", {"deploy"}))))),
        in_all(
            with_scale(with_generation(with_status(stored("ReplicaSet", "replicasets", "Keeps a number of equal pods running.", {"rs"}))))),
        in_all(with_scale(with_generation(
            with_status(stored("StatefulSet", "statefulsets", "Keeps pods with fixed names and volumes of their own.", {"sts"})))))}},
      {"authentication.k8s.io",
       "v1",
       {review("SelfSubjectReview", "selfsubjectreviews", "Asks who the caller is."),
        review("TokenReview", "tokenreviews", "Asks whose a token is.")}},
      {"authorization.k8s.io",
       "v1",
       {local_review, review("SelfSubjectAccessReview", "selfsubjectaccessreviews", "Asks whether the caller may do something."),
        review("SelfSubjectRulesReview", "selfsubjectrulesreviews", "Asks what the caller may do in a namespace."),
        review("SubjectAccessReview", "subjectaccessreviews", "Asks whether somebody may do something.")}},
      {"batch", "v1", {job}},
      {"coordination.k8s.io", "v1", {versioned(makes_on_update(stored("Lease", "leases", "Says who holds something, and until when.")))}},
      {"rbac.authorization.k8s.io",
       "v1",
       {rbac(cluster(stored("ClusterRoleBinding", "clusterrolebindings", "Gives a cluster role to somebody everywhere."))),
        rbac(cluster(stored("ClusterRole", "clusterroles", "A set of rights for all namespaces."))),
        rbac(stored("RoleBinding", "rolebindings", "Gives a role to somebody in a namespace.")),
        rbac(stored("Role", "roles", "A set of rights in a namespace."))}},
      {"scheduling.k8s.io",
       "v1",
       {with_generation(cluster(stored("PriorityClass", "priorityclasses", "Gives a priority a name.", {"pc"})))}},
      {"storage.k8s.io", "v1", {cluster(stored("StorageClass", "storageclasses", "A way to make volumes.", {"sc"}))}},
  };
}

std::vector<Kind> make_all() {
  std::vector<Kind> out;
  for (Group& group : groups()) {
    for (Kind& kind : group.kinds) {
      kind.group = group.group;
      kind.version = group.version;
      const std::string package = group.group.empty() ? "core" : group.group.substr(0, group.group.find('.'));
      kind.message = cat(package, "/", kind.version, ".", kind.kind);
      for (Subresource& sub : kind.subresources)
        if (sub.response.kind.empty()) sub.response = kind.gvk();
      out.push_back(std::move(kind));
    }
  }
  return out;
}

}  // namespace

std::string GroupVersionKind::api_version() const { return group.empty() ? version : cat(group, "/", version); }

const Subresource* Kind::subresource(std::string_view wanted) const {
  auto at = std::find_if(subresources.begin(), subresources.end(), [&](const Subresource& sub) { return sub.name == wanted; });
  return at == subresources.end() ? nullptr : &*at;
}

std::span<const Kind> all() {
  static const std::vector<Kind> kinds = make_all();
  return kinds;
}

const Kind* find(std::string_view group, std::string_view version, std::string_view plural) {
  for (const Kind& kind : all())
    if (kind.plural == plural && kind.group == group && kind.version == version) return &kind;
  return nullptr;
}

const Kind* find_kind(std::string_view group, std::string_view version, std::string_view name) {
  for (const Kind& kind : all())
    if (kind.kind == name && kind.group == group && kind.version == version) return &kind;
  return nullptr;
}

std::vector<std::pair<std::string, std::string>> group_versions() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Kind& kind : all())
    if (out.empty() || out.back() != std::pair(kind.group, kind.version)) out.emplace_back(kind.group, kind.version);
  return out;
}

}  // namespace masu::apiserver::builtin
