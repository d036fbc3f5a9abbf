#include "hub/call.h"
#include "value/json.h"

namespace masu::hub {
namespace {

Error no_bucket() { return Error{Code::not_found, "The specified bucket does not exist."}; }

Value to_resource(const BucketPlace& bucket, std::string_view base) {
  const std::string created = to_rfc3339_micro(bucket.created);
  Value out = Value::object({{"kind", "storage#bucket"},
                             {"id", bucket.name},
                             {"name", bucket.name},
                             {"selfLink", cat(base, "/storage/v1/b/", net::percent_encode(bucket.name))},
                             {"projectNumber", "0"},
                             {"metageneration", "1"},
                             {"location", "LOCAL"},
                             {"locationType", "region"},
                             {"storageClass", "STANDARD"},
                             {"etag", "CAE="},
                             {"timeCreated", created},
                             {"updated", created},
                             {"iamConfiguration", Value::object({{"uniformBucketLevelAccess", Value::object({{"enabled", true}})}, {"publicAccessPrevention", "enforced"}})}});
  for (const auto& [key, value] : bucket.labels) out["labels"][key] = value;
  return out;
}

}  // namespace

Result<BucketPlace> Hub::enter(const Call& call, const std::string& bucket, std::string_view verb) {
  const auto place = buckets_.find(bucket);
  if (!place) {
    // Whether a bucket exists is told to those only who are somebody.
    TRY_OK(authorizer_.known(call.caller, call.deadline));
    return no_bucket();
  }
  TRY_OK(authorizer_.allow(call.caller, verb, place->name_space, bucket, call.deadline));
  TRY_OK(store_->open_bucket(bucket, place->name_space));
  return *place;
}

Result<net::Answer> Hub::list_buckets(const Call& call) {
  TRY_OK(authorizer_.known(call.caller, call.deadline));
  const std::string_view project = call.parameter("project"), prefix = call.parameter("prefix");
  Value out = Value::object({{"kind", "storage#buckets"}});
  for (const BucketPlace& bucket : buckets_.list()) {
    const bool asked = (project.empty() || project == "_" || project == bucket.name_space) && bucket.name.starts_with(prefix);
    if (asked && authorizer_.allow(call.caller, "get", bucket.name_space, bucket.name, call.deadline).ok()) out["items"].push_back(to_resource(bucket, call.base));
  }
  return json_reply(out);
}

Result<net::Answer> Hub::insert_bucket(const Call& call) {
  TRY(const Value body, json_body(call.request));
  const std::string name(body["name"].as_string());
  const std::string name_space(call.parameter("project"));
  TRY_OK(check_bucket_name(name));
  if (name_space.empty()) return Error{Code::invalid, "the query parameter \"project\" must name the namespace that the bucket is to be in"};
  TRY_OK(authorizer_.allow(call.caller, "create", name_space, name, call.deadline));
  if (buckets_.find(name)) return Error{Code::already_exists, cat("Bucket ", quote(name), " exists already; bucket names are unique in the whole installation.")};
  BucketPlace wanted{.name = name, .name_space = name_space};
  for (const auto& [key, value] : body["labels"].as_object()) wanted.labels[key] = value.as_string();
  TRY(const BucketPlace made, buckets_.create(wanted, call.deadline));
  TRY_OK(store_->open_bucket(name, made.name_space));
  return json_reply(to_resource(made, call.base));
}

Result<net::Answer> Hub::bucket_call(const Call& call) {
  const Route& route = call.route;
  if (route.part.empty() && call.is("GET")) {
    TRY(const BucketPlace place, enter(call, route.bucket, "get"));
    return json_reply(to_resource(place, call.base));
  }
  if (route.part.empty() && call.is("DELETE")) {
    TRY(const BucketPlace place, enter(call, route.bucket, "delete"));
    auto emptied = store_->remove_bucket(route.bucket);
    if (!emptied.ok()) return Error{emptied.error().code == Code::precondition ? Code::conflict : emptied.error().code, emptied.error().message};
    TRY_OK(buckets_.remove(place, call.deadline));
    return net::Reply{204, {}, ""};
  }
  if (!call.is("GET")) return no_method(call.request);
  TRY_OK(enter(call, route.bucket, "get"));
  if (route.part == "storageLayout")
    return json_reply(Value::object({{"kind", "storage#storageLayout"}, {"bucket", route.bucket}, {"location", "LOCAL"}, {"locationType", "region"},
                                     {"hierarchicalNamespace", Value::object({{"enabled", false}})}}));
  if (route.part == "iam" && route.rest == "testPermissions") {
    // What Google's names mean here: everything that changes something is "update".
    const bool may_write = authorizer_.allow(call.caller, "update", buckets_.find(route.bucket).value_or(BucketPlace{}).name_space, route.bucket, call.deadline).ok();
    Value out = Value::object({{"kind", "storage#testIamPermissionsResponse"}});
    for (const std::string& permission : call.request.query.all("permissions"))
      if (may_write || permission.ends_with(".get") || permission.ends_with(".list")) out["permissions"].push_back(permission);
    return json_reply(out);
  }
  // Access is a matter of RBAC on the Bucket object: there are no access lists beside it.
  if (route.part == "iam") return json_reply(Value::object({{"kind", "storage#policy"}, {"version", 1}, {"etag", "CAE="}, {"bindings", Value(Array{})}}));
  if (route.part == "acl" || route.part == "defaultObjectAcl")
    return json_reply(Value::object({{"kind", route.part == "acl" ? "storage#bucketAccessControls" : "storage#objectAccessControls"}, {"items", Value(Array{})}}));
  return no_method(call.request);
}

}  // namespace masu::hub
