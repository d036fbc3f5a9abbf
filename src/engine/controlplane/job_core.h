#pragma once
/// batch/v1 Job: runs pods until enough have succeeded, or says why it gave up.
///
/// Counts come from the pods that exist; they never fall below what the status has said before. Pod names follow from the
/// job's uid, so deciding twice on a stale cache makes no pod twice.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controlplane/objects.h"

namespace masu::controlplane {

struct FailureRule {
  std::string action;  // FailJob, FailIndex, Ignore, Count
  std::string container;  // empty: any
  std::string exit_operator;  // In, NotIn; empty: this rule is about conditions
  std::vector<std::int64_t> exit_codes;
  std::vector<std::pair<std::string, std::string>> conditions;  // type, status
};

struct Job {
  kube::Metadata meta;
  std::optional<std::int64_t> completions, active_deadline_s, ttl_s, backoff_limit_per_index, max_failed_indexes;
  std::int64_t parallelism = 1, backoff_limit = 6;
  bool indexed = false, suspended = false;
  std::string restart_policy = "Never", managed_by;
  std::vector<FailureRule> failure_rules;
  Value pod_template;  // carried into pods as it is

  // status
  Value status;  // as it is stored, for the difference
  std::int64_t succeeded = 0, failed = 0;
  std::set<std::int64_t> completed_indexes, failed_indexes;
  std::optional<Instant> started, completed;
  std::vector<kube::Condition> conditions;

  bool finished() const;
  static Result<Job> decode(const Value& object);
};

struct JobWorld {
  Job job;
  std::vector<std::shared_ptr<const Pod>> pods;  // those it controls
  Instant now;
};
struct JobDecision {
  controller::Actions actions;
  std::optional<Duration> look_again;
};
JobDecision decide(const JobWorld& world);

/// "0-2,5": ascending numbers as upstream writes sets of indexes, and back.
std::string index_text(const std::set<std::int64_t>& indexes);
std::set<std::int64_t> parse_indexes(std::string_view text);

}  // namespace masu::controlplane
