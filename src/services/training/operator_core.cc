#include "training/operator_core.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "value/json.h"

namespace masu::training {
namespace {

using controller::Create;
using controller::Delete;
using controller::Patch;

std::optional<Instant> time_of(const Value& text) {
  if (!text.is_string()) return std::nullopt;
  const auto parsed = parse_rfc3339(text.as_string());
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

constexpr std::array<std::string_view, 5> tf_types = {"Chief", "Evaluator", "Master", "PS", "Worker"};
constexpr std::array<std::string_view, 2> pytorch_types = {"Master", "Worker"};

struct Words {
  std::string_view replicas, container, port_name;
  std::int64_t port;
};
Words words_of(bool tensorflow) {
  return tensorflow ? Words{"tfReplicaSpecs", "tensorflow", "tfjob-port", 2222} : Words{"pytorchReplicaSpecs", "pytorch", "pytorchjob-port", 23456};
}

std::string replica_name(const OperatorJob& job, std::string_view type, std::int64_t index) { return cat(job.meta.name, "-", lower(type), "-", index); }

const ReplicaType* find_type(const OperatorJob& job, std::string_view name) {
  for (const ReplicaType& type : job.types) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

/// Which replica is the one whose metrics count (label job-role: master).
bool is_master(const OperatorJob& job, const ReplicaType& type, std::int64_t index) {
  if (type.name == "Master" || type.name == "Chief") return true;
  return type.name == "Worker" && index == 0 && !find_type(job, "Master") && !find_type(job, "Chief");
}

kube::Labels labels_of(const OperatorJob& job, std::string_view type, std::int64_t index) {
  return {{"training.kubeflow.org/operator-name", cat(lower(job.resource.kind), "-controller")},
          {"training.kubeflow.org/job-name", job.meta.name},
          {"training.kubeflow.org/replica-type", lower(type)},
          {"training.kubeflow.org/replica-index", std::to_string(index)}};
}

Value* named(Array& list, std::string_view name) {
  for (Value& element : list) {
    if (element["name"].as_string() == name) return &element;
  }
  return nullptr;
}

/// The container of the kind's default name, or the first.
Value& main_container(Value& pod, std::string_view name) {
  Array& containers = pod["spec"]["containers"].array();
  Value* found = named(containers, name);
  return found ? *found : containers.front();
}

std::int64_t port_of(const OperatorJob& job, const ReplicaType& type) {
  const Words words = words_of(job.tensorflow());
  for (const Value& container : type.pod_template.at("spec", "containers").as_array()) {
    for (const Value& port : container["ports"].as_array()) {
      if (port["name"].as_string() == words.port_name) return port["containerPort"].as_integer();
    }
  }
  return words.port;
}

/// What the user set himself stays.
void set_variable(Value& container, std::string_view name, std::string_view value) {
  Array& list = container["env"].array();
  if (!named(list, name)) list.push_back(Value::object({{"name", name}, {"value", value}}));
}

std::string tf_config(const OperatorJob& job, const ReplicaType& type, std::int64_t index) {
  Value cluster{Object{}};
  for (const ReplicaType& other : job.types) {
    for (std::int64_t i = 0; i < other.replicas; ++i)
      cluster[lower(other.name)].push_back(Value(cat(replica_name(job, other.name, i), ".", job.meta.name_space, ".svc:", port_of(job, other))));
  }
  return to_json(Value::object({{"cluster", std::move(cluster)}, {"task", Value::object({{"type", lower(type.name)}, {"index", index}})}, {"environment", "cloud"}}));
}

void set_torch_variables(const OperatorJob& job, const ReplicaType& type, std::int64_t index, Value& container) {
  set_variable(container, "PYTHONUNBUFFERED", "1");
  const std::string total = std::to_string(job.replica_count());
  if (const ReplicaType* master = find_type(job, "Master")) {
    const std::string port = std::to_string(port_of(job, *master)), address = replica_name(job, "Master", 0);
    const std::string rank = std::to_string(type.name == "Master" ? 0 : index + 1);
    std::int64_t processes = 1;
    const std::string& given = job.processes_per_node;
    if (!given.empty() && std::all_of(given.begin(), given.end(), [](unsigned char c) { return std::isdigit(c); })) processes = std::strtoll(given.c_str(), nullptr, 10);
    for (const char* name : {"MASTER_PORT", "PET_MASTER_PORT"}) set_variable(container, name, port);
    for (const char* name : {"MASTER_ADDR", "PET_MASTER_ADDR"}) set_variable(container, name, address);
    set_variable(container, "WORLD_SIZE", std::to_string(job.replica_count() * processes));
    for (const char* name : {"RANK", "PET_NODE_RANK"}) set_variable(container, name, rank);
  }
  set_variable(container, "PET_NPROC_PER_NODE", job.processes_per_node.empty() ? "auto" : job.processes_per_node);
  set_variable(container, "PET_NNODES", total);
}

Value service_of(const OperatorJob& job, const ReplicaType& type, std::int64_t index) {
  Value labels{Object{}};
  for (const auto& [key, value] : labels_of(job, type.name, index)) labels[key] = Value(value);
  const Words words = words_of(job.tensorflow());
  const Value port = Value::object({{"name", words.port_name}, {"port", port_of(job, type)}, {"targetPort", port_of(job, type)}});
  return Value::object({{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", Value::object({{"name", replica_name(job, type.name, index)},
                                                    {"namespace", job.meta.name_space},
                                                    {"labels", labels},
                                                    {"ownerReferences", Value::array({kube::owned_by(job.resource, job.meta).encode()})}})},
                        {"spec", Value::object({{"clusterIP", "None"}, {"selector", labels}, {"ports", Value::array({port})}})}});
}

class Round {
 public:
  explicit Round(const OperatorWorld& world) : world_(world), job_(world.job), status_(world.job.status) {}

