#pragma once
/// Leader election by a coordination.k8s.io Lease, as client-go does it: compare-and-swap on the resourceVersion, and a
/// lease counts as expired only when it did not change for its duration by our own clock.

#include <optional>
#include <string>

#include "base/clock.h"
#include "kube/client.h"

namespace masu::controller {

class LeaderElection {
 public:
  struct Options {
    kube::Key lease;          // "masu-system/masu-controller"
    std::string identity;     // unique for each process
    Duration duration = 15s;  // others wait this long after the last renewal they saw
    Duration retry = 2s;      // between two tries
    Duration give_up = 10s;   // a leader that cannot renew for so long stops being one
  };
  LeaderElection(const kube::Client& client, const Clock& clock, Options options);

  /// One try to become or stay the leader. False: somebody else is. An error: we do not know.
  Result<bool> try_once(Deadline deadline);
  /// Blocks until we lead (true) or stop was asked (false).
  bool acquire(const std::stop_token& stop);
  /// Renews until stop (releases the lease then, true) or until leadership is lost (false).
  bool hold(const std::stop_token& stop);

 private:
  Value spec(Instant acquired, std::int64_t transitions) const;
  Status release(Deadline deadline);

  const kube::Client& client_;
  const Clock& clock_;
  const Options options_;
  std::string seen_version_;      // of the lease as last read
  Instant seen_at_{};             // when that version was first seen
};

}  // namespace masu::controller
