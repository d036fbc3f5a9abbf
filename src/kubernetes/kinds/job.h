#pragma once
/// batch/v1 Job as other rooms see it: what it wants and how it stands. (The Job controller keeps more to itself.)

#include <optional>
#include <string>
#include <vector>

#include "kube/object.h"

namespace masu::kinds {

struct Job {
  kube::Metadata meta;
  bool suspended = false;
  int active = 0, succeeded = 0, failed = 0, ready = 0;
  std::optional<Instant> started, completed;  // status.startTime, status.completionTime
  std::vector<kube::Condition> conditions;

  static Result<Job> decode(const Value& object);
  bool complete() const { return has("Complete"); }
  bool is_failed() const { return has("Failed"); }
  bool finished() const { return complete() || is_failed(); }

 private:
  bool has(std::string_view condition) const;
};

}  // namespace masu::kinds
