#pragma once
/// Who somebody is and what they may do, asked of the API server (TokenReview, SubjectAccessReview). Hub and ledger decide
/// nothing themselves.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hub/access.h"
#include "kube/client.h"
#include "kube/informer.h"

namespace masu::app {

struct User {
  std::string name, uid;
  std::vector<std::string> groups;
};

/// Thread-safe. Answers are kept for some seconds, the good ones only: a right that is taken away ends within that time.
class Access {
 public:
  Access(const kube::Client& client, const Clock& clock) : client_(client), clock_(clock) {}
  /// unauthenticated if the token is nobody's; unavailable if the API server cannot be asked.
  Result<User> authenticate(const std::string& token, Deadline deadline);
  /// denied with a sentence that names user, verb and object.
  Status allowed(const User& user, std::string_view verb, const kube::Resource& resource, const kube::Key& key, Deadline deadline);

 private:
  template <class T>
  struct Kept {
    T value;
    Instant until;
  };
  static constexpr Duration keep_for = 10s;
  static constexpr std::size_t kept_max = 4096;

  const kube::Client& client_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Kept<User>> users_;          // by the token's SHA-256
  std::map<std::string, Kept<bool>> allowed_;        // by "user verb resource key"
};

/// The hub's question answered by Access.
class HubAuthorizer final : public hub::Authorizer {
 public:
  explicit HubAuthorizer(Access& access) : access_(access) {}
  Status known(const hub::Caller& caller, Deadline deadline) override;
  Status allow(const hub::Caller& caller, std::string_view verb, const std::string& name_space, const std::string& bucket, Deadline deadline) override;

 private:
  Access& access_;
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
