#include "apiserver/bootstrap.h"

#include <string>
#include <utility>

namespace masu::apiserver {

namespace {

using Words = std::vector<std::string>;

const Words reading{"get", "list", "watch"};
const Words writing{"create", "delete", "deletecollection", "patch", "update"};
const Words self_verbs{"create"};

Value rule(const Words& groups, const Words& resources, const Words& verbs) {
  return Value::object({{"apiGroups", Value::strings(groups)}, {"resources", Value::strings(resources)}, {"verbs", Value::strings(verbs)}});
}

Value path_rule(const Words& paths, const Words& verbs) {
  return Value::object({{"nonResourceURLs", Value::strings(paths)}, {"verbs", Value::strings(verbs)}});
}

Value metadata(const std::string& name) {
  return Value::object({{"name", name},
                        {"labels", Value::object({{"kubernetes.io/bootstrapping", "rbac-defaults"}})},
                        {"annotations", Value::object({{"rbac.authorization.kubernetes.io/autoupdate", "true"}})}});
}

Value role(const std::string& name, Array rules) {
  return Value::object({{"apiVersion", "rbac.authorization.k8s.io/v1"}, {"kind", "ClusterRole"}, {"metadata", metadata(name)}, {"rules", std::move(rules)}});
}

/// A role whose rules go into the aggregated role of that name.
Value part(const std::string& name, const std::string& whole, Array rules) {
  Value made = role(name, std::move(rules));
  made["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-" + whole] = "true";
  return made;
}

Value aggregated(const std::string& name) {
  Value made = role(name, {});
  const Value labels = Value::object({{"rbac.authorization.k8s.io/aggregate-to-" + name, "true"}});
  made["aggregationRule"] = Value::object({{"clusterRoleSelectors", Value::array({Value::object({{"matchLabels", labels}})})}});
  return made;
}

Value binding(const std::string& name, const std::string& role_name, const Words& groups) {
  Array subjects;
  for (const std::string& group : groups) subjects.push_back(Value::object({{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Group"}, {"name", group}}));
  return Value::object({{"apiVersion", "rbac.authorization.k8s.io/v1"},
                        {"kind", "ClusterRoleBinding"},
                        {"metadata", metadata(name)},
                        {"roleRef", Value::object({{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", role_name}})},
                        {"subjects", std::move(subjects)}});
}

Value space(const std::string& name) {
  return Value::object({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", Value::object({{"name", name}})}});
}

/// What a user of a namespace may look at. Secrets are not among it.
const Words core_visible{"configmaps", "endpoints", "events", "persistentvolumeclaims", "persistentvolumeclaims/status", "pods", "pods/log", "pods/status",
                         "namespaces", "namespaces/status", "replicationcontrollers", "replicationcontrollers/scale", "replicationcontrollers/status", "resourcequotas",
                         "resourcequotas/status", "limitranges", "bindings", "serviceaccounts", "services", "services/status"};
const Words workloads{"daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"};
const Words jobs{"cronjobs", "jobs"};
const Words networking{"ingresses", "networkpolicies"};

Array view_rules() {
  return {rule({""}, core_visible, reading),
          rule({"apps"}, {"controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale", "deployments/status", "replicasets", "replicasets/scale",
                          "replicasets/status", "statefulsets", "statefulsets/scale", "statefulsets/status"}, reading),
          rule({"batch"}, {"cronjobs", "cronjobs/status", "jobs", "jobs/status"}, reading),
          rule({"autoscaling"}, {"horizontalpodautoscalers", "horizontalpodautoscalers/status"}, reading),
          rule({"policy"}, {"poddisruptionbudgets", "poddisruptionbudgets/status"}, reading),
          rule({"networking.k8s.io"}, {"ingresses", "ingresses/status", "networkpolicies"}, reading),
          rule({"discovery.k8s.io"}, {"endpointslices"}, reading),
          rule({"coordination.k8s.io"}, {"leases"}, reading)};
}

Array edit_rules() {
  return {rule({""}, {"pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"}, reading),
          rule({""}, {"serviceaccounts"}, {"impersonate"}),
          rule({""}, {"pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"}, writing),
          rule({""}, {"pods/eviction"}, {"create"}),
          rule({""}, {"configmaps", "events", "persistentvolumeclaims", "replicationcontrollers", "replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy"}, writing),
          rule({""}, {"serviceaccounts/token"}, {"create"}),
          rule({"apps"}, workloads, writing),
          rule({"batch"}, jobs, writing),
          rule({"autoscaling"}, {"horizontalpodautoscalers"}, writing),
          rule({"policy"}, {"poddisruptionbudgets"}, writing),
          rule({"networking.k8s.io"}, networking, writing),
          rule({"coordination.k8s.io"}, {"leases"}, {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"})};
}

Array admin_rules() {
  return {rule({"authorization.k8s.io"}, {"localsubjectaccessreviews"}, {"create"}),
          rule({"rbac.authorization.k8s.io"}, {"rolebindings", "roles"}, {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"})};
}

/// What a node agent needs. It is one rule for all nodes: a node of this machine may see every pod.
Array node_rules() {
  return {rule({"authentication.k8s.io"}, {"tokenreviews"}, {"create"}),
          rule({"authorization.k8s.io"}, {"localsubjectaccessreviews", "subjectaccessreviews"}, {"create"}),
          rule({""}, {"services", "namespaces", "configmaps", "secrets", "persistentvolumes", "endpoints", "serviceaccounts"}, reading),
          rule({""}, {"persistentvolumeclaims"}, reading),
          rule({""}, {"nodes"}, {"create", "get", "list", "watch", "update", "patch"}),
          rule({""}, {"nodes/status"}, {"update", "patch"}),
          rule({""}, {"events"}, {"create", "update", "patch"}),
          rule({""}, {"pods"}, {"get", "list", "watch", "create", "delete"}),
          rule({""}, {"pods/status"}, {"update", "patch"}),
          rule({""}, {"pods/eviction"}, {"create"}),
          rule({""}, {"serviceaccounts/token"}, {"create"}),
          rule({"coordination.k8s.io"}, {"leases"}, {"create", "get", "update", "patch", "delete", "list", "watch"}),
          rule({"masu.dev"}, {"catalogimages", "machinetypes", "gpulayouts"}, reading),
          rule({"masu.dev"}, {"gpulayouts/status"}, {"update", "patch"})};
}

}  // namespace

std::vector<Value> bootstrap_objects() {
  std::vector<Value> objects;
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease", "masu-system"}) objects.push_back(space(name));

  objects.push_back(role("cluster-admin", {rule({"*"}, {"*"}, {"*"}), path_rule({"*"}, {"*"})}));
  objects.push_back(part("system:aggregate-to-view", "view", view_rules()));
  objects.push_back(part("system:aggregate-to-edit", "edit", edit_rules()));
  objects.push_back(part("system:aggregate-to-admin", "admin", admin_rules()));
  // edit holds all of view, and admin all of edit.
  Value view = aggregated("view");
  view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] = "true";
  Value edit = aggregated("edit");
  edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"] = "true";
  objects.push_back(std::move(view));
  objects.push_back(std::move(edit));
  objects.push_back(aggregated("admin"));

  objects.push_back(role("system:basic-user", {rule({"authorization.k8s.io"}, {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}, self_verbs),
                                               rule({"authentication.k8s.io"}, {"selfsubjectreviews"}, self_verbs)}));
  objects.push_back(role("system:discovery", {path_rule({"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"}, {"get"})}));
  objects.push_back(role("system:public-info-viewer", {path_rule({"/healthz", "/livez", "/readyz", "/version", "/version/"}, {"get"})}));
  objects.push_back(role("system:auth-delegator", {rule({"authentication.k8s.io"}, {"tokenreviews"}, {"create"}), rule({"authorization.k8s.io"}, {"subjectaccessreviews"}, {"create"})}));
  objects.push_back(role("system:service-account-issuer-discovery", {path_rule({"/.well-known/openid-configuration", "/openid/v1/jwks", "/.well-known/openid-configuration/", "/openid/v1/jwks/"}, {"get"})}));
  objects.push_back(role("system:node", node_rules()));

  objects.push_back(binding("cluster-admin", "cluster-admin", {"system:masters"}));
  objects.push_back(binding("system:basic-user", "system:basic-user", {"system:authenticated"}));
  objects.push_back(binding("system:discovery", "system:discovery", {"system:authenticated"}));
  objects.push_back(binding("system:public-info-viewer", "system:public-info-viewer", {"system:authenticated", "system:unauthenticated"}));
  objects.push_back(binding("system:service-account-issuer-discovery", "system:service-account-issuer-discovery", {"system:serviceaccounts"}));
  objects.push_back(binding("system:node", "system:node", {"system:nodes"}));
  return objects;
}

}  // namespace masu::apiserver
