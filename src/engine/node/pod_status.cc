#include "node/pod_status.h"

#include <algorithm>

#include "base/text.h"

namespace masu::node {
namespace {

std::string container_id(const Pod& pod, const std::string& name, int attempt) {
  return cat("masu://", pod.meta.uid, "-", name, "-", attempt);
}

Value terminated(const Pod& pod, const std::string& name, int attempt, const ContainerRecord& record, const std::string& words) {
  const std::string reason = !record.reason.empty()  ? record.reason
                             : record.oom            ? "OOMKilled"
                             : record.exit_code == 0 ? "Completed"
                                                     : "Error";
  Value out = Value::object({{"exitCode", record.exit_code}, {"reason", reason}, {"startedAt", to_rfc3339(record.started)},
                             {"finishedAt", to_rfc3339(record.finished)}, {"containerID", container_id(pod, name, attempt)}});
  const std::string& message = !record.message.empty() ? record.message : words;
  if (!message.empty()) out["message"] = message;
  return out;
}

/// Why a container waits that never ran.
Value waiting(const World& world, const ContainerView& view, const PodJudgement& judgement, bool init) {
  if (view.trouble) return Value::object({{"reason", view.trouble->reason}, {"message", view.trouble->message}});
  const bool before_init =
      (!judgement.initialized && !world.pod.init_containers.empty() && world.prepared) || (init && !world.pod.init_containers.empty());
  Value out = Value::object({{"reason", before_init ? "PodInitializing" : "ContainerCreating"}});
  if (world.trouble) out["message"] = world.trouble->message;
  return out;
}

Value container_status(const World& world, const Container& container, const PodJudgement& judgement, bool init) {
  const Pod& pod = world.pod;
  const auto found = world.containers.find(container.name);
  const ContainerView view = found != world.containers.end() ? found->second : ContainerView{};
  const auto judged_at = judgement.containers.find(container.name);
  const Judged judged = judged_at != judgement.containers.end() ? judged_at->second : Judged{};
  Value out = Value::object({{"name", container.name}, {"image", container.image}, {"imageID", view.image_id},
      {"restartCount", std::max(view.attempt, 0)}, {"state", Object{}}, {"lastState", Object{}}});
  bool ready = false, started = false;
  if (view.attempt >= 0) out["containerID"] = container_id(pod, container.name, view.attempt);
  if (!view.last) {
    out["state"]["waiting"] = waiting(world, view, judgement, init);
  } else if (view.last->running()) {
    out["state"]["running"] = Value::object({{"startedAt", to_rfc3339(view.last->started)}});
    started = view.startup_done;
    ready = started && view.ready && !pod.meta.deleted;
  } else {
    const Value ended = terminated(pod, container.name, view.attempt, *view.last, view.last_words);
    if (judged.restart_at) {
      const Duration delay = restart_delay(view.last->backoff_level);
      out["state"]["waiting"] = Value::object(
          {{"reason", "CrashLoopBackOff"}, {"message", cat("back-off ", to_human(delay), " restarting failed container=", container.name,
                                                           " pod=", pod.meta.name, "_", pod.meta.name_space, "(", pod.meta.uid, ")")}});
      out["lastState"]["terminated"] = ended;
    } else if (view.trouble && !judged.finished) {
      out["state"]["waiting"] = Value::object({{"reason", view.trouble->reason}, {"message", view.trouble->message}});
      out["lastState"]["terminated"] = ended;
    } else {
      out["state"]["terminated"] = ended;
      ready = init && !container.sidecar && view.last->exit_code == 0 && !view.last->start_failed;
    }
  }
  if (out["lastState"].as_object().empty() && view.previous && !view.previous->running())
    out["lastState"]["terminated"] = terminated(pod, container.name, view.attempt - 1, *view.previous, view.previous_words);
  out["ready"] = ready;
  out["started"] = started;
  return out;
}

std::vector<std::string> not_ready(const Value& statuses, const std::vector<Container>& containers, bool sidecars_only) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < containers.size(); ++i)
    if ((!sidecars_only || containers[i].sidecar) && !statuses[i]["ready"].as_bool()) out.push_back(containers[i].name);
  return out;
}

}  // namespace

Value status_of(const World& world, const PodJudgement& judgement) {
  const Pod& pod = world.pod;
  Value status = pod.status;
  status["phase"] = judgement.phase;
  if (!judgement.reason.empty()) {
    status["reason"] = judgement.reason;
    status["message"] = judgement.message;
  }
  if (status["startTime"].is_null()) status["startTime"] = to_rfc3339(world.now);
  status["hostIP"] = world.node_ip;
  status["hostIPs"] = Value::array({Value::object({{"ip", world.node_ip}})});
  if (world.prepared) {
    status["podIP"] = world.pod_ip;
    status["podIPs"] = Value::array({Value::object({{"ip", world.pod_ip}})});
  }
  Value mains = Array{}, inits = Array{};
  for (const Container& container : pod.containers) mains.push_back(container_status(world, container, judgement, false));
  for (const Container& container : pod.init_containers) inits.push_back(container_status(world, container, judgement, true));
  status["containerStatuses"] = mains;
  if (!pod.init_containers.empty()) status["initContainerStatuses"] = inits;

  std::vector<kube::Condition> conditions = kube::decode_conditions(pod.status["conditions"]);
  const auto set = [&](std::string type, bool holds, std::string reason = {}, std::string message = {}) {
    kube::set_condition(conditions,
        {.type = std::move(type),
            .status = holds ? "True" : "False",
            .reason = std::move(reason),
            .message = std::move(message),
            .last_transition = {}},
        world.now);
  };
  const bool ended = judgement.phase == "Succeeded" || judgement.phase == "Failed";
  const bool good = judgement.phase == "Succeeded";
  set("PodReadyToStartContainers", world.prepared && !ended);
  if (const auto waiting_for = not_ready(inits, pod.init_containers, false); judgement.initialized || waiting_for.empty())
    set("Initialized", true, good ? "PodCompleted" : "");
  else
    set("Initialized", false, "ContainersNotInitialized", cat("containers with incomplete status: [", join(waiting_for, " "), "]"));
  std::vector<std::string> unready = not_ready(mains, pod.containers, false);
  for (std::string& name : not_ready(inits, pod.init_containers, true)) unready.push_back(std::move(name));
  const bool ready = unready.empty() && judgement.phase == "Running" && !pod.meta.deleted;
  const std::string reason = ready ? "" : good ? "PodCompleted" : judgement.phase == "Failed" ? "PodFailed" : "ContainersNotReady";
  const std::string message = ready || ended ? "" : cat("containers with unready status: [", join(unready, " "), "]");
  set("ContainersReady", ready, reason, message);
  set("Ready", ready, reason, message);
  if (kube::find_condition(conditions, "PodScheduled") == nullptr) set("PodScheduled", true);
  if (!world.isolation_reason.empty()) set("masu.dev/Isolated", false, world.isolation_reason, world.isolation_message);
  status["conditions"] = kube::encode_conditions(conditions);
  return status;
}

}  // namespace masu::node
