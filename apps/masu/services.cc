#include "services.h"

#include <atomic>

#include "access.h"
#include "base/files.h"
#include "base/process.h"
#include "controller/controller.h"
#include "hub/hub.h"
#include "kube/informer.h"
#include "ledger/api.h"
#include "ledger/authorizer.h"
#include "ledger/ledger.h"
#include "ledger/log_archive.h"
#include "training/training_controllers.h"
#include "tuning/tuning_controllers.h"
#include "value/json.h"

namespace masu::app {
namespace {

/// Metrics of trials where tuning looks for them.
class LedgerMetrics final : public tuning::MetricSource {
 public:
  explicit LedgerMetrics(ledger::Ledger& ledger) : ledger_(ledger) {}
  Result<std::vector<tuning::MetricEntry>> read(const kube::Key& trial, Deadline) override {
    TRY(const auto metrics, ledger_.metrics(trial));
    std::vector<tuning::MetricEntry> out;
    for (const ledger::Metric& metric : metrics) out.push_back({metric.name, metric.value, metric.step, metric.time});
    return out;
  }
  Status forget(const kube::Key& trial, Deadline deadline) override { return ledger_.forget_trial(trial, deadline); }

 private:
  ledger::Ledger& ledger_;
};

}  // namespace

struct Services::Parts {
  Parts(const kube::Client& the_client, const Clock& the_clock, Options the_options)
      : client(the_client), clock(the_clock), options(std::move(the_options)) {}

  const kube::Client& client;
  const Clock& clock;
  const Options options;

  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<ledger::LogArchive> archive;
  ledger::ReviewAuthorizer reviews{client, clock};
  std::unique_ptr<ledger::Api> ledger_api;
  kube::Informer<kube::Dynamic> bucket_objects{client, kube::resources::buckets, &kube::Dynamic::decode};
  BucketObjects buckets{client, bucket_objects};
  HubAuthorizer hub_authorizer{reviews};
  std::unique_ptr<hub::Hub> hub;
  std::unique_ptr<LedgerMetrics> metrics;

  std::unique_ptr<tuning::TuningControllers> tuning;
  std::unique_ptr<training::TrainingControllers> training;
  controller::Runner runner{clock};
  kube::Informers informers;
  std::atomic<bool> started = false;
};

Services::Services(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Services::~Services() { stop(); }

Result<std::unique_ptr<Services>> Services::open(const kube::Client& client, const Clock& clock, Options options) {
  auto parts = std::make_unique<Parts>(client, clock, std::move(options));
  for (const auto& folder : {parts->options.hub, parts->options.ledger}) TRY_OK(make_directories(folder, 0700));
  TRY(auto ledger, ledger::Ledger::open(parts->options.ledger / "ledger.db", {}));
  parts->ledger = std::move(ledger);
  TRY(auto archive, ledger::LogArchive::open(*parts->ledger, parts->options.ledger / "logs", ledger::LogArchive::Feeding::thread));
  parts->archive = std::move(archive);
  parts->ledger_api = std::make_unique<ledger::Api>(*parts->ledger, *parts->archive, parts->reviews);
  TRY(auto hub, hub::Hub::open(parts->options.hub, parts->buckets, parts->hub_authorizer, clock));
  parts->hub = std::move(hub);
  parts->metrics = std::make_unique<LedgerMetrics>(*parts->ledger);
  return std::unique_ptr<Services>(new Services(std::move(parts)));
}

net::Answer Services::handle(const net::Request& request) {
  if (!parts_->started) {
    net::Reply reply{503, {{"Retry-After", "1"}, {"Content-Type", "text/plain"}}, "masu is starting\n"};
    return reply;
  }
  return request.path.starts_with("/ledger/") ? parts_->ledger_api->handle(request) : parts_->hub->handle(request);
}

Status Services::start(const Places& places, Deadline deadline) {
  Parts& parts = *parts_;
  TRY(auto objects, objects_of_masu(places));
  if (parts.options.installed) std::erase_if(objects, [](const Value& object) { return object["kind"].as_string() != "ConfigMap"; });
  TRY_OK(ensure(parts.client, objects, deadline));

  training::TrainingControllers::Options training;
  training.site.hub = places.hub;
  training.site.ledger = places.ledger;
  if (!places.runtime_image.empty()) training.site.runtime_image = places.runtime_image;
  if (!places.default_image.empty()) training.site.host_image = places.default_image;
  training.site.environment = training::passed_environment(current_environment());
  training.operators = parts.options.operators;
  training.archive = parts.archive.get();
  training.ledger = parts.ledger.get();
  training.split_streams = parts.options.own_nodes;
  parts.training = std::make_unique<training::TrainingControllers>(parts.client, parts.clock, std::move(training));
  if (parts.options.tuning) parts.tuning = std::make_unique<tuning::TuningControllers>(parts.client, parts.clock, *parts.metrics);

  std::vector<kube::InformerBase*> informers{&parts.bucket_objects};
  const auto add = [&](auto& controllers) {
    for (kube::InformerBase* informer : controllers.informers()) informers.push_back(informer);
    for (controller::Controller* controller : controllers.controllers()) parts.runner.add(*controller);
  };
  add(*parts.training);
  if (parts.tuning) add(*parts.tuning);
  for (kube::InformerBase* informer : informers) parts.informers.start(*informer);
  TRY_OK(parts.informers.wait_synced(deadline));
  parts.runner.start(parts.options.threads);
  parts.started = true;
  return {};
}

void Services::stop() {
  if (!parts_) return;
  parts_->runner.stop();
  parts_->informers.stop();
}

}  // namespace masu::app
