#pragma once
/// The controllers of training, their caches and their queues.
///
///   TrainingControllers training(client, clock, options);
///   for (auto* informer : training.informers()) informers.start(*informer);
///   for (auto* controller : training.controllers()) runner.add(*controller);
///
/// Needs of the API: get, list, watch, patch trainingjobs and their status; get, list, watch machinetypes, catalogimages, nodes, pods,
/// serviceaccounts, trials; get, list, watch, create, delete persistentvolumeclaims, jobs, tfjobs, pytorchjobs, experiments; patch
/// experiments; create and patch events.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controller/controller.h"
#include "kube/informer.h"
#include "training/site.h"

namespace masu::training {

/// What the log archive knows about a job's pods. Thread-safe. The real one is LogArchiver; without one every log counts as complete.
class LogProgress {
 public:
  virtual ~LogProgress() = default;
  /// Everything that the named pod said is archived.
  virtual bool complete(const kube::Key& pod) = 0;
  /// The newest lines of a pod's main container, oldest first.
  virtual std::vector<std::string> last_lines(const kube::Key& pod, std::size_t most) = 0;
};

class TrainingControllers {
 public:
  struct Options {
    std::string name_space;  // empty: all
    /// Defaults: images, hub and ledger URLs, environment. Machines, catalogue, nodes and accounts come from the cluster.
    Site site;
    LogProgress* logs = nullptr;  // outlives the controllers
  };
  /// All references outlive it.
  TrainingControllers(const kube::Client& client, const Clock& clock, Options options);
  ~TrainingControllers();
  TrainingControllers(const TrainingControllers&) = delete;
  TrainingControllers& operator=(const TrainingControllers&) = delete;

  std::vector<kube::InformerBase*> informers();
  std::vector<controller::Controller*> controllers();
  /// Looks at the job again (its logs are complete).
  void wake(const kube::Key& job);
  controller::Performer& performer();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// The settings of this machine that every pod should have: package index and proxies (RUN-15).
std::map<std::string, std::string> passed_environment(const std::map<std::string, std::string>& ours);

}  // namespace masu::training
