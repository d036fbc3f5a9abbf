#pragma once
/// Starting a container's first process: by runc, or as a plain process with its mounts in a namespace of its own.

#include <sys/types.h>

#include "base/files.h"
#include "base/result.h"
#include "node/shim_protocol.h"

namespace masu::shim {

/// The two named pipes of a container's output. They are opened for reading and writing by the container, so a program
/// survives the death of its shim: it waits in a full pipe until the next shim reads on.
struct OutputPipes {
  FileDescriptor read_output, read_errors;    // ours, non-blocking
  FileDescriptor write_output, write_errors;  // the container's; closed once it runs
};
/// Makes the pipes in the container's directory, or opens those that are there.
Result<OutputPipes> open_pipes(const std::string& directory, bool for_writing);

/// Takes the shim into a mount namespace of its own, so that its mounts end with it. Later mounts of the host are seen.
/// False where that is not allowed.
bool own_mount_namespace();

Status make_mount(const node::ShimMount& mount);
void remove_mounts(const std::vector<node::ShimMount>& mounts);

/// Runs the container. The pid is a child of ours (we are the subreaper). precondition: the container cannot run,
/// the message is runc's or the kernel's.
Result<pid_t> launch(const node::StartRequest& request, const OutputPipes& pipes);

/// Removes what runc keeps of an ended container: its state and its cgroups. By hand where that is all there is to do (a
/// program of Go takes as long as the container's start did), else by runc.
Status forget_runc(const node::StartRequest& request);
Status delete_by_runc(const node::StartRequest& request);

/// The kernel's start time of a process, 0 if there is none.
std::uint64_t start_time_of(pid_t pid);
/// How many processes of this memory cgroup were killed for memory.
long oom_kills(const std::string& memory_group);

}  // namespace masu::shim
