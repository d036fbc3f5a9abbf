#include "apiserver/reviews.h"

#include "base/text.h"

namespace masu::apiserver {

namespace {

Identity user_of(const Value& spec) {
  Identity user{.name = std::string(spec["user"].as_string()), .uid = std::string(spec["uid"].as_string())};
  for (const Value& group : spec["groups"].as_array()) user.groups.emplace_back(group.as_string());
  for (const auto& [key, values] : spec["extra"].as_object())
    for (const Value& value : values.as_array()) user.extra[key].emplace_back(value.as_string());
  return user;
}

Attributes asked_for(const Value& spec) {
  Attributes asked;
  if (const Value& resource = spec["resourceAttributes"]; resource.is_object()) {
    asked.verb = resource["verb"].as_string();
    asked.group = resource["group"].as_string();
    asked.plural = resource["resource"].as_string();
    asked.subresource = resource["subresource"].as_string();
    asked.ns = resource["namespace"].as_string();
    asked.name = resource["name"].as_string();
  } else {
    asked.resource = false;
    asked.verb = spec.at("nonResourceAttributes", "verb").as_string();
    asked.path = spec.at("nonResourceAttributes", "path").as_string();
  }
  return asked;
}

}  // namespace

Outcome<Value> Reviews::answer(const Call& call, Value object) const {
  const std::string& kind = call.type->kind.kind;
  object["metadata"]["creationTimestamp"] = nullptr;
  const Value& spec = std::as_const(object)["spec"];
  const bool access = kind == "SubjectAccessReview" || kind == "LocalSubjectAccessReview" || kind == "SelfSubjectAccessReview";
  if (access && spec["resourceAttributes"].is_object() == spec["nonResourceAttributes"].is_object())
    return invalid(call.type->resource_name(), "",
                   {wrong_value("spec.resourceAttributes", "", "exactly one of nonResourceAttributes or resourceAttributes must be specified")});
  if (kind == "SelfSubjectAccessReview") {
    access_review(object, call.user);
  } else if (access) {
    if (kind == "LocalSubjectAccessReview" && spec.at("resourceAttributes", "namespace").as_string() != call.route.ns)
      return invalid(call.type->resource_name(), "", {wrong_value("spec.resourceAttributes.namespace", spec.at("resourceAttributes", "namespace").as_string(), "must match metadata.namespace")});
    const Identity user = user_of(spec);
    if (user.name.empty() && user.groups.empty())
      return invalid(call.type->resource_name(), "", {wrong_value("spec.user", "", "at least one of user or group must be specified")});
    access_review(object, user);
  } else if (kind == "SelfSubjectRulesReview") {
    if (spec["namespace"].as_string().empty()) return bad_request("no namespace on request");
    rules_review(object, call.user);
  } else if (kind == "TokenReview") {
    if (spec["token"].as_string().empty()) return bad_request("token is required for TokenReview in authentication");
    token_review(object);
  } else if (kind == "SelfSubjectReview") {
    object["status"] = Value::object({{"userInfo", call.user.info()}});
  } else {
    return method_not_allowed();
  }
  return object;
}

void Reviews::access_review(Value& review, const Identity& user) const {
  const Verdict verdict = authorizer_.authorize(user, asked_for(std::as_const(review)["spec"]));
  review["status"] = Value::object({{"allowed", verdict.allowed}});
  if (!verdict.reason.empty()) review["status"]["reason"] = verdict.reason;
}

void Reviews::rules_review(Value& review, const Identity& user) const {
  Array resources, paths;
  for (const Rule& rule : authorizer_.index()->rules_for(user, std::as_const(review)["spec"]["namespace"].as_string()))
    (rule.paths.empty() ? resources : paths).push_back(rule.encode());
  review["status"] = Value::object({{"resourceRules", std::move(resources)}, {"nonResourceRules", std::move(paths)}, {"incomplete", false}});
}

void Reviews::token_review(Value& review) const {
  const Value& spec = std::as_const(review)["spec"];
  std::vector<std::string> audiences, matched;
  for (const Value& audience : spec["audiences"].as_array()) audiences.emplace_back(audience.as_string());
  auto identity = authenticator_.from_token(spec["token"].as_string(), audiences, matched);
  if (!identity.ok()) {
    review["status"] = Value::object({{"user", Object{}}, {"error", identity.error().message}});
    return;
  }
  if (!identity->in_group("system:authenticated")) identity->groups.emplace_back("system:authenticated");
  review["status"] = Value::object({{"authenticated", true}, {"user", identity->info()}, {"audiences", Value::strings(matched)}});
}

}  // namespace masu::apiserver
