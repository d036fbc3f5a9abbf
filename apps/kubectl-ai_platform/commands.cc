#include "context.h"

#include <algorithm>

#include "base/text.h"
#include "kube/names.h"
#include "kube/object.h"
#include "render.h"
#include "training/training_job.h"

namespace masu::plugin {
namespace {

struct Command {
  std::vector<std::string_view> words;
  int (*run)(const std::vector<std::string>&, Context&);
  std::string_view help;
};

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {{"init"}, &init_namespace, "prepare a namespace for jobs: labels, service account, rights, bucket"},
      {{"jobs", "submit", "training"}, &submit_training, "submit a training or tuning job"},
      {{"jobs", "list"}, &jobs_list, "list jobs, the newest first"},
      {{"jobs", "get"}, &jobs_get, "one job in one line"},
      {{"jobs", "describe"}, &jobs_describe, "all about a job"},
      {{"jobs", "stream-logs"}, &jobs_stream_logs, "show a job's logs until it has ended"},
      {{"jobs", "cancel"}, &jobs_cancel, "cancel a job"},
      {{"jobs", "update"}, &jobs_update, "change a job's labels"},
      {{"jobs", "delete"}, &jobs_delete, "remove a job and its objects, not its results in the bucket"},
  };
  return all;
}

std::string overview() {
  std::string out = "kubectl ai-platform: training and tuning jobs as for Google Cloud AI Platform, on this cluster.\n\nCommands:\n";
  for (const Command& command : commands()) {
    const std::string words = join({command.words.begin(), command.words.end()}, " ");
    out += cat("  ", words, std::string(24 - std::min<std::size_t>(24, words.size()), ' '), command.help, "\n");
  }
  return out + "\nEach command has --help.\n";
}

bool begins_with(const std::vector<std::string>& words, const Command& command) {
  return words.size() >= command.words.size() && std::equal(command.words.begin(), command.words.end(), words.begin());
}

}  // namespace

int run_plugin(const std::vector<std::string>& given, Context& context) {
  // Options may stand before the command's words: `kubectl ai-platform -n ml jobs list`.
  std::vector<std::string> words, before;
  std::size_t i = 0;
  while (i < given.size() && given[i].starts_with('-') && given[i] != "--help" && given[i] != "-h") {
    before.push_back(given[i]);
    const bool takes_value = given[i].find('=') == std::string::npos && (given[i] == "-n" || given[i] == "--namespace" || given[i] == "--kubeconfig" || given[i] == "--context" || given[i] == "--project");
    if (takes_value && i + 1 < given.size()) before.push_back(given[++i]);
    ++i;
  }
  words.assign(given.begin() + static_cast<std::ptrdiff_t>(i), given.end());
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    context.out(overview());
    return words.empty() ? static_cast<int>(Exit::usage) : 0;
  }
  for (const Command& command : commands()) {
    if (!begins_with(words, command)) continue;
    std::vector<std::string> rest = before;
    rest.insert(rest.end(), words.begin() + static_cast<std::ptrdiff_t>(command.words.size()), words.end());
    return command.run(rest, context);
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) names.push_back(join({command.words.begin(), command.words.end()}, " "));
  const std::string typed = join({words.begin(), words.begin() + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(words.size()), 3)}, " ");
  const std::string near = nearest(typed, names);
  context.err(cat("ERROR: (kubectl.ai-platform) Invalid choice: '", typed, "'.", near.empty() ? std::string() : cat(" Did you mean '", near, "'?"), "\n\n", overview()));
  return static_cast<int>(Exit::usage);
}

std::vector<Flag> with_common_flags(std::vector<Flag> flags) {
  const std::vector<Flag> common = {
      {"--namespace", FlagKind::text, "the namespace (default: that of the kubeconfig)", {}, 'n'},
      {"--kubeconfig", FlagKind::text, "the kubeconfig file"},
      {"--context", FlagKind::text, "the kubeconfig's context"},
      {"--project", FlagKind::text, "the project's name for programs (default: the namespace)"},
      {"--quiet", FlagKind::boolean, "ask nothing, take the default answers", {}, 'q'},
      {"--format", FlagKind::text, "yaml, json, value(PATH,...), table(PATH,...), csv(PATH,...), none ..."},
      {"--verbosity", FlagKind::choice, "for scripts of gcloud: accepted", {"debug", "info", "warning", "error", "critical", "none"}},
      {"--user-output-enabled", FlagKind::boolean, "false: print nothing"},
      {"--account", FlagKind::text, "for scripts of gcloud: accepted, the kubeconfig says who you are"},
      {"--configuration", FlagKind::text, "for scripts of gcloud: accepted"},
      {"--billing-project", FlagKind::text, "for scripts of gcloud: accepted"},
      {"--log-http", FlagKind::boolean, "for scripts of gcloud: accepted"},
      {"--trace-token", FlagKind::text, "for scripts of gcloud: accepted"},
      {"--help", FlagKind::boolean, "this text", {}, 'h'},
  };
  flags.insert(flags.end(), common.begin(), common.end());
  return flags;
}

