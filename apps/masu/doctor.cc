/// masu doctor: looks at the machine, says what works, what is lost without it, and what to do.

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "arguments.h"
#include "base/process.h"
#include "base/text.h"
#include "commands.h"
#include "data_folder.h"

namespace masu::app {
namespace {

enum class Grade { good, lost, bad };

struct Finding {
  Grade grade;
  std::string what, found, advice;  // advice: empty if good
};

Finding program(const std::string& name, const std::string& what_for, const std::string& package, Grade otherwise) {
  if (const auto path = find_program(name)) return {Grade::good, name, path->native(), ""};
  return {otherwise, name, cat("not found: ", what_for), cat("apt-get install ", package)};
}

Finding containers() {
  if (::geteuid() != 0) return {Grade::lost, "containers", "not root: pods run as plain processes", "run masu as root for containers"};
  if (!find_program("runc")) return {Grade::lost, "containers", "no runc: pods run as plain processes", "apt-get install runc"};
  return {Grade::good, "containers", "runc as root", ""};
}

Finding cgroups() {
  if (std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers")) return {Grade::good, "resource limits", "cgroup v2", ""};
  if (std::filesystem::exists("/sys/fs/cgroup/memory")) return {Grade::good, "resource limits", "cgroup v1", ""};
  return {Grade::lost, "resource limits", "no cgroups: limits of cpu and memory are not enforced", "mount cgroup2 on /sys/fs/cgroup"};
}

Finding overlay() {
  const auto kinds = read_file("/proc/filesystems");
  if (kinds.ok() && kinds->find("overlay") != std::string::npos) return {Grade::good, "overlay file system", "offered by the kernel", ""};
  return {Grade::lost, "overlay file system", "not offered by the kernel: images are copied", "modprobe overlay"};
}

Finding space(const DataFolder& folder) {
  std::filesystem::path there = folder.root;
  while (!std::filesystem::exists(there) && there.has_parent_path() && there != there.parent_path()) there = there.parent_path();
  struct statvfs info {};
  if (::statvfs(there.c_str(), &info) != 0) return {Grade::bad, "disk", errno_error("looking at", there).message, "choose another folder with --data"};
  const double free_gib = static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize) / (1 << 30);
  const std::string found = cat(static_cast<int>(free_gib), " GiB free at ", folder.root.native());
  if (free_gib < 2) return {Grade::bad, "disk", found, "free some space, or choose another folder with --data"};
  return {Grade::good, "disk", found, ""};
}

Finding gpu() {
  if (std::filesystem::exists("/dev/nvidiactl")) return {Grade::good, "NVIDIA GPU", "driver is loaded", ""};
  return {Grade::lost, "NVIDIA GPU", "none: jobs that ask for accelerators need a MachineType that maps them", "see examples/machines.yaml"};
}

}  // namespace

int doctor_command(const Words& args) {
  const auto parsed = Arguments::parse(args, {.usage = "masu doctor [--data DIR]", .options = {"--data"}});
  if (!parsed.ok()) return report(parsed.error());
  const Finding findings[] = {
      containers(),
      overlay(),
      cgroups(),
      program("skopeo", "images cannot be pulled or imported", "skopeo", Grade::lost),
      program("umoci", "pulled images cannot be unpacked", "umoci", Grade::lost),
      program("python3", "the host image has no Python: trainer packages cannot run on it", "python3 python3-pip", Grade::lost),
      program("kubectl", "jobs cannot be submitted from here", "kubernetes-client", Grade::lost),
      space(DataFolder::choose(parsed->get("--data"))),
      gpu(),
  };
  bool usable = true;
  for (const Finding& finding : findings) {
    const char* mark = finding.grade == Grade::good ? "ok  " : finding.grade == Grade::lost ? "less" : "BAD ";
    std::printf("%s  %-20s %s\n", mark, finding.what.c_str(), finding.found.c_str());
    if (!finding.advice.empty()) std::printf("      %-20s -> %s\n", "", finding.advice.c_str());
    usable = usable && finding.grade != Grade::bad;
  }
  return usable ? 0 : 1;
}

}  // namespace masu::app
