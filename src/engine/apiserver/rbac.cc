#include "apiserver/rbac.h"

#include <algorithm>

#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

std::vector<std::string> words(const Value& list) {
  std::vector<std::string> out;
  for (const Value& word : list.as_array()) out.emplace_back(word.as_string());
  return out;
}

bool has(const std::vector<std::string>& list, std::string_view word) { return std::find(list.begin(), list.end(), word) != list.end(); }
bool has_or_all(const std::vector<std::string>& list, std::string_view word) { return has(list, "*") || has(list, word); }

bool covers_resource(const std::vector<std::string>& resources, const std::string& text) {
  if (has_or_all(resources, text)) return true;
  const std::size_t slash = text.find('/');
  return slash != std::string::npos && has(resources, "*" + text.substr(slash));
}

bool covers_path(const std::vector<std::string>& paths, std::string_view asked) {
  for (const std::string& path : paths) {
    if (path == asked || path == "*") return true;
    if (path.ends_with('*') && asked.starts_with(std::string_view(path).substr(0, path.size() - 1))) return true;
  }
  return false;
}

std::string list_text(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(quote(word));
  return cat("[", join(quoted, " "), "]");
}

std::string subject_key(const Value& subject, std::string_view binding_ns) {
  const std::string_view kind = subject["kind"].as_string(), name = subject["name"].as_string();
  if (kind == "Group") return cat("G ", name);
  if (kind != "ServiceAccount") return cat("U ", name);
  const std::string_view ns = subject["namespace"].as_string();
  return cat("U ", service_account_user(ns.empty() ? binding_ns : ns, name));
}

std::string subject_text(const Value& subject, std::string_view binding_ns) {
  const std::string_view kind = subject["kind"].as_string(), name = subject["name"].as_string();
  if (kind != "ServiceAccount") return cat(kind, " ", quote(name));
  const std::string_view ns = subject["namespace"].as_string();
  return cat("ServiceAccount ", quote(cat(name, "/", ns.empty() ? binding_ns : ns)));
}

}  // namespace

bool Identity::in_group(std::string_view group) const { return has(groups, group); }

Value Identity::info() const {
  Value info = Value::object({{"username", name}, {"groups", Value::strings(groups)}});
  if (!uid.empty()) info["uid"] = uid;
  for (const auto& [key, values] : extra) info["extra"][key] = Value::strings(values);
  return info;
}

std::string service_account_user(std::string_view ns, std::string_view name) { return cat("system:serviceaccount:", ns, ":", name); }

std::vector<std::string> service_account_groups(std::string_view ns) {
  return {"system:serviceaccounts", cat("system:serviceaccounts:", ns)};
}

Rule Rule::decode(const Value& rule) {
  return {words(rule["verbs"]), words(rule["apiGroups"]), words(rule["resources"]), words(rule["resourceNames"]), words(rule["nonResourceURLs"])};
}

Value Rule::encode() const {
  Value rule = Value::object({{"verbs", Value::strings(verbs)}});
  if (!groups.empty()) rule["apiGroups"] = Value::strings(groups);
  if (!resources.empty()) rule["resources"] = Value::strings(resources);
  if (!names.empty()) rule["resourceNames"] = Value::strings(names);
  if (!paths.empty()) rule["nonResourceURLs"] = Value::strings(paths);
  return rule;
}

bool Rule::allows(const Attributes& asked) const {
  if (!has_or_all(verbs, asked.verb)) return false;
  if (!asked.resource) return covers_path(paths, asked.path);
  return has_or_all(groups, asked.group) && covers_resource(resources, asked.resource_text()) && (names.empty() || has(names, asked.name));
}

std::vector<Rule> decode_rules(const Value& role) {
  std::vector<Rule> rules;
  for (const Value& rule : role["rules"].as_array()) rules.push_back(Rule::decode(rule));
  return rules;
}

std::vector<Rule> missing_rules(const std::vector<Rule>& held, const std::vector<Rule>& wanted) {
  std::vector<Rule> missing;
  const auto check = [&](Rule atom) {
    const bool covered = std::any_of(held.begin(), held.end(), [&](const Rule& rule) {
      if (!has_or_all(rule.verbs, atom.verbs[0])) return false;
      if (!atom.paths.empty()) return covers_path(rule.paths, atom.paths[0]);
      return has_or_all(rule.groups, atom.groups[0]) && covers_resource(rule.resources, atom.resources[0]) &&
             (rule.names.empty() || (!atom.names.empty() && has(rule.names, atom.names[0])));
    });
    if (!covered) missing.push_back(std::move(atom));
  };
  for (const Rule& rule : wanted)
    for (const std::string& verb : rule.verbs) {
      for (const std::string& path : rule.paths) check({.verbs = {verb}, .groups = {}, .resources = {}, .names = {}, .paths = {path}});
      for (const std::string& group : rule.groups)
        for (const std::string& resource : rule.resources) {
          if (rule.names.empty()) check({.verbs = {verb}, .groups = {group}, .resources = {resource}, .names = {}, .paths = {}});
          for (const std::string& name : rule.names) check({.verbs = {verb}, .groups = {group}, .resources = {resource}, .names = {name}, .paths = {}});
        }
    }
  return missing;
}

