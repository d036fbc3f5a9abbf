#include "training/training_input.h"

#include <algorithm>
#include <cmath>
#include <cctype>
#include <set>
#include <span>

#include "training/schema.h"
#include "value/json.h"

namespace masu::training {
namespace {

constexpr std::string_view tiers[] = {"BASIC", "STANDARD_1", "PREMIUM_1", "BASIC_GPU", "BASIC_TPU", "CUSTOM"};

std::vector<std::string> words(std::span<const std::string_view> list) { return {list.begin(), list.end()}; }

/// "basic-gpu", "Standard_1", "3": the enum's name, or empty. Numbers count from 0.
std::string enum_name(std::string_view text, std::span<const std::string_view> names) {
  std::string normal = upper(trim(text));
  std::replace(normal.begin(), normal.end(), '-', '_');
  std::replace(normal.begin(), normal.end(), ' ', '_');
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (normal == names[i] || normal == std::to_string(i)) return std::string(names[i]);
  }
  return {};
}

std::string unknown_enum(std::string_view text, std::span<const std::string_view> names) {
  const std::string near = nearest(upper(text), words(names));
  return near.empty() ? cat("unknown value ", quote(text), ": one of ", join(words(names), ", "))
                      : cat("unknown value ", quote(text), ": did you mean ", near, "? One of ", join(words(names), ", "));
}

/// Reads an enum; another spelling of a known name is noted (`custom` is sent by documented clients: taken silently).
std::string read_enum(const Value& message, std::string_view key, const std::string& path, std::span<const std::string_view> names,
                      Findings& findings) {
  const std::string text(message[key].as_string());
  if (text.empty()) return {};
  const std::string where = cat(path, ".", key);
  const std::string found = enum_name(text, names);
  if (found.empty()) {
    findings.wrong(where, unknown_enum(text, names), "FieldValueNotSupported");
  } else if (found != text && text != "custom" && !std::isdigit(static_cast<unsigned char>(text[0]))) {
    findings.repaired(where, unknown_enum(text, names), cat(quote(text), " taken as ", found));
  }
  return found;
}

std::vector<std::string> texts_of(const Value& list) {
  std::vector<std::string> out;
  for (const Value& text : list.as_array()) out.emplace_back(text.as_string());
  return out;
}

// ---------------------------------------------------------------- replicas

struct RoleFields {
  Role role;
  std::string_view type, config, count;
};
constexpr RoleFields role_fields[] = {
    {Role::master, "masterType", "masterConfig", ""},
    {Role::worker, "workerType", "workerConfig", "workerCount"},
    {Role::parameter_server, "parameterServerType", "parameterServerConfig", "parameterServerCount"},
    {Role::evaluator, "evaluatorType", "evaluatorConfig", "evaluatorCount"},
};

constexpr std::string_view accelerators[] = {
    "ACCELERATOR_TYPE_UNSPECIFIED", "NVIDIA_TESLA_K80", "NVIDIA_TESLA_P100", "NVIDIA_TESLA_V100", "NVIDIA_TESLA_P4", "NVIDIA_TESLA_T4",
    "NVIDIA_TESLA_A100",            "TPU_V2",           "TPU_V3",            "TPU_V2_POD",        "TPU_V3_POD",      "TPU_V4_POD"};

ReplicaConfig decode_config(const Value& raw, const std::string& path, Findings& findings) {
  ReplicaConfig config;
  config.image = raw["imageUri"].as_string();
  config.command = texts_of(raw["containerCommand"]);
  config.args = texts_of(raw["containerArgs"]);
  config.tpu_tf_version = raw["tpuTfVersion"].as_string();
  config.boot_disk_gib = raw.at("diskConfig", "bootDiskSizeGb").as_integer();
  const Value& accelerator = raw["acceleratorConfig"];
  if (!accelerator.as_object().empty()) {
    const std::string where = cat(path, ".acceleratorConfig");
    const std::string text(accelerator["type"].as_string());
    // Names beyond the enum (newer GPUs, slices) are the installation's: it says later whether it has them.
    std::string type = enum_name(text, accelerators);
    if (type.empty()) type = text;
    if (type == "ACCELERATOR_TYPE_UNSPECIFIED") type.clear();
    const std::int64_t count = accelerator["count"].as_integer();
    if (count < 0) findings.wrong(cat(where, ".count"), cat("must not be negative, is ", count));
    if (count > 1024) findings.wrong(cat(where, ".count"), cat("at most 1024 accelerators a replica are allowed, is ", count));
    if (!type.empty() && count == 0)
      findings.wrong(cat(where, ".count"), cat("is missing: how many ", type, " does each replica get?"), "FieldValueRequired");
    if (type.empty() && count > 0)
      findings.wrong(cat(where, ".type"), cat("is missing: which accelerator? One of ", join(words(std::span(accelerators).subspan(1)), ", ")),
                     "FieldValueRequired");
    if (!type.empty() && count > 0 && count <= 1024) config.accelerator = Accelerator{type, count};
  }
  return config;
}

constexpr std::string_view legacy_machines[] = {
    "standard",      "large_model",          "complex_model_s",      "complex_model_m", "complex_model_l",      "standard_gpu",         "complex_model_m_gpu",
    "complex_model_l_gpu", "standard_p100",  "complex_model_m_p100", "standard_v100",   "large_model_v100",     "complex_model_m_v100", "complex_model_l_v100",
    "cloud_tpu"};

bool is_legacy(std::string_view machine) {
  return std::find(std::begin(legacy_machines), std::end(legacy_machines), machine) != std::end(legacy_machines);
}

/// What the scale tiers stand for (spec 12.1).
void apply_tier(const std::string& tier, std::map<Role, ReplicaSet>& replicas) {
  ReplicaSet& master = replicas[Role::master];
  master.count = 1;
  const auto set = [&](Role role, std::int64_t count, std::string_view machine) {
    replicas[role].count = count;
    replicas[role].machine = machine;
  };
  if (tier == "BASIC" || tier == "BASIC_TPU") master.machine = "n1-standard-4";
  if (tier == "BASIC_TPU") set(Role::worker, 1, "cloud_tpu");
  if (tier == "BASIC_GPU") master.machine = "standard_gpu";
  if (tier == "STANDARD_1") {
    master.machine = "complex_model_s";
    set(Role::worker, 4, "complex_model_s");
    set(Role::parameter_server, 3, "n1-standard-4");
  }
  if (tier == "PREMIUM_1") {
    master.machine = "n1-highcpu-16";
    set(Role::worker, 19, "n1-highcpu-16");
    set(Role::parameter_server, 11, "n1-highmem-8");
  }
}

/// Rules for CUSTOM: a count needs its type and the reverse; a master that is not described is like the workers.
void settle_custom(const std::string& path, std::map<Role, ReplicaSet>& replicas, const std::set<Role>& counted, Findings& findings) {
  ReplicaSet& master = replicas[Role::master];
  master.count = 1;
  for (const RoleFields& fields : role_fields) {
    if (fields.role == Role::master || !replicas.contains(fields.role)) continue;
    ReplicaSet& set = replicas[fields.role];
    if (set.count > 0 && set.machine.empty())
      findings.wrong(cat(path, ".", fields.type), cat("is missing: ", fields.count, " is ", set.count, ", so it must name their machine type"),
                     "FieldValueRequired");
    if (set.count == 0 && !set.machine.empty() && !counted.contains(fields.role))
      findings.wrong(cat(path, ".", fields.count), cat("is missing: ", fields.type, " is given, so say how many (or leave ", fields.type, " out)"),
                     "FieldValueRequired");
  }
  if (!master.machine.empty()) return;
  const ReplicaSet workers = replicas.contains(Role::worker) ? replicas[Role::worker] : ReplicaSet{};
  if (!workers.machine.empty()) {
    master.machine = workers.machine;
    if (master.config.empty()) {
      master.config = workers.config;
    } else if (master.config.image.empty()) {
      master.config.image = workers.config.image;
    }
    findings.repaired(cat(path, ".masterType"), "scaleTier CUSTOM needs a masterType",
                      cat("not given: the master is like the workers (", workers.machine,
                          workers.config.image.empty() ? std::string() : cat(", ", workers.config.image), ")"));
  } else {
    findings.repaired(cat(path, ".masterType"), "scaleTier CUSTOM needs a masterType", "not given: the installation's default machine");
  }
}

void decode_replicas(const Value& raw, const std::string& path, TrainingInput& input, Findings& findings) {
  std::set<Role> counted;
  std::vector<std::string> machine_fields;  // members that only CUSTOM allows
  for (const RoleFields& fields : role_fields) {
    const bool master = fields.role == Role::master;
    ReplicaSet set;
    set.machine = raw[fields.type].as_string();
    set.config = decode_config(raw[fields.config], cat(path, ".", fields.config), findings);
    if (!master) {
      set.count = raw[fields.count].as_integer();
      if (raw.contains(fields.count)) counted.insert(fields.role);
      if (set.count < 0) findings.wrong(cat(path, ".", fields.count), cat("must not be negative, is ", set.count));
    }
    if (!set.machine.empty()) machine_fields.emplace_back(fields.type);
    if (set.count > 0) machine_fields.emplace_back(fields.count);
    ReplicaConfig beyond_image = set.config;
    beyond_image.image.clear();
    if (!beyond_image.empty()) machine_fields.emplace_back(fields.config);
    if (master || set.count > 0 || !set.machine.empty() || !set.config.empty()) input.replicas[fields.role] = set;
  }

  const bool tier_given = !raw["scaleTier"].as_string().empty();
  std::string tier = read_enum(raw, "scaleTier", path, tiers, findings);
  if (tier.empty() && !tier_given && !machine_fields.empty()) {
    tier = "CUSTOM";
    findings.repaired(cat(path, ".scaleTier"), cat(machine_fields[0], " is only allowed with scaleTier CUSTOM"),
                      cat("not given, but ", machine_fields[0], " is: taken as CUSTOM"));
  }
  input.scale_tier = tier.empty() ? "BASIC" : tier;
  if (input.scale_tier != "CUSTOM") {
    if (!machine_fields.empty() && tier_given)
      findings.wrong(cat(path, ".", machine_fields[0]),
                     cat("contradicts scaleTier ", input.scale_tier, ", which names its machines: set scaleTier: CUSTOM, or leave ", machine_fields[0], " out"));
    apply_tier(input.scale_tier, input.replicas);
  } else {
    settle_custom(path, input.replicas, counted, findings);
  }
  // Workers, parameter servers and evaluators run the master's image unless they have their own.
  const std::string image = input.replicas[Role::master].config.image;
  std::erase_if(input.replicas, [](const auto& entry) { return entry.first != Role::master && entry.second.count <= 0; });
  for (auto& [role, set] : input.replicas) {
    if (set.config.image.empty()) set.config.image = image;
  }

  std::vector<std::string> legacy, modern;
  for (const auto& [role, set] : input.replicas) {
    if (set.machine.empty() || input.scale_tier != "CUSTOM") continue;
    (is_legacy(set.machine) ? legacy : modern).push_back(set.machine);
    if (is_legacy(set.machine) && set.machine != "cloud_tpu" && set.config.accelerator)
      findings.repaired(cat(path, ".", role_fields[static_cast<int>(role)].config, ".acceleratorConfig"),
                        cat("acceleratorConfig is not allowed with the legacy machine type ", set.machine),
                        cat("added to the machine type ", set.machine));
  }
  if (!legacy.empty() && !modern.empty() && legacy[0] != "cloud_tpu")
    findings.repaired(path, cat("legacy and Compute Engine machine types are mixed (", legacy[0], ", ", modern[0], ")"),
                      cat("legacy and Compute Engine machine types are mixed (", legacy[0], ", ", modern[0], "): both are used"));
}

// ---------------------------------------------------------------- hyperparameters

constexpr std::string_view goals[] = {"GOAL_TYPE_UNSPECIFIED", "MAXIMIZE", "MINIMIZE"};
constexpr std::string_view algorithms[] = {"ALGORITHM_UNSPECIFIED", "GRID_SEARCH", "RANDOM_SEARCH", "POPULATION_BASED_TRAINING"};
constexpr std::string_view parameter_types[] = {"PARAMETER_TYPE_UNSPECIFIED", "DOUBLE", "INTEGER", "CATEGORICAL", "DISCRETE"};
constexpr std::string_view scales[] = {"NONE", "UNIT_LINEAR_SCALE", "UNIT_LOG_SCALE", "UNIT_REVERSE_LOG_SCALE"};

Search decode_algorithm(const Value& raw, const std::string& path, Findings& findings) {
  const std::string text(raw["algorithm"].as_string());
  if (text.empty()) return Search::unspecified;
  const std::string where = cat(path, ".algorithm");
  std::string normal = upper(trim(text));
  std::replace(normal.begin(), normal.end(), '-', '_');
  static const std::map<std::string, std::string, std::less<>> others = {{"BAYESIAN_OPTIMIZATION", "ALGORITHM_UNSPECIFIED"},
                                                                         {"BAYESIANOPTIMIZATION", "ALGORITHM_UNSPECIFIED"},
                                                                         {"BAYESIAN", "ALGORITHM_UNSPECIFIED"},
                                                                         {"RANDOM", "RANDOM_SEARCH"},
                                                                         {"GRID", "GRID_SEARCH"}};
  std::string found;
  if (const auto other = others.find(normal); other != others.end()) {
    found = other->second;
    findings.repaired(where, unknown_enum(text, algorithms),
                      cat(quote(text), " taken as ", found, found == "ALGORITHM_UNSPECIFIED" ? " (Bayesian optimization)" : ""));
  } else {
    found = read_enum(raw, "algorithm", path, algorithms, findings);
  }
  if (found == "POPULATION_BASED_TRAINING")
    findings.wrong(where, "POPULATION_BASED_TRAINING is not offered: leave algorithm out (Bayesian optimization), or use RANDOM_SEARCH or GRID_SEARCH",
                   "FieldValueNotSupported");
  return found == "GRID_SEARCH" ? Search::grid : found == "RANDOM_SEARCH" ? Search::random : Search::unspecified;
}

std::optional<ParameterType> decode_type(const Value& raw, const std::string& path, Findings& findings) {
  const std::string text(raw["type"].as_string());
  if (text.empty()) {
    findings.wrong(cat(path, ".type"), "is missing: one of DOUBLE, INTEGER, CATEGORICAL, DISCRETE", "FieldValueRequired");
    return std::nullopt;
  }
  static const std::map<std::string, std::string, std::less<>> others = {{"FLOAT", "DOUBLE"}, {"INT", "INTEGER"}};
  std::string found;
  if (const auto other = others.find(upper(text)); other != others.end()) {
    found = other->second;
    findings.repaired(cat(path, ".type"), unknown_enum(text, std::span(parameter_types).subspan(1)), cat(quote(text), " taken as ", found));
  } else {
    found = read_enum(raw, "type", path, parameter_types, findings);
  }
  if (found == "DOUBLE") return ParameterType::real;
  if (found == "INTEGER") return ParameterType::integer;
  if (found == "CATEGORICAL") return ParameterType::categorical;
  if (found == "DISCRETE") return ParameterType::discrete;
  if (found == "PARAMETER_TYPE_UNSPECIFIED")
    findings.wrong(cat(path, ".type"), "must be set: one of DOUBLE, INTEGER, CATEGORICAL, DISCRETE");
  return std::nullopt;
}

void decode_range(const Value& raw, const std::string& path, Parameter& parameter, Findings& findings) {
  for (const std::string_view bound : {"minValue", "maxValue"}) {
    if (!raw.contains(bound))
      findings.wrong(cat(path, ".", bound), cat("is missing: parameter ", quote(parameter.name), " needs both bounds"), "FieldValueRequired");
  }
  parameter.min = raw["minValue"].as_number();
  parameter.max = raw["maxValue"].as_number();
  if (parameter.min > parameter.max)
    findings.wrong(cat(path, ".minValue"), cat(parameter.min, " is above maxValue ", parameter.max, ": exchange them"));
  if (parameter.type == ParameterType::integer && (parameter.min != std::floor(parameter.min) || parameter.max != std::floor(parameter.max)))
    findings.wrong(cat(path, ".minValue"), cat("bounds of an INTEGER parameter must be whole numbers, are ", parameter.min, " and ", parameter.max));
  if ((parameter.scale == Scale::log || parameter.scale == Scale::reverse_log) && parameter.min <= 0 && raw.contains("minValue"))
    findings.wrong(cat(path, ".minValue"), cat("a logarithmic scale needs bounds above 0, minValue is ", parameter.min,
                                                ": raise it, or use UNIT_LINEAR_SCALE"));
}

void decode_discrete(const Value& raw, const std::string& path, Parameter& parameter, Findings& findings) {
  for (const Value& value : raw["discreteValues"].as_array()) parameter.values.push_back(value.as_number());
  const std::string where = cat(path, ".discreteValues");
  if (parameter.values.empty())
    findings.wrong(where, cat("is empty: a DISCRETE parameter needs its values (or type DOUBLE with minValue and maxValue)"), "FieldValueRequired");
  if (parameter.values.size() > 1000) findings.wrong(where, cat("has ", parameter.values.size(), " values, at most 1000 are allowed"));
  std::vector<double> sorted = parameter.values;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  if (sorted != parameter.values) {
    findings.repaired(where, "values must be strictly increasing", "sorted, each value once");
    parameter.values = std::move(sorted);
  }
}

Parameter decode_parameter(const Value& raw, const std::string& path, Findings& findings) {
  Parameter parameter;
  parameter.name = raw["parameterName"].as_string();
  if (parameter.name.empty()) findings.wrong(cat(path, ".parameterName"), "is missing", "FieldValueRequired");
  if (parameter.name.find_first_of("{}$\"\\ \t\n=") != std::string::npos)
    findings.wrong(cat(path, ".parameterName"), cat(quote(parameter.name), " cannot be the name of a flag (no blanks, quotes, braces, = or $)"));
  const std::string scale = read_enum(raw, "scaleType", path, scales, findings);
  parameter.scale = scale == "UNIT_LINEAR_SCALE" ? Scale::linear
                    : scale == "UNIT_LOG_SCALE"  ? Scale::log
                    : scale == "UNIT_REVERSE_LOG_SCALE" ? Scale::reverse_log
                                                        : Scale::none;
  const auto type = decode_type(raw, path, findings);
  if (!type) return parameter;
  parameter.type = *type;
  switch (parameter.type) {
    case ParameterType::real:
    case ParameterType::integer: decode_range(raw, path, parameter, findings); break;
    case ParameterType::discrete: decode_discrete(raw, path, parameter, findings); break;
    case ParameterType::categorical:
      parameter.categories = texts_of(raw["categoricalValues"]);
      if (parameter.categories.empty())
        findings.wrong(cat(path, ".categoricalValues"), "is empty: a CATEGORICAL parameter needs its values", "FieldValueRequired");
      if (parameter.scale != Scale::none) {
        findings.repaired(cat(path, ".scaleType"), "a CATEGORICAL parameter has no scale", cat(scale, " on a CATEGORICAL parameter means nothing: left out"));
        parameter.scale = Scale::none;
      }
      break;
  }
  return parameter;
}

void decode_counts(const Value& raw, const std::string& path, Hyperparameters& spec, Findings& findings) {
  const auto count = [&](std::string_view key, std::int64_t otherwise) {
    const std::int64_t given = raw[key].as_integer();
    if (given < 0) findings.wrong(cat(path, ".", key), cat("must not be negative, is ", given));
    return given == 0 ? otherwise : given;
  };
  spec.max_trials = count("maxTrials", 1);
  spec.max_parallel_trials = count("maxParallelTrials", 1);
  spec.max_failed_trials = count("maxFailedTrials", 0);
  if (spec.max_trials > 1000)
    findings.wrong(cat(path, ".maxTrials"), cat("at most 1000 trials are allowed, is ", spec.max_trials));
  if (spec.max_parallel_trials > spec.max_trials) {
    findings.repaired(cat(path, ".maxParallelTrials"), cat("must be at most maxTrials (", spec.max_trials, ")"),
                      cat(spec.max_parallel_trials, " is more than maxTrials: taken as ", spec.max_trials));
    spec.max_parallel_trials = spec.max_trials;
  }
}

Hyperparameters decode_hyperparameters(const Value& raw, const std::string& path, Findings& findings) {
  Hyperparameters spec;
  spec.maximize = read_enum(raw, "goal", path, goals, findings) != "MINIMIZE";
  if (const std::string tag(raw["hyperparameterMetricTag"].as_string()); !tag.empty()) spec.metric = tag;
  spec.resume_job = raw["resumePreviousJobId"].as_string();
  spec.early_stopping = raw["enableTrialEarlyStopping"].as_bool();
  spec.search = decode_algorithm(raw, path, findings);
  decode_counts(raw, path, spec, findings);

  std::set<std::string> names;
  const Array& params = raw["params"].as_array();
  for (std::size_t i = 0; i < params.size(); ++i) {
    const std::string where = cat(path, ".params[", i, "]");
    Parameter parameter = decode_parameter(params[i], where, findings);
    if (!parameter.name.empty() && !names.insert(parameter.name).second)
      findings.wrong(cat(where, ".parameterName"), cat(quote(parameter.name), " is the name of another parameter too: names are unique"));
    if (spec.search == Search::grid && parameter.type == ParameterType::real && params[i]["type"].as_string() != "")
      findings.wrong(cat(where, ".type"), "GRID_SEARCH has no cells for a DOUBLE parameter: use DISCRETE with discreteValues, or another algorithm");
    spec.parameters.push_back(std::move(parameter));
  }
  if (spec.parameters.empty() && spec.resume_job.empty())
    findings.wrong(cat(path, ".params"), "at least one parameter is needed", "FieldValueRequired");
  return spec;
}

// ---------------------------------------------------------------- the rest

bool is_version(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() >= 2 && parts.size() <= 3 && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
    return !part.empty() && part.size() <= 4 && std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c); });
  });
}

