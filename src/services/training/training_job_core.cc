#include "training/training_job_core.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/text.h"
#include "kube/names.h"
#include "training/job_file.h"
#include "value/json.h"

namespace masu::training {
namespace {

using controller::Create;
using controller::Delete;
using controller::Event;
using controller::Patch;

std::optional<Instant> time_of(const Value& text) {
  if (!text.is_string()) return std::nullopt;
  const auto parsed = parse_rfc3339(text.as_string());
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

/// Trials of an earlier job as tuning's previous observations.
Value observations_of(const TrainingJob& previous) {
  Value out{Array{}};
  for (const TrialOutput& trial : previous.status.trials) {
    if (trial.state != State::succeeded && trial.state != State::failed) continue;
    Value entry = Value::object({{"assignments", Value(Object{})}});
    for (const auto& [key, value] : trial.hyperparameters) entry["assignments"][key] = Value(value);
    if (trial.objective && trial.state == State::succeeded) entry["value"] = Value(cat(*trial.objective));
    out.push_back(std::move(entry));
  }
  return out;
}

/// resumePreviousJobId: the earlier job gives what this one leaves out, and its finished trials (HPT-23).
void resume(const TrainingJob* previous, JobSpec& spec, Findings& findings) {
  Hyperparameters& tuning = *spec.input.hyperparameters;
  const std::string field = "trainingInput.hyperparameters.resumePreviousJobId";
  if (!previous) return findings.wrong(field, cat("there is no job ", quote(tuning.resume_job), " in this namespace"));
  Findings ignored;
  const TrainingInput earlier = decode_training_input(previous->raw, ignored);
  if (!earlier.hyperparameters) return findings.wrong(field, cat("job ", quote(tuning.resume_job), " is no tuning job"));
  if (!is_final(previous->status.state))
    return findings.wrong(field, cat("job ", quote(tuning.resume_job), " is ", name(previous->status.state), ": wait until it has ended"));
  if (tuning.parameters.empty()) {
    tuning.parameters = earlier.hyperparameters->parameters;
    if (!spec.raw.at("hyperparameters", "goal").is_string()) tuning.maximize = earlier.hyperparameters->maximize;
    if (!spec.raw.at("hyperparameters", "hyperparameterMetricTag").is_string()) tuning.metric = earlier.hyperparameters->metric;
    findings.note("trainingInput.hyperparameters.params", cat("not given: those of job ", tuning.resume_job));
  }
  std::vector<std::pair<std::string, ParameterType>> now, then;
  for (const Parameter& parameter : tuning.parameters) now.emplace_back(parameter.name, parameter.type);
  for (const Parameter& parameter : earlier.hyperparameters->parameters) then.emplace_back(parameter.name, parameter.type);
  std::sort(now.begin(), now.end());
  std::sort(then.begin(), then.end());
  if (now != then) return findings.wrong(field, cat("job ", quote(tuning.resume_job), " has other parameters: names and types must be the same"));
  spec.previous_observations = observations_of(*previous);
}

/// Everything that one round knows; writes the wanted status into `status`.
class Round {
 public:
  explicit Round(const World& world) : world_(world), status_(world.job.status) {}

  Decision decide() {
    const bool over = is_final(status_.state);
    if (world_.job.meta.deleted) return std::move(decision_);
    if (over) remove_late_child();
    if (over && status_.ended) return std::move(decision_);
    if (over) {
      end_when_told();
    } else {
      read_spec();
      if (status_.state == State::unspecified) begin();
      take_trials();
      if (world_.job.cancel_requested && status_.state != State::cancelling) start_cancelling("Requested", "cancelled on the user's request");
      if (status_.state == State::cancelling) {
        cancel();
      } else if (!is_final(status_.state)) {
        go_on();
      }
    }
    write_status();
    // What an event tells of has been done; after a failed write the next round tells it, once.
    std::move(events_.begin(), events_.end(), std::back_inserter(decision_.actions));
    return std::move(decision_);
  }

 private:
  const std::string& job_name() const { return world_.job.meta.name; }

  void read_spec() {
    Findings findings(world_.job.strict ? Dialect::strict : Dialect::lenient);
    auto spec = job_spec(world_.job, world_.project, world_.previous.get(), findings);
    if (spec.ok()) {
      spec_ = std::move(*spec);
      auto converted = convert(*spec_, world_.site, findings);
      if (converted.ok()) {
        conversion_ = std::move(*converted);
      } else {
        error_ = std::move(converted).error();
      }
    } else {
      error_ = std::move(spec).error();
    }
    for (const Note& note : findings.notes()) notes_.push_back(note.line());
  }

  void begin() {
    status_.state = State::queued;
    status_.reason = "Accepted";
    say("Validating job requirements...");
    for (const std::string& note : notes_) say(cat("Taken as: ", note));
    if (!error_) {
      say("Job creation request has been successfully validated.");
      say(cat("Job ", world_.job.job_id, " is queued."));
    }
    if (spec_ && spec_->input.hyperparameters) {
      const Hyperparameters& tuning = *spec_->input.hyperparameters;
      status_.tuning = true;
      status_.metric = tuning.metric;
      status_.max_trials = tuning.max_trials;
    }
    if (!error_) condition("Accepted", "True", notes_.empty() ? "AsWritten" : "Repaired", notes_.empty() ? "The job was taken as it was written" : join(notes_, "\n"));
  }

  /// Makes what is missing, then sees how far it is.
  void go_on() {
    if (!world_.child) {
      if (error_) return fail("Invalid", error_->message);
      create_children();
      return wait_in_queue();
    }
    if (trials_lag()) return look_again(100ms);
    switch (world_.child->phase) {
      case ChildView::Phase::complete: return complete();
      case ChildView::Phase::failed: return fail_with_child();
      case ChildView::Phase::active: break;
    }
    advance();
    check_times();
    check_failed_trials();
  }

  /// The Experiment has ended, but our cache does not have the end of all its trials yet: judging now would miss the metric
  /// of the last one. Trials that somebody has deleted never come, so the wait is short.
  bool trials_lag() const {
    const ChildView& child = *world_.child;
    if (child.phase == ChildView::Phase::active || (child.ended && world_.now > *child.ended + 10s)) return false;
    const auto seen = std::count_if(world_.trials.begin(), world_.trials.end(), [](const TrialView& trial) { return is_final(trial.state); });
    return seen < child.trials_ended;
  }

  void create_children() {
    // A job that ran already and lost its child (somebody deleted it) is not started a second time.
    if (status_.running) return fail("ChildDeleted", "the objects that ran the job were deleted");
    for (Value object : conversion_->objects) {
      object["metadata"]["namespace"] = Value(world_.job.meta.name_space);
      object["metadata"]["ownerReferences"] = Value::array({kube::owned_by(kube::resources::training_jobs, world_.job.meta).encode()});
      const bool claim = object["kind"].as_string() == "PersistentVolumeClaim";
      if (claim && world_.claim_exists) continue;
      const kube::Resource resource = claim ? kube::resources::claims : child_resource();
      decision_.actions.push_back(Create{.resource = resource, .object = std::move(object)});
    }
    event("Normal", "Created", cat("made ", child_resource().kind, " ", job_name()));
  }

  const kube::Resource& child_resource() const {
    Findings ignored;
    const auto kind = job_kind(*spec_, ignored);
    return training::child_resource(kind.ok() ? *kind : JobKind::job, spec_->input.hyperparameters.has_value());
  }

  // ---- how far it is

  static bool main_started(const kinds::Pod& pod) {
    if (pod.finished()) return true;
    for (const std::string& container : pod.containers) {
      const kinds::ContainerStatus* status = pod.status_of(container);
      if (status && status->state != kinds::ContainerStatus::State::waiting) return true;
    }
    return false;
  }

  void advance() {
    const bool placed = std::any_of(world_.pods.begin(), world_.pods.end(), [](const kinds::Pod& pod) { return !pod.node_name.empty(); });
    const bool all_up = !world_.pods.empty() && std::all_of(world_.pods.begin(), world_.pods.end(), main_started);
    const bool any_up = std::any_of(world_.pods.begin(), world_.pods.end(), main_started);
    // One tuning job is many copies of a cluster: it runs as soon as one of them does.
    const bool running = status_.tuning ? any_up || status_.completed_trials() > 0 : all_up;
    if (running && status_.state != State::running) {
      enter_running();
    } else if (placed && status_.state == State::queued) {
      status_.state = State::preparing;
      status_.started = world_.now;
      status_.reason = "Preparing";
      status_.position.reset();
      say(cat("Job ", world_.job.job_id, " is preparing."));
    }
    if (status_.state == State::queued) return wait_in_queue();
    if (status_.state == State::preparing) condition("Running", "False", "Preparing", waiting_sentence());
  }

  void enter_running() {
    status_.state = State::running;
    status_.reason = "Running";
    status_.running = world_.now;
    if (!status_.started) status_.started = world_.now;
    status_.position.reset();
    condition("Running", "True", "Running", "The program runs");
    say(cat("Job ", world_.job.job_id, " is running."));
    event("Normal", "Running", "the program runs");
  }

  void wait_in_queue() {
    if (is_final(status_.state)) return;
    status_.position = world_.queued_before + 1;
    const std::string sentence = waiting_sentence();
    status_.reason = unschedulable_ ? "Unschedulable" : "WaitingForPods";
    if (unschedulable_) say(cat("Waiting for job to be provisioned. ", sentence));
    condition("Running", "False", status_.reason, sentence);
  }

  /// Why it does not run yet, in the scheduler's or the node's words.
  std::string waiting_sentence() {
    unschedulable_ = false;
    for (const kinds::Pod& pod : world_.pods) {
      const kube::Condition* scheduled = kube::find_condition(pod.conditions, "PodScheduled");
      if (scheduled && !scheduled->is_true() && !scheduled->message.empty()) {
        unschedulable_ = true;
        return cat("Pod ", pod.meta.name, ": ", scheduled->message);
      }
    }
    for (const kinds::Pod& pod : world_.pods) {
      for (const auto* statuses : {&pod.init_statuses, &pod.container_statuses}) {
        for (const kinds::ContainerStatus& status : *statuses) {
          if (status.state == kinds::ContainerStatus::State::waiting && !status.message.empty())
            return cat("Pod ", pod.meta.name, ", container ", status.name, ": ", status.reason, ": ", status.message);
        }
      }
    }
    return status_.state == State::queued ? "Its pods are not placed on a node yet" : "Packages, images and volumes are being prepared";
  }

  // ---- the end

  void complete() {
    advance_to_running();
    if (status_.tuning && status_.completed_trials() == 0) return fail("NoMetric", no_metric_sentence());
    finish(State::succeeded, "Succeeded", status_.tuning ? tuning_sentence() : "The program ended with exit code 0");
  }

  /// A short job may be over before it was seen running.
  void advance_to_running() {
    if (!status_.started) status_.started = world_.child->meta.created.value_or(world_.now);
    if (!status_.running) status_.running = status_.started;
    status_.position.reset();
  }

  std::string tuning_sentence() const {
    const bool maximize = !spec_ || !spec_->input.hyperparameters || spec_->input.hyperparameters->maximize;
    const TrialOutput* best = status_.best(maximize);
    return cat(status_.completed_trials(), " of ", status_.max_trials, " trials succeeded",
               best ? cat("; the best is trial ", best->id, " with ", status_.metric, " ", *best->objective) : std::string());
  }

  std::string no_metric_sentence() const {
    std::string sentence = cat("no trial reported the metric ", quote(status_.metric), ": the program has to report it under exactly this name (hyperparameterMetricTag), "
                               "by hypertune, on standard output as ", status_.metric, "=0.9, or in event files in its job directory");
    for (const TrialView& trial : world_.trials) {
      if (trial.message.empty()) continue;
      return cat(sentence, ". Trial ", trial.id(job_name()), ": ", trial.message);
    }
    return sentence;
  }

  void fail_with_child() {
    advance_to_running();
    if (status_.tuning) {
      const auto failed = std::count_if(status_.trials.begin(), status_.trials.end(), [](const TrialOutput& trial) { return trial.state == State::failed; });
      std::string sentence = cat(failed, " of ", status_.trials.size(), " trials failed");
      if (!world_.child->message.empty()) sentence += cat(": ", world_.child->message);
      if (const std::string why = replica_failure(); !why.empty()) sentence += cat(". ", why);
      return fail("TrialsFailed", sentence);
    }
    const std::string why = replica_failure();
    fail("ProgramFailed", why.empty() ? cat(world_.child->reason, ": ", world_.child->message) : why);
  }

  /// "master 0 ended with exit code 1 (Error): ...": the newest failed pod, its exit, its last words (JOB-7).
  std::string replica_failure() const {
    const kinds::Pod* failed = nullptr;
    for (const kinds::Pod& pod : world_.pods) {
      if (pod.phase == "Failed" && (!failed || pod.meta.created > failed->meta.created)) failed = &pod;
    }
    if (!failed) return {};
    const std::string role = failed->meta.label("masu.dev/role");
    const std::string index = failed->meta.label("training.kubeflow.org/replica-index");
    std::string text = cat(role.empty() ? "master" : role, " ", index.empty() ? "0" : index);
    for (const auto* statuses : {&failed->init_statuses, &failed->container_statuses}) {
      for (const kinds::ContainerStatus& status : *statuses) {
        if (status.state != kinds::ContainerStatus::State::terminated || status.exit_code == 0 || status.name == "masu-collector") continue;
        text += statuses == &failed->init_statuses ? cat(" could not be prepared (", status.name, "): exit code ") : std::string(" ended with exit code ");
        text += cat(status.exit_code, status.reason.empty() ? std::string() : cat(" (", status.reason, ")"));
        if (!status.message.empty()) text += cat(": ", trim(status.message));
        return with_last_lines(std::move(text));
      }
    }
    if (!failed->reason.empty() || !failed->message.empty()) text += cat(" failed: ", failed->reason, failed->message.empty() ? "" : ": ", failed->message);
    else text += " failed";
    return with_last_lines(std::move(text));
  }

  std::string with_last_lines(std::string text) const {
    if (!world_.last_lines.empty()) text += cat("\nThe end of its output:\n", join(world_.last_lines, "\n"));
    return cat(text, "\nThe whole log: kubectl ai-platform jobs stream-logs ", world_.job.job_id, " -n ", world_.job.meta.name_space);
  }

  void fail(std::string_view reason, std::string message) {
    status_.error_message = message;
    if (reason == "Invalid") condition("Accepted", "False", "Invalid", message);
    finish(State::failed, reason, std::move(message));
  }

  void finish(State state, std::string_view reason, std::string message) {
    status_.state = state;
    status_.reason = reason;
    status_.position.reset();
    condition("Running", "False", std::string(reason), message);
    condition("Finished", "True", std::string(reason), message);
    say(state == State::succeeded ? cat("Job completed successfully. ", message) : state == State::failed ? cat("Job failed. ", message) : cat("Job cancelled: ", message));
    event(state == State::failed ? "Warning" : "Normal", std::string(reason), message);
    end_when_told();
    order_trials();
  }

  void end_when_told() {
    const kube::Condition* finished = kube::find_condition(status_.conditions, "Finished");
    const bool waited = finished && finished->last_transition && world_.now - *finished->last_transition >= 30s;
    if (world_.logs_complete || waited) {
      status_.ended = world_.now;
    } else {
      look_again(200ms);
    }
  }

  // ---- cancelling

  void start_cancelling(std::string_view reason, std::string message) {
    status_.state = State::cancelling;
    status_.reason = reason;
    status_.error_message = message;
    condition("Running", "False", std::string(reason), message);
    event("Normal", "Cancelling", message);
  }

  /// One that the cache did not have yet when the job was ended: nobody waits for what it would do.
  void remove_late_child() {
    if (!world_.child || world_.child->phase != ChildView::Phase::active || world_.child->meta.deleted) return;
    decision_.actions.push_back(Delete{.resource = world_.child->resource, .key = world_.child->meta.key(), .uid = world_.child->meta.uid});
  }

  void cancel() {
    if (world_.child && !world_.child->meta.deleted)
      decision_.actions.push_back(Delete{.resource = world_.child->resource, .key = world_.child->meta.key(), .uid = world_.child->meta.uid});
    const bool gone = std::all_of(world_.pods.begin(), world_.pods.end(), [](const kinds::Pod& pod) { return pod.finished(); });
    if (world_.child || !gone) return;
    for (TrialOutput& trial : status_.trials) {
      if (is_final(trial.state)) continue;
      trial.state = State::cancelled;
      trial.ended = world_.now;
    }
    const std::string message = status_.error_message;
    finish(State::cancelled, "Cancelled", message);
  }

  void check_times() {
    if (!spec_) return;
    const Scheduling& scheduling = spec_->input.scheduling;
    const Duration most = scheduling.max_running.value_or(std::chrono::hours(24 * 7));
    if (status_.running) {
      if (world_.now - *status_.running >= most) return start_cancelling("MaxRunningTime", cat("it ran longer than maxRunningTime (", to_human(most), ")"));
      return look_again(most - (world_.now - *status_.running));
    }
    if (!scheduling.max_wait || !world_.job.meta.created) return;
    const Duration waited = world_.now - *world_.job.meta.created;
    if (waited >= *scheduling.max_wait) return start_cancelling("MaxWaitTime", cat("it waited longer than maxWaitTime (", to_human(*scheduling.max_wait), ")"));
    look_again(*scheduling.max_wait - waited);
  }

  // ---- trials

  void take_trials() {
    if (world_.trials.empty()) return;
    status_.trials.clear();
    for (const TrialView& trial : world_.trials) {
      TrialOutput out{.id = trial.id(job_name()), .hyperparameters = trial.assignments, .state = trial.state, .started = trial.started, .ended = trial.ended};
      if (!trial.metrics_unavailable) out.objective = trial.objective;
      out.step = trial.step;
      out.stopped_early = trial.stopped_early;
      status_.trials.push_back(std::move(out));
    }
    order_by_id();
  }

  static bool id_before(const TrialOutput& a, const TrialOutput& b) {
    return a.id.size() != b.id.size() ? a.id.size() < b.id.size() : a.id < b.id;
  }
  void order_by_id() { std::stable_sort(status_.trials.begin(), status_.trials.end(), id_before); }

  /// Best first after the end (HPT-5).
  void order_trials() {
    order_by_id();
    const bool maximize = maximizes();
    std::stable_sort(status_.trials.begin(), status_.trials.end(), [maximize](const TrialOutput& a, const TrialOutput& b) {
      const bool good_a = a.objective && a.state != State::failed, good_b = b.objective && b.state != State::failed;
      if (good_a != good_b) return good_a;
      return good_a && (maximize ? *a.objective > *b.objective : *a.objective < *b.objective);
    });
  }

  /// HPT-21 where maxFailedTrials leaves it to the service: the first 3 to end all failed, or more than half of at least 10.
  void check_failed_trials() {
    if (!status_.tuning || !spec_ || spec_->input.hyperparameters->max_failed_trials > 0 || world_.child->max_failed) return;
    std::int64_t ended = 0, failed = 0;
    for (const TrialOutput& trial : status_.trials) {
      ended += is_final(trial.state) ? 1 : 0;
      failed += trial.state == State::failed ? 1 : 0;
    }
    const bool hopeless = (failed == ended && ended >= 3) || (ended >= 10 && failed * 2 > ended);
    if (!hopeless) return;
    decision_.actions.push_back(Patch{.resource = world_.child->resource,
                                      .key = world_.child->meta.key(),
                                      .patch = Value::object({{"spec", Value::object({{"maxFailedTrialCount", failed}})}}),
                                      .resource_version = world_.child->meta.resource_version});
    event("Warning", "TooManyFailedTrials", cat(failed, " of ", ended, " trials failed: the search is given up"));
  }

  // ---- small things

  bool maximizes() const { return !spec_ || !spec_->input.hyperparameters || spec_->input.hyperparameters->maximize; }

  void say(std::string message) { decision_.messages.push_back(std::move(message)); }

  void condition(std::string_view type, std::string_view status, std::string reason, std::string message) {
    kube::set_condition(status_.conditions, {.type = std::string(type), .status = std::string(status), .reason = std::move(reason), .message = std::move(message)}, world_.now);
  }

  void event(std::string_view type, std::string reason, std::string message) {
    if (message.size() > 1000) message.resize(1000);
    events_.push_back(Event{.resource = kube::resources::training_jobs,
                            .key = world_.job.meta.key(),
                            .uid = world_.job.meta.uid,
                            .type = std::string(type),
                            .reason = std::move(reason),
                            .message = std::move(message)});
  }

  void look_again(Duration after) {
    if (!decision_.look_again || after < *decision_.look_again) decision_.look_again = after;
  }

  void write_status() {
    status_.observed_generation = world_.job.meta.generation;
    const Value patch = controller::status_patch(world_.job.stored_status, status_.encode(maximizes()));
    if (patch.is_null()) return;
    decision_.actions.push_back(Patch{.resource = kube::resources::training_jobs,
                                      .key = world_.job.meta.key(),
                                      .patch = patch,
                                      .resource_version = world_.job.meta.resource_version,
                                      .subresource = "status"});
  }

  const World& world_;
  JobStatus status_;
  Decision decision_;
  controller::Actions events_;
  std::optional<JobSpec> spec_;
  std::optional<Conversion> conversion_;
  std::optional<Error> error_;
  std::vector<std::string> notes_;
  bool unschedulable_ = false;
};

}  // namespace

ChildView ChildView::decode(const kube::Resource& resource, const Value& object) {
  ChildView child{.resource = resource, .meta = kube::Metadata::decode(object)};
  for (const kube::Condition& condition : kube::decode_conditions(object.at("status", "conditions"))) {
    if (!condition.is_true()) continue;
    if (condition.type == "Complete" || condition.type == "Succeeded") child.phase = Phase::complete;
    if (condition.type == "Failed") child.phase = Phase::failed;
    if (child.phase != Phase::active && !child.ended) child.ended = condition.last_transition;
    child.reason = condition.reason;
    child.message = condition.message;
  }
  for (const char* count : {"trialsSucceeded", "trialsFailed", "trialsKilled", "trialsEarlyStopped", "trialMetricsUnavailable"})
    child.trials_ended += object.at("status", count).as_integer();
  if (object.at("spec", "maxFailedTrialCount").is_integer()) child.max_failed = object.at("spec", "maxFailedTrialCount").as_integer();
  return child;
}

Result<TrialView> TrialView::decode(const Value& object) {
  TrialView trial{.meta = kube::Metadata::decode(object)};
  for (const Value& assignment : object.at("spec", "parameterAssignments").as_array())
    trial.assignments[std::string(assignment["name"].as_string())] = assignment["value"].as_string();
  const Value& status = object["status"];
  trial.started = time_of(status["startTime"]);
  trial.ended = time_of(status["completionTime"]);
  for (const kube::Condition& condition : kube::decode_conditions(status["conditions"])) {
    if (!condition.is_true()) continue;
    if (condition.type == "Running" && !is_final(trial.state)) trial.state = State::running;
    if (condition.type == "Succeeded") trial.state = State::succeeded;
    if (condition.type == "Failed") trial.state = State::failed;
    if (condition.type == "Killed") trial.state = State::cancelled;
    if (condition.type == "EarlyStopped") {
      trial.state = State::succeeded;
      trial.stopped_early = true;
    }
    if (condition.type == "MetricsUnavailable") {
      trial.state = State::failed;
      trial.metrics_unavailable = true;
    }
    if (is_final(trial.state)) trial.message = condition.message;
  }
  const std::string metric(object.at("spec", "objective", "objectiveMetricName").as_string());
  for (const Value& entry : status.at("observation", "metrics").as_array()) {
    if (entry["name"].as_string() != metric) continue;
    const std::string latest(entry["latest"].as_string());
    char* end = nullptr;
    const double value = std::strtod(latest.c_str(), &end);
    if (!latest.empty() && *end == '\0' && std::isfinite(value)) trial.objective = value;
    trial.step = entry["step"].as_integer();
  }
  return trial;
}

std::string TrialView::id(const std::string& experiment) const {
  const std::string prefix = cat(experiment, "-");
  if (!meta.name.starts_with(prefix)) return meta.name;
  const std::string rest = meta.name.substr(prefix.size());
  return !rest.empty() && std::all_of(rest.begin(), rest.end(), [](unsigned char c) { return std::isdigit(c); }) ? rest : meta.name;
}

const kube::Resource& child_resource(JobKind kind, bool tuned) {
  if (tuned) return kube::resources::experiments;
  return kind == JobKind::tf_job ? kube::resources::tf_jobs : kind == JobKind::pytorch_job ? kube::resources::pytorch_jobs : kube::resources::jobs;
}

Result<JobSpec> job_spec(const TrainingJob& job, const std::string& project, const TrainingJob* previous, Findings& findings) {
  Value v1 = Value::object({{"jobId", job.job_id}, {"trainingInput", job.raw}});
  for (const auto& [key, value] : job.labels) v1["labels"][key] = Value(value);
  TRY(CheckedJob checked, check_job(v1, findings));
  JobSpec spec{.job_id = job.job_id, .name = job.meta.name, .name_space = job.meta.name_space, .project = project, .labels = job.labels};
  spec.raw = std::move(checked.raw);
  spec.input = std::move(checked.input);
  spec.volumes = job.volumes;
  spec.credentials = job.credentials;
  spec.slice = job.slice;
  spec.node_selector = job.node_selector;
  spec.collector = job.collector;
  if (spec.input.hyperparameters && !spec.input.hyperparameters->resume_job.empty()) {
    resume(previous, spec, findings);
    TRY_OK(findings.finish());
  }
  return spec;
}

Decision decide(const World& world) { return Round(world).decide(); }

}  // namespace masu::training
