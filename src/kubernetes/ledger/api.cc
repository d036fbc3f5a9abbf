#include "ledger/api.h"

#include <charconv>

#include "base/text.h"
#include "value/json.h"
#include "value/reader.h"

namespace masu::ledger {
namespace {

constexpr Duration answer_time = std::chrono::seconds{20};
constexpr std::size_t body_max = std::size_t{4} << 20;
constexpr std::size_t page_max = std::size_t{4} << 20;

struct Translation {
  int status;
  std::string_view reason;
};
/// As Kubernetes says it.
Translation translate(Code code) {
  switch (code) {
    case Code::malformed: return {400, "BadRequest"};
    case Code::invalid: return {422, "Invalid"};
    case Code::precondition: return {412, "PreconditionFailed"};
    case Code::unauthenticated: return {401, "Unauthorized"};
    case Code::denied: return {403, "Forbidden"};
    case Code::not_found: return {404, "NotFound"};
    case Code::already_exists: return {409, "AlreadyExists"};
    case Code::conflict: return {409, "Conflict"};
    case Code::gone: return {410, "Expired"};
    case Code::exhausted: return {429, "TooManyRequests"};
    case Code::unavailable: return {503, "ServiceUnavailable"};
    case Code::timeout: return {504, "Timeout"};
    case Code::cancelled: return {499, "Cancelled"};
    case Code::unsupported: return {501, "NotImplemented"};
    case Code::internal: return {500, "InternalError"};
  }
  return {500, "InternalError"};
}

net::Reply failure(const Error& error) {
  const Translation as = translate(error.code);
  Value status = Value::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"}, {"message", error.message},
                                {"reason", as.reason}, {"code", as.status}});
  for (const Cause& cause : error.causes) {
    status["details"]["causes"].push_back(Value::object({{"field", cause.field}, {"reason", cause.reason}, {"message", cause.message}}));
  }
  net::Reply reply{.status = as.status, .headers = {{"Content-Type", "application/json"}}, .body = to_json(status)};
  if (as.status == 401) reply.headers.set("WWW-Authenticate", "Bearer");
  if (as.status == 429 || as.status == 503) reply.headers.set("Retry-After", "1");
  return reply;
}

net::Reply json(const Value& value) { return {.headers = {{"Content-Type", "application/json"}}, .body = to_json(value)}; }

bool is_true(std::string_view text) { return text == "true" || text == "1"; }

Result<LogQuery> log_query(const net::Query& query) {
  LogQuery out{.follow = is_true(query.get("follow")),
               .after = std::string(query.get("after")),
               .task = std::string(query.get("task")),
               .trial = std::string(query.get("trial"))};
  if (const auto since = query.get("since"); !since.empty()) {
    TRY(out.since, parse_rfc3339(since).context(cat("reading since=", quote(since))));
  }
  return out;
}

}  // namespace

Value encode_metrics(std::span<const Metric> metrics) {
  Value list{Array{}};
  for (const Metric& metric : metrics) {
    Value entry = Value::object({{"name", metric.name}, {"value", metric.value}});
    if (metric.step) entry["step"] = *metric.step;
    if (metric.time) entry["timestamp"] = stamp(*metric.time);
    list.push_back(std::move(entry));
  }
  return Value::object({{"metrics", std::move(list)}});
}

Result<std::vector<Metric>> decode_metrics(const Value& body) {
  const Reader read(body);
  read.required("metrics");
  std::vector<Metric> out;
  for (const Reader& entry : read.list("metrics")) {
    Metric metric;
    metric.name = entry.string("name").value_or("");
    if (metric.name.empty()) entry.wrong("name", "a metric needs a name", "FieldValueRequired");
    // Numbers are taken too, since programs of users report; their text is kept.
    if (const Value& value = entry.value()["value"]; value.is_number()) metric.value = to_json(value);
    else metric.value = entry.string("value").value_or("");
    if (metric.value.empty()) entry.wrong("value", "a metric needs a value, as text", "FieldValueRequired");
    metric.step = entry.integer("step");
    if (const auto text = entry.string("timestamp")) {
      const auto time = parse_rfc3339(*text);
      if (time.ok()) metric.time = *time;
      else entry.wrong("timestamp", cat(quote(*text), " is no time as in RFC 3339"));
    }
    out.push_back(std::move(metric));
  }
  if (out.size() > Api::metrics_max) read.wrong("metrics", cat("at most ", Api::metrics_max, " metrics in one report"), "FieldValueTooMany");
  TRY_OK(read.finish());
  return out;
}

