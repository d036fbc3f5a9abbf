#pragma once
/// What the hub asks others, answered by Kubernetes: who may do what by reviews, which buckets there are by Bucket objects.

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hub/access.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "ledger/authorizer.h"

namespace masu::app {

/// Rights to buckets, by TokenReview and SubjectAccessReview.
class HubAuthorizer final : public hub::Authorizer {
 public:
  explicit HubAuthorizer(ledger::ReviewAuthorizer& reviews) : reviews_(reviews) {}
  Status known(const hub::Caller& caller, Deadline deadline) override;
  Status allow(const hub::Caller& caller, std::string_view verb, const std::string& name_space, const std::string& bucket, Deadline deadline) override;

 private:
  ledger::ReviewAuthorizer& reviews_;
};

/// Buckets as Bucket objects say. A name belongs to the oldest object that has it.
class BucketObjects final : public hub::Buckets {
 public:
  BucketObjects(const kube::Client& client, kube::Informer<kube::Dynamic>& objects) : client_(client), objects_(objects) {}
  std::optional<hub::BucketPlace> find(const std::string& name) const override;
  std::vector<hub::BucketPlace> list() const override;
  Result<hub::BucketPlace> create(const hub::BucketPlace& wanted, Deadline deadline) override;
  Status remove(const hub::BucketPlace& bucket, Deadline deadline) override;

 private:
  const kube::Client& client_;
  kube::Informer<kube::Dynamic>& objects_;
};

}  // namespace masu::app
