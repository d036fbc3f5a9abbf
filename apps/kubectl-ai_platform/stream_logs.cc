// jobs stream-logs: the ledger's stream, or the pods' own logs where there is no ledger.

#include <algorithm>
#include <ctime>
#include <deque>
#include <unordered_set>

#include "base/text.h"
#include "context.h"
#include "kube/names.h"
#include "kube/object.h"
#include "net/message.h"
#include "render.h"
#include "training/training_job.h"
#include "value/json.h"

namespace masu::plugin {
namespace {

/// `2024-01-02 03:04:05 +0100` (LOG-7).
std::string log_time(std::string_view text) {
  const auto instant = parse_rfc3339(text);
  if (!instant.ok()) return std::string(text);
  const std::time_t when = std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(*instant));
  std::tm broken{};
  ::localtime_r(&when, &broken);
  char buffer[40];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S %z", &broken);
  return buffer;
}

struct Line {
  std::string severity, time, task, trial, message;
};

void print_line(const Line& line, const LogRequest& request, const std::function<void(std::string_view)>& print) {
  const std::string head = cat(line.severity.empty() ? "DEFAULT" : line.severity, "\t", log_time(line.time), "\t", line.task.empty() ? "unknown_task" : line.task, "\t", line.trial, "\t");
  if (request.multiline) return print(cat(head, line.message, "\n"));
  for (const std::string& part : split(line.message, '\n')) print(cat(head, part, "\n"));
}

bool ended(const Value& job) { return job.at("status", "endTime").is_string(); }

Error interrupted_error() { return Error{Code::cancelled, "Log streaming was interrupted; the job itself goes on."}; }

/// Raw lines that were shown last: a stream that is taken up again repeats some, and lines of other pods may come late.
class Shown {
 public:
  void add(std::string_view line) {
    lines_.emplace_back(line);
    if (lines_.size() > kept) lines_.pop_front();
  }
  /// Where to begin again: the time of the oldest line that is still known.
  std::string since() const { return lines_.empty() ? std::string() : std::string(parse_json(lines_.front()).value_or(Value{})["time"].as_string()); }
  /// The lines that a repeated stream will bring again.
  std::unordered_multiset<std::string> again() const { return {lines_.begin(), lines_.end()}; }

 private:
  static constexpr std::size_t kept = 2000;
  std::deque<std::string> lines_;
};

/// The ledger's JSON lines; its stream ends with the job.
Status stream_from_ledger(const std::string& url, const Connection& connection, const LogRequest& request, Context& context, const std::function<void(std::string_view)>& print) {
  TRY(const std::string token, bearer_token(connection));
  Shown shown;
  for (int broken = 0;;) {
    net::Query query{{"follow", "true"}};
    if (const std::string since = shown.since(); !since.empty()) query.add("since", since);
    if (!request.task.empty()) query.add("task", request.task);
    const std::string target = cat(url, "/ledger/v1/namespaces/", connection.name_space, "/jobs/", kube::object_name(request.job_id), "/logs?", query.text());
    std::unordered_multiset<std::string> known = shown.again();
    const auto on_line = [&](std::string_view text) {
      if (const auto repeated = known.find(std::string(text)); repeated != known.end()) {
        known.erase(repeated);
        return !context.interrupted();
      }
      const auto entry = parse_json(text);
      if (!entry.ok()) return !context.interrupted();
      const auto member = [&](std::string_view name) { return std::string((*entry)[name].as_string()); };
      print_line({member("severity"), member("time"), member("task"), member("trial"), member("message")}, request, print);
      shown.add(text);
      broken = 0;
      return !context.interrupted();
    };
    // A silent job sends nothing for long; a silent connection may be a broken one.
    const Status status = context.stream_lines(target, token, on_line, 60s);
    if (context.interrupted()) return interrupted_error();
    TRY(const Value job, get_job(connection, request.job_id));
    if (status.ok() && ended(job)) return {};
    if (!status.ok() && status.error().code != Code::timeout) {
      // A broken stream is taken up where it broke; one that never works is told.
      const bool hopeless = status.error().code == Code::denied || status.error().code == Code::unauthenticated || status.error().code == Code::not_found;
      if (++broken > 5 || hopeless) return status.error();
      context.wait(500ms);
    } else if (status.ok()) {
      context.wait(200ms);
    }
  }
}

std::string task_of(const kube::Metadata& pod) {
  const std::string role = pod.label("masu.dev/role"), index = pod.label("training.kubeflow.org/replica-index");
  return cat(role.empty() ? "master" : role, "-replica-", index.empty() ? "0" : index);
}

/// One round over the pods: prints what is newer than the last round.
Status read_pods(const Connection& connection, const LogRequest& request, std::map<std::string, std::string>& last, Context& context, const std::function<void(std::string_view)>& print) {
  TRY(const kube::List pods, connection.client->list(kube::resources::pods, connection.name_space, {.label_selector = cat("masu.dev/job=", kube::object_name(request.job_id))}, Deadline::after(30s)));
  std::vector<Line> lines;
  for (const Value& pod : pods.items) {
    const kube::Metadata meta = kube::Metadata::decode(pod);
    const std::string task = task_of(meta);
    if (!request.task.empty() && request.task != task) continue;
    net::Request get;
    get.path = kube::resources::pods.path(meta.key(), "log");
    get.query = {{"container", std::string(pod.at("spec", "containers")[0]["name"].as_string())}, {"timestamps", "true"}};
    std::string& seen = last[meta.uid];
    if (!seen.empty()) get.query.add("sinceTime", cat(seen.substr(0, 19), "Z"));
    const auto answer = connection.client->raw(get, Deadline::after(30s));
    if (!answer.ok()) continue;  // not started yet, or gone
    for (const std::string& text : split(answer->body, '\n')) {
      const std::size_t blank = text.find(' ');
      if (blank == std::string::npos || text.substr(0, blank) <= seen) continue;
      lines.push_back({"INFO", text.substr(0, blank), task, meta.annotation("masu.dev/trial-id"), text.substr(blank + 1)});
    }
    for (const Line& line : lines) {
      if (line.task == task && line.time > seen) seen = line.time;
    }
  }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.time < b.time; });
  for (const Line& line : lines) print_line(line, request, print);
  static_cast<void>(context);
  return {};
}

