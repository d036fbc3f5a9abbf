#pragma once
/// The three controllers of tuning, their caches and their queues.
///
///   TuningControllers tuning(client, clock, ledger);
///   for (auto* informer : tuning.informers()) informers.start(*informer);
///   for (auto* controller : tuning.controllers()) runner.add(*controller);
///
/// Needs of the API: get, list, watch, patch experiments, suggestions, trials and their status; create suggestions and trials; delete
/// trials; get, list, watch, create, patch, delete the run kinds; get configmaps; create and patch events.

#include <map>
#include <memory>
#include <vector>

#include "controller/controller.h"
#include "kube/informer.h"
#include "tuning/metric_store.h"
#include "tuning/suggestion_core.h"
#include "tuning/trial_core.h"

namespace masu::tuning {

class TuningControllers {
 public:
  struct Options {
    std::string name_space;  // empty: all
    /// Kinds of trials that are watched; only those the cluster has. Others work too, but are polled.
    std::vector<kube::Resource> run_kinds = {kube::resources::jobs, kube::resources::tf_jobs, kube::resources::pytorch_jobs};
  };
  /// All references outlive it.
  TuningControllers(const kube::Client& client, const Clock& clock, MetricSource& metrics) : TuningControllers(client, clock, metrics,
      Options{}) {}
  TuningControllers(const kube::Client& client, const Clock& clock, MetricSource& metrics, Options options);
  ~TuningControllers();
  TuningControllers(const TuningControllers&) = delete;
  TuningControllers& operator=(const TuningControllers&) = delete;

  std::vector<kube::InformerBase*> informers();
  std::vector<controller::Controller*> controllers();
  /// For simulations: its intercept().
  controller::Performer& performer();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace masu::tuning
