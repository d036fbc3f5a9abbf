#pragma once
/// masu's services against one Kubernetes, whichever it is: training and tuning, with the hub and the ledger beside them.
/// `masu up` and `masu controller` are the two that run it; nothing in here can tell them apart.

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "bootstrap.h"
#include "kube/client.h"
#include "net/message.h"

namespace masu::app {

class Services {
 public:
  struct Options {
    std::filesystem::path hub, ledger;  // folders
    int threads = 4;                    // for reconciles
    bool operators = true;              // TFJobs and PyTorchJobs are ours to run (no training-operator here)
    bool tuning = true;                 // Experiments are ours to run (no Katib here)
    bool own_nodes = false;             // the nodes are masu's: they tell a program's two streams apart
    bool installed = false;             // kinds and roles are there (deploy/); only ConfigMap masu-public is written
  };
  /// Opens hub and ledger. The client acts as somebody who may do all that the controllers need; it and the clock outlive
  /// the services.
  static Result<std::unique_ptr<Services>> open(const kube::Client& client, const Clock& clock, Options options);
  ~Services();

  /// Requests to hub and ledger, on one listener without a limit of bodies. Works from the start on; answers 503 until
  /// start() has filled the caches.
  net::Answer handle(const net::Request& request);

  /// Makes the objects that masu needs, fills the caches, starts the controllers.
  Status start(const Places& places, Deadline deadline);
  /// Ends the controllers; the hub still answers.
  void stop();

 private:
  struct Parts;
  explicit Services(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace masu::app
