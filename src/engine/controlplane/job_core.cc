#include "controlplane/job_core.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace masu::controlplane {
namespace {

namespace resources = kube::resources;
using PodPointer = std::shared_ptr<const Pod>;

constexpr const char* kIndex = "batch.kubernetes.io/job-completion-index";
constexpr Duration kBackoffFirst = 10s, kBackoffMost = 360s;

struct Verdict {
  std::string reason, message;  // why the job has failed
};

/// The pods of a job, sorted out.
struct Census {
  std::vector<PodPointer> active, succeeded, failed;  // failed: those that count
  std::int64_t ready = 0, terminating = 0, ignored = 0;
  std::set<std::string> names;
  std::set<std::int64_t> completed, failed_indexes, active_indexes;
  std::map<std::int64_t, std::int64_t> failures_of;  // by index
  std::optional<Verdict> fatal;                      // FailJob
  std::optional<Instant> last_failure;
};

std::int64_t index_of(const Pod& pod) {
  const std::string text = pod.meta.annotation(kIndex);
  std::int64_t index = -1;
  std::from_chars(text.data(), text.data() + text.size(), index);
  return index;
}

bool rule_matches(const FailureRule& rule, const Pod& pod, std::string& what) {
  if (!rule.exit_operator.empty()) {
    for (const auto* list : {&pod.container_statuses, &pod.init_statuses}) {
      for (const kinds::ContainerStatus& status : *list) {
        if (status.state != kinds::ContainerStatus::State::terminated || status.exit_code == 0) continue;
        if (!rule.container.empty() && rule.container != status.name) continue;
        const bool listed = std::find(rule.exit_codes.begin(), rule.exit_codes.end(), status.exit_code) != rule.exit_codes.end();
        if (listed == (rule.exit_operator == "In")) {
          what = cat("Container ", status.name, " for pod ", pod.meta.key().text(), " failed with exit code ", status.exit_code);
          return true;
        }
      }
    }
    return false;
  }
  for (const auto& [type, status] : rule.conditions)
    if (const kube::Condition* condition = kube::find_condition(pod.conditions, type); condition && condition->status == status) {
      what = cat("Pod ", pod.meta.key().text(), " has condition ", type);
      return true;
    }
  return false;
}

Instant failure_time(const Pod& pod, Instant now) {
  std::optional<Instant> latest;
  for (const auto* list : {&pod.container_statuses, &pod.init_statuses})
    for (const kinds::ContainerStatus& status : *list)
      if (status.finished && (!latest || *status.finished > *latest)) latest = status.finished;
  return latest.value_or(pod.meta.created.value_or(now));
}

/// What the failure policy makes of a failed pod: the action's name, Count without a rule.
std::string judge(const Job& job, const Pod& pod, Census& census) {
  for (std::size_t i = 0; i < job.failure_rules.size(); ++i) {
    std::string what;
    if (!rule_matches(job.failure_rules[i], pod, what)) continue;
    const std::string& action = job.failure_rules[i].action;
    if (action == "FailJob" && !census.fatal) census.fatal = Verdict{"PodFailurePolicy", cat(what, " matching FailJob rule at index ", i)};
    return action;
  }
  return "Count";
}

void count_failed(const JobWorld& world, const PodPointer& pod, Census& census) {
  const std::string action = judge(world.job, *pod, census);
  const std::int64_t index = index_of(*pod);
  if (action == "Ignore") {
    ++census.ignored;
    return;
  }
  census.failed.push_back(pod);
  if (world.job.indexed && index >= 0) {
    ++census.failures_of[index];
    if (action == "FailIndex") census.failed_indexes.insert(index);
  }
  const Instant when = failure_time(*pod, world.now);
  if (!census.last_failure || when > *census.last_failure) census.last_failure = when;
}

Census take_census(const JobWorld& world) {
  Census census;
  const Job& job = world.job;
  census.completed = job.completed_indexes;
  census.failed_indexes = job.failed_indexes;
  for (const PodPointer& pod : world.pods) {
    census.names.insert(pod->meta.name);
    const std::int64_t index = index_of(*pod);
    if (pod->phase == "Succeeded") {
      census.succeeded.push_back(pod);
      if (job.indexed && index >= 0 && index < job.completions.value_or(0)) census.completed.insert(index);
    } else if (pod->deleting() && !pod->finished()) {
      ++census.terminating;
    } else if (pod->phase == "Failed") {
      count_failed(world, pod, census);
    } else {
      census.active.push_back(pod);
      census.ready += pod->ready() ? 1 : 0;
      if (job.indexed) census.active_indexes.insert(index);
    }
  }
  if (job.backoff_limit_per_index)
    for (const auto& [index, failures] : census.failures_of)
      if (failures > *job.backoff_limit_per_index) census.failed_indexes.insert(index);
  for (std::int64_t index : census.completed) census.failed_indexes.erase(index);
  return census;
}

/// Pods whose containers are started again in place have no failed pods: their restarts count.
bool restarted_too_often(const Job& job, const Census& census) {
  if (job.restart_policy != "OnFailure") return false;
  std::int64_t restarts = 0;
  for (const PodPointer& pod : census.active)
    for (const auto* list : {&pod->container_statuses, &pod->init_statuses})
      for (const kinds::ContainerStatus& status : *list) restarts += status.restarts;
  return job.backoff_limit == 0 ? restarts > 0 : restarts >= job.backoff_limit;
}

std::optional<Verdict> failure(const JobWorld& world, const Census& census, std::int64_t failed) {
  const Job& job = world.job;
  if (census.fatal) return census.fatal;
  if (job.active_deadline_s && job.started && !job.suspended && world.now >= *job.started + std::chrono::seconds(*job.active_deadline_s))
    return Verdict{"DeadlineExceeded", "Job was active longer than specified deadline"};
  if (failed > job.backoff_limit || restarted_too_often(job, census))
    return Verdict{"BackoffLimitExceeded", "Job has reached the specified backoff limit"};
  const auto lost = static_cast<std::int64_t>(census.failed_indexes.size());
  if (job.max_failed_indexes && lost > *job.max_failed_indexes)
    return Verdict{"MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"};
  if (job.indexed && lost > 0 && lost + static_cast<std::int64_t>(census.completed.size()) >= job.completions.value_or(0))
    return Verdict{"FailedIndexes", "Job has failed indexes"};
  return std::nullopt;
}

struct Writer {
  const JobWorld& world;
  JobDecision& out;

