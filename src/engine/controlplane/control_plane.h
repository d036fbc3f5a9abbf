#pragma once
/// The controllers of a small cluster, behind one object: scheduler, Job, ReplicaSet, Deployment, StatefulSet, Endpoints,
/// service accounts, namespaces, local volumes, garbage collection.
///
///   ControlPlane plane(client, system_clock(), {.volumes = data / "volumes", .root_ca = pem});
///   TRY_OK(plane.start(Deadline::after(10s)));     // threads of its own until stop()

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"

namespace masu::controlplane {

class ControlPlane {
 public:
  struct Options {
    /// Where the folders of local volumes are made, one for each; an absolute path on the machine of the node agent.
    std::filesystem::path volumes;
    /// PEM of the API server's authority, for ConfigMap kube-root-ca.crt in each namespace.
    std::string root_ca;
  };
  /// Client and clock outlive it. The client acts as a user who may do everything.
  ControlPlane(const kube::Client& client, const Clock& clock, Options options);
  ~ControlPlane();

  /// Starts the caches and the controllers; returns when the caches have seen everything once.
  Status start(Deadline deadline);
  void stop();

  /// For a single-threaded simulation, instead of start: takes in what has changed and reconciles one key.
  /// True if there was anything to do.
  bool step();
  /// When a delayed look at some object becomes due; no value: only changes will cause work.
  std::optional<Instant> next_due() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace masu::controlplane
