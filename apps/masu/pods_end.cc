#include "pods_end.h"

#include "base/log.h"
#include "node/shim_client.h"

namespace masu::app {
namespace {

namespace fs = std::filesystem;

Status end_pod(const fs::path& pod, Deadline deadline) {
  bool shim_lives = false;
  TRY(const auto records, node::read_records(pod, shim_lives, deadline));
  if (!shim_lives) return {};
  for (const node::ContainerRecord& record : records)
    if (record.running()) TRY_OK(node::ask_shim(pod, Value::object({{"op", "stop"}, {"id", record.id}, {"grace_ms", 2000}}), deadline));
  // The shim refuses to end while something runs.
  for (Duration step = 5ms; !deadline.expired(); step = std::min<Duration>(step * 2, 200ms)) {
    const auto ended = node::ask_shim(pod, Value::object({{"op", "shutdown"}}), deadline);
    if (ended.ok() || ended.error().code != Code::precondition) return {};
    pause(step, {});
  }
  return Error{Code::timeout, "its processes do not end"};
}

}  // namespace

Status end_all_pods(const fs::path& node_folder, Deadline deadline) {
  std::error_code none;
  for (const auto& pod : fs::directory_iterator(node_folder / "pods", none))
    if (const Status ended = end_pod(pod.path(), deadline); !ended.ok())
      log::warn("pod not ended", {{"folder", pod.path().native()}, {"error", ended.error().message}});
  return {};
}

}  // namespace masu::app
