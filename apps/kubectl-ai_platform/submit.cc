// jobs submit training: plan -> packages -> checks -> upload -> create -> (logs).

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "context.h"
#include "kube/names.h"
#include "kube/object.h"
#include "submit_plan.h"
#include "training/convert.h"
#include "training/training_job.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::plugin {
namespace {

constexpr std::string_view command = "jobs.submit.training";

int fail(Context& context, const SubmitError& error) {
  context.err(cat("ERROR: (kubectl.ai-platform.", command, ") ", error.message, "\n"));
  return error.exit;
}

/// One line that is rewritten in place on a terminal, and nothing in a pipe.
class ProgressLine {
 public:
  explicit ProgressLine(Context& context) : context_(context) {}
  ~ProgressLine() { clear(); }
  void show(std::string_view text) {
    if (!context_.terminal) return;
    context_.err(cat("\r\033[K", text));
    shown_ = true;
  }
  void clear() {
    if (shown_) context_.err("\r\033[K");
    shown_ = false;
  }

 private:
  Context& context_;
  bool shown_ = false;
};

/// The local archives of --packages, then what --package-path builds (PKG-1, PKG-3).
Result<std::vector<training::PackageFile>> gather_packages(const SubmitPlan& plan, Context& context) {
  std::vector<training::PackageFile> files;
  for (const std::string& path : plan.local_packages) {
    auto bytes = read_file(path);
    if (!bytes.ok()) return std::move(bytes).error().context(cat("--packages ", quote(path)));
    files.push_back({.name = std::filesystem::path(path).filename(), .bytes = *std::move(bytes)});
  }
  if (!plan.package_path.empty()) {
    ProgressLine progress(context);
    progress.show(cat("Building a package of ", plan.package_path, " ..."));
    TRY(auto built, training::build_package(plan.package_path, {}, Deadline::after(600s)));
    files.insert(files.end(), std::make_move_iterator(built.begin()), std::make_move_iterator(built.end()));
  }
  std::vector<std::string> names, twice;
  for (const training::PackageFile& file : files) {
    if (std::find(names.begin(), names.end(), file.name) != names.end()) twice.push_back(file.name);
    names.push_back(file.name);
  }
  if (!twice.empty()) return Error{Code::invalid, cat("Several packages have the same name: ", join(twice, ", "), ". Rename one of them")};
  return files;
}

struct Upload {
  training::UploadPlace place;
  std::vector<training::PackageFile> files;
  std::vector<std::string> uris;
};

Result<Upload> plan_upload(const SubmitPlan& plan, std::vector<training::PackageFile> files) {
  Upload upload;
  if (files.empty()) return upload;
  const Value merged = training::merge_flags(plan.file.job, plan.flags);
  const std::string job_dir(merged.at("trainingInput", "jobDir").as_string());
  TRY(upload.place, training::upload_place(plan.staging_bucket, job_dir, plan.job_id, training::upload_hash(files)));
  for (const training::PackageFile& file : files) upload.uris.push_back(upload.place.url(file.name));
  upload.files = std::move(files);
  return upload;
}

/// Packages that are in a bucket already must be there: better told now than by the first replica (PKG-52).
Status check_remote(const std::vector<std::string>& uris, const Upload& upload, objectstore::BlobStore& store) {
  for (const std::string& uri : uris) {
    if (std::find(upload.uris.begin(), upload.uris.end(), uri) != upload.uris.end()) continue;
    const auto name = objectstore::parse_blob_uri(uri);
    if (!name.ok()) return name.error();
    const auto there = store.stat(*name, Deadline::after(30s));
    if (!there.ok() && there.error().code == Code::not_found) return Error{Code::invalid, cat("package ", uri, " does not exist: ", there.error().message)};
  }
  return {};
}

/// Uploads what is not there yet: the name holds the hash of the content.
Status run_upload(const Upload& upload, const std::vector<std::string>& package_uris, const Connection& connection, Context& context) {
  if (package_uris.empty()) return {};
  std::string url = context.variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"), token;
  if (const std::size_t path = url.find("/storage/v1"); path != std::string::npos) url.resize(path);
  if (const std::string hub = reached_address(connection, context, "hub"); !hub.empty()) {
    url = hub;
    TRY(token, bearer_token(connection));
  }
  if (url.empty())
    return Error{Code::precondition, "this cluster says no address of a bucket server (ConfigMap masu-public in namespace masu-system, key hub), and "
                                     "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE is not set. Start `masu controller` for the cluster, or set it"};
  TRY(auto store, context.open_store(url, token));
  TRY_OK(check_remote(package_uris, upload, *store));
  ProgressLine progress(context);
  for (const training::PackageFile& file : upload.files) {
    const objectstore::BlobName name{.bucket = upload.place.bucket, .object = cat(upload.place.prefix, file.name)};
    const auto there = store->stat(name, Deadline::after(30s));
    if (there.ok() && there->size == file.bytes.size()) continue;
    if (!there.ok() && there.error().code != Code::not_found) return there.error().code == Code::denied || there.error().code == Code::unauthenticated
        ? Error{there.error().code, cat("uploading to gs://", name.bucket, ": ", there.error().message, ". You need the right to update bucket ", name.bucket)} : there.error();
    progress.show(cat("Uploading ", file.name, " (", (file.bytes.size() + 1023) / 1024, " KiB) to gs://", name.bucket, " ..."));
    auto stored = store->put(name, file.bytes, {}, Deadline::after(600s));
    if (!stored.ok()) return std::move(stored).error().context(cat("uploading ", file.name, " to ", objectstore::to_uri(name)));
    if (stored->size != file.bytes.size()) return Error{Code::conflict, cat("uploading ", file.name, ": ", stored->size, " bytes arrived of ", file.bytes.size(), ". Try again")};
  }
  return {};
}

/// Items of a cluster-wide kind; none where the kind is missing or we may not read it.
std::vector<Value> list_or_none(const Connection& connection, const kube::Resource& resource, bool* readable = nullptr) {
  auto list = connection.client->list(resource, "", {}, Deadline::after(10s));
  if (readable) *readable = list.ok();
  return list.ok() ? std::move(list->items) : std::vector<Value>{};
}

/// What the cluster offers, as far as we may see it.
training::Site observe_site(const Connection& connection) {
  training::Site site;
  for (const Value& object : list_or_none(connection, kube::resources::machine_types)) {
    if (auto machine = training::MachineType::decode(object); machine.ok()) site.machines.push_back(*std::move(machine));
  }
  for (const Value& object : list_or_none(connection, kube::resources::catalog_images)) {
    if (auto image = training::CatalogImage::decode(object); image.ok()) site.images.push_back(*std::move(image));
  }
  bool readable = false;
  const auto nodes = list_or_none(connection, kube::resources::nodes, &readable);
  if (readable) {
    site.nodes.emplace();
    for (const Value& node : nodes) {
      if (!node.at("spec", "unschedulable").as_bool()) site.nodes->push_back(training::NodeRoom::decode(node));
    }
  }
  site.hub = public_address(connection, "hub");
  site.ledger = public_address(connection, "ledger");
  if (const std::string image = public_address(connection, "runtimeImage"); !image.empty()) site.runtime_image = image;
  if (const std::string image = public_address(connection, "defaultImage"); !image.empty()) site.host_image = image;
  return site;
}

void print_objects(Context& context, const std::vector<Value>& objects, const std::string& output) {
  if (output == "json") {
    context.out(objects.size() == 1 ? to_json_pretty(objects[0], 4)
                                    : to_json_pretty(Value::object({{"apiVersion", "v1"}, {"kind", "List"}, {"items", Value(Array(objects.begin(), objects.end()))}}), 4));
    return;
  }
  for (std::size_t i = 0; i < objects.size(); ++i) context.out(cat(i == 0 ? "" : "---\n", to_yaml(objects[i])));
}

training::JobSpec spec_of(const SubmitPlan& plan, const training::CheckedJob& checked, const Connection& connection, const std::string& project) {
  training::JobSpec spec{.job_id = checked.job_id, .name = kube::object_name(checked.job_id), .name_space = connection.name_space};
  spec.project = project.empty() ? connection.name_space : project;
  spec.labels = checked.labels;
  spec.raw = checked.raw;
  spec.input = checked.input;
  spec.volumes = plan.volumes;
  spec.credentials = plan.credentials;
  spec.slice = plan.slice;
  spec.collector = plan.collector;
  return spec;
}

/// --dry-run=server: the server's own checks and defaults, and where the job would run.
int dry_run_server(const Connection& connection, const Value& object, const training::Conversion& conversion, const std::string& output, Context& context) {
  const auto answer = connection.client->create(kube::resources::training_jobs, object, Deadline::after(30s), true);
  if (!answer.ok()) return report(context, command, answer.error());
  const Value& job = conversion.job();
  const std::string kind(job["kind"].as_string());
  context.err(cat("The job would run as ", kind == "Experiment" ? cat("an Experiment of ", job.at("spec", "maxTrialCount").as_integer(), " trials, ", job.at("spec", "parallelTrialCount").as_integer(), " at a time")
                                                                : cat("a ", kind), " in namespace ", connection.name_space, "\n"));
  print_objects(context, {*answer}, output);
  return 0;
}

int create_job(const Connection& connection, const Value& object, const SubmitPlan& plan, const std::string& format, Context& context) {
  auto created = connection.client->create(kube::resources::training_jobs, object, Deadline::after(30s));
  if (!created.ok() && created.error().code == Code::already_exists)
    return report(context, command, Error{Code::already_exists, cat("ALREADY_EXISTS: there is a job [", plan.job_id, "] in namespace ", connection.name_space,
                                                                    " already. Take another name, or remove it: kubectl ai-platform jobs delete ", plan.job_id)});
  if (!created.ok() && created.error().code == Code::not_found)
    return report(context, command, std::move(created).error().context("creating the job (is masu installed on this cluster? `masu up`, or `masu controller` beside it)"));
  if (!created.ok()) return report(context, command, created.error());
  context.err(cat("Job [", plan.job_id, "] submitted successfully.\n"));
  if (!plan.stream_logs) {
    print_hints(context, plan.job_id, connection.name_space);
    print_summary(context, *created, format);
    return 0;
  }
  const Status streamed = stream_logs(connection, {.job_id = plan.job_id}, context, context.err);
  if (!streamed.ok()) {
    context.err(cat("ERROR: ", streamed.error().message, "\n"));
    print_hints(context, plan.job_id, connection.name_space);
  }
  const auto final = get_job(connection, plan.job_id);
  if (!final.ok()) return report(context, command, final.error());
  print_summary(context, *final, format);
  return streamed.ok() && final->at("status", "state").as_string() == "SUCCEEDED" ? 0 : static_cast<int>(Exit::failure);
}

int submit(const SubmitPlan& plan, const Arguments& arguments, Context& context) {
  auto files = gather_packages(plan, context);
  if (!files.ok()) return report(context, command, files.error());
  auto upload = plan_upload(plan, *std::move(files));
  if (!upload.ok()) return report(context, command, upload.error());
  std::vector<std::string> notes;
  auto finished = finish_plan(plan, upload->uris, notes);
  if (auto* error = std::get_if<SubmitError>(&finished)) return fail(context, *error);
  const auto& checked = std::get<training::CheckedJob>(finished);

  // Printing objects needs no cluster; what it offers is looked at where it can be reached.
  auto connection = connect(arguments, context);
  const bool offline = !connection.ok() && plan.dry_run == "client" && !plan.upload;
  if (!connection.ok() && !offline) return report(context, command, connection.error());
  const Connection cluster = connection.ok() ? *connection : Connection{.transport = {}, .client = {}, .name_space = arguments.text_or("--namespace", ""), .token = {}};
  const training::Site site = offline ? training::Site{} : observe_site(cluster);
  std::string project = arguments.text_or("--project", "");
  if (project.empty()) project = context.variable("CLOUDSDK_CORE_PROJECT");
  const training::JobSpec spec = spec_of(plan, checked, cluster, project.empty() && cluster.name_space.empty() ? "default" : project);

  // An earlier job's parameters are known to the server alone.
  const bool resumes = spec.input.hyperparameters && spec.input.hyperparameters->parameters.empty();
  training::Findings findings(plan.dialect);
  std::optional<training::Conversion> conversion;
  if (!resumes) {
    auto converted = training::convert(spec, site, findings);
    if (!converted.ok()) {
      for (const Cause& cause : converted.error().causes) return fail(context, {1, training::point_out(plan.file, cause.field, cause.message)});
      return report(context, command, converted.error());
    }
    conversion = *std::move(converted);
  }
  for (const training::Note& note : findings.notes()) notes.push_back(note.line());
  for (const std::string& note : notes) context.err(cat("note: ", note, "\n"));
  if (arguments.is_set("--async")) context.err("WARNING: The --async flag is deprecated, as the default behavior is to submit the job asynchronously; it can be omitted.\n");

  const std::string output = arguments.text_or("--output", "yaml");
  if (plan.dry_run == "client") {
    if (!conversion) return report(context, command, Error{Code::unsupported, "--dry-run=client: the parameters are those of an earlier job, which only the server can look up; use --dry-run=server"});
    if (plan.upload) {
      if (const Status done = run_upload(*upload, spec.input.package_uris, cluster, context); !done.ok()) return report(context, command, done.error());
    }
    print_objects(context, conversion->objects, output);
    return 0;
  }
  const Value object = training::training_job_object(spec, plan.dialect == training::Dialect::strict);
  if (plan.dry_run == "server") return dry_run_server(cluster, object, conversion.value_or(training::Conversion{{object}}), output, context);
  if (const Status done = run_upload(*upload, spec.input.package_uris, cluster, context); !done.ok()) return report(context, command, done.error());
  return create_job(cluster, object, plan, arguments.text_or("--format", ""), context);
}

}  // namespace

int submit_training(const std::vector<std::string>& words, Context& context) {
  const auto end = std::find(words.begin(), words.end(), "--");
  if (std::find(words.begin(), end, "--help") != end || std::find(words.begin(), end, "-h") != end) {
    context.out(help_text(submit_grammar()));
    return 0;
  }
  const auto arguments = Arguments::parse(submit_grammar(), words);
  if (!arguments.ok()) return fail(context, {static_cast<int>(Exit::usage), arguments.error().message});
  auto planned = plan_submit(*arguments, context.environment, [](const std::string& path) { return read_file(path); });
  if (const auto* error = std::get_if<SubmitError>(&planned)) return fail(context, *error);
  SubmitPlan& plan = std::get<SubmitPlan>(planned);
  if (plan.dry_run == "none") plan.dry_run.clear();
  return submit(plan, *arguments, context);
}

}  // namespace masu::plugin
