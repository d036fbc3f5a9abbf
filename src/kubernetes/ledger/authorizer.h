#pragma once
/// May the sender of a request do this? Asked of Kubernetes: the token by TokenReview, the right by SubjectAccessReview.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"
#include "net/message.h"

namespace masu::ledger {

/// What somebody wants to do to which object.
struct Deed {
  std::string verb;  // "get", "update"
  kube::Resource resource;
  kube::Key key;
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  /// Success, unauthenticated (nobody known) or denied (known, but not allowed). Thread-safe.
  virtual Status allow(const net::Request& request, const Deed& deed, Deadline deadline) = 0;
};

/// Asks the API server, and remembers what it said for `kept` (rights that were taken away end that much later). A request
/// of the in-process transport brings its user along and is asked about without a token.
class ReviewAuthorizer final : public Authorizer {
 public:
  /// References outlive it. The client has to be allowed to create TokenReviews and SubjectAccessReviews.
  ReviewAuthorizer(const kube::Client& client, const Clock& clock, Duration kept = std::chrono::seconds{10})
      : client_(client), clock_(clock), kept_(kept) {}
  Status allow(const net::Request& request, const Deed& deed, Deadline deadline) override;
  /// Success if the sender is somebody; unauthenticated otherwise.
  Status known(const net::Request& request, Deadline deadline);

 private:
  struct Who {
    std::string user, uid;
    std::vector<std::string> groups;
  };
  template <class T>
  struct Kept {
    T answer;
    Instant until;
  };
  Result<Who> who(const net::Request& request, Deadline deadline);
  Result<Who> review_token(const std::string& token, Deadline deadline) const;
  Status review_access(const Who& who, const Deed& deed, Deadline deadline) const;

  static constexpr std::size_t kept_max = 4096;

  const kube::Client& client_;
  const Clock& clock_;
  const Duration kept_;
  std::mutex mutex_;  // guards both; not held while the API server is asked
  std::map<std::string, Kept<Who>> tokens_;      // by SHA-256 of the token
  std::map<std::string, Kept<bool>> allowed_;    // by user, groups, verb and object; only what is allowed
};

/// The token of "Authorization: Bearer TOKEN", or empty.
std::string_view bearer_token(const net::Request& request);

}  // namespace masu::ledger
