#include "submit_plan.h"

#include <algorithm>
#include <regex>

#include "base/text.h"
#include "context.h"

namespace masu::plugin {
namespace {

using training::Findings;
using training::SubmitFlags;

const std::vector<std::string_view> tiers = {"basic", "basic-gpu", "basic-tpu", "standard-1", "premium-1", "custom"};
const std::vector<std::string> accelerator_names = {"nvidia-tesla-k80", "nvidia-tesla-p100", "nvidia-tesla-v100", "nvidia-tesla-p4", "nvidia-tesla-t4", "nvidia-tesla-a100",
                                                    "tpu-v2",           "tpu-v3",            "tpu-v2-pod",        "tpu-v3-pod",      "tpu-v4-pod"};

std::vector<Flag> replica_flags(std::string_view role, bool counted) {
  // The names live as long as the grammar: they are literals.
  if (role == "master")
    return {{"--master-machine-type", FlagKind::text, "machine of the master"},
            {"--master-accelerator", FlagKind::dictionary, "count=N,type=T"},
            {"--master-image-uri", FlagKind::text, "an image instead of packages"}};
  static_cast<void>(counted);
  if (role == "worker")
    return {{"--worker-machine-type", FlagKind::text, "machine of each worker"},
            {"--worker-count", FlagKind::integer, "number of workers"},
            {"--worker-accelerator", FlagKind::dictionary, "count=N,type=T"},
            {"--worker-image-uri", FlagKind::text, "their image (default: the master's)"}};
  return {{"--parameter-server-machine-type", FlagKind::text, "machine of each parameter server"},
          {"--parameter-server-count", FlagKind::integer, "number of parameter servers"},
          {"--parameter-server-accelerator", FlagKind::dictionary, "count=N,type=T"},
          {"--parameter-server-image-uri", FlagKind::text, "their image (default: the master's)"}};
}

SubmitError usage(std::string message) { return {static_cast<int>(Exit::usage), std::move(message)}; }

/// count=N,type=T of a flag (CLI-36).
std::variant<training::Accelerator, SubmitError> read_accelerator(std::string_view flag, const std::map<std::string, std::string>& given) {
  for (const auto& [key, value] : given) {
    if (key != "count" && key != "type") return usage(cat("argument ", flag, ": unknown key ", quote(key), ", valid keys are [count, type]"));
  }
  for (const char* key : {"count", "type"}) {
    if (!given.contains(key)) return usage(cat("argument ", flag, ": Key [", key, "] required in dict arg but not provided"));
  }
  const std::string& number = given.at("count");
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (error != std::errc{} || end != number.data() + number.size() || count <= 0)
    return usage(cat("argument ", flag, ": the accelerator count must be greater than zero, is ", quote(number)));
  const std::string type = replace_all(lower(given.at("type")), "_", "-");
  // Names beyond the cloud's are the installation's own; a typing error of a known one is caught.
  const bool known = std::find(accelerator_names.begin(), accelerator_names.end(), type) != accelerator_names.end();
  if (!known && (type.starts_with("nvidia-tesla-") || type.starts_with("tpu-") || !std::regex_match(type, std::regex("[a-z][a-z0-9-]*"))))
    return usage(cat("argument ", flag, ": invalid accelerator type ", quote(given.at("type")), "; valid ones are [", join(accelerator_names, ", "), "]"));
  return training::Accelerator{replace_all(upper(type), "-", "_"), count};
}

std::optional<SubmitError> read_replica(const Arguments& arguments, std::string_view prefix, SubmitFlags::Replica& out) {
  const auto flag = [&](std::string_view end) { return cat("--", prefix, "-", end); };
  out.machine = arguments.text(flag("machine-type"));
  out.image = arguments.text(flag("image-uri"));
  out.count = arguments.integer(flag("count"));
  if (prefix != "master" && out.machine.has_value() != out.count.has_value()) {
    const std::string missing = out.machine ? flag("count") : flag("machine-type");
    return usage(cat("argument ", missing, ": Must be specified. (", flag("machine-type"), " and ", flag("count"), " go together)"));
  }
  if (out.count && *out.count < 1) return usage(cat("argument ", flag("count"), ": Value must be greater than or equal to 1; received: ", *out.count));
  if (const auto given = arguments.dictionary(flag("accelerator"))) {
    auto read = read_accelerator(flag("accelerator"), *given);
    if (auto* error = std::get_if<SubmitError>(&read)) return std::move(*error);
    out.accelerator = std::get<training::Accelerator>(std::move(read));
  }
  return std::nullopt;
}

/// --kms-key as a full name, or in parts (CLI-35).
std::optional<SubmitError> read_kms(const Arguments& arguments, SubmitFlags& flags) {
  const std::string key = arguments.text_or("--kms-key", "");
  const bool parts = arguments.has("--kms-keyring") || arguments.has("--kms-location") || arguments.has("--kms-project");
  if (key.empty() && !parts) return std::nullopt;
  if (key.starts_with("projects/")) {
    flags.kms_key = key;
    return std::nullopt;
  }
  const std::string project = arguments.text_or("--kms-project", arguments.text_or("--project", ""));
  if (key.empty() || project.empty() || !arguments.has("--kms-keyring") || !arguments.has("--kms-location"))
    return SubmitError{1, "The encryption key is not fully specified: give --kms-key, --kms-keyring, --kms-location and --kms-project, or the whole name in --kms-key"};
  flags.kms_key = cat("projects/", project, "/locations/", *arguments.text("--kms-location"), "/keyRings/", *arguments.text("--kms-keyring"), "/cryptoKeys/", key);
  return std::nullopt;
}

std::optional<SubmitError> read_places(const Arguments& arguments, SubmitPlan& plan) {
  if (auto staging = arguments.text("--staging-bucket")) {
    std::string bucket = *staging;
    if (bucket.ends_with('/')) bucket.pop_back();
    if (!bucket.starts_with("gs://")) return usage(cat("argument --staging-bucket: ", quote(*staging), " must begin with gs://"));
    if (bucket.find('/', 5) != std::string::npos) return usage(cat("argument --staging-bucket: ", quote(*staging), " is a path, a bucket is wanted: gs://BUCKET"));
    if (const std::string problem = training::bucket_problem(bucket.substr(5)); !problem.empty()) return usage(cat("argument --staging-bucket: ", quote(*staging), ": ", problem));
    plan.staging_bucket = bucket;
  }
  if (auto job_dir = arguments.text("--job-dir")) {
    if (const std::string problem = training::object_url_problem(*job_dir); !problem.empty()) return usage(cat("argument --job-dir: ", quote(*job_dir), ": ", problem));
    plan.flags.job_dir = job_dir->find('/', 5) == std::string::npos ? cat(*job_dir, "/") : *job_dir;
  }
  return std::nullopt;
}

std::optional<SubmitError> read_extensions(const Arguments& arguments, SubmitPlan& plan) {
  for (const std::string& text : arguments.list("--volume")) {
    auto volume = training::parse_volume(text);
    if (!volume.ok()) return usage(cat("argument --volume: ", volume.error().message));
    plan.volumes.push_back(*std::move(volume));
  }
  plan.credentials = arguments.list("--credentials");
  plan.slice = arguments.text_or("--slice", "");
  if (!plan.slice.empty() && !std::regex_match(plan.slice, std::regex("[1-7]g\\.[0-9]+gb(\\.me|\\+me)?")))
    return usage(cat("argument --slice: ", quote(plan.slice), " is no slice: as in 1g.10gb or 3g.40gb"));
  if (const auto collector = arguments.text("--metrics-collector")) plan.collector = training::parse_collector(*collector);
  plan.dry_run = arguments.text_or("--dry-run", "");
  plan.upload = arguments.is_set("--upload");
  if (plan.upload && plan.dry_run != "client") return usage("argument --upload: only with --dry-run=client; a submission uploads anyway");
  if (!plan.dry_run.empty() && plan.stream_logs) return usage("argument --stream-logs: there is nothing to stream with --dry-run");
  return std::nullopt;
}

/// CLI-26 to CLI-30 on the merged job.
std::optional<SubmitError> check_client_rules(const SubmitPlan& plan, const Arguments& arguments, const Value& input) {
  if (input["region"].as_string().empty())
    return SubmitError{1, "The required property [compute/region] is not currently set. Give --region, set the variable CLOUDSDK_COMPUTE_REGION, or write region into trainingInput of the "
                          "configuration file; any name will do where the installation has one place"};
  const bool image = !input.at("masterConfig", "imageUri").as_string().empty() || !input.at("workerConfig", "imageUri").as_string().empty();
  if (arguments.has("--master-image-uri") && arguments.has("--runtime-version"))
    return SubmitError{1, "Only one of --master-image-uri and --runtime-version may be given: the image brings its own runtime"};
  const bool custom_flag = arguments.text_or("--scale-tier", "") == "custom";
  if (custom_flag && input["masterType"].as_string().empty() && input["workerType"].as_string().empty())
    return SubmitError{1, "--master-machine-type is required if the scale tier is set to `custom`"};
  const bool any_package = plan.has_local() || !plan.remote_packages.empty() || !input["packageUris"].as_array().empty();
  if (!any_package && !image)
    return SubmitError{1, "If --package-path is not specified, at least one --packages must be, unless the job has an image of its own (--master-image-uri): without a custom container "
                          "the program comes from packages"};
  if (plan.has_local() && !image && plan.staging_bucket.empty() && input["jobDir"].as_string().empty())
    return SubmitError{1, "If local packages are given, the flag --staging-bucket or --job-dir must be: they say where to upload"};
  return std::nullopt;
}

}  // namespace

const CommandGrammar& submit_grammar() {
  static const CommandGrammar grammar = [] {
    CommandGrammar out{.usage = "kubectl ai-platform jobs submit training JOB [flags] [-- USER_ARGS ...]", .flags = {}, .positionals_min = 1, .positionals_max = 1, .rest = true};
    out.flags = {{"--package-path", FlagKind::text, "the Python package directory to build"},
                 {"--packages", FlagKind::list, "archives, local or gs://"},
                 {"--module-name", FlagKind::text, "the module to run: trainer.task"},
                 {"--region", FlagKind::text, "where to run"},
                 {"--config", FlagKind::text, "YAML or JSON file with the job"},
                 {"--staging-bucket", FlagKind::text, "gs://BUCKET for uploads"},
                 {"--job-dir", FlagKind::text, "gs://BUCKET/PATH for what the program writes"},
                 {"--scale-tier", FlagKind::choice, "size of the cluster", tiers},
                 {"--runtime-version", FlagKind::text, "as 2.11"},
                 {"--python-version", FlagKind::text, "as 3.7"},
                 {"--service-account", FlagKind::text, "account the program runs as"},
                 {"--enable-web-access", FlagKind::boolean, "interactive shells"},
                 {"--async", FlagKind::boolean, "deprecated, no effect"},
                 {"--stream-logs", FlagKind::boolean, "wait for the end and show the logs"},
                 {"--labels", FlagKind::dictionary, "KEY=VALUE,...; framework=tensorflow|pytorch chooses TFJob or PyTorchJob"},
                 {"--kms-key", FlagKind::text, "encryption key"},
                 {"--kms-keyring", FlagKind::text, "its ring"},
                 {"--kms-location", FlagKind::text, "its location"},
                 {"--kms-project", FlagKind::text, "its project"},
                 {"--use-chief-in-tf-config", FlagKind::boolean, "the primary is called chief"},
                 {"--network", FlagKind::text, "network (beta)"},
                 {"--tpu-tf-version", FlagKind::text, "TensorFlow of TPU workers (beta)"},
                 {"--metrics-collector", FlagKind::choice, "where metrics are read", {"auto", "stdout", "file", "tfevent", "none"}},
                 {"--volume", FlagKind::repeated, "CLAIM:/path[:ro], repeatable"},
                 {"--slice", FlagKind::text, "a slice of a GPU for each replica: 1g.10gb"},
                 {"--credentials", FlagKind::list, "credentials of the namespace for the program"},
                 {"--strict", FlagKind::boolean, "refuse what the original service refused"},
                 {"--dry-run", FlagKind::choice, "client: print the objects; server: let the server check", {"client", "server", "none"}},
                 {"--output", FlagKind::choice, "of --dry-run", {"yaml", "json"}, 'o'},
                 {"--upload", FlagKind::boolean, "with --dry-run=client: upload the packages too"}};
    for (const std::string_view role : {"master", "worker", "parameter-server"}) {
      const auto more = replica_flags(role, role != "master");
      out.flags.insert(out.flags.end(), more.begin(), more.end());
    }
    out.flags = with_common_flags(std::move(out.flags));
    return out;
  }();
  return grammar;
}

std::variant<SubmitPlan, SubmitError> plan_submit(const Arguments& arguments, const std::map<std::string, std::string>& environment, const FileText& text_of) {
  SubmitPlan plan;
  const auto variable = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  auto id = job_id_of(arguments.positionals()[0]);
  if (!id.ok()) return usage(id.error().message);
  plan.job_id = plan.flags.job = *id;
  plan.dialect = arguments.is_set("--strict") ? training::Dialect::strict : training::Dialect::lenient;
  plan.stream_logs = arguments.is_set("--stream-logs");
  if (arguments.is_set("--async") && plan.stream_logs) return usage("argument --async: At most one of --async | --stream-logs can be specified.");

  SubmitFlags& flags = plan.flags;
  flags.module = arguments.text("--module-name");
  flags.scale_tier = arguments.text("--scale-tier");
  flags.runtime_version = arguments.text("--runtime-version");
  flags.python_version = arguments.text("--python-version");
  flags.service_account = arguments.text("--service-account");
  flags.network = arguments.text("--network");
  flags.tpu_tf_version = arguments.text("--tpu-tf-version");
  flags.enable_web_access = arguments.boolean("--enable-web-access");
  flags.chief_in_tf_config = arguments.boolean("--use-chief-in-tf-config");
  flags.labels = arguments.dictionary("--labels");
  if (arguments.rest() && !arguments.rest()->empty()) flags.args = arguments.rest();
  flags.region = arguments.text("--region");
  if (!flags.region && !variable("CLOUDSDK_COMPUTE_REGION").empty()) flags.region = variable("CLOUDSDK_COMPUTE_REGION");
  if (flags.service_account && !std::regex_match(*flags.service_account, std::regex("[^@ ]+@[^@ ]+\\.[^@ ]+")))
    return usage(cat("argument --service-account: ", quote(*flags.service_account), " does not look like an account's mail address"));
  if (flags.labels) {
    Findings findings;
    training::check_labels(*flags.labels, findings);
    if (const Status good = findings.finish(); !good.ok()) return usage(cat("argument --labels: ", good.error().message));
  }
  for (auto error : {read_places(arguments, plan), read_kms(arguments, flags), read_replica(arguments, "master", flags.master), read_replica(arguments, "worker", flags.worker),
                     read_replica(arguments, "parameter-server", flags.parameter_server), read_extensions(arguments, plan)}) {
    if (error) return std::move(*error);
  }

  plan.package_path = arguments.text_or("--package-path", "");
  for (const std::string& package : arguments.list("--packages")) {
    const bool remote = training::object_url_problem(package).empty();
    (remote ? plan.remote_packages : plan.local_packages).push_back(package);
  }

  if (const auto config = arguments.text("--config")) {
    const auto text = text_of(*config);
    if (!text.ok()) return SubmitError{1, cat("Unable to read file [", *config, "]: ", text.error().message)};
    auto file = training::read_job_file(*config, *text, plan.dialect);
    if (!file.ok()) return SubmitError{1, file.error().message};
    plan.file = *std::move(file);
  }
  const Value merged = training::merge_flags(plan.file.job, flags);
  if (auto error = check_client_rules(plan, arguments, merged["trainingInput"])) return std::move(*error);
  return plan;
}

std::optional<std::vector<std::string>> SubmitPlan::package_uris(const std::vector<std::string>& uploaded) const {
  if (remote_packages.empty() && !has_local()) return std::nullopt;
  std::vector<std::string> out = remote_packages;
  out.insert(out.end(), uploaded.begin(), uploaded.end());
  return out;
}

std::variant<training::CheckedJob, SubmitError> finish_plan(const SubmitPlan& plan, const std::vector<std::string>& uploaded, std::vector<std::string>& notes) {
  training::SubmitFlags flags = plan.flags;
  flags.package_uris = plan.package_uris(uploaded);
  Findings findings(plan.dialect);
  for (const training::Note& note : plan.file.notes) notes.push_back(note.line());
  auto checked = training::check_job(training::merge_flags(plan.file.job, flags), findings);
  for (const training::Note& note : findings.notes()) notes.push_back(note.line());
  if (checked.ok()) return *std::move(checked);
  std::string message;
  for (const Cause& cause : checked.error().causes) message += cat(message.empty() ? "" : "\n", training::point_out(plan.file, cause.field, cause.message));
  return SubmitError{1, message};
}

}  // namespace masu::plugin