void decode_program(const Value& raw, const std::string& path, Completeness completeness, TrainingInput& input, Findings& findings) {
  input.package_uris = texts_of(raw["packageUris"]);
  input.module = raw["pythonModule"].as_string();
  input.args = texts_of(raw["args"]);
  input.runtime_version = raw["runtimeVersion"].as_string();
  input.python_version = raw["pythonVersion"].as_string();
  for (const auto& [key, text] : {std::pair{"runtimeVersion", &input.runtime_version}, std::pair{"pythonVersion", &input.python_version}}) {
    if (!text->empty() && !is_version(*text))
      findings.wrong(cat(path, ".", key), cat(quote(*text), " is no version: MAJOR.MINOR, as in ", quote(std::string_view(key) == "pythonVersion" ? "3.7" : "2.11")));
  }
  if (input.package_uris.size() > 100)
    findings.wrong(cat(path, ".packageUris"), cat("at most 100 packages are allowed, there are ", input.package_uris.size()));
  for (std::size_t i = 0; i < input.package_uris.size(); ++i) {
    if (const std::string problem = object_url_problem(input.package_uris[i]); !problem.empty())
      findings.wrong(cat(path, ".packageUris[", i, "]"), cat(quote(input.package_uris[i]), ": ", problem));
  }

  for (const auto& [role, set] : input.replicas) {
    const std::string config(role_fields[static_cast<int>(role)].config);
    if ((!set.config.command.empty() || !set.config.args.empty()) && !input.args.empty())
      findings.wrong(cat(path, ".args"), cat("cannot stand beside ", config, ".containerCommand or containerArgs: put the words there, or leave those out"));
    if ((!set.config.command.empty() || !set.config.args.empty()) && set.config.image.empty())
      findings.wrong(cat(path, ".", config, ".imageUri"), "is missing: containerCommand and containerArgs need an image", "FieldValueRequired");
  }
  if (input.uses_image()) {
    std::vector<std::string> ignored;
    for (const std::string_view key : {"pythonModule", "runtimeVersion", "pythonVersion", "packageUris"}) {
      if (raw[key].as_string() != "" || !raw[key].as_array().empty()) ignored.emplace_back(key);
    }
    if (!ignored.empty())
      findings.repaired(cat(path, ".", ignored[0]), cat("masterConfig.imageUri excludes ", join(ignored, ", ")),
                        cat("the image ", input.master().config.image, " runs with its own entry point; ignored: ", join(ignored, ", ")));
    input.module.clear();
    input.package_uris.clear();
    input.runtime_version.clear();
    input.python_version.clear();
    return;
  }
  if (completeness == Completeness::partial) return;
  if (input.package_uris.empty())
    findings.wrong(cat(path, ".packageUris"), "is empty: a job without an image of its own (masterConfig.imageUri) needs packages", "FieldValueRequired");
  if (input.module.empty())
    findings.wrong(cat(path, ".pythonModule"), "is missing: which module of the packages is to be run, as in trainer.task?", "FieldValueRequired");
  if (findings.dialect() == Dialect::strict) {
    if (input.runtime_version.empty()) findings.wrong(cat(path, ".runtimeVersion"), "is required without masterConfig.imageUri", "FieldValueRequired");
    if (input.python_version.empty()) findings.wrong(cat(path, ".pythonVersion"), "is required without masterConfig.imageUri", "FieldValueRequired");
  }
}

