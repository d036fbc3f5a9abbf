#include "training/training_controllers.h"

#include <algorithm>

#include "kinds/pod.h"
#include "training/log_archiver.h"
#include "training/operator_controllers.h"
#include "training/training_job_core.h"

namespace masu::training {
namespace {

namespace resources = kube::resources;

/// An object of which only the metadata matters.
struct Named {
  kube::Metadata meta;
  static Result<Named> decode(const Value& object) { return Named{kube::Metadata::decode(object)}; }
};

/// A catalogue entry with its metadata, as informers want it.
template <class T>
struct Entry {
  kube::Metadata meta;
  T value;
  static Result<Entry> decode(const Value& object) {
    TRY(T value, T::decode(object));
    return Entry{kube::Metadata::decode(object), std::move(value)};
  }
};

struct NodeEntry {
  kube::Metadata meta;
  NodeRoom room;
  bool schedulable = true;
  static Result<NodeEntry> decode(const Value& object) {
    return NodeEntry{kube::Metadata::decode(object), NodeRoom::decode(object), !object.at("spec", "unschedulable").as_bool()};
  }
};

kube::Informer<ChildView>::Decode child_of(const kube::Resource& resource) {
  return [resource](const Value& object) -> Result<ChildView> { return ChildView::decode(resource, object); };
}

constexpr std::string_view account_name = "ai-platform";
constexpr std::string_view experiment_label = "katib.kubeflow.org/experiment";
constexpr std::string_view job_label = "masu.dev/job";

struct Caches {
  kube::Informer<TrainingJob> jobs;
  kube::Informer<Named> claims;
  kube::Informer<ChildView> batch_jobs, tf_jobs, pytorch_jobs, experiments;
  kube::Informer<TrialView> trials;
  kube::Informer<kinds::Pod> pods;
  kube::Informer<NodeEntry> nodes;
  kube::Informer<Entry<MachineType>> machines;
  kube::Informer<Entry<CatalogImage>> images;
  kube::Informer<Named> accounts;
};

class TrainingJobController final : public controller::Reconciler {
 public:
  /// `logs` may be null.
  TrainingJobController(const Caches& caches, const Clock& clock, const controller::Performer& performer, const TrainingControllers::Options& options, LogArchiver* logs)
      : caches_(caches), clock_(clock), performer_(performer), options_(options), logs_(logs) {}
  std::string_view name() const override { return "trainingjobs"; }

  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override {
    const auto job = caches_.jobs.get(key);
    if (!job) {
      if (logs_ != nullptr && caches_.jobs.synced()) TRY_OK(logs_->forget_job(key, deadline).context("removing the logs of a deleted job"));
      return controller::Outcome{};
    }
    // A new job of an old name begins with an empty log.
    if (logs_ != nullptr && job->status.state == State::unspecified) TRY_OK(logs_->begin_job(key, job->meta.uid, deadline).context("removing the logs of an earlier job of this name"));
    const World world = observe(*job);
    const Decision decision = decide(world);
    // Before the status: an end can be read only when the last line of the log can (JOB-2).
    if (logs_ != nullptr) TRY_OK(logs_->say(key, job->meta.uid, decision.messages, world.now, deadline).context("writing the service's lines of a job's log"));
    TRY_OK(performer_.perform(decision.actions, deadline));
    // Whoever follows the log comes to an end when the end of the job can be read.
    if (logs_ != nullptr && job->status.ended) TRY_OK(logs_->close_job(key, job->meta.uid, deadline).context("closing the log of a job"));
    return controller::Outcome{decision.look_again};
  }

