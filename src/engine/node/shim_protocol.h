#pragma once
/// What the node agent and a pod's shim say to each other: one JSON object a line over a unix socket in the pod's
/// directory, `{"op": ...}` one way, `{"ok": true, ...}` or `{"error": "..."}` the other. Also the shim's state file.
///
///   start {start}            runs a container, answers {record} when its program runs or could not be started
///   stop {id, grace_ms}      SIGTERM now, SIGKILL after the grace
///   signal {id, signal}
///   remove {id}              forgets an ended container and what it left mounted
///   state                    {records}
///   watch                    {records} at once and after each change, until the connection ends
///   exec {id, argv, limit_ms}  runs a program beside the container's, answers {exit_code, output} when it has ended
///   shutdown                 ends the shim; refused while something runs

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "value/value.h"

namespace masu::node {

/// A mount that the shim makes before the container starts, in its own mount namespace.
struct ShimMount {
  std::string type;     // "overlay", "tmpfs", "bind"
  std::string source;   // bind
  std::string target;
  std::string options;  // as for mount(8)'s data of the file system
  bool read_only = false;
  bool operator==(const ShimMount&) const = default;
};

struct StartRequest {
  std::string id;                    // "training.0": container and attempt, unique within the pod
  std::string mode = "runc";         // or "process"
  std::string directory;             // of this attempt; with runc it is the bundle (config.json)
  std::string log;                   // the log file, in the form of the container runtime interface
  std::string runc_root, runc_id;    // runc
  std::string memory_group;          // folder of the memory cgroup, where an out-of-memory kill is counted; may be empty
  std::vector<ShimMount> mounts;     // of this container: gone when it has ended
  std::vector<ShimMount> pod_mounts; // of the pod: made once, gone with the shim
  // process mode
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string working_directory;
  std::int64_t user = -1, group = -1;
  int backoff_level = 0;             // kept for the agent

  Value encode() const;
  static StartRequest decode(const Value& value);
};

struct ContainerRecord {
  enum class State { running, exited } state = State::running;
  std::string id;
  int pid = 0;
  std::uint64_t pid_start = 0;  // the kernel's start time of the process: a number used again is not mistaken for it
  Instant started{}, finished{};
  int exit_code = 0;            // 128 + signal when killed
  int signal = 0;
  bool oom = false;
  bool start_failed = false;    // the program never ran
  std::string reason, message;  // set where the shim knows better than the exit code
  int backoff_level = 0;
  std::optional<Instant> stop_by;  // a stop was asked for; SIGKILL comes then

  bool running() const { return state == State::running; }
  Value encode() const;
  static ContainerRecord decode(const Value& value);
  bool operator==(const ContainerRecord&) const = default;
};

Value encode_records(const std::vector<ContainerRecord>& records);
std::vector<ContainerRecord> decode_records(const Value& list);

inline constexpr const char* shim_socket_name = "shim.sock";
inline constexpr const char* shim_state_name = "state.json";
inline constexpr const char* shim_lock_name = "shim.lock";

}  // namespace masu::node
