#include "access.h"

#include <map>

#include "base/text.h"

namespace masu::app {

namespace resources = kube::resources;

namespace {

/// The request as the reviews want to see it: the hub has taken the token from wherever it was.
net::Request as_request(const hub::Caller& caller) {
  net::Request out;
  if (!caller.token.empty()) out.headers.set("Authorization", cat("Bearer ", caller.token));
  out.peer = caller.peer;
  return out;
}

}  // namespace

Status HubAuthorizer::known(const hub::Caller& caller, Deadline deadline) { return reviews_.known(as_request(caller), deadline); }

Status HubAuthorizer::allow(const hub::Caller& caller, std::string_view verb, const std::string& name_space, const std::string& bucket, Deadline deadline) {
  return reviews_.allow(as_request(caller), {std::string(verb), resources::buckets, {name_space, bucket}}, deadline);
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
