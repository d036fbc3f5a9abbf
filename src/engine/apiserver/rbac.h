#pragma once
/// Role-based access control (spec kubernetes-api 21): rules, who holds which, who may hand out which. The index is an
/// immutable snapshot of roles and bindings; everything on it is pure.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/store.h"
#include "value/value.h"

namespace masu::apiserver {

/// Who makes a request.
struct Identity {
  std::string name, uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
  bool in_group(std::string_view group) const;
  /// {username, uid, groups, extra}: as reviews and admission show it.
  Value info() const;
};
/// "system:serviceaccount:ml:default".
std::string service_account_user(std::string_view ns, std::string_view name);
/// The account's two groups.
std::vector<std::string> service_account_groups(std::string_view ns);

/// What is to be done.
struct Attributes {
  std::string verb;
  bool resource = true;
  std::string group, plural, subresource, ns, name;  // of a resource request
  std::string path;                                  // of any other
  std::string resource_text() const { return subresource.empty() ? plural : plural + "/" + subresource; }
};

struct Rule {
  std::vector<std::string> verbs, groups, resources, names, paths;
  static Rule decode(const Value& rule);
  Value encode() const;
  bool allows(const Attributes& asked) const;
};
std::vector<Rule> decode_rules(const Value& role);
/// The parts of `wanted` that no rule of `held` covers: one verb, group, resource and name each.
std::vector<Rule> missing_rules(const std::vector<Rule>& held, const std::vector<Rule>& wanted);
/// "{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}".
std::string rule_text(const Rule& rule);

struct Verdict {
  bool allowed = false;
  std::string reason;  // of an allowed one: "RBAC: allowed by RoleBinding ..."
};

class RoleIndex {
 public:
  /// From the objects of the four kinds.
  static std::shared_ptr<const RoleIndex> make(const std::vector<Value>& roles, const std::vector<Value>& cluster_roles,
                                               const std::vector<Value>& bindings, const std::vector<Value>& cluster_bindings);
  Verdict authorize(const Identity& user, const Attributes& asked) const;
  /// All rules the user holds in a namespace (cluster-wide ones included).
  std::vector<Rule> rules_for(const Identity& user, std::string_view ns) const;
  /// The rules a roleRef stands for; no value if there is no such role.
  const std::vector<Rule>* role(std::string_view ns, std::string_view kind, std::string_view name) const;

 private:
  struct Binding {
    std::string ns, name, role_kind, role_name;  // ns empty: cluster-wide
    std::string subject;                         // as the reason names it
  };
  void visit(const Identity& user, std::string_view ns, const std::function<bool(const Binding&, const std::vector<Rule>&)>& each) const;
  std::map<std::string, std::vector<Rule>, std::less<>> roles_;               // "ns/name"; "/name" for cluster roles
  std::map<std::string, std::vector<Binding>, std::less<>> by_subject_;       // "U name", "G group"
};

/// The newest index. Thread-safe.
class Authorizer {
 public:
  explicit Authorizer(const Store& store) : store_(store) {}
  std::shared_ptr<const RoleIndex> index() const;
  /// system:masters passes before any rule is asked.
  Verdict authorize(const Identity& user, const Attributes& asked) const;

 private:
  const Store& store_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const RoleIndex> index_;
  mutable std::uint64_t built_at_ = 0;
};

inline constexpr std::string_view rbac_group = "rbac.authorization.k8s.io";

}  // namespace masu::apiserver