  OperatorDecision decide() {
    if (job_.meta.deleted || job_.elsewhere) return std::move(decision_);
    if (finished()) {
      clean_up();
      return std::move(decision_);
    }
    if (!status_.started) status_.started = world_.now;
    if (status_.conditions.empty()) set("Created", true, "Created", cat(job_.resource.kind, " ", job_.meta.name, " is created."));
    if (job_.wrong) {
      fail(*job_.wrong);
    } else if (job_.suspended) {
      suspend();
    } else {
      resume();
      restarting_before_ = status_.is_true("Restarting");
      for (const ReplicaType& type : job_.types) reconcile_type(type);
      count();
      judge();
    }
    write_status();
    return std::move(decision_);
  }

 private:
  bool finished() const { return status_.is_true("Succeeded") || status_.is_true("Failed"); }

  const kinds::Pod* pod_of(std::string_view type, std::int64_t index) const {
    const std::string name = replica_name(job_, type, index);
    for (const kinds::Pod& pod : world_.pods) {
      if (pod.meta.name == name) return &pod;
    }
    return nullptr;
  }
  bool has_service(const std::string& name) const {
    return std::any_of(world_.services.begin(), world_.services.end(), [&](const kube::Metadata& meta) { return meta.name == name; });
  }

  void reconcile_type(const ReplicaType& type) {
    for (std::int64_t i = 0; i < type.replicas; ++i) {
      if (!has_service(replica_name(job_, type.name, i))) decision_.actions.push_back(Create{kube::resources::services, service_of(job_, type, i)});
      const kinds::Pod* pod = pod_of(type.name, i);
      if (!pod) {
        decision_.actions.push_back(Create{kube::resources::pods, replica_pod(job_, type, i)});
      } else if (pod->phase == "Failed" && !pod->meta.deleted) {
        restart_failed(type, *pod);
      }
    }
    // Replicas beyond the wanted number.
    for (const kinds::Pod& pod : world_.pods) {
      if (pod.meta.label("training.kubeflow.org/replica-type") != lower(type.name)) continue;
      if (std::strtoll(pod.meta.label("training.kubeflow.org/replica-index").c_str(), nullptr, 10) >= type.replicas) remove(pod);
    }
  }

  /// No code found counts as a large one: whatever took the pod away was not the program.
  std::int64_t exit_code(const kinds::Pod& pod) const {
    const kinds::ContainerStatus* status = pod.status_of(words_of(job_.tensorflow()).container);
    if (status && status->state == kinds::ContainerStatus::State::terminated) return status->exit_code;
    for (const kinds::ContainerStatus& init : pod.init_statuses) {
      if (init.state == kinds::ContainerStatus::State::terminated && init.exit_code != 0) return init.exit_code;
    }
    return 255;
  }

  void restart_failed(const ReplicaType& type, const kinds::Pod& pod) {
    const bool again = type.restart == RestartPolicy::always || type.restart == RestartPolicy::on_failure || (type.restart == RestartPolicy::exit_code && exit_code(pod) >= 128);
    if (!again) {
      if (type.restart == RestartPolicy::exit_code) failed_for_good_ = cat("Pod ", pod.meta.name, " ended with exit code ", exit_code(pod), ", which is the program's own and final.");
      return;
    }
    if (job_.backoff_limit && status_.restarts >= *job_.backoff_limit) {
      failed_for_good_ = cat("Pod ", pod.meta.name, " failed, and replicas were restarted ", status_.restarts, " times already (backoffLimit).");
      return;
    }
    ++status_.restarts;
    remove(pod);
    set("Restarting", true, "Restarting", cat(job_.resource.kind, " ", job_.meta.name, " is restarting because ", type.name, " replica ", pod.meta.name, " failed."));
  }

