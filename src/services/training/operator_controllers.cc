#include "training/operator_controllers.h"

#include "controller/action.h"
#include "training/operator_core.h"

namespace masu::training {
namespace {

namespace resources = kube::resources;

struct ServiceName {
  kube::Metadata meta;
  static Result<ServiceName> decode(const Value& object) { return ServiceName{kube::Metadata::decode(object)}; }
};

constexpr std::string_view pods_of_operators = "training.kubeflow.org/job-name";

struct Shared {
  kube::Informer<kinds::Pod> pods;
  kube::Informer<ServiceName> services;
};

class OperatorController final : public controller::Reconciler {
 public:
  OperatorController(const kube::Client& client, const Clock& clock, const controller::Performer& performer, const Shared& shared, kube::Resource resource, const std::string& name_space)
      : jobs(client, resource, [resource](const Value& object) -> Result<OperatorJob> { return OperatorJob::decode(resource, object); }, name_space),
        clock_(clock),
        performer_(performer),
        shared_(shared),
        name_(resource.plural) {}
  std::string_view name() const override { return name_; }

  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override {
    const auto job = jobs.get(key);
    if (!job) return controller::Outcome{};
    OperatorWorld world{.job = *job, .pods = {}, .services = {}, .now = clock_.now()};
    for (const auto& pod : shared_.pods.controlled_by(job->meta.uid)) world.pods.push_back(*pod);
    for (const auto& service : shared_.services.controlled_by(job->meta.uid)) world.services.push_back(service->meta);
    const OperatorDecision decision = decide(world);
    TRY_OK(performer_.perform(decision.actions, deadline));
    return controller::Outcome{decision.look_again};
  }

  kube::Informer<OperatorJob> jobs;

 private:
  const Clock& clock_;
  const controller::Performer& performer_;
  const Shared& shared_;
  const std::string name_;
};

}  // namespace

struct OperatorControllers::Parts {
  Parts(const kube::Client& client, const Clock& clock, const std::string& name_space)
      : shared{{client, resources::pods, &kinds::Pod::decode, name_space, {.label_selector = std::string(pods_of_operators)}},
               {client, resources::services, &ServiceName::decode, name_space, {.label_selector = std::string(pods_of_operators)}}},
        performer(client, clock, "masu-training"),
        tf(client, clock, performer, shared, resources::tf_jobs, name_space),
        pytorch(client, clock, performer, shared, resources::pytorch_jobs, name_space),
        tf_controller(tf, clock),
        pytorch_controller(pytorch, clock) {
    for (auto [controller, reconciler] : {std::pair{&tf_controller, &tf}, std::pair{&pytorch_controller, &pytorch}}) {
      controller->watch(reconciler->jobs);
      controller->watch_owned(shared.pods, reconciler->jobs.resource());
      controller->watch_owned(shared.services, reconciler->jobs.resource());
    }
  }

  Shared shared;
  controller::Performer performer;
  OperatorController tf, pytorch;
  controller::Controller tf_controller, pytorch_controller;
};

OperatorControllers::OperatorControllers(const kube::Client& client, const Clock& clock, const std::string& name_space)
    : parts_(std::make_unique<Parts>(client, clock, name_space)) {}
OperatorControllers::~OperatorControllers() = default;

std::vector<kube::InformerBase*> OperatorControllers::informers() {
  return {&parts_->tf.jobs, &parts_->pytorch.jobs, &parts_->shared.pods, &parts_->shared.services};
}

std::vector<controller::Controller*> OperatorControllers::controllers() { return {&parts_->tf_controller, &parts_->pytorch_controller}; }

}  // namespace masu::training