Status stream_from_pods(const Connection& connection, const LogRequest& request, Context& context, const std::function<void(std::string_view)>& print) {
  std::map<std::string, std::string> last;  // by pod: the newest time that was printed
  for (bool over = false; !over;) {
    TRY(const Value job, get_job(connection, request.job_id));
    over = ended(job);
    TRY_OK(read_pods(connection, request, last, context, print));
    if (context.interrupted()) return interrupted_error();
    if (!over) context.wait(request.interval);
  }
  return {};
}

}  // namespace

Status stream_logs(const Connection& connection, const LogRequest& request, Context& context, const std::function<void(std::string_view)>& print) {
  const std::string ledger = reached_address(connection, context, "ledger");
  return ledger.empty() ? stream_from_pods(connection, request, context, print) : stream_from_ledger(ledger, connection, request, context, print);
}

int jobs_stream_logs(const std::vector<std::string>& words, Context& context) {
  const CommandGrammar grammar{.usage = "kubectl ai-platform jobs stream-logs JOB [flags]",
                               .flags = with_common_flags({{"--polling-interval", FlagKind::integer, "seconds between looks (default 1)"},
                                                           {"--task-name", FlagKind::text, "only this task: master-replica-0"},
                                                           {"--allow-multiline-logs", FlagKind::boolean, "a message of several lines stays one record"}}),
                               .positionals_min = 1,
                               .positionals_max = 1};
  if (std::find(words.begin(), words.end(), "--help") != words.end()) {
    context.out(help_text(grammar));
    return 0;
  }
  const auto arguments = Arguments::parse(grammar, words);
  const auto usage = [&](std::string_view message) {
    context.err(cat("ERROR: (kubectl.ai-platform.jobs.stream-logs) ", message, "\n"));
    return static_cast<int>(Exit::usage);
  };
  if (!arguments.ok()) return usage(arguments.error().message);
  const std::int64_t interval = arguments->integer("--polling-interval").value_or(1);
  if (interval < 1) return usage(cat("argument --polling-interval: Value must be greater than or equal to 1; received: ", interval));
  const auto id = job_id_of(arguments->positionals()[0]);
  if (!id.ok()) return report(context, "jobs.stream-logs", id.error());
  const auto connection = connect(*arguments, context);
  if (!connection.ok()) return report(context, "jobs.stream-logs", connection.error());
  if (const auto job = get_job(*connection, *id); !job.ok()) return report(context, "jobs.stream-logs", job.error());
  const Status streamed = stream_logs(*connection,
                                      {.job_id = *id, .task = arguments->text_or("--task-name", ""), .multiline = arguments->is_set("--allow-multiline-logs"), .interval = std::chrono::seconds(interval)},
                                      context, context.out);
  return streamed.ok() ? 0 : report(context, "jobs.stream-logs", streamed.error());
}

}  // namespace masu::plugin