  void count() {
    status_.replicas.clear();
    for (const ReplicaType& type : job_.types) {
      OperatorStatus::Counts counts;
      for (std::int64_t i = 0; i < type.replicas; ++i) {
        const kinds::Pod* pod = pod_of(type.name, i);
        if (!pod) continue;
        if (pod->phase == "Running") ++(pod->meta.deleted ? counts.failed : counts.active);
        if (pod->phase == "Succeeded") ++counts.succeeded;
        if (pod->phase == "Failed") ++counts.failed;
      }
      status_.replicas.emplace_back(type.name, counts);
    }
  }

  void judge() {
    if (failed_for_good_) return fail(*failed_for_good_);
    if (job_.deadline_s && world_.now - *status_.started >= std::chrono::seconds(*job_.deadline_s)) return fail(cat("It was active longer than activeDeadlineSeconds (", *job_.deadline_s, " s)."));
    if (job_.deadline_s) look_again(std::chrono::seconds(*job_.deadline_s) - (world_.now - *status_.started));
    const bool leader = find_type(job_, "Chief") || find_type(job_, "Master");
    for (const auto& [name, counts] : status_.replicas) {
      const ReplicaType& type = *find_type(job_, name);
      const bool leads = name == "Chief" || name == "Master";
      if (leader ? leads : name == "Worker") {
        if (succeeded(type, counts, leads)) return succeed();
        if (counts.active > 0) set("Running", true, "Running", cat(job_.resource.kind, " ", job_.meta.name, " is running."));
      }
      if (counts.failed > 0 && type.restart == RestartPolicy::never && !restarting_before_)
        return fail(cat(job_.resource.kind, " ", job_.meta.name, " is failed because ", counts.failed, " ", name, " replica(s) failed."));
    }
  }

  bool succeeded(const ReplicaType& type, const OperatorStatus::Counts& counts, bool leads) const {
    if (counts.succeeded == type.replicas) return true;
    if (leads || !job_.tensorflow() || job_.all_workers) return false;
    const kinds::Pod* first = pod_of("Worker", 0);
    return first && first->phase == "Succeeded";
  }

  void succeed() {
    set("Succeeded", true, "Succeeded", cat(job_.resource.kind, " ", job_.meta.name, " is successfully completed."));
    status_.completed = world_.now;
  }
  void fail(std::string message) {
    set("Failed", true, "Failed", std::move(message));
    status_.completed = world_.now;
  }

  void suspend() {
    for (const kinds::Pod& pod : world_.pods) remove(pod);
    for (auto& [name, counts] : status_.replicas) counts.active = 0;
    set("Suspended", true, "Suspended", cat(job_.resource.kind, " ", job_.meta.name, " is suspended."));
  }
  void resume() {
    if (!status_.is_true("Suspended")) return;
    set("Suspended", false, "Resumed", cat(job_.resource.kind, " ", job_.meta.name, " is resumed."));
    status_.started = world_.now;
  }

  void clean_up() {
    for (const kinds::Pod& pod : world_.pods) {
      if (job_.clean == CleanPods::all || (job_.clean == CleanPods::running && !pod.finished())) remove(pod);
    }
    if (!job_.ttl_s || !status_.completed) return;
    const Duration left = *status_.completed + std::chrono::seconds(*job_.ttl_s) - world_.now;
    if (left > Duration::zero()) return look_again(left);
    decision_.actions.push_back(Delete{.resource = job_.resource, .key = job_.meta.key(), .uid = job_.meta.uid});
  }

  void remove(const kinds::Pod& pod) {
    if (pod.meta.deleted) return;
    decision_.actions.push_back(Delete{.resource = kube::resources::pods, .key = pod.meta.key(), .uid = pod.meta.uid});
    if (finished()) decision_.actions.push_back(Delete{.resource = kube::resources::services, .key = pod.meta.key()});
  }

  void set(std::string_view type, bool value, std::string_view reason, std::string message) {
    status_.set(type, value, cat(job_.resource.kind, reason), std::move(message), world_.now);
  }

  void look_again(Duration after) {
    if (!decision_.look_again || after < *decision_.look_again) decision_.look_again = after;
  }

