#pragma once
/// The agent's side of the shims: one short conversation per call, and one thread that hears of changes in all of them.

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"
#include "node/shim_protocol.h"

namespace masu::node {

/// Connects to the shim of a pod's folder. not_found or unavailable: nobody keeps it.
Result<FileDescriptor> connect_shim(const std::filesystem::path& pod_directory);
/// One request and its answer. An answer `ok: false` is a precondition error with the shim's words.
Result<Value> ask_shim(const std::filesystem::path& pod_directory, const Value& request, Deadline deadline);

/// Starts the shim program for the folder and waits until it listens. A shim that is there already is success.
Status start_shim(const std::filesystem::path& program, const std::filesystem::path& pod_directory, Deadline deadline);
/// The records of a pod: from its shim, or as the shim left them.
Result<std::vector<ContainerRecord>> read_records(const std::filesystem::path& pod_directory, bool& shim_lives, Deadline deadline);

/// Hears of every change in the shims it was given. One thread.
class ShimWatcher {
 public:
  using Changed = std::function<void(const std::string& uid)>;
  explicit ShimWatcher(Changed changed);
  ~ShimWatcher();
  /// Does nothing if that pod is watched already.
  void watch(const std::string& uid, const std::filesystem::path& pod_directory);

 private:
  void run(const std::stop_token& stop);

  Changed changed_;
  FileDescriptor wake_;
  std::mutex mutex_;
  std::map<std::string, FileDescriptor> sockets_;
  std::jthread thread_;
};

}  // namespace masu::node