Scheduling decode_scheduling(const Value& raw, const std::string& path, Findings& findings) {
  Scheduling scheduling;
  const auto duration = [&](std::string_view key) -> std::optional<Duration> {
    const std::string text(raw[key].as_string());
    if (text.empty()) return std::nullopt;
    const auto parsed = parse_proto_duration(text);
    if (!parsed) findings.wrong(cat(path, ".", key), cat(quote(text), " is no duration: seconds with an s, as in \"3600s\""));
    return parsed;
  };
  scheduling.max_running = duration("maxRunningTime");
  scheduling.max_wait = duration("maxWaitTime");
  scheduling.priority = raw["priority"].as_integer();
  scheduling.resilient_to_worker_restart = raw["resilientToWorkerRestart"].as_bool();
  if (scheduling.max_running && *scheduling.max_running <= Duration::zero()) findings.wrong(cat(path, ".maxRunningTime"), "must be above 0");
  if (scheduling.max_wait && *scheduling.max_wait < 1800s) findings.wrong(cat(path, ".maxWaitTime"), "must be at least 1800s");
  if (scheduling.priority < 0 || scheduling.priority > 1000)
    findings.wrong(cat(path, ".priority"), cat("must be 0 to 1000, is ", scheduling.priority));
  return scheduling;
}

}  // namespace