  const Job& job() const { return world.job; }

  void event(std::string type, std::string reason, std::string message) {
    out.actions.push_back(
        controller::Event{resources::jobs, job().meta.key(), job().meta.uid, std::move(type), std::move(reason), std::move(message)});
  }
  void remove(const PodPointer& pod) {
    out.actions.push_back(controller::Delete{resources::pods, pod->meta.key(), pod->meta.uid, "Background", {}});
    event("Normal", "SuccessfulDelete", cat("Deleted pod: ", pod->meta.name));
  }
  void create(const Census& census, std::set<std::string>& taken, std::optional<std::int64_t> index) {
    const std::string stem = index ? cat(job().meta.name, "-", *index) : job().meta.name;
    std::string name;
    for (int attempt = 0; name.empty() || census.names.contains(name) || taken.contains(name); ++attempt)
      name = cat(stem.substr(0, 57), "-", name_suffix(cat(job().meta.uid, "/", index.value_or(-1), "/", attempt)));
    taken.insert(name);
    Value pod = pod_from_template(job().pod_template, resources::jobs, job().meta, name);
    if (index) number_pod(pod, *index);
    out.actions.push_back(controller::Create{resources::pods, std::move(pod)});
    event("Normal", "SuccessfulCreate", cat("Created pod: ", name));
  }
  void number_pod(Value& pod, std::int64_t index) const {
    pod["metadata"]["annotations"][std::string_view(kIndex)] = cat(index);
    pod["metadata"]["labels"][std::string_view(kIndex)] = cat(index);
    Value& spec = pod["spec"];
    if (std::as_const(spec)["hostname"].as_string().empty()) spec["hostname"] = cat(job().meta.name, "-", index).substr(0, 63);
    const Value field = Value::object({{"fieldRef", Value::object({{"fieldPath", cat("metadata.labels['", kIndex, "']")}})}});
    for (std::string_view list : {"initContainers", "containers"}) {
      if (std::as_const(spec)[list].as_array().empty()) continue;
      for (Value& container : spec[list].array()) {
        const Array& present = std::as_const(container)["env"].as_array();
        if (std::none_of(present.begin(), present.end(), [](const Value& one) { return one["name"].as_string() == "JOB_COMPLETION_INDEX"; }))
          container["env"].push_back(Value::object({{"name", "JOB_COMPLETION_INDEX"}, {"valueFrom", field}}));
      }
    }
  }
};

/// Least useful first: pods that are not ready, then the youngest.
void sort_for_removal(std::vector<PodPointer>& pods) {
  std::stable_sort(pods.begin(), pods.end(), [](const PodPointer& a, const PodPointer& b) {
    if (a->ready() != b->ready()) return b->ready();
    return a->meta.created.value_or(Instant{}) > b->meta.created.value_or(Instant{});
  });
}

/// Indexes that are to run now and do not yet, the lowest first.
std::vector<std::int64_t> missing_indexes(const Job& job, const Census& census, std::int64_t room) {
  std::vector<std::int64_t> out;
  for (std::int64_t index = 0; index < job.completions.value_or(0) && static_cast<std::int64_t>(out.size()) < room; ++index)
    if (!census.completed.contains(index) && !census.failed_indexes.contains(index) && !census.active_indexes.contains(index)) out.push_back(index);
  return out;
}

std::int64_t wanted_pods(const Job& job, const Census& census, std::int64_t succeeded) {
  if (!job.completions) return succeeded > 0 ? static_cast<std::int64_t>(census.active.size()) : job.parallelism;
  const std::int64_t open = job.indexed
                                ? *job.completions - static_cast<std::int64_t>(census.completed.size() + census.failed_indexes.size())
                                : *job.completions - succeeded;
  return std::min(job.parallelism, std::max<std::int64_t>(open, 0));
}

/// Brings the number of pods to what is wanted; gives the number of active pods afterwards.
std::int64_t adjust_pods(const JobWorld& world, const Census& census, std::int64_t succeeded, std::int64_t failed, Writer& writer) {
  const Job& job = world.job;
  const auto active = static_cast<std::int64_t>(census.active.size());
  const std::int64_t wanted = wanted_pods(job, census, succeeded);
  if (active > wanted) {
    std::vector<PodPointer> extra = census.active;
    sort_for_removal(extra);
    extra.resize(static_cast<std::size_t>(active - wanted));
    for (const PodPointer& pod : extra) writer.remove(pod);
    return wanted;
  }
  if (active == wanted) return active;
  if (census.last_failure && failed > 0) {
    const Instant due = *census.last_failure + backoff(static_cast<int>(std::min<std::int64_t>(failed, 20)) - 1, kBackoffFirst, kBackoffMost);
    if (due > world.now) {
      writer.out.look_again = due - world.now;
      return active;
    }
  }
  std::set<std::string> taken;
  if (!job.indexed) {
    for (std::int64_t i = active; i < wanted; ++i) writer.create(census, taken, std::nullopt);
    return wanted;
  }
  const std::vector<std::int64_t> indexes = missing_indexes(job, census, wanted - active);
  for (std::int64_t index : indexes) writer.create(census, taken, index);
  return active + static_cast<std::int64_t>(indexes.size());
}

void look_again_within(JobDecision& out, Duration wait) { out.look_again = out.look_again ? std::min(*out.look_again, wait) : wait; }

/// A finished job keeps no pod alive, and goes away after its time to live.
JobDecision after_the_end(const JobWorld& world) {
  JobDecision out;
  const Job& job = world.job;
  Writer writer{world, out};
  for (const PodPointer& pod : take_census(world).active) writer.remove(pod);
  if (!job.ttl_s) return out;
  std::optional<Instant> ended = job.completed;
  for (const char* type : {"Complete", "Failed"})
    if (const kube::Condition* condition = kube::find_condition(job.conditions, type); !ended && condition && condition->is_true())
      ended = condition->last_transition;
  const Instant due = ended.value_or(world.now) + std::chrono::seconds(*job.ttl_s);
  if (due > world.now) out.look_again = due - world.now;
  else out.actions.push_back(controller::Delete{resources::jobs, job.meta.key(), job.meta.uid, "Background", {}});
  return out;
}

}  // namespace

