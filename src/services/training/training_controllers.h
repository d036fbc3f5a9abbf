#pragma once
/// The controllers of training, their caches and their queues.
///
///   TrainingControllers training(client, clock, options);
///   for (auto* informer : training.informers()) informers.start(*informer);
///   for (auto* controller : training.controllers()) runner.add(*controller);
///
/// Needs of the API: get, list, watch, patch trainingjobs and their status; get, list, watch machinetypes, catalogimages, nodes, pods,
/// serviceaccounts, trials; get, list, watch, create, delete persistentvolumeclaims, jobs, tfjobs, pytorchjobs, experiments; patch
/// experiments, tfjobs/status, pytorchjobs/status; create and delete pods and services; get pods/log; create and patch events.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controller/controller.h"
#include "kube/informer.h"
#include "ledger/log_archive.h"
#include "training/site.h"

namespace masu::training {

class TrainingControllers {
 public:
  struct Options {
    std::string name_space;  // empty: all
    /// Defaults: images, hub and ledger URLs, environment. Machines, catalogue, nodes and accounts come from the cluster.
    Site site;
    ledger::LogArchive* archive = nullptr;  // outlives the controllers; without one the logs of pods are not kept
    ledger::Ledger* ledger = nullptr;       // outlives the controllers; knows the steps of trials' metrics
    bool split_streams = false;             // nodes tell standard output and error apart (masu's own)
    bool operators = true;                  // run TFJobs and PyTorchJobs (there is no training-operator)
  };
  /// All references outlive it.
  TrainingControllers(const kube::Client& client, const Clock& clock, Options options);
  ~TrainingControllers();
  TrainingControllers(const TrainingControllers&) = delete;
  TrainingControllers& operator=(const TrainingControllers&) = delete;

  std::vector<kube::InformerBase*> informers();
  std::vector<controller::Controller*> controllers();
  controller::Performer& performer();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// The settings of this machine that every pod should have: package index and proxies (RUN-15).
std::map<std::string, std::string> passed_environment(const std::map<std::string, std::string>& ours);

}  // namespace masu::training