Result<Connection> connect(const Arguments& arguments, Context& context) {
  return context.connect({.kubeconfig = arguments.text_or("--kubeconfig", ""), .context = arguments.text_or("--context", ""), .name_space = arguments.text_or("--namespace", "")});
}

bool prompts_disabled(const Arguments& arguments, const Context& context) {
  const std::string property = lower(context.variable("CLOUDSDK_CORE_DISABLE_PROMPTS"));
  return arguments.is_set("--quiet") || property == "1" || property == "true" || property == "yes";
}

Result<std::string> job_id_of(const std::string& argument) {
  std::string_view rest = argument;
  if (const std::size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    if (!rest.starts_with("https://ml.googleapis.com/v1/")) return Error{Code::invalid, cat("[", argument, "] names a job elsewhere: give its id alone")};
    rest.remove_prefix(std::string_view("https://ml.googleapis.com/v1/").size());
  }
  if (rest.find('/') == std::string_view::npos) return std::string(rest);
  const auto parts = split(rest, '/');
  if (parts.size() == 4 && parts[0] == "projects" && parts[2] == "jobs" && !parts[3].empty()) return parts[3];
  return Error{Code::invalid, cat("[", argument, "] is no job: give its id, or projects/PROJECT/jobs/ID")};
}

int report(Context& context, std::string_view command, const Error& error) {
  context.err(cat("ERROR: (kubectl.ai-platform.", command, ") ", error.message, "\n"));
  return static_cast<int>(Exit::failure);
}

std::string public_address(const Connection& connection, std::string_view key) {
  const auto map = connection.client->get(kube::resources::config_maps, {"masu-system", "masu-public"}, Deadline::after(10s));
  return map.ok() ? std::string(map->at("data", key).as_string()) : std::string();
}

std::string reached_address(const Connection& connection, const Context& context, std::string_view key) {
  const std::string ours = context.variable(key == "hub" ? "MASU_HUB" : "MASU_LEDGER");
  return ours.empty() ? public_address(connection, key) : ours;
}

Result<std::string> bearer_token(const Connection& connection) {
  if (!connection.token.empty()) return connection.token;
  const Value request = Value::object({{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenRequest"}, {"spec", Value::object({{"expirationSeconds", 3600}})}});
  Error last{Code::unauthenticated, ""};
  for (const char* account : {"ai-platform", "default"}) {
    auto answer = connection.client->post(kube::resources::service_accounts, {connection.name_space, account}, "token", request, Deadline::after(10s));
    if (answer.ok()) return std::string(answer->at("status", "token").as_string());
    last = answer.error();
  }
  return std::move(last).context("the kubeconfig has no token for the bucket and the logs, and none could be made for the namespace's service account");
}

Result<Value> get_job(const Connection& connection, const std::string& job_id) {
  const kube::Key key{connection.name_space, kube::object_name(job_id)};
  auto job = connection.client->get(kube::resources::training_jobs, key, Deadline::after(30s));
  if (!job.ok() && job.error().code == Code::not_found)
    return Error{Code::not_found, cat("NOT_FOUND: there is no job [", job_id, "] in namespace ", connection.name_space, " (kubectl ai-platform jobs list shows which there are)")};
  return job;
}

void print_hints(Context& context, const std::string& job_id, const std::string& name_space) {
  context.err(cat("Your job is still active. You may view the status of your job with the command\n\n  $ kubectl ai-platform jobs describe ", job_id, " -n ", name_space,
                  "\n\nor continue streaming the logs with the command\n\n  $ kubectl ai-platform jobs stream-logs ", job_id, " -n ", name_space, "\n"));
}

void print_summary(Context& context, const Value& object, const std::string& format) {
  const Value job = training::v1_job(object);
  if (!format.empty()) {
    const auto text = render({job}, true, format, {});
    if (text.ok()) context.out(*text);
    return;
  }
  std::string out;
  const auto line = [&](std::string_view key, std::string_view value) { out += cat(key, ": ", value, "\n"); };
  if (job.contains("endTime")) line("endTime", cat("'", local_time(job["endTime"].as_string()), "'"));
  line("jobId", job["jobId"].as_string());
  if (job.contains("startTime")) line("startTime", cat("'", local_time(job["startTime"].as_string()), "'"));
  line("state", job["state"].as_string());
  context.out(out);
}

}  // namespace masu::plugin
