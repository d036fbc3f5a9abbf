#include "training/pod_template.h"

#include <algorithm>

#include "base/text.h"
#include "training/schema.h"
#include "value/json.h"

namespace masu::training {
namespace {

constexpr std::string_view setup_program = "/opt/masu/bin/masu";
constexpr std::string_view run_program = "/masu/bin/masu-run";
constexpr std::string_view stdout_copy = "/masu/metrics/stdout.log";
constexpr std::string_view done_file = "/masu/metrics/done";

Value text_map(const std::map<std::string, std::string>& map) {
  Value out{Object{}};
  for (const auto& [key, value] : map) out[key] = Value(value);
  return out;
}

/// Kubernetes replaces $(NAME) in arguments and in the environment; the user's own is kept.
std::string literal(std::string_view text) { return replace_all(text, "$(", "$$("); }

std::string base_name(std::string_view uri) {
  const std::size_t slash = uri.rfind('/');
  return std::string(slash == std::string_view::npos ? uri : uri.substr(slash + 1));
}

bool tuned(const JobSpec& job) { return job.input.hyperparameters.has_value(); }
std::string trial_id() { return cat("${trialParameters.", trial_id_parameter, "}"); }

/// JOBDIR, or JOBDIR/TRIAL in a tuning job (RUN-22).
std::string job_directory(const JobSpec& job) {
  std::string directory = job.input.job_dir;
  if (directory.empty() || !tuned(job)) return directory;
  while (directory.ends_with('/')) directory.pop_back();
  return cat(directory, "/", trial_id());
}

// ---------------------------------------------------------------- environment

/// The label of a pod that holds the name of its job (a trial's job has the trial's name).
std::string_view job_name_label(JobKind kind) { return kind == JobKind::job ? "job-name" : "training.kubeflow.org/job-name"; }

/// The key of a role in TF_CONFIG and the replica type of the operator, in lower case.
std::string_view cluster_key(Role role, std::string_view primary) { return role == Role::master ? primary : name(role); }

std::string host_of(const PodRequest& request, Role role, std::int64_t index, std::string_view primary) {
  if (request.kind == JobKind::job) return "localhost:2222";
  const std::string_view type = request.kind == JobKind::pytorch_job ? (role == Role::master ? "master" : "worker") : cluster_key(role, primary);
  return cat("$(MASU_JOB_NAME)-", type, "-", index, ":2222");
}

/// TF_CONFIG (8.3) or CLUSTER_SPEC (8.4), as text in which MASU_JOB_NAME and MASU_REPLICA_INDEX are replaced at start.
std::string cluster_text(const PodRequest& request, std::string_view primary) {
  const JobSpec& job = request.job;
  Value cluster{Object{}};
  for (const auto& [role, set] : job.input.replicas) {
    if (role == Role::evaluator) continue;
    Value hosts{Array{}};
    for (std::int64_t i = 0; i < set.count; ++i) hosts.push_back(Value(host_of(request, role, i, primary)));
    cluster[cluster_key(role, primary)] = std::move(hosts);
  }
  Value task = Value::object({{"type", std::string(cluster_key(request.role, primary))}, {"index", "MASU_INDEX"}, {"cloud", job.name}});
  if (tuned(job)) task["trial"] = Value(trial_id());
  Value whole = Value::object({{"cluster", std::move(cluster)}, {"task", std::move(task)}, {"environment", "cloud"}});
  std::string text = to_json(whole);
  // The index is a number in the JSON, but known only to the pod.
  text = replace_all(text, "\"MASU_INDEX\"", request.kind == JobKind::job ? "0" : "$(MASU_REPLICA_INDEX)");
  // The member `job` is the user's text: what looks like a variable in it stays as it is.
  const std::string input = literal(to_json(to_snake_case(training_input_message(), job.raw)));
  text.insert(text.size() - 1, cat(",\"job\":", input));
  return text;
}

class Environment {
 public:
  void set(std::string_view name, std::string_view value) {
    list_.push_back(Value::object({{"name", name}, {"value", value}}));
  }
  void field(std::string_view name, std::string_view path) {
    list_.push_back(Value::object({{"name", name}, {"valueFrom", Value::object({{"fieldRef", Value::object({{"fieldPath", path}})}})}}));
  }
  Value take() { return Value(std::move(list_)); }