net::Answer Api::handle(const net::Request& request) {
  auto result = answer(request);
  if (!result.ok()) return failure(result.error());
  return std::move(result).value();
}

Result<net::Answer> Api::answer(const net::Request& request) {
  const Deadline deadline = Deadline::after(answer_time);
  std::vector<std::string> parts = split(request.path, '/');  // "", ledger, v1, namespaces, NS, trials, NAME, metrics
  for (std::string& part : parts) part = net::percent_decode(part);
  if (request.path.starts_with(prefix) && parts.size() == 8 && parts[3] == "namespaces" && !parts[4].empty() && !parts[6].empty()) {
    const kube::Key key{parts[4], parts[6]};
    if (parts[5] == "trials" && parts[7] == "metrics") return trial_metrics(request, key, deadline);
    if (parts[5] == "jobs" && parts[7] == "logs") return job_logs(request, key, deadline);
  }
  return Error{Code::not_found, cat("the ledger has no ", quote(request.path), ": it serves /ledger/v1/namespaces/NS/trials/NAME/metrics and "
                                    "/ledger/v1/namespaces/NS/jobs/JOB/logs")};
}

Result<net::Answer> Api::trial_metrics(const net::Request& request, const kube::Key& trial, Deadline deadline) {
  if (request.method == "GET") {
    TRY_OK(authorizer_.allow(request, {"get", kube::resources::trials, trial}, deadline));
    TRY(const auto metrics, ledger_.metrics(trial, request.query.get("name")));
    return json(encode_metrics(metrics));
  }
  if (request.method == "POST") {
    TRY_OK(authorizer_.allow(request, {"update", kube::resources::trials, trial}, deadline));
    TRY(const std::string body, net::whole_body(request, body_max));
    TRY(const Value value, parse_json(body).context("reading a report of metrics"));
    TRY(const auto metrics, decode_metrics(value));
    TRY_OK(ledger_.report(trial, metrics, deadline));
    return json(Value::object({}));
  }
  return net::Reply{.status = 405, .headers = {{"Allow", "GET, POST"}}};
}

Result<net::Answer> Api::job_logs(const net::Request& request, const kube::Key& job, Deadline deadline) {
  if (request.method != "GET") return net::Reply{.status = 405, .headers = {{"Allow", "GET"}}};
  TRY_OK(authorizer_.allow(request, {"get", kube::resources::training_jobs, job}, deadline));
  TRY(const LogQuery query, log_query(request.query));
  const std::string_view limit = request.query.get("limitBytes");
  if (limit.empty()) {
    TRY(net::Subscription subscription, archive_.follow(job, query));
    return subscription;
  }
  std::size_t bytes = 0;
  const auto read = std::from_chars(limit.data(), limit.data() + limit.size(), bytes);
  if (read.ec != std::errc() || read.ptr != limit.data() + limit.size() || bytes == 0) {
    return Error{Code::malformed, cat("reading limitBytes=", quote(limit), ": a whole number above 0 is needed")};
  }
  TRY(LogPage page, archive_.page(job, query, std::min(bytes, page_max)));
  return net::Reply{.headers = {{"Content-Type", "application/x-ndjson"}, {"Masu-Next", page.next}, {"Masu-End", page.at_end ? "true" : "false"}},
                    .body = std::move(page.lines)};
}

}  // namespace masu::ledger
