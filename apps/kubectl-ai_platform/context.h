#pragma once
/// The world of the plugin as plain functions, so that tests drive it without a terminal or a cluster.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "arguments.h"
#include "kube/client.h"
#include "objectstore/blob_store.h"

namespace masu::plugin {

struct ConnectionRequest {
  std::string kubeconfig, context, name_space;  // of flags; empty: as the kubeconfig says
};

/// A cluster and who we are there.
struct Connection {
  std::shared_ptr<kube::Transport> transport;
  std::shared_ptr<kube::Client> client;
  std::string name_space;
  std::string token;  // empty where the kubeconfig has only a certificate
};

struct Context {
  std::map<std::string, std::string> environment;
  std::function<void(std::string_view)> out, err;  // standard output and error
  bool terminal = false;                           // standard error is one: progress is shown
  /// Asks on the terminal; empty if nobody can answer.
  std::function<std::string(std::string_view question)> ask;
  const Clock* clock = nullptr;
  std::function<Result<Connection>(const ConnectionRequest&)> connect;
  /// The hub, or another store with the cloud's JSON interface.
  std::function<Result<std::shared_ptr<objectstore::BlobStore>>(const std::string& url, const std::string& token)> open_store;
  /// GET of an answer of many lines; on_line says false to end it. `idle`: how long nothing may come (timeout then).
  using OnLine = std::function<bool(std::string_view line)>;
  std::function<Status(const std::string& url, const std::string& token, const OnLine& on_line, Duration idle)> stream_lines;
  std::function<bool()> interrupted;      // Ctrl-C was pressed
  std::function<void(Duration)> wait;     // a pause between two looks

  std::string variable(std::string_view name) const {
    const auto found = environment.find(std::string(name));
    return found == environment.end() ? std::string() : found->second;
  }
};

enum class Exit { success = 0, failure = 1, usage = 2 };

/// Everything after `kubectl ai-platform`. The process's exit code.
int run_plugin(const std::vector<std::string>& words, Context& context);

// ---- for the commands

/// Flags that every command has.
std::vector<Flag> with_common_flags(std::vector<Flag> flags);
Result<Connection> connect(const Arguments& arguments, Context& context);
/// --quiet or core/disable_prompts.
bool prompts_disabled(const Arguments& arguments, const Context& context);
/// "projects/X/jobs/J" and full URLs name the same job as "J" (CLI-8).
Result<std::string> job_id_of(const std::string& argument);
/// ERROR: (kubectl.ai-platform.jobs.describe) message; exit code of the error.
int report(Context& context, std::string_view command, const Error& error);

/// The value of a key of ConfigMap masu-public, or empty.
std::string public_address(const Connection& connection, std::string_view key);
/// The same as we reach it: MASU_HUB or MASU_LEDGER of our environment, where the cluster's own name for it means nothing to this machine.
std::string reached_address(const Connection& connection, const Context& context, std::string_view key);
/// The token for hub and ledger: the user's own; with a certificate alone, one of the namespace's service account.
Result<std::string> bearer_token(const Connection& connection);
/// The TrainingJob of a job id. not_found in the plugin's words.
Result<Value> get_job(const Connection& connection, const std::string& job_id);

int submit_training(const std::vector<std::string>& words, Context& context);
int jobs_list(const std::vector<std::string>& words, Context& context);
int jobs_get(const std::vector<std::string>& words, Context& context);
int jobs_describe(const std::vector<std::string>& words, Context& context);
int jobs_cancel(const std::vector<std::string>& words, Context& context);
int jobs_delete(const std::vector<std::string>& words, Context& context);
int jobs_update(const std::vector<std::string>& words, Context& context);
int jobs_stream_logs(const std::vector<std::string>& words, Context& context);
int init_namespace(const std::vector<std::string>& words, Context& context);

/// Copies the job's log lines to `print` until the job has ended; interrupted and broken streams say so (CLI-40).
struct LogRequest {
  std::string job_id, task;
  bool multiline = false;
  Duration interval = 1s;
};
Status stream_logs(const Connection& connection, const LogRequest& request, Context& context, const std::function<void(std::string_view)>& print);
/// Standard error lines that say how to go on.
void print_hints(Context& context, const std::string& job_id, const std::string& name_space);
/// jobId, state, startTime, endTime as YAML on standard output (CLI-38).
void print_summary(Context& context, const Value& training_job, const std::string& format);

}  // namespace masu::plugin