 private:
  Array list_;
};

/// What tells every container where it belongs; first, because later variables refer to it.
void add_identity(const PodRequest& request, Environment& environment) {
  environment.field("MASU_NAMESPACE", "metadata.namespace");
  environment.field("MASU_JOB_NAME", cat("metadata.labels['", job_name_label(request.kind), "']"));
  if (request.kind != JobKind::job) environment.field("MASU_REPLICA_INDEX", "metadata.labels['training.kubeflow.org/replica-index']");
  if (!request.site.hub.empty()) environment.set("MASU_HUB", request.site.hub);
}

Value program_environment(const PodRequest& request) {
  const JobSpec& job = request.job;
  Environment environment;
  add_identity(request, environment);
  environment.set("CLOUD_ML_JOB_ID", job.job_id);
  environment.set("CLOUD_ML_PROJECT_ID", job.project);
  environment.set("CLOUD_ML_JOB", literal(to_json(to_snake_case(training_input_message(), job.raw))));
  environment.set("TF_CONFIG", cluster_text(request, primary_name(job.input)));
  if (job.input.uses_image()) environment.set("CLUSTER_SPEC", cluster_text(request, "master"));
  if (tuned(job)) {
    environment.set("CLOUD_ML_TRIAL_ID", trial_id());
    environment.set("CLOUD_ML_HP_METRIC_TAG", job.input.hyperparameters->metric);
  }
  if (collector_of(job) != Collector::none) environment.set("CLOUD_ML_HP_METRIC_FILE", metric_file);
  if (std::string directory = job_directory(job); !directory.empty()) {
    while (directory.ends_with('/')) directory.pop_back();
    environment.set("AIP_MODEL_DIR", cat(directory, "/model/"));
    environment.set("AIP_CHECKPOINT_DIR", cat(directory, "/checkpoints/"));
    environment.set("AIP_TENSORBOARD_LOG_DIR", cat(directory, "/logs/"));
  }
  environment.set("PYTHONUNBUFFERED", "1");
  for (const auto& [key, value] : request.site.environment) environment.set(key, literal(value));
  return environment.take();
}

// ---------------------------------------------------------------- the program

struct Words {
  std::vector<std::string> fixed;    // wholly known
  std::vector<std::string> tuning;   // --NAME=${trialParameters.NAME}
  std::vector<std::string> job_dir;  // --job-dir DIR
  std::vector<std::string> all() const {
    std::vector<std::string> out = fixed;
    out.insert(out.end(), tuning.begin(), tuning.end());
    out.insert(out.end(), job_dir.begin(), job_dir.end());
    return out;
  }
};

/// The final argument vector (RUN-20): args, one word for each hyperparameter, --job-dir.
Words program_words(const JobSpec& job, const ReplicaConfig& config) {
  Words words;
  const bool own = !config.command.empty() || !config.args.empty();
  for (const std::string& word : own ? config.args : job.input.args) words.fixed.push_back(literal(word));
  if (tuned(job)) {
    for (const Parameter& parameter : job.input.hyperparameters->parameters)
      words.tuning.push_back(cat("--", parameter.name, "=${trialParameters.", parameter.name, "}"));
  }
  if (const std::string directory = job_directory(job); !directory.empty() && !own) words.job_dir = {"--job-dir", directory};
  return words;
}

bool plain_word(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string_view("_-./:=@%+,{}$").find(static_cast<char>(c)) != std::string_view::npos;
  }) && word.find("$(") == std::string_view::npos && word.find("$$") == std::string_view::npos;
}

/// A stock Katib joins the words of a command with blanks and no quotes. Where that would break one, the command is a shell
/// line of ours in the first place.
bool needs_shell(const JobSpec& job, const std::vector<std::string>& words) {
  if (!tuned(job)) return false;
  const auto odd = [](const std::string& word) { return !plain_word(replace_all(word, "${trialParameters.", "{")); };
  if (std::any_of(words.begin(), words.end(), odd)) return true;
  for (const Parameter& parameter : job.input.hyperparameters->parameters) {
    if (std::any_of(parameter.categories.begin(), parameter.categories.end(), [](const std::string& text) { return !plain_word(text); })) return true;
  }
  return false;
}