 private:
  World observe(const TrainingJob& job) const {
    const std::string& name_space = job.meta.name_space;
    World world{.job = job, .site = site(name_space), .project = name_space, .now = clock_.now()};
    world.claim_exists = caches_.claims.get({name_space, cat(job.meta.name, "-work")}) != nullptr;
    for (const auto* children : {&caches_.batch_jobs, &caches_.tf_jobs, &caches_.pytorch_jobs, &caches_.experiments}) {
      const auto child = children->get(job.meta.key());
      const kube::OwnerReference* owner = child ? child->meta.controller() : nullptr;
      if (owner && owner->uid == job.meta.uid) world.child = *child;
    }
    if (world.child && world.child->resource.kind == "Experiment") {
      for (const auto& trial : caches_.trials.controlled_by(world.child->meta.uid)) world.trials.push_back(with_step(job, *trial));
    }
    for (const auto& pod : caches_.pods.list(name_space)) {
      if (pod->meta.label(job_label) == job.meta.name) world.pods.push_back(*pod);
    }
    for (const auto& other : caches_.jobs.list()) {
      if (other->status.state == State::queued && other->meta.created < job.meta.created && other->meta.uid != job.meta.uid) ++world.queued_before;
    }
    const std::string previous(job.raw.at("hyperparameters", "resumePreviousJobId").as_string());
    if (!previous.empty()) world.previous = find_job(name_space, previous);
    if (logs_ != nullptr) observe_logs(world);
    return world;
  }

  /// Katib's observation has no step; the ledger's reports do (HPT-15: the highest one counts).
  TrialView with_step(const TrainingJob& job, TrialView trial) const {
    if (options_.ledger == nullptr || !trial.objective || job.status.metric.empty()) return trial;
    for (const TrialOutput& known : job.status.trials) {
      if (known.id == trial.id(job.meta.name) && is_final(known.state) && known.step != 0) {
        trial.step = known.step;
        return trial;
      }
    }
    const auto reports = options_.ledger->metrics(trial.meta.key(), job.status.metric);
    if (!reports.ok()) return trial;
    for (const ledger::Metric& report : *reports) trial.step = std::max(trial.step, report.step.value_or(0));
    return trial;
  }

  /// An earlier job by the name its user gave it.
  std::shared_ptr<const TrainingJob> find_job(const std::string& name_space, const std::string& job_id) const {
    for (auto& job : caches_.jobs.list(name_space)) {
      if (job->job_id == job_id) return job;
    }
    return nullptr;
  }

  void observe_logs(World& world) const {
    world.logs_complete = std::all_of(world.pods.begin(), world.pods.end(), [&](const kinds::Pod& pod) { return logs_->complete(pod); });
    for (const kinds::Pod& pod : world.pods) {
      if (pod.phase == "Failed") world.last_lines = logs_->last_lines(pod);
    }
  }

  Site site(const std::string& name_space) const {
    Site site = options_.site;
    for (const auto& machine : caches_.machines.list()) site.machines.push_back(machine->value);
    for (const auto& image : caches_.images.list()) site.images.push_back(image->value);
    site.nodes.emplace();
    for (const auto& node : caches_.nodes.list()) {
      if (node->schedulable) site.nodes->push_back(node->room);
    }
    // `init` makes the account; a namespace without it runs its jobs as its default one.
    if (!caches_.accounts.get({name_space, std::string(account_name)})) site.service_account.clear();
    return site;
  }