std::string_view name(Role role) {
  switch (role) {
    case Role::master: return "master";
    case Role::worker: return "worker";
    case Role::parameter_server: return "ps";
    case Role::evaluator: return "evaluator";
  }
  return "";
}

std::int64_t TrainingInput::replica_count() const {
  std::int64_t count = 0;
  for (const auto& [role, set] : replicas) count += set.count;
  return count;
}

TrainingInput decode_training_input(const Value& raw_tree, Findings& findings, const std::string& path, Completeness completeness) {
  const Value raw = canonicalise(training_input_message(), raw_tree, path, {}, findings).value;
  TrainingInput input;
  input.region = raw["region"].as_string();
  input.job_dir = raw["jobDir"].as_string();
  input.service_account = raw["serviceAccount"].as_string();
  input.chief_in_tf_config = raw["useChiefInTfConfig"].as_bool();
  decode_replicas(raw, path, input, findings);
  decode_program(raw, path, completeness, input, findings);
  input.scheduling = decode_scheduling(raw["scheduling"], cat(path, ".scheduling"), findings);
  if (raw.contains("hyperparameters"))
    input.hyperparameters = decode_hyperparameters(raw["hyperparameters"], cat(path, ".hyperparameters"), findings);
  if (!input.job_dir.empty()) {
    if (const std::string problem = object_url_problem(input.job_dir); !problem.empty())
      findings.wrong(cat(path, ".jobDir"), cat(quote(input.job_dir), ": ", problem));
  }
  if (!raw["nasJobSpec"].is_null())
    findings.wrong(cat(path, ".nasJobSpec"), "architecture search is not offered: use hyperparameters", "FieldValueNotSupported");
  const std::int64_t replicas = input.replica_count();
  if (replicas > 500) findings.wrong(path, cat("asks for ", replicas, " replicas, at most 500 are allowed"));
  return input;
}