void set_command(Value& container, const JobSpec& job, const std::vector<std::string>& words) {
  if (needs_shell(job, words)) {
    std::string line;
    for (const std::string& word : words) line += cat(line.empty() ? "" : " ", shell_word(word));
    container["command"] = Value::array({"sh", "-c", line});
    return;
  }
  container["command"] = Value::strings(words);
}

/// masu-run with what it has to do before the program and beside it.
std::vector<std::string> runner(const PodRequest& request, const std::string& python) {
  std::vector<std::string> words{std::string(run_program)};
  const auto& packages = request.job.input.package_uris;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    words.emplace_back("--package");
    words.push_back(cat("/masu/packages/", i, "/", base_name(packages[i])));
  }
  if (!packages.empty() && !python.empty()) {
    words.emplace_back("--python");
    words.push_back(python);
  }
  const Collector collector = collector_of(request.job);
  if (request.role == Role::master && collector != Collector::none) {
    if (collector == Collector::automatic || collector == Collector::stdout_lines) {
      words.emplace_back("--stdout-copy");
      words.emplace_back(stdout_copy);
    }
    words.emplace_back("--metric-file");
    words.emplace_back(metric_file);
    words.emplace_back("--done");
    words.emplace_back(done_file);
  }
  words.emplace_back("--");
  return words;
}

void add_program(const PodRequest& request, const ReplicaConfig& config, const ImageChoice& image, Findings& findings, Value& container) {
  const JobSpec& job = request.job;
  const Words words = program_words(job, config);
  if (!job.input.uses_image() && config.image.empty()) {
    std::vector<std::string> command = runner(request, image.python);
    command.push_back(image.python.empty() ? "python3" : image.python);
    command.insert(command.end(), {"-m", job.input.module});
    const auto rest = words.all();
    command.insert(command.end(), rest.begin(), rest.end());
    return set_command(container, job, command);
  }
  if (config.command.empty()) {
    // The image's own entry point is known to the image alone, so nothing can be put around it.
    container["args"] = Value::strings(words.all());
    if (request.role == Role::master && collector_of(job) == Collector::stdout_lines)
      findings.note("trainingInput.masterConfig.containerCommand",
                    "not given: metrics cannot be read from the standard output of an image's own entry point, only from its metric file or event files");
    return;
  }
  std::vector<std::string> command = runner(request, {});
  for (const std::string& word : config.command) command.push_back(literal(word));
  const auto rest = words.all();
  command.insert(command.end(), rest.begin(), rest.end());
  set_command(container, job, command);
}

// ---------------------------------------------------------------- machine

struct Needs {
  std::map<std::string, std::string> requests, limits, node_selector;
  Value tolerations{Array{}};
  std::string words;  // "n1-standard-16 with 1 NVIDIA_TESLA_V100"
};

std::string role_field(Role role, std::string_view what) {
  const std::string_view prefix = role == Role::master ? "master" : role == Role::worker ? "worker" : role == Role::evaluator ? "evaluator" : "parameterServer";
  return cat("trainingInput.", prefix, what);
}

void add_type(const MachineType& type, std::int64_t times, Needs& needs) {
  for (const auto& [resource, amount] : type.resources) {
    const auto quantity = Quantity::parse(amount);
    std::string text = amount;
    if (quantity.ok() && times != 1) text = Quantity{quantity->milli * times}.text(amount.ends_with('i'));
    needs.requests[resource] = text;
    if (resource != "cpu" && resource != "memory") needs.limits[resource] = text;
  }
  needs.node_selector.insert(type.node_selector.begin(), type.node_selector.end());
  for (const Value& toleration : type.tolerations.as_array()) needs.tolerations.push_back(toleration);
}

Status add_machine(const PodRequest& request, const std::string& wanted, Needs& needs, Findings& findings) {
  const Site& site = request.site;
  const std::string field = request.job.input.scale_tier == "CUSTOM" ? role_field(request.role, "Type") : "trainingInput.scaleTier";
  const std::string machine = wanted.empty() ? site.default_machine : wanted;
  needs.words = machine;
  const MachineType* type = find_machine(site, machine);
  if (!type) {
    const std::string near = nearest(machine, machine_names(site, false));
    const std::string message = cat("machine type ", quote(machine), " is not known here", near.empty() ? std::string() : cat(" (did you mean ", near, "?)"),
                                    ". Have an administrator make a MachineType of that name, or use another (kubectl get machinetypes)");
    return Error{Code::invalid, message, {{field, "FieldValueNotSupported", message}}};
  }
  if (type->built_in && site.nodes && site.nodes->size() == 1) {
    // One machine: a name of the cloud that nobody mapped means a share of it, not a machine of that size.
    MachineType share = *type;
    share.resources["cpu"] = "100m";
    share.resources.erase("memory");
    add_type(share, 1, needs);
    findings.note(field, cat(machine, " is not mapped here: the program shares this machine with others"));
    return {};
  }
  add_type(*type, 1, needs);
  if (!type->note.empty()) findings.note(field, cat(machine, ": ", type->note));
  return {};
}

