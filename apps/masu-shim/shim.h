#pragma once
/// The pod's keeper: a single thread around one poll. Everything that must outlive the node agent is here, and as little
/// else as possible.

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"
#include "masu-shim/launch.h"
#include "masu-shim/log_writer.h"
#include "node/shim_protocol.h"

namespace masu::shim {

class Shim {
 public:
  /// `directory` is the pod's; the process has it as its working directory.
  Shim(std::string directory, const Clock& clock) : directory_(std::move(directory)), clock_(clock) {}

  /// Takes the lock, listens, and picks up containers that an earlier shim left running. already_exists: another shim
  /// keeps this pod.
  Status open();
  /// Serves until a shutdown. Blocks.
  void serve();

 private:
  struct Container {
    node::ContainerRecord record;
    node::StartRequest request;
    std::optional<LogWriter> log;
    OutputPipes pipes;
    FileDescriptor process;  // a pidfd, for containers that are no children of ours
    long oom_before = 0;
  };
  struct Connection {
    FileDescriptor socket;
    std::string received, to_send;
    bool watching = false, close_after = false;
  };
  /// A program that runs beside a container's.
  struct Exec {
    pid_t pid = -1;
    FileDescriptor output;
    std::string said;
    std::uint64_t connection = 0;
    Instant kill_at{};
    std::optional<int> status;
  };

  void adopt();
  void save();
  void changed();
  void answer(std::uint64_t connection, const Value& value);
  Value handle(std::uint64_t connection, const Value& request, bool& later);
  Value start(const Value& request);
  Status mount_for_pod(const node::StartRequest& request);
  Status start_exec(std::uint64_t connection, const Value& request);
  void stop(Container& container, Duration grace);
  void remove(const std::string& id);
  void read_logs(Container& container, bool to_the_end);
  void reap();
  void ended(Container& container, int status);
  void finish_execs();
  void enforce_deadlines();
  int poll_timeout() const;
  void read_from(std::uint64_t id, Connection& connection);
  void write_to(Connection& connection);

  const std::string directory_;
  const Clock& clock_;
  FileDescriptor lock_, listener_, signals_;
  std::map<std::string, Container> containers_;
  std::map<std::uint64_t, Connection> connections_;
  std::list<Exec> execs_;
  std::uint64_t next_connection_ = 1;
  std::set<std::string> pod_mounts_;  // targets
  bool ending_ = false;
};

}  // namespace masu::shim