void check_job_name(const std::string& job, Findings& findings) {
  const auto letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  if (job.empty()) return findings.wrong("jobId", "is missing: the job needs a name", "FieldValueRequired");
  if (job.size() > 128) findings.wrong("jobId", cat("has ", job.size(), " characters, at most 128 are allowed"));
  bool hyphens = false, others = !letter(static_cast<unsigned char>(job[0]));
  for (const unsigned char c : job) {
    hyphens = hyphens || c == '-';
    others = others || !(std::isalnum(c) || c == '_' || c == '-');
  }
  const std::string rule = cat(quote(job), " is no job name: letters, digits and underscores, first a letter");
  if (others) {
    findings.wrong("jobId", cat(rule, " (hyphens are accepted too)"));
  } else if (hyphens && findings.dialect() == Dialect::strict) {
    findings.wrong("jobId", rule);
  }
}

void check_labels(const std::map<std::string, std::string>& labels, Findings& findings) {
  if (labels.size() > 64) findings.wrong("labels", cat("at most 64 labels are allowed, there are ", labels.size()));
  const auto allowed = [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_' || c == '-' || c >= 0x80; };
  for (const auto& [key, value] : labels) {
    const bool key_good = !key.empty() && key.size() <= 63 && std::all_of(key.begin(), key.end(), allowed) &&
                          (std::islower(static_cast<unsigned char>(key[0])) || static_cast<unsigned char>(key[0]) >= 0x80);
    if (!key_good)
      findings.wrong(cat("labels.", key), cat("bad key ", quote(key), ": first a lower-case letter, then at most 62 lower-case letters, digits, _ and -"));
    if (value.size() > 63 || !std::all_of(value.begin(), value.end(), allowed))
      findings.wrong(cat("labels.", key), cat("bad value ", quote(value), ": at most 63 lower-case letters, digits, _ and -"));
  }
}

std::string bucket_problem(std::string_view bucket) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (bucket.size() < 3 || bucket.size() > 222) return "a bucket name has 3 to 222 characters";
  if (!std::all_of(bucket.begin(), bucket.end(), [&](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; }))
    return "a bucket name has only lower-case letters, digits, - _ and .";
  if (!alnum(bucket.front()) || !alnum(bucket.back())) return "a bucket name begins and ends with a letter or digit";
  const auto parts = split(bucket, '.');
  if (std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.size() > 63; }))
    return "a part of a bucket name between dots has at most 63 characters";
  const bool address = parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
    return !part.empty() && part.size() <= 3 && std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c); });
  });
  if (address) return "a bucket name must not be an IPv4 address";
  return {};
}

std::string object_url_problem(std::string_view text) {
  if (!text.starts_with("gs://")) return "must begin with gs:// and a bucket";
  const std::string_view rest = text.substr(5);
  const std::size_t slash = rest.find('/');
  if (std::string problem = bucket_problem(rest.substr(0, slash)); !problem.empty()) return problem;
  if (slash == std::string_view::npos) return {};
  const std::string_view object = rest.substr(slash + 1);
  if (object.size() > 1024) return "an object name has at most 1024 bytes";
  if (object.find_first_of("\r\n") != std::string_view::npos) return "an object name has no line breaks";
  return {};
}

std::optional<Duration> parse_proto_duration(std::string_view text) {
  if (!text.ends_with('s')) return std::nullopt;
  const std::string digits(text.substr(0, text.size() - 1));
  char* end = nullptr;
  const double number = std::strtod(digits.c_str(), &end);
  if (digits.empty() || *end != '\0' || !std::isfinite(number) || std::abs(number) > 3e9) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(number));
}

}  // namespace masu::training
