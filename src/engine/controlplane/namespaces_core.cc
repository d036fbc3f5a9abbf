#include "controlplane/namespaces_core.h"

#include <map>

#include "base/text.h"

namespace masu::controlplane {
namespace resources = kube::resources;

controller::Actions furnish(const Namespace& space, const NamespaceContents& has, const std::string& root_ca) {
  controller::Actions actions;
  if (space.deleting()) return actions;
  const std::string& name = space.meta.name;
  if (!has.has_account)
    actions.push_back(controller::Create{
        resources::service_accounts,
        Value::object(
            {{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", Value::object({{"name", "default"}, {"namespace", name}})}})});
  if (root_ca.empty() || has.authority == root_ca) return actions;
  const Value data = Value::object({{"ca.crt", root_ca}});
  if (has.authority) {
    actions.push_back(controller::Patch{resources::config_maps, {name, root_authority_name}, Value::object({{"data", data}}), "", ""});
  } else {
    const Value metadata = Value::object(
        {{"name", root_authority_name},
         {"namespace", name},
         {"annotations", Value::object({{"kubernetes.io/description",
                                         "Contains a CA bundle that can be used to verify the API server of this cluster."}})}});
    actions.push_back(controller::Create{
        resources::config_maps, Value::object({{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", metadata}, {"data", data}})});
  }
  return actions;
}

NamespaceEnd decide_end(const Namespace& space, const std::vector<Remainder>& left, Instant now) {
  NamespaceEnd out;
  std::vector<std::string> content, holders;
  std::map<std::string, int> finalizers;
  for (const Remainder& one : left) {
    if (one.count == 0) continue;
    content.push_back(cat(one.resource, " has ", one.count, " resource instances"));
    for (const std::string& finalizer : one.finalizers) ++finalizers[finalizer];
  }
  for (const auto& [finalizer, count] : finalizers) holders.push_back(cat(finalizer, " in ", count, " resource instances"));
  out.finalize = content.empty();
  if (out.finalize) return out;

  std::vector<kube::Condition> conditions = space.conditions;
  kube::set_condition(
      conditions,
      {"NamespaceContentRemaining", "True", "SomeResourcesRemain", cat("Some resources are remaining: ", join(content, ", ")), {}}, now);
  if (holders.empty())
    kube::set_condition(
        conditions, {"NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished", {}},
        now);
  else
    kube::set_condition(conditions,
                        {"NamespaceFinalizersRemaining",
                         "True",
                         "SomeFinalizersRemain",
                         cat("Some content in the namespace has finalizers remaining: ", join(holders, ", ")),
                         {}},
                        now);
  if (conditions != space.conditions)
    out.actions.push_back(
        controller::Patch{resources::namespaces, space.meta.key(),
                          Value::object({{"status", Value::object({{"conditions", kube::encode_conditions(conditions)}})}}),
                          space.meta.resource_version, "status"});
  return out;
}

}  // namespace masu::controlplane