Status add_accelerator(const PodRequest& request, const ReplicaConfig& config, Needs& needs, Findings& findings) {
  const std::string field = role_field(request.role, "Config.acceleratorConfig");
  if (!request.job.slice.empty()) {
    // A slice stands in place of whatever GPUs the machine brings.
    std::erase_if(needs.requests, [](const auto& entry) { return entry.first.starts_with("nvidia.com/"); });
    std::erase_if(needs.limits, [](const auto& entry) { return entry.first.starts_with("nvidia.com/"); });
    const std::string resource = cat("nvidia.com/mig-", request.job.slice);
    needs.requests[resource] = needs.limits[resource] = "1";
    needs.words += cat(" with a slice ", request.job.slice);
    return {};
  }
  if (!config.accelerator) return {};
  const MachineType* type = find_machine(request.site, config.accelerator->type);
  if (!type || !type->accelerator) {
    const std::string message = cat("accelerator ", quote(config.accelerator->type), " is not known here. There are: ", join(machine_names(request.site, true), ", "));
    return Error{Code::invalid, message, {{cat(field, ".type"), "FieldValueNotSupported", message}}};
  }
  add_type(*type, config.accelerator->count, needs);
  needs.words += cat(" with ", config.accelerator->count, " ", config.accelerator->type);
  if (!type->note.empty()) findings.note(field, cat(config.accelerator->type, ": ", type->note));
  return {};
}

/// Refuses what no node could ever hold, even when it is empty (spec ACC-2).
Status check_room(const PodRequest& request, const Needs& needs) {
  if (!request.site.nodes || request.site.nodes->empty()) return {};
  std::string lacking;
  for (const NodeRoom& node : *request.site.nodes) {
    std::string reason;
    for (const auto& [key, value] : needs.node_selector) {
      const auto label = node.labels.find(key);
      if (label == node.labels.end() || label->second != value) reason = cat("has not the label ", key, "=", value);
    }
    for (const auto& [resource, amount] : needs.requests) {
      const auto has = node.allocatable.find(resource);
      const auto wants = Quantity::parse(amount);
      if (!wants.ok()) continue;
      if (has == node.allocatable.end()) {
        reason = cat("has no ", resource);
      } else if (has->second < *wants) {
        reason = cat("has ", has->second.text(resource == "memory"), " ", resource, ", not ", amount);
      }
    }
    if (reason.empty()) return {};
    if (lacking.empty()) lacking = cat("node ", node.name, " ", reason);
  }
  const std::size_t nodes = request.site.nodes->size();
  const std::string message =
      cat("nothing here could ever run the ", name(request.role), " (", needs.words, "): ", lacking, nodes > 1 ? cat(", and none of the other ", nodes - 1, " nodes fits") : std::string(),
          ". Map that name with a MachineType object (examples/machines.yaml maps the cloud's machines onto one machine), or ask for another machine");
  const bool accelerated = request.job.input.scale_tier == "CUSTOM";
  return Error{Code::invalid, message, {{accelerated ? role_field(request.role, "Type") : std::string("trainingInput.scaleTier"), "FieldValueNotSupported", message}}};
}

Result<Needs> machine_needs(const PodRequest& request, const ReplicaSet& set, Findings& findings) {
  Needs needs;
  TRY_OK(add_machine(request, set.machine, needs, findings));
  TRY_OK(add_accelerator(request, set.config, needs, findings));
  if (set.config.boot_disk_gib > 0) needs.requests["ephemeral-storage"] = cat(set.config.boot_disk_gib, "G");
  needs.node_selector.insert(request.job.node_selector.begin(), request.job.node_selector.end());
  TRY_OK(check_room(request, needs));
  return needs;
}

// ---------------------------------------------------------------- init containers and volumes

