// jobs list | get | describe | cancel | update | delete.

#include <algorithm>

#include "base/text.h"
#include "context.h"
#include "kube/names.h"
#include "kube/object.h"
#include "render.h"
#include "training/training_input.h"
#include "training/training_job.h"
#include "value/json.h"
#include "value/patch.h"
#include "value/yaml.h"

namespace masu::plugin {
namespace {

const std::vector<Column> list_columns = {{"JOB_ID", "jobId"}, {"STATUS", "state"}, {"CREATED", "created"}};

/// Parses; prints help or the usage error. No value: the exit code stands in `exit`.
std::optional<Arguments> read_arguments(const CommandGrammar& grammar, std::string_view command, const std::vector<std::string>& words, Context& context, int& exit) {
  if (std::find(words.begin(), words.end(), "--help") != words.end() || std::find(words.begin(), words.end(), "-h") != words.end()) {
    context.out(help_text(grammar));
    exit = 0;
    return std::nullopt;
  }
  auto parsed = Arguments::parse(grammar, words);
  if (!parsed.ok()) {
    context.err(cat("ERROR: (kubectl.ai-platform.", command, ") ", parsed.error().message, "\n"));
    exit = static_cast<int>(Exit::usage);
    return std::nullopt;
  }
  return *std::move(parsed);
}

CommandGrammar job_grammar(std::string_view command, std::vector<Flag> flags) {
  return {.usage = cat("kubectl ai-platform jobs ", command, " JOB [flags]"), .flags = with_common_flags(std::move(flags)), .positionals_min = 1, .positionals_max = 1};
}

/// The job's v1 form with the member `created` that tables show.
Value shown(const Value& object) {
  Value job = training::v1_job(object);
  job["created"] = Value(local_time(job["createTime"].as_string()));
  return job;
}

struct Found {
  Arguments arguments;
  Connection connection;
  std::string job_id;
  Value object;
};

/// Arguments, cluster and the job that a command is about.
std::optional<Found> find(const CommandGrammar& grammar, std::string_view command, const std::vector<std::string>& words, Context& context, int& exit) {
  auto arguments = read_arguments(grammar, command, words, context, exit);
  if (!arguments) return std::nullopt;
  Found found{.arguments = *std::move(arguments)};
  const auto failed = [&](const Error& error) {
    exit = report(context, command, error);
    return std::nullopt;
  };
  auto id = job_id_of(found.arguments.positionals()[0]);
  if (!id.ok()) return failed(id.error());
  found.job_id = *id;
  auto connection = connect(found.arguments, context);
  if (!connection.ok()) return failed(connection.error());
  found.connection = *std::move(connection);
  auto object = get_job(found.connection, found.job_id);
  if (!object.ok()) return failed(object.error());
  found.object = *std::move(object);
  return found;
}

std::string age(const Value& object, const Clock& clock) {
  const auto created = parse_rfc3339(object.at("metadata", "creationTimestamp").as_string());
  return created.ok() ? to_human(clock.now() - *created) : std::string();
}

// ---------------------------------------------------------------- describe --summarize

std::string text_at(const Value& job, std::string_view path) { return cell(at_path(job, path)); }

void add_if(const Value& job, std::string_view path, std::string_view heading, bool always, std::vector<std::string>& headings, std::vector<std::string>& row) {
  const std::string text = text_at(job, path);
  if (text.empty() && !always) return;
  headings.emplace_back(heading);
  row.push_back(text);
}

std::string summary(const Value& job) {
  std::string out = boxed_table("Job Overview", {"JOB_ID", "CREATE_TIME", "START_TIME", "END_TIME", "STATE"},
                                {{text_at(job, "jobId"), text_at(job, "createTime"), text_at(job, "startTime"), text_at(job, "endTime"), text_at(job, "state")}});
  std::vector<std::string> headings, row;
  add_if(job, "trainingInput.runtimeVersion", "RUNTIME_VERSION", false, headings, row);
  add_if(job, "trainingInput.region", "REGION", true, headings, row);
  add_if(job, "trainingInput.scaleTier", "SCALE_TIER", false, headings, row);
  add_if(job, "trainingInput.pythonModule", "PYTHON_MODULE", true, headings, row);
  add_if(job, "trainingInput.parameterServerType", "PARAMETER_SERVER_TYPE", false, headings, row);
  add_if(job, "trainingInput.parameterServerCount", "PARAMETER_SERVER_COUNT", false, headings, row);
  add_if(job, "trainingInput.masterType", "MASTER_TYPE", false, headings, row);
  add_if(job, "trainingInput.workerType", "WORKER_TYPE", false, headings, row);
  add_if(job, "trainingInput.workerCount", "WORKER_COUNT", false, headings, row);
  add_if(job, "trainingInput.jobDir", "JOB_DIR", false, headings, row);
  out += boxed_table("Training Input Summary", headings, {row});
  headings.clear();
  row.clear();
  add_if(job, "trainingOutput.completedTrialCount", "TRIALS", false, headings, row);
  add_if(job, "trainingOutput.consumedMLUnits", "ML_UNITS", true, headings, row);
  out += boxed_table("Training Output Summary", headings, {row});

  Array trials = at_path(job, "trainingOutput.trials").as_array();
  if (trials.empty()) return out;
  std::stable_sort(trials.begin(), trials.end(), [](const Value& a, const Value& b) {
    const std::string x(a["trialId"].as_string()), y(b["trialId"].as_string());
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  std::vector<std::vector<std::string>> rows;
  for (const Value& trial : trials) {
    std::vector<std::string> parameters;
    for (const auto& [key, value] : trial["hyperparameters"].as_object()) parameters.push_back(cat(key, "=", cell(value)));
    rows.push_back({cell(trial["trialId"]), text_at(trial, "finalMetric.objectiveValue"), text_at(trial, "finalMetric.trainingStep"), cell(trial["state"]), join(parameters, "\n")});
  }
  return out + boxed_table("Training Output Trials", {"TRIAL", "OBJECTIVE_VALUE", "STEP", "STATE", "HYPERPARAMETERS"}, rows);
}

/// Queue, reason and best trial in words, for people (standard error).
void say_how_it_stands(const Value& object, Context& context) {
  const Value& status = object["status"];
  if (status.contains("jobPosition")) context.err(cat("Place in the queue: ", status["jobPosition"].as_integer(), "\n"));
  for (const Value& condition : status["conditions"].as_array()) {
    const std::string type(condition["type"].as_string());
    const bool waits = type == "Running" && condition["status"].as_string() == "False" && !status.contains("endTime");
    const bool repaired = type == "Accepted" && condition["reason"].as_string() == "Repaired";
    if (waits || repaired) context.err(cat(waits ? "Waiting: " : "Taken as:\n", condition["message"].as_string(), "\n"));
  }
  if (status.contains("best")) context.err(cat("Best so far: ", status["best"].as_string(), "\n"));
}

}  // namespace

int jobs_list(const std::vector<std::string>& words, Context& context) {
  const CommandGrammar grammar{.usage = "kubectl ai-platform jobs list [flags]",
                               .flags = with_common_flags({{"--filter", FlagKind::text, "show only what matches: jobId:census* AND state:FAILED"},
                                                           {"--limit", FlagKind::integer, "at most so many"},
                                                           {"--page-size", FlagKind::integer, "accepted"},
                                                           {"--sort-by", FlagKind::text, "fields, ~ before one: descending"},
                                                           {"--uri", FlagKind::boolean, "print the objects' addresses"}})};
  int exit = 0;
  const auto arguments = read_arguments(grammar, "jobs.list", words, context, exit);
  if (!arguments) return exit;
  const auto connection = connect(*arguments, context);
  if (!connection.ok()) return report(context, "jobs.list", connection.error());
  const auto list = connection->client->list(kube::resources::training_jobs, connection->name_space, {}, Deadline::after(60s));
  if (!list.ok()) return report(context, "jobs.list", list.error());

  std::vector<Value> jobs;
  for (const Value& object : list->items) {
    Value job = shown(object);
    const auto matches = matches_filter(arguments->text_or("--filter", ""), job);
    if (!matches.ok()) return report(context, "jobs.list", matches.error());
    if (*matches) jobs.push_back(std::move(job));
  }
  std::stable_sort(jobs.begin(), jobs.end(), [](const Value& a, const Value& b) { return b["createTime"].as_string() < a["createTime"].as_string(); });
  if (const auto fields = arguments->text("--sort-by")) sort_resources(jobs, *fields);
  if (const auto limit = arguments->integer("--limit"); limit && *limit >= 0 && static_cast<std::size_t>(*limit) < jobs.size()) jobs.resize(static_cast<std::size_t>(*limit));
  if (jobs.empty()) {
    context.err("Listed 0 items.\n");
    return 0;
  }
  if (arguments->is_set("--uri")) {
    for (const Value& job : jobs)
      context.out(cat(kube::resources::training_jobs.path(connection->name_space, kube::object_name(job["jobId"].as_string())), "\n"));
    return 0;
  }
  const std::string format = arguments->text_or("--format", "");
  if (!format.empty() && !format.starts_with("table")) {
    for (Value& job : jobs) job.erase("created");
  }
  const auto text = render(jobs, false, format, list_columns);
  if (!text.ok()) return report(context, "jobs.list", text.error());
  context.out(*text);
  return 0;
}

int jobs_get(const std::vector<std::string>& words, Context& context) {
  int exit = 0;
  const auto found = find(job_grammar("get", {{"--output", FlagKind::choice, "another form", {"json", "yaml", "wide", "name"}, 'o'}}), "jobs.get", words, context, exit);
  if (!found) return exit;
  Value job = shown(found->object);
  const std::string output = found->arguments.text_or("--output", "");
  if (output == "name") {
    context.out(cat("trainingjob.masu.dev/", found->object.at("metadata", "name").as_string(), "\n"));
  } else if (output == "json" || output == "yaml") {
    job.erase("created");
    context.out(output == "json" ? to_json_pretty(job) : to_yaml(job));
  } else {
    std::vector<Column> columns = list_columns;
    if (output == "wide") {
      job["trials"] = found->object.at("status", "trials");
      job["best"] = found->object.at("status", "best");
      job["age"] = Value(age(found->object, *context.clock));
      for (const auto& [heading, path] : {std::pair{"TRIALS", "trials"}, std::pair{"BEST", "best"}, std::pair{"JOB_DIR", "trainingInput.jobDir"}, std::pair{"AGE", "age"}})
        columns.push_back({heading, path});
    }
    const auto text = render({job}, false, found->arguments.text_or("--format", ""), columns);
    if (!text.ok()) return report(context, "jobs.get", text.error());
    context.out(*text);
  }
  return 0;
}

int jobs_describe(const std::vector<std::string>& words, Context& context) {
  int exit = 0;
  const auto found = find(job_grammar("describe", {{"--summarize", FlagKind::boolean, "tables for people"}}), "jobs.describe", words, context, exit);
  if (!found) return exit;
  const Value job = training::v1_job(found->object);
  const std::string format = found->arguments.text_or("--format", "");
  if (found->arguments.is_set("--summarize")) {
    if (!format.empty()) context.err("WARNING: --format is ignored when --summarize is present\n");
    context.out(summary(job));
  } else {
    const auto text = render({job}, true, format, {});
    if (!text.ok()) return report(context, "jobs.describe", text.error());
    context.out(*text);
  }
  if (!format.empty() && !found->arguments.is_set("--summarize")) return 0;
  say_how_it_stands(found->object, context);
  if (const std::string console = public_address(found->connection, "console"); !console.empty()) {
    const std::string place = cat(console, "/#/namespaces/", found->connection.name_space, "/jobs/", found->object.at("metadata", "name").as_string());
    context.err(cat("\nView job in the console at:\n", place, "\n\nView logs at:\n", place, "/logs\n"));
  } else {
    context.err(cat("\nView logs with:\nkubectl ai-platform jobs stream-logs ", found->job_id, " -n ", found->connection.name_space, "\n"));
  }
  return 0;
}

int jobs_cancel(const std::vector<std::string>& words, Context& context) {
  int exit = 0;
  const auto found = find(job_grammar("cancel", {}), "jobs.cancel", words, context, exit);
  if (!found) return exit;
  const training::State state = training::state_of(found->object.at("status", "state").as_string());
  if (training::is_final(state) || found->object.at("spec", "cancelRequested").as_bool()) return 0;
  const Value patch = Value::object({{"spec", Value::object({{"cancelRequested", true}})}});
  const auto patched = found->connection.client->patch(kube::resources::training_jobs, kube::key_of(found->object), kube::PatchType::merge, patch, Deadline::after(30s));
  return patched.ok() ? 0 : report(context, "jobs.cancel", patched.error());
}

int jobs_update(const std::vector<std::string>& words, Context& context) {
  int exit = 0;
  const auto found = find(job_grammar("update", {{"--update-labels", FlagKind::dictionary, "labels to set"},
                                                 {"--remove-labels", FlagKind::list, "labels to remove"},
                                                 {"--clear-labels", FlagKind::boolean, "remove all labels first"}}),
                          "jobs.update", words, context, exit);
  if (!found) return exit;
  const Arguments& arguments = found->arguments;
  if (arguments.has("--remove-labels") && arguments.is_set("--clear-labels")) {
    context.err("ERROR: (kubectl.ai-platform.jobs.update) argument --clear-labels: At most one of --clear-labels | --remove-labels can be specified.\n");
    return static_cast<int>(Exit::usage);
  }
  if (!arguments.has("--update-labels") && !arguments.has("--remove-labels") && !arguments.is_set("--clear-labels"))
    return report(context, "jobs.update", Error{Code::invalid, "No updates requested: give --update-labels, --remove-labels or --clear-labels"});
  std::map<std::string, std::string> before, labels;
  for (const auto& [key, value] : found->object.at("spec", "labels").as_object()) before[key] = value.as_string();
  if (!arguments.is_set("--clear-labels")) labels = before;
  for (const std::string& key : arguments.list("--remove-labels")) labels.erase(key);
  const auto updates = arguments.dictionary("--update-labels").value_or(std::map<std::string, std::string>{});
  for (const auto& [key, value] : updates) labels[key] = value;
  training::Findings findings;
  training::check_labels(labels, findings);
  if (const Status good = findings.finish(); !good.ok()) {
    context.err(cat("ERROR: (kubectl.ai-platform.jobs.update) ", good.error().message, "\n"));
    return static_cast<int>(Exit::usage);
  }
  if (labels == before) {
    context.err("No update to perform.\n");
  } else {
    Value change{Object{}};
    for (const auto& [key, value] : before) change[key] = Value(nullptr);
    for (const auto& [key, value] : labels) change[key] = Value(value);
    const Value patch = Value::object({{"spec", Value::object({{"labels", std::move(change)}})}});
    const auto patched = found->connection.client->patch(kube::resources::training_jobs, kube::key_of(found->object), kube::PatchType::merge, patch, Deadline::after(30s));
    if (!patched.ok()) return report(context, "jobs.update", patched.error());
  }
  context.err(cat("Updated job [", found->job_id, "].\n"));
  return 0;
}

int jobs_delete(const std::vector<std::string>& words, Context& context) {
  int exit = 0;
  const auto found = find(job_grammar("delete", {}), "jobs.delete", words, context, exit);
  if (!found) return exit;
  if (!prompts_disabled(found->arguments, context)) {
    const std::string answer = context.ask(cat("This deletes job [", found->job_id, "], its objects, its volume and its logs; what it wrote to the bucket stays.\n\nDo you want to continue (Y/n)?  "));
    const std::string word = lower(trim(answer));
    if (!word.empty() && word != "y" && word != "yes") return report(context, "jobs.delete", Error{Code::cancelled, "Aborted by user."});
  }
  const kube::Key key = kube::key_of(found->object);
  const std::string uid(found->object.at("metadata", "uid").as_string());
  const Status removed = found->connection.client->remove(kube::resources::training_jobs, key, {.propagation = "Background", .uid = uid}, Deadline::after(30s));
  if (!removed.ok() && removed.error().code != Code::not_found) return report(context, "jobs.delete", removed.error());
  // The name is free when the pods and the claim are gone too; pods may take their grace period.
  const std::string label = cat("masu.dev/job=", key.name);
  const Deadline deadline = Deadline::after(90s);
  const auto gone = [&](const kube::Resource& resource) {
    const auto left = found->connection.client->list(resource, key.name_space, {.label_selector = label}, Deadline::after(10s));
    return !left.ok() || left->items.empty();
  };
  while (!deadline.expired() && !context.interrupted()) {
    if (gone(kube::resources::pods) && gone(kube::resources::jobs) && gone(kube::resources::claims)) break;
    context.wait(100ms);
  }
  context.err(cat("Deleted job [", found->job_id, "].\n"));
  return 0;
}

}  // namespace masu::plugin