JobDecision decide(const JobWorld& world) {
  const Job& job = world.job;
  if (job.meta.deleted || !(job.managed_by.empty() || job.managed_by == "kubernetes.io/job-controller")) return {};
  if (job.finished()) return after_the_end(world);

  JobDecision out;
  Writer writer{world, out};
  const Census census = take_census(world);
  const std::int64_t succeeded = job.indexed ? static_cast<std::int64_t>(census.completed.size())
                                             : std::max<std::int64_t>(job.succeeded, static_cast<std::int64_t>(census.succeeded.size()));
  const std::int64_t failed = std::max<std::int64_t>(job.failed, static_cast<std::int64_t>(census.failed.size()));
  std::int64_t active = static_cast<std::int64_t>(census.active.size());
  std::vector<kube::Condition> conditions = job.conditions;
  std::optional<Instant> started = job.started, completed;

  const std::optional<Verdict> verdict = failure(world, census, failed);
  const bool enough = job.completions ? succeeded >= *job.completions : succeeded > 0 && active == 0;
  if (enough || verdict) {
    if (!started) started = world.now;
    for (const PodPointer& pod : census.active) writer.remove(pod);
    active = 0;
    if (verdict && !enough) {
      kube::set_condition(conditions, {"Failed", "True", verdict->reason, verdict->message, {}}, world.now);
      writer.event("Warning", verdict->reason, verdict->message);
    } else {
      completed = world.now;
      kube::set_condition(conditions, {"Complete", "True", "", "", {}}, world.now);
      writer.event("Normal", "Completed", "Job completed");
    }
    if (job.ttl_s) look_again_within(out, std::chrono::seconds(*job.ttl_s));
  } else if (job.suspended) {
    for (const PodPointer& pod : census.active) writer.remove(pod);
    active = 0;
    started.reset();
    const kube::Condition* said = kube::find_condition(conditions, "Suspended");
    if (!said || !said->is_true()) writer.event("Normal", "Suspended", "Job suspended");
    kube::set_condition(conditions, {"Suspended", "True", "JobSuspended", "Job suspended", {}}, world.now);
  } else {
    if (const kube::Condition* said = kube::find_condition(conditions, "Suspended"); said && said->is_true()) {
      kube::set_condition(conditions, {"Suspended", "False", "JobResumed", "Job resumed", {}}, world.now);
      writer.event("Normal", "Resumed", "Job resumed");
    }
    if (!started) started = world.now;
    active = adjust_pods(world, census, succeeded, failed, writer);
    if (job.active_deadline_s) look_again_within(out, *started + std::chrono::seconds(*job.active_deadline_s) - world.now);
  }

  Value status = job.status.is_object() ? job.status : Value(Object{});
  const auto put = [&](std::string_view key, Value value, bool keep) {
    if (keep) status[key] = std::move(value);
    else status.erase(key);
  };
  put("active", active, active > 0);
  put("succeeded", succeeded, succeeded > 0);
  put("failed", failed, failed > 0);
  put("ready", census.ready, true);
  put("terminating", census.terminating, true);
  put("completedIndexes", index_text(census.completed), !census.completed.empty());
  put("failedIndexes", index_text(census.failed_indexes), job.backoff_limit_per_index.has_value());
  put("startTime", started ? to_rfc3339(*started) : std::string(), started.has_value());
  put("completionTime", completed ? to_rfc3339(*completed) : std::string(), completed.has_value());
  put("conditions", kube::encode_conditions(conditions), !conditions.empty());
  if (Value patch = controller::status_patch(job.status, status); !patch.is_null())
    out.actions.push_back(controller::Patch{resources::jobs, job.meta.key(), std::move(patch), job.meta.resource_version, "status"});
  events_last(out.actions);
  return out;
}

}  // namespace masu::controlplane
