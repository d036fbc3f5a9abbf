#include "kinds/job.h"

namespace masu::kinds {

Result<Job> Job::decode(const Value& object) {
  const Value& status = object["status"];
  const auto time_of = [](const Value& value) {
    auto parsed = parse_rfc3339(value.as_string());
    return parsed.ok() ? std::optional(*parsed) : std::nullopt;
  };
  Job out;
  out.meta = kube::Metadata::decode(object);
  out.suspended = object.at("spec", "suspend").as_bool();
  out.active = static_cast<int>(status["active"].as_integer());
  out.succeeded = static_cast<int>(status["succeeded"].as_integer());
  out.failed = static_cast<int>(status["failed"].as_integer());
  out.ready = static_cast<int>(status["ready"].as_integer());
  out.started = time_of(status["startTime"]);
  out.completed = time_of(status["completionTime"]);
  out.conditions = kube::decode_conditions(status["conditions"]);
  return out;
}

bool Job::has(std::string_view type) const {
  const kube::Condition* condition = kube::find_condition(conditions, type);
  return condition != nullptr && condition->is_true();
}

}  // namespace masu::kinds