Value mount(std::string_view volume, std::string_view path) { return Value::object({{"name", volume}, {"mountPath", path}}); }

Value small_resources() {
  return Value::object({{"requests", Value::object({{"cpu", "10m"}, {"memory", "32Mi"}})}});
}

Value setup_container(const PodRequest& request) {
  std::vector<std::string> command{std::string(setup_program), "job-setup", "--to", "/masu"};
  for (const std::string& uri : request.job.input.package_uris) command.push_back(literal(uri));
  Environment environment;
  add_identity(request, environment);
  return Value::object({{"name", "masu-setup"},
                        {"image", request.site.runtime_image},
                        {"command", Value::strings(command)},
                        {"env", environment.take()},
                        {"resources", small_resources()},
                        {"volumeMounts", Value::array({mount("masu", "/masu")})}});
}

Value collector_container(const PodRequest& request, Collector collector) {
  const JobSpec& job = request.job;
  std::vector<std::string> command{std::string(setup_program), "collect", "--source", std::string(name(collector))};
  const auto add = [&](std::string_view flag, std::string_view value) {
    command.emplace_back(flag);
    command.emplace_back(value);
  };
  add("--namespace", "$(MASU_NAMESPACE)");
  add("--trial", "$(MASU_JOB_NAME)");
  add("--metric", tuned(job) ? job.input.hyperparameters->metric : std::string("*"));
  add("--file", metric_file);
  add("--stdout", stdout_copy);
  const std::string directory = job_directory(job);
  add("--events", !directory.empty() ? directory : tuned(job) ? std::string("/masu/work/$(MASU_JOB_NAME)") : std::string("/masu/work"));
  add("--done", done_file);
  Environment environment;
  add_identity(request, environment);
  if (!request.site.ledger.empty()) environment.set("MASU_LEDGER", request.site.ledger);
  return Value::object({{"name", "masu-collector"},
                        {"image", request.site.runtime_image},
                        {"restartPolicy", "Always"},
                        {"command", Value::strings(command)},
                        {"env", environment.take()},
                        {"resources", small_resources()},
                        {"volumeMounts", Value::array({mount("masu", "/masu"), mount("work", "/masu/work")})}});
}

void add_volumes(const PodRequest& request, Value& spec, Value& container) {
  const JobSpec& job = request.job;
  spec["volumes"].push_back(Value::object({{"name", "masu"}, {"emptyDir", Value(Object{})}}));
  spec["volumes"].push_back(
      Value::object({{"name", "work"}, {"persistentVolumeClaim", Value::object({{"claimName", claim_name(job)}})}}));
  container["volumeMounts"].push_back(mount("masu", "/masu"));
  Value work = mount("work", "/masu/work");
  if (tuned(job) || job.input.replica_count() > 1) work["subPathExpr"] = Value("$(MASU_JOB_NAME)");
  container["volumeMounts"].push_back(work);
  for (std::size_t i = 0; i < job.volumes.size(); ++i) {
    const std::string volume = cat("volume-", i);
    Value claim = Value::object({{"claimName", job.volumes[i].claim}});
    Value mounted = mount(volume, job.volumes[i].path);
    if (job.volumes[i].read_only) claim["readOnly"] = mounted["readOnly"] = Value(true);
    spec["volumes"].push_back(Value::object({{"name", volume}, {"persistentVolumeClaim", std::move(claim)}}));
    container["volumeMounts"].push_back(std::move(mounted));
  }
}

Value pod_metadata(const PodRequest& request) {
  const JobSpec& job = request.job;
  Value metadata = Value::object({{"labels", Value::object({{"masu.dev/job", job.name}, {"masu.dev/role", std::string(name(request.role))}})},
                                  {"annotations", Value::object({{"masu.dev/job-id", job.job_id}, {"sidecar.istio.io/inject", "false"}})}});
  if (!job.credentials.empty()) metadata["annotations"]["masu.dev/credentials"] = Value(join(job.credentials, ","));
  if (tuned(job)) metadata["annotations"]["masu.dev/trial-id"] = Value(trial_id());
  return metadata;
}

}  // namespace

std::string shell_word(std::string_view word) {
  if (plain_word(word) && word.find_first_of("${}") == std::string_view::npos) return std::string(word);
  return cat("'", replace_all(word, "'", "'\\''"), "'");
}

