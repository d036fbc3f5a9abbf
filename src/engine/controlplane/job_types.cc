#include <charconv>

#include "base/text.h"
#include "controlplane/job_core.h"

namespace masu::controlplane {
namespace {

std::optional<std::int64_t> number(const Value& object, std::string_view key) {
  const Value& value = object[key];
  return value.is_number() ? std::optional(value.as_integer()) : std::nullopt;
}

std::optional<Instant> time_of(const Value& value) {
  auto parsed = parse_rfc3339(value.as_string());
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

FailureRule decode_rule(const Value& rule) {
  FailureRule out;
  out.action = rule["action"].as_string();
  out.container = rule.at("onExitCodes", "containerName").as_string();
  out.exit_operator = rule.at("onExitCodes", "operator").as_string();
  for (const Value& code : rule.at("onExitCodes", "values").as_array()) out.exit_codes.push_back(code.as_integer());
  for (const Value& one : rule["onPodConditions"].as_array()) out.conditions.emplace_back(one["type"].as_string(), one["status"].as_string("True"));
  return out;
}

std::int64_t parsed(std::string_view text) {
  std::int64_t value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

bool Job::finished() const {
  for (const char* type : {"Complete", "Failed"})
    if (const kube::Condition* condition = kube::find_condition(conditions, type); condition && condition->is_true()) return true;
  return false;
}

Result<Job> Job::decode(const Value& object) {
  const Value &spec = object["spec"], &status = object["status"];
  Job out;
  out.meta = kube::Metadata::decode(object);
  out.completions = number(spec, "completions");
  out.active_deadline_s = number(spec, "activeDeadlineSeconds");
  out.ttl_s = number(spec, "ttlSecondsAfterFinished");
  out.backoff_limit_per_index = number(spec, "backoffLimitPerIndex");
  out.max_failed_indexes = number(spec, "maxFailedIndexes");
  out.parallelism = number(spec, "parallelism").value_or(1);
  out.backoff_limit = number(spec, "backoffLimit").value_or(6);
  out.indexed = spec["completionMode"].as_string() == "Indexed";
  out.suspended = spec["suspend"].as_bool();
  out.restart_policy = spec.at("template", "spec", "restartPolicy").as_string("Never");
  out.managed_by = spec["managedBy"].as_string();
  for (const Value& rule : spec.at("podFailurePolicy", "rules").as_array()) out.failure_rules.push_back(decode_rule(rule));
  out.pod_template = spec["template"];
  out.status = status;
  out.succeeded = status["succeeded"].as_integer();
  out.failed = status["failed"].as_integer();
  out.completed_indexes = parse_indexes(status["completedIndexes"].as_string());
  out.failed_indexes = parse_indexes(status["failedIndexes"].as_string());
  out.started = time_of(status["startTime"]);
  out.completed = time_of(status["completionTime"]);
  out.conditions = kube::decode_conditions(status["conditions"]);
  return out;
}

std::string index_text(const std::set<std::int64_t>& indexes) {
  std::vector<std::string> parts;
  for (auto at = indexes.begin(); at != indexes.end();) {
    const std::int64_t first = *at;
    std::int64_t last = first;
    while (++at != indexes.end() && *at == last + 1) ++last;
    parts.push_back(first == last ? cat(first) : last == first + 1 ? cat(first, ",", last) : cat(first, "-", last));
  }
  return join(parts, ",");
}

std::set<std::int64_t> parse_indexes(std::string_view text) {
  std::set<std::int64_t> out;
  if (text.empty()) return out;
  for (const std::string& part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const std::int64_t first = parsed(part), last = dash == std::string::npos ? first : parsed(std::string_view(part).substr(dash + 1));
    for (std::int64_t index = first; index >= 0 && index <= last; ++index) out.insert(index);
  }
  return out;
}

}  // namespace masu::controlplane