  void write_status() {
    const Value patch = controller::status_patch(job_.stored_status, status_.encode());
    if (patch.is_null()) return;
    decision_.actions.push_back(
        Patch{.resource = job_.resource, .key = job_.meta.key(), .patch = patch, .resource_version = job_.meta.resource_version, .subresource = "status"});
  }

  const OperatorWorld& world_;
  const OperatorJob& job_;
  OperatorStatus status_;
  OperatorDecision decision_;
  std::optional<std::string> failed_for_good_;
  bool restarting_before_ = false;
};

RestartPolicy restart_policy(std::string_view text, bool tensorflow) {
  if (text == "Always") return RestartPolicy::always;
  if (text == "OnFailure") return RestartPolicy::on_failure;
  if (text == "ExitCode") return RestartPolicy::exit_code;
  if (text == "Never") return RestartPolicy::never;
  return tensorflow ? RestartPolicy::never : RestartPolicy::on_failure;
}

std::optional<std::int64_t> optional_integer(const Value& value) { return value.is_number() ? std::optional(value.as_integer()) : std::nullopt; }

/// The canonical spelling of a replica type, or empty.
std::string canonical_type(std::string_view key, bool tensorflow) {
  if (tensorflow) {
    for (const std::string_view type : tf_types) {
      if (equal_fold(type, key)) return std::string(type);
    }
    return {};
  }
  for (const std::string_view type : pytorch_types) {
    if (equal_fold(type, key)) return std::string(type);
  }
  return {};
}

}  // namespace

bool OperatorStatus::is_true(std::string_view type) const {
  return std::any_of(conditions.begin(), conditions.end(), [&](const OperatorCondition& condition) { return condition.type == type && condition.status == "True"; });
}

void OperatorStatus::set(std::string_view type, bool value, std::string reason, std::string message, Instant now) {
  const std::string status = value ? "True" : "False";
  OperatorCondition fresh{.type = std::string(type), .status = status, .reason = std::move(reason), .message = std::move(message), .updated = now, .changed = now};
  for (const OperatorCondition& condition : conditions) {
    if (condition.type != type) continue;
    if (condition.status == status && condition.reason == fresh.reason) return;
    if (condition.status == status) fresh.changed = condition.changed;
  }
  const bool restarts = type == "Restarting", runs = type == "Running", ends = type == "Succeeded" || type == "Failed" || type == "Suspended";
  std::erase_if(conditions, [&](const OperatorCondition& condition) {
    return condition.type == type || (restarts && condition.type == "Running") || (runs && condition.type == "Restarting");
  });
  for (OperatorCondition& condition : conditions) {
    if (!ends || !value || condition.type != "Running" || condition.status != "True") continue;
    condition.status = "False";
    condition.updated = condition.changed = now;
  }
  conditions.push_back(std::move(fresh));
}

OperatorStatus OperatorStatus::decode(const Value& raw) {
  OperatorStatus status;
  for (const Value& entry : raw["conditions"].as_array())
    status.conditions.push_back({std::string(entry["type"].as_string()), std::string(entry["status"].as_string()), std::string(entry["reason"].as_string()),
                                 std::string(entry["message"].as_string()), time_of(entry["lastUpdateTime"]), time_of(entry["lastTransitionTime"])});
  status.started = time_of(raw["startTime"]);
  status.completed = time_of(raw["completionTime"]);
  status.restarts = raw["restarts"].as_integer();
  for (const auto& [name, counts] : raw["replicaStatuses"].as_object())
    status.replicas.emplace_back(name, Counts{counts["active"].as_integer(), counts["succeeded"].as_integer(), counts["failed"].as_integer()});
  return status;
}

Value OperatorStatus::encode() const {
  Value out{Object{}};
  for (const OperatorCondition& condition : conditions) {
    Value entry = Value::object({{"type", condition.type}, {"status", condition.status}, {"reason", condition.reason}, {"message", condition.message}});
    if (condition.updated) entry["lastUpdateTime"] = Value(to_rfc3339(*condition.updated));
    if (condition.changed) entry["lastTransitionTime"] = Value(to_rfc3339(*condition.changed));
    out["conditions"].push_back(std::move(entry));
  }
  if (started) out["startTime"] = Value(to_rfc3339(*started));
  if (completed) out["completionTime"] = Value(to_rfc3339(*completed));
  if (restarts > 0) out["restarts"] = Value(restarts);
  for (const auto& [name, counts] : replicas) {
    Value entry{Object{}};
    if (counts.active > 0) entry["active"] = Value(counts.active);
    if (counts.succeeded > 0) entry["succeeded"] = Value(counts.succeeded);
    if (counts.failed > 0) entry["failed"] = Value(counts.failed);
    out["replicaStatuses"][name] = std::move(entry);
  }
  return out;
}

std::int64_t OperatorJob::replica_count() const {
  std::int64_t count = 0;
  for (const ReplicaType& type : types) count += type.replicas;
  return count;
}

OperatorJob OperatorJob::decode(const kube::Resource& resource, const Value& object) {
  OperatorJob job{.meta = kube::Metadata::decode(object), .resource = resource};
  const bool tf = job.tensorflow();
  const Words words = words_of(tf);
  const Value& spec = object["spec"];
  for (const auto& [key, raw] : spec[words.replicas].as_object()) {
    const std::string name = canonical_type(key, tf);
    if (name.empty()) {
      job.wrong = cat("spec.", words.replicas, ": there is no replica type ", quote(key), " in a ", resource.kind, ".");
      continue;
    }
    ReplicaType type{.name = name, .restart = restart_policy(raw["restartPolicy"].as_string(), tf), .pod_template = raw["template"]};
    if (raw["replicas"].is_number()) type.replicas = raw["replicas"].as_integer();
    if (type.pod_template.at("spec", "containers").as_array().empty()) job.wrong = cat("spec.", words.replicas, ".", name, ".template has no container.");
    job.types.push_back(std::move(type));
  }
  if (job.types.empty() && !job.wrong) job.wrong = cat("spec.", words.replicas, " is empty.");
  if (find_type(job, "Chief") && find_type(job, "Master")) job.wrong = "spec.tfReplicaSpecs has both a Chief and a Master: one of them.";
  std::sort(job.types.begin(), job.types.end(), [](const ReplicaType& a, const ReplicaType& b) { return a.name < b.name; });
  const Value& policy = spec["runPolicy"];
  std::string_view clean = policy["cleanPodPolicy"].as_string();
  if (clean.empty()) clean = spec["cleanPodPolicy"].as_string();
  job.clean = clean == "All" ? CleanPods::all : clean == "Running" ? CleanPods::running : CleanPods::none;
  job.ttl_s = optional_integer(policy["ttlSecondsAfterFinished"]);
  job.deadline_s = optional_integer(policy["activeDeadlineSeconds"]);
  job.backoff_limit = optional_integer(policy["backoffLimit"]);
  job.suspended = policy["suspend"].as_bool();
  const std::string manager(policy["managedBy"].as_string());
  job.elsewhere = !manager.empty() && manager != "kubeflow.org/training-operator";
  job.all_workers = spec["successPolicy"].as_string() == "AllWorkers";
  const Value& processes = spec["nprocPerNode"];
  job.processes_per_node = processes.is_integer() ? std::to_string(processes.as_integer()) : std::string(processes.as_string());
  job.stored_status = object["status"];
  job.status = OperatorStatus::decode(job.stored_status);
  return job;
}

Value replica_pod(const OperatorJob& job, const ReplicaType& type, std::int64_t index) {
  const Words words = words_of(job.tensorflow());
  Value pod = type.pod_template;
  pod["apiVersion"] = Value("v1");
  pod["kind"] = Value("Pod");
  Value& metadata = pod["metadata"];
  metadata["name"] = Value(replica_name(job, type.name, index));
  metadata["namespace"] = Value(job.meta.name_space);
  metadata["ownerReferences"] = Value::array({kube::owned_by(job.resource, job.meta).encode()});
  for (const auto& [key, value] : labels_of(job, type.name, index)) metadata["labels"][key] = Value(value);
  if (is_master(job, type, index)) metadata["labels"]["training.kubeflow.org/job-role"] = Value("master");
  switch (type.restart) {
    case RestartPolicy::always: pod["spec"]["restartPolicy"] = Value("Always"); break;
    case RestartPolicy::on_failure: pod["spec"]["restartPolicy"] = Value("OnFailure"); break;
    default: pod["spec"]["restartPolicy"] = Value("Never"); break;
  }
  Value& container = main_container(pod, words.container);
  Array& ports = container["ports"].array();
  if (!named(ports, words.port_name)) ports.push_back(Value::object({{"name", words.port_name}, {"containerPort", words.port}}));
  if (job.tensorflow()) {
    if (job.replica_count() != 1) set_variable(container, "TF_CONFIG", tf_config(job, type, index));
  } else {
    for (Value& each : pod["spec"]["containers"].array()) set_torch_variables(job, type, index, each);
  }
  return pod;
}

OperatorDecision decide(const OperatorWorld& world) { return Round(world).decide(); }

}  // namespace masu::training