  const Caches& caches_;
  const Clock& clock_;
  const controller::Performer& performer_;
  const TrainingControllers::Options& options_;
  LogArchiver* const logs_;
};

}  // namespace

struct TrainingControllers::Parts {
  Parts(const kube::Client& client, const Clock& clock, Options given)
      : options(std::move(given)),
        caches{{client, resources::training_jobs, &TrainingJob::decode, options.name_space},
               {client, resources::claims, &Named::decode, options.name_space, {.label_selector = std::string(job_label)}},
               {client, resources::jobs, child_of(resources::jobs), options.name_space, {.label_selector = std::string(job_label)}},
               {client, resources::tf_jobs, child_of(resources::tf_jobs), options.name_space, {.label_selector = std::string(job_label)}},
               {client, resources::pytorch_jobs, child_of(resources::pytorch_jobs), options.name_space, {.label_selector = std::string(job_label)}},
               {client, resources::experiments, child_of(resources::experiments), options.name_space, {.label_selector = std::string(job_label)}},
               {client, resources::trials, &TrialView::decode, options.name_space},
               {client, resources::pods, &kinds::Pod::decode, options.name_space, {.label_selector = std::string(job_label)}},
               {client, resources::nodes, &NodeEntry::decode},
               {client, resources::machine_types, &Entry<MachineType>::decode},
               {client, resources::catalog_images, &Entry<CatalogImage>::decode},
               {client, resources::service_accounts, &Named::decode, options.name_space, {.field_selector = cat("metadata.name=", account_name)}}},
        performer(client, clock, "masu-training"),
        archiver(options.archive != nullptr ? std::make_unique<LogArchiver>(client, caches.pods, *options.archive, options.split_streams) : nullptr),
        reconciler(caches, clock, performer, options, archiver.get()),
        controller(reconciler, clock) {
    controller.watch(caches.jobs);
    controller.watch_owned(caches.claims, resources::training_jobs);
    for (auto* children : {&caches.batch_jobs, &caches.tf_jobs, &caches.pytorch_jobs, &caches.experiments})
      controller.watch_owned(*children, resources::training_jobs);
    // Trials and pods belong to children of ours; their labels name the job.
    watch_labelled(caches.trials, experiment_label);
    watch_labelled(caches.pods, job_label);
    if (options.operators) operators = std::make_unique<OperatorControllers>(client, clock, options.name_space);
    if (archiver) {
      archive_controller = std::make_unique<controller::Controller>(*archiver, clock);
      archive_controller->watch(caches.pods);
    }
  }

  template <class T>
  void watch_labelled(kube::Informer<T>& informer, std::string_view label) {
    informer.on_change([this, label](const T* before, const T* after) {
      const T* object = after != nullptr ? after : before;
      if (const std::string job = object->meta.label(label); !job.empty()) controller.queue().add({object->meta.name_space, job});
    });
  }

  const Options options;
  Caches caches;
  controller::Performer performer;
  std::unique_ptr<LogArchiver> archiver;
  std::unique_ptr<controller::Controller> archive_controller;
  std::unique_ptr<OperatorControllers> operators;
  TrainingJobController reconciler;
  controller::Controller controller;
};

TrainingControllers::TrainingControllers(const kube::Client& client, const Clock& clock, Options options)
    : parts_(std::make_unique<Parts>(client, clock, std::move(options))) {}
TrainingControllers::~TrainingControllers() = default;

std::vector<kube::InformerBase*> TrainingControllers::informers() {
  Caches& caches = parts_->caches;
  std::vector<kube::InformerBase*> out = {&caches.jobs,   &caches.claims, &caches.batch_jobs, &caches.tf_jobs,  &caches.pytorch_jobs, &caches.experiments,
                                          &caches.trials, &caches.pods,   &caches.nodes,      &caches.machines, &caches.images,       &caches.accounts};
  if (parts_->operators) {
    for (auto* informer : parts_->operators->informers()) out.push_back(informer);
  }
  return out;
}

std::vector<controller::Controller*> TrainingControllers::controllers() {
  std::vector<controller::Controller*> out = {&parts_->controller};
  if (parts_->archive_controller) out.push_back(parts_->archive_controller.get());
  if (parts_->operators) {
    for (auto* controller : parts_->operators->controllers()) out.push_back(controller);
  }
  return out;
}

controller::Performer& TrainingControllers::performer() { return parts_->performer; }

std::map<std::string, std::string> passed_environment(const std::map<std::string, std::string>& ours) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : ours) {
    const bool proxy = equal_fold(name, "http_proxy") || equal_fold(name, "https_proxy") || equal_fold(name, "no_proxy");
    const bool index = name == "PIP_INDEX_URL" || name == "PIP_EXTRA_INDEX_URL" || name == "PIP_TRUSTED_HOST" || name == "PIP_FIND_LINKS" ||
                       name == "PIP_NO_INDEX" || name == "PIP_CERT";
    if (proxy || index) out[name] = value;
  }
  return out;
}

}  // namespace masu::training
