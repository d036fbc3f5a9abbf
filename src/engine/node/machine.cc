#include "node/machine.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace masu::node {
namespace {

namespace fs = std::filesystem;

/// Tries an overlay over "/" in a child with a mount namespace of its own.
bool can_overlay(const fs::path& data) {
  const fs::path place = data / "overlay-probe";
  for (const char* name : {"upper", "work", "root"})
    if (!make_directories(place / name).ok()) return false;
  const std::string target = place / "root",
                    options = cat("lowerdir=/,upperdir=", (place / "upper").native(), ",workdir=", (place / "work").native());
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(1);
    ::_exit(::mount("overlay", target.c_str(), "overlay", 0, options.c_str()) == 0 ? 0 : 1);
  }
  int status = 1;
  if (pid > 0) ::waitpid(pid, &status, 0);
  static_cast<void>(remove_tree(place));
  return status == 0;
}

CgroupFacts find_cgroups() {
  using Version = CgroupFacts::Version;
  if (::access("/sys/fs/cgroup/cgroup.controllers", W_OK) == 0 ||
      (::access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 && ::access("/sys/fs/cgroup", W_OK) == 0))
    return {.version = Version::v2, .memory_root = "/sys/fs/cgroup"};
  if (::access("/sys/fs/cgroup/memory/cgroup.procs", W_OK) == 0) return {.version = Version::v1, .memory_root = "/sys/fs/cgroup/memory"};
  return {};
}

std::string first_line(const fs::path& path) { return std::string(trim(split(read_file(path).value_or(""), '\n')[0])); }

std::string condition_time(Instant now) { return to_rfc3339(now); }

Value condition(std::string_view type, bool holds, std::string_view reason, std::string_view message, Instant now) {
  return Value::object({{"type", type}, {"status", holds ? "True" : "False"}, {"reason", reason}, {"message", message},
                        {"lastHeartbeatTime", condition_time(now)}, {"lastTransitionTime", condition_time(now)}});
}

}  // namespace

std::string host_name() {
  utsname names{};
  ::uname(&names);
  std::string out = lower(names.nodename);
  for (char& c : out)
    if (c == '_') c = '-';
  return out.empty() || out == "(none)" ? "node" : out;
}

Machine look_at_machine(const fs::path& data) {
  Machine out;
  out.cpus = std::max(1u, std::thread::hardware_concurrency());
  for (const std::string& line : split(read_file("/proc/meminfo").value_or(""), '\n'))
    if (line.starts_with("MemTotal:")) out.memory_bytes = std::strtoll(line.c_str() + 9, nullptr, 10) * 1024;
  struct statvfs disk {};
  if (::statvfs(data.c_str(), &disk) == 0)
    out.disk_bytes = static_cast<std::int64_t>(disk.f_blocks) * static_cast<std::int64_t>(disk.f_frsize);
  utsname names{};
  ::uname(&names);
  out.host_name = host_name();
  out.kernel = names.release;
  out.architecture = std::string_view(names.machine) == "x86_64"    ? "amd64"
                     : std::string_view(names.machine) == "aarch64" ? "arm64"
                                                                    : names.machine;
  for (const std::string& line : split(read_file("/etc/os-release").value_or(""), '\n'))
    if (line.starts_with("PRETTY_NAME=")) out.os_image = replace_all(line.substr(12), "\"", "");
  out.machine_id = first_line("/etc/machine-id");
  out.boot_id = first_line("/proc/sys/kernel/random/boot_id");
  out.cgroups = ::geteuid() == 0 ? find_cgroups() : CgroupFacts{};
  out.runc = ::geteuid() == 0 && find_program("runc").has_value();
  if (out.runc) {
    const auto said = run({.argv = {"runc", "--version"}}, Deadline::after(10s));
    if (said.ok()) out.runc_version = replace_all(split(said->output, '\n')[0], "runc version ", "");
    out.overlay = can_overlay(data);
  }
  return out;
}

Value node_object(const Machine& machine, const NodeIdentity& identity, Mode mode, Instant now) {
  Value labels = Value::object({{"kubernetes.io/hostname", identity.name}, {"kubernetes.io/os", "linux"},
      {"kubernetes.io/arch", machine.architecture}, {"masu.dev/mode", mode == Mode::runc ? "runc" : "process"}});
  for (const auto& [name, value] : identity.labels) labels[name] = value;
  const Value amounts = Value::object({{"cpu", std::to_string(machine.cpus)}, {"memory", cat(machine.memory_bytes / 1024, "Ki")},
      {"pods", "110"}, {"ephemeral-storage", cat(machine.disk_bytes / 1024, "Ki")}});
  const Value conditions = Value::array({condition("MemoryPressure", false, "KubeletHasSufficientMemory", "the machine has memory", now),
      condition("DiskPressure", false, "KubeletHasNoDiskPressure", "the machine has disk space", now),
      condition("PIDPressure", false, "KubeletHasSufficientPID", "the machine has process numbers", now),
      condition("Ready", true, "KubeletReady",
          mode == Mode::runc ? "containers are run by runc" : "containers are plain processes on this node", now)});
  return Value::object({{"apiVersion", "v1"}, {"kind", "Node"},
      {"metadata", Value::object({{"name", identity.name}, {"labels", labels},
                       {"annotations", Value::object({{"node.masu.dev/address", identity.address}})}})},
      {"status", Value::object({{"capacity", amounts}, {"allocatable", amounts}, {"conditions", conditions},
                     {"addresses", Value::array({Value::object({{"type", "InternalIP"}, {"address", identity.node_ip}}),
                                       Value::object({{"type", "Hostname"}, {"address", machine.host_name}})})},
                     {"nodeInfo", Value::object({{"architecture", machine.architecture}, {"bootID", machine.boot_id},
                                      {"kernelVersion", machine.kernel}, {"machineID", machine.machine_id},
                                      {"systemUUID", machine.machine_id}, {"osImage", machine.os_image}, {"operatingSystem", "linux"},
                                      {"kubeletVersion", identity.version}, {"kubeProxyVersion", identity.version},
                                      {"containerRuntimeVersion",
                                          mode == Mode::runc ? cat("runc://", machine.runc_version) : std::string("process://1")}})}})}});
}

}  // namespace masu::node
