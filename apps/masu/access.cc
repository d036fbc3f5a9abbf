#include "access.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"

namespace masu::app {

namespace resources = kube::resources;

Result<User> Access::authenticate(const std::string& token, Deadline deadline) {
  if (token.empty())
    return Error{Code::unauthenticated, "a token is needed. In a shell: eval \"$(masu env)\"; in a pod: the service account's token"};
  const std::string id = crypto::sha256_hex(token);
  {
    const std::scoped_lock lock(mutex_);
    if (const auto kept = users_.find(id); kept != users_.end() && kept->second.until > clock_.now()) return kept->second.value;
  }
  const Value review = Value::object({{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenReview"}, {"spec", Value::object({{"token", token}})}});
  TRY(const Value answer, client_.create(resources::token_reviews, review, deadline).context("asking who a token belongs to"));
  const Value& status = answer["status"];
  if (!status["authenticated"].as_bool()) return Error{Code::unauthenticated, "the token is not known or has expired; take a fresh one"};
  User user{std::string(status.at("user", "username").as_string()), std::string(status.at("user", "uid").as_string()), {}};
  for (const Value& group : status.at("user", "groups").as_array()) user.groups.emplace_back(group.as_string());
  const std::scoped_lock lock(mutex_);
  if (users_.size() >= kept_max) users_.clear();
  users_[id] = {user, clock_.now() + keep_for};
  return user;
}

Status Access::allowed(const User& user, std::string_view verb, const kube::Resource& resource, const kube::Key& key, Deadline deadline) {
  const std::string question = cat(user.name, " ", user.uid, " ", verb, " ", resource.qualified(), " ", key.text());
  {
    const std::scoped_lock lock(mutex_);
    if (const auto kept = allowed_.find(question); kept != allowed_.end() && kept->second.until > clock_.now()) return {};
  }
  const Value review = Value::object({{"apiVersion", "authorization.k8s.io/v1"},
                                      {"kind", "SubjectAccessReview"},
                                      {"spec", Value::object({{"user", user.name},
                                                              {"uid", user.uid},
                                                              {"groups", Value::strings(user.groups)},
                                                              {"resourceAttributes", Value::object({{"namespace", key.name_space},
                                                                                                    {"verb", verb},
                                                                                                    {"group", resource.group},
                                                                                                    {"version", resource.version},
                                                                                                    {"resource", resource.plural},
                                                                                                    {"name", key.name}})}})}});
  TRY(const Value answer, client_.create(resources::subject_access_reviews, review, deadline).context("asking what a user may do"));
  if (!answer.at("status", "allowed").as_bool())
    return Error{Code::denied, cat(quote(user.name), " may not ", verb, " ", resource.qualified(), " ", quote(key.name), " in namespace ", quote(key.name_space),
                                   ". Bind a role that allows it (\"kubectl ai-platform init\" does so for jobs).")};
  const std::scoped_lock lock(mutex_);
  if (allowed_.size() >= kept_max) allowed_.clear();
  allowed_[question] = {true, clock_.now() + keep_for};
  return {};
}

Status HubAuthorizer::known(const hub::Caller& caller, Deadline deadline) {
  TRY_OK(access_.authenticate(caller.token, deadline));
  return {};
}

Status HubAuthorizer::allow(const hub::Caller& caller, std::string_view verb, const std::string& name_space, const std::string& bucket, Deadline deadline) {
  TRY(const User user, access_.authenticate(caller.token, deadline));
  return access_.allowed(user, verb, resources::buckets, {name_space, bucket}, deadline);
}

namespace {

hub::BucketPlace place_of(const kube::Dynamic& object) {
  return {object.meta.name, object.meta.name_space, object.meta.created.value_or(Instant{}), object.meta.labels};
}

}  // namespace

std::optional<hub::BucketPlace> BucketObjects::find(const std::string& name) const {
  std::optional<hub::BucketPlace> oldest;
  for (const auto& object : objects_.list())
    if (object->meta.name == name && (!oldest || object->meta.created.value_or(Instant{}) < oldest->created)) oldest = place_of(*object);
  return oldest;
}

std::vector<hub::BucketPlace> BucketObjects::list() const {
  std::map<std::string, hub::BucketPlace> out;
  for (const auto& object : objects_.list()) {
    const hub::BucketPlace place = place_of(*object);
    const auto [at, fresh] = out.emplace(place.name, place);
    if (!fresh && place.created < at->second.created) at->second = place;
  }
  std::vector<hub::BucketPlace> list;
  for (auto& [name, place] : out) list.push_back(std::move(place));
  return list;
}

Result<hub::BucketPlace> BucketObjects::create(const hub::BucketPlace& wanted, Deadline deadline) {
  const Value object = Value::object({{"apiVersion", resources::buckets.api_version()},
                                      {"kind", resources::buckets.kind},
                                      {"metadata", Value::object({{"name", wanted.name}, {"namespace", wanted.name_space}})},
                                      {"spec", Value(Object{})}});
  TRY(const Value made, client_.create(resources::buckets, object, deadline));
  return place_of(*kube::Dynamic::decode(made));
}

Status BucketObjects::remove(const hub::BucketPlace& bucket, Deadline deadline) {
  return client_.remove(resources::buckets, {bucket.name_space, bucket.name}, {}, deadline);
}

}  // namespace masu::app
