#include "kinds/pod.h"

#include <algorithm>

namespace masu::kinds {
namespace {

using Requests = std::map<std::string, Quantity>;

/// Requests of one container; a limit without a request counts as one (as defaulting does).
Requests requests_of(const Value& container) {
  Requests out;
  for (const std::string_view part : {"limits", "requests"})
    for (const auto& [resource, amount] : container.at("resources", part).as_object())
      if (auto quantity = Quantity::from(amount); quantity.ok()) out[resource] = *quantity;
  return out;
}

void add(Requests& to, const Requests& more) {
  for (const auto& [resource, amount] : more) to[resource].milli += amount.milli;
}

void at_least(Requests& to, const Requests& other) {
  for (const auto& [resource, amount] : other) to[resource] = std::max(to[resource], amount);
}

/// KEP-753: sidecars started so far count beside each later init container and beside the main ones.
Requests pod_requests(const Value& spec) {
  Requests main, sidecars, most_init;
  for (const Value& container : spec["containers"].as_array()) add(main, requests_of(container));
  for (const Value& container : spec["initContainers"].as_array()) {
    if (container["restartPolicy"].as_string() == "Always") {
      add(sidecars, requests_of(container));
      at_least(most_init, sidecars);
    } else {
      Requests now = sidecars;
      add(now, requests_of(container));
      at_least(most_init, now);
    }
  }
  add(main, sidecars);
  at_least(main, most_init);
  for (const auto& [resource, amount] : spec["overhead"].as_object())
    if (auto quantity = Quantity::from(amount); quantity.ok()) main[resource].milli += quantity->milli;
  return main;
}

std::optional<Instant> time_of(const Value& value) {
  auto parsed = parse_rfc3339(value.as_string());
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

std::vector<ContainerStatus> statuses_of(const Value& list) {
  std::vector<ContainerStatus> out;
  for (const Value& item : list.as_array()) {
    ContainerStatus status;
    status.name = item["name"].as_string();
    status.restarts = static_cast<int>(item["restartCount"].as_integer());
    status.ready = item["ready"].as_bool();
    const Value& state = item["state"];
    if (state.contains("running")) {
      status.state = ContainerStatus::State::running;
      status.started = time_of(state.at("running", "startedAt"));
    } else if (const Value& ended = state["terminated"]; ended.is_object()) {
      status.state = ContainerStatus::State::terminated;
      status.reason = ended["reason"].as_string();
      status.message = ended["message"].as_string();
      status.exit_code = static_cast<int>(ended["exitCode"].as_integer());
      status.signal = static_cast<int>(ended["signal"].as_integer());
      status.started = time_of(ended["startedAt"]);
      status.finished = time_of(ended["finishedAt"]);
    } else {
      status.reason = state.at("waiting", "reason").as_string();
      status.message = state.at("waiting", "message").as_string();
    }
    out.push_back(std::move(status));
  }
  return out;
}

}  // namespace

Result<Pod> Pod::decode(const Value& object) {
  const Value &spec = object["spec"], &status = object["status"];
  Pod out;
  out.meta = kube::Metadata::decode(object);
  out.node_name = spec["nodeName"].as_string();
  out.scheduler_name = spec["schedulerName"].as_string("default-scheduler");
  out.restart_policy = spec["restartPolicy"].as_string("Always");
  out.service_account = spec["serviceAccountName"].as_string();
  out.priority_class = spec["priorityClassName"].as_string();
  out.priority = spec["priority"].as_integer();
  out.grace_s = spec["terminationGracePeriodSeconds"].as_integer(30);
  for (const auto& [key, value] : spec["nodeSelector"].as_object()) out.node_selector.emplace(key, value.as_string());
  for (const Value& item : spec["tolerations"].as_array()) {
    Toleration toleration{std::string(item["key"].as_string()), std::string(item["operator"].as_string("Equal")),
                          std::string(item["value"].as_string()), std::string(item["effect"].as_string()), {}};
    if (item.contains("tolerationSeconds")) toleration.seconds = item["tolerationSeconds"].as_integer();
    out.tolerations.push_back(std::move(toleration));
  }
  for (const Value& volume : spec["volumes"].as_array()) {
    if (const Value& claim = volume["persistentVolumeClaim"]; claim.is_object()) out.claims.emplace_back(claim["claimName"].as_string());
    if (volume.contains("ephemeral")) out.claims.push_back(out.meta.name + "-" + std::string(volume["name"].as_string()));
  }
  out.requests = pod_requests(spec);
  for (const Value& container : spec["containers"].as_array()) out.containers.emplace_back(container["name"].as_string());
  out.phase = status["phase"].as_string("Pending");
  out.reason = status["reason"].as_string();
  out.message = status["message"].as_string();
  out.pod_ip = status["podIP"].as_string();
  out.started = time_of(status["startTime"]);
  out.conditions = kube::decode_conditions(status["conditions"]);
  out.container_statuses = statuses_of(status["containerStatuses"]);
  out.init_statuses = statuses_of(status["initContainerStatuses"]);
  return out;
}

bool Pod::ready() const {
  const kube::Condition* condition = kube::find_condition(conditions, "Ready");
  return condition != nullptr && condition->is_true();
}

const ContainerStatus* Pod::status_of(std::string_view container) const {
  for (const auto* list : {&container_statuses, &init_statuses})
    for (const ContainerStatus& status : *list)
      if (status.name == container) return &status;
  return nullptr;
}

}  // namespace masu::kinds