std::string rule_text(const Rule& rule) {
  std::vector<std::string> parts;
  if (!rule.paths.empty()) parts.push_back(cat("NonResourceURLs:", list_text(rule.paths)));
  if (!rule.groups.empty()) parts.push_back(cat("APIGroups:", list_text(rule.groups)));
  if (!rule.resources.empty()) parts.push_back(cat("Resources:", list_text(rule.resources)));
  if (!rule.names.empty()) parts.push_back(cat("ResourceNames:", list_text(rule.names)));
  parts.push_back(cat("Verbs:", list_text(rule.verbs)));
  return cat("{", join(parts, ", "), "}");
}

std::shared_ptr<const RoleIndex> RoleIndex::make(const std::vector<Value>& roles, const std::vector<Value>& cluster_roles,
                                                 const std::vector<Value>& bindings, const std::vector<Value>& cluster_bindings) {
  auto index = std::make_shared<RoleIndex>();
  const auto name_of = [](const Value& object) { return object.at("metadata", "name").as_string(); };
  const auto ns_of = [](const Value& object) { return object.at("metadata", "namespace").as_string(); };
  for (const Value& role : roles) index->roles_[cat(ns_of(role), "/", name_of(role))] = decode_rules(role);
  for (const Value& role : cluster_roles) index->roles_[cat("/", name_of(role))] = decode_rules(role);
  const auto add = [&](const Value& binding, std::string_view ns) {
    for (const Value& subject : binding["subjects"].as_array())
      index->by_subject_[subject_key(subject, ns)].push_back({std::string(ns), std::string(name_of(binding)), std::string(binding.at("roleRef", "kind").as_string()),
                                                              std::string(binding.at("roleRef", "name").as_string()), subject_text(subject, ns)});
  };
  for (const Value& binding : bindings) add(binding, ns_of(binding));
  for (const Value& binding : cluster_bindings) add(binding, "");
  return index;
}

const std::vector<Rule>* RoleIndex::role(std::string_view ns, std::string_view kind, std::string_view name) const {
  const auto found = roles_.find(kind == "ClusterRole" ? cat("/", name) : cat(ns, "/", name));
  return found == roles_.end() ? nullptr : &found->second;
}

void RoleIndex::visit(const Identity& user, std::string_view ns, const std::function<bool(const Binding&, const std::vector<Rule>&)>& each) const {
  std::vector<std::string> subjects{"U " + user.name};
  for (const std::string& group : user.groups) subjects.push_back("G " + group);
  for (const std::string& subject : subjects) {
    const auto found = by_subject_.find(subject);
    if (found == by_subject_.end()) continue;
    for (const Binding& binding : found->second) {
      if (!binding.ns.empty() && binding.ns != ns) continue;
      const std::vector<Rule>* rules = role(binding.ns, binding.role_kind, binding.role_name);
      if (rules != nullptr && !each(binding, *rules)) return;
    }
  }
}

Verdict RoleIndex::authorize(const Identity& user, const Attributes& asked) const {
  Verdict verdict;
  visit(user, asked.ns, [&](const Binding& binding, const std::vector<Rule>& rules) {
    for (const Rule& rule : rules) {
      if (!rule.allows(asked)) continue;
      const std::string name = binding.ns.empty() ? cat("ClusterRoleBinding ", quote(binding.name)) : cat("RoleBinding ", quote(cat(binding.name, "/", binding.ns)));
      verdict = {true, cat("RBAC: allowed by ", name, " of ", binding.role_kind, " ", quote(binding.role_name), " to ", binding.subject)};
      return false;
    }
    return true;
  });
  return verdict;
}

std::vector<Rule> RoleIndex::rules_for(const Identity& user, std::string_view ns) const {
  std::vector<Rule> held;
  if (user.in_group("system:masters")) {
    held.push_back({.verbs = {"*"}, .groups = {"*"}, .resources = {"*"}, .names = {}, .paths = {}});
    held.push_back({.verbs = {"*"}, .groups = {}, .resources = {}, .names = {}, .paths = {"*"}});
  }
  visit(user, ns, [&](const Binding&, const std::vector<Rule>& rules) {
    held.insert(held.end(), rules.begin(), rules.end());
    return true;
  });
  return held;
}

std::shared_ptr<const RoleIndex> Authorizer::index() const {
  const std::lock_guard lock(mutex_);
  static const std::string group(rbac_group);
  const std::vector<std::string> kinds{group + "/roles", group + "/clusterroles", group + "/rolebindings", group + "/clusterrolebindings"};
  std::uint64_t changed = 1;  // never 0: the first call builds
  for (const std::string& kind : kinds) changed = std::max(changed, store_.last_change(kind));
  if (index_ && built_at_ == changed) return index_;
  const auto load = [&](const std::string& kind) {
    std::vector<Value> objects;
    const auto listing = store_.list({.resource = kind});
    if (!listing.ok()) return objects;
    for (const RecordPtr& record : listing->items)
      if (auto object = parse_json(record->bytes); object.ok()) objects.push_back(std::move(*object));
    return objects;
  };
  index_ = RoleIndex::make(load(kinds[0]), load(kinds[1]), load(kinds[2]), load(kinds[3]));
  built_at_ = changed;
  return index_;
}

Verdict Authorizer::authorize(const Identity& user, const Attributes& asked) const {
  if (user.in_group("system:masters")) return {true, ""};
  return index()->authorize(user, asked);
}

}  // namespace masu::apiserver