std::optional<Collector> parse_collector(std::string_view text) {
  for (const Collector collector : {Collector::automatic, Collector::stdout_lines, Collector::file, Collector::tfevent, Collector::none}) {
    if (equal_fold(text, name(collector))) return collector;
  }
  return std::nullopt;
}

std::string_view name(Collector collector) {
  switch (collector) {
    case Collector::automatic: return "auto";
    case Collector::stdout_lines: return "stdout";
    case Collector::file: return "file";
    case Collector::tfevent: return "tfevent";
    case Collector::none: return "none";
  }
  return "";
}

Result<VolumeMount> parse_volume(std::string_view text) {
  const auto parts = split(text, ':');
  const bool good = (parts.size() == 2 || (parts.size() == 3 && (parts[2] == "ro" || parts[2] == "rw"))) && !parts[0].empty() && parts[1].starts_with('/');
  if (!good) return Error{Code::invalid, cat(quote(text), " is no volume: NAME:/path or NAME:/path:ro, where NAME is a PersistentVolumeClaim")};
  if (parts[1] == "/" || parts[1] == "/masu" || parts[1].starts_with("/masu/"))
    return Error{Code::invalid, cat(quote(text), ": nothing can be mounted at ", parts[1], ", choose another path")};
  return VolumeMount{.claim = parts[0], .path = parts[1], .read_only = parts.size() == 3 && parts[2] == "ro"};
}

std::string_view container_name(JobKind kind) {
  return kind == JobKind::tf_job ? "tensorflow" : kind == JobKind::pytorch_job ? "pytorch" : "training";
}

std::string_view primary_name(const TrainingInput& input) {
  if (input.uses_image()) return input.chief_in_tf_config ? "chief" : "master";
  const auto parts = split(input.runtime_version, '.');
  // From 2.1 on the primary is the chief; without a version it is today's.
  return parts[0] == "1" || input.runtime_version == "2.0" || parts[0] == "0" ? "master" : "chief";
}

std::string claim_name(const JobSpec& job) { return cat(job.name, "-work"); }

Collector collector_of(const JobSpec& job) {
  if (job.collector) return *job.collector;
  return tuned(job) ? Collector::automatic : Collector::none;
}

Result<Value> pod_template(const PodRequest& request, Findings& findings) {
  const JobSpec& job = request.job;
  const ReplicaSet& set = job.input.replicas.at(request.role);
  TRY(const Needs needs, machine_needs(request, set, findings));
  ImageChoice image{.image = set.config.image};
  if (image.image.empty()) {
    TRY(image, choose_image(request.site, job.input.runtime_version, findings.dialect() == Dialect::strict));
    if (!image.note.empty() && request.role == Role::master) findings.note("trainingInput.runtimeVersion", image.note);
  }

  Value container = Value::object({{"name", std::string(container_name(request.kind))}, {"image", image.image}});
  if (!image.pull_policy.empty()) container["imagePullPolicy"] = Value(image.pull_policy);
  add_program(request, set.config, image, findings, container);
  container["env"] = program_environment(request);
  container["resources"]["requests"] = text_map(needs.requests);
  if (!needs.limits.empty()) container["resources"]["limits"] = text_map(needs.limits);
  if (request.kind != JobKind::job) {
    const bool tf = request.kind == JobKind::tf_job;
    container["ports"] = Value::array({Value::object({{"name", tf ? "tfjob-port" : "pytorchjob-port"}, {"containerPort", tf ? 2222 : 23456}})});
  }

  Value spec{Object{}};
  add_volumes(request, spec, container);
  spec["initContainers"] = Value::array({setup_container(request)});
  const Collector collector = collector_of(job);
  if (collector != Collector::none && request.role == Role::master)
    spec["initContainers"].push_back(collector_container(request, collector));
  spec["containers"] = Value::array({std::move(container)});
  spec["restartPolicy"] = Value("Never");
  if (!needs.node_selector.empty()) spec["nodeSelector"] = text_map(needs.node_selector);
  if (!needs.tolerations.as_array().empty()) spec["tolerations"] = needs.tolerations;
  if (!request.site.service_account.empty()) spec["serviceAccountName"] = Value(request.site.service_account);
  return Value::object({{"metadata", pod_metadata(request)}, {"spec", std::move(spec)}});
}

}  // namespace masu::training
