#include "masu-shim/private_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"

namespace masu::shim {
namespace {

namespace fs = std::filesystem;

Status write_plain(const std::string& path, const std::string& text) {
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("writing", path);
  return write_all(fd.get(), text);
}

Status enter_namespaces() {
  if (::geteuid() == 0) {
    if (::unshare(CLONE_NEWNS) != 0) return errno_error("making a mount namespace for", "a container in process mode");
  } else {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
      return errno_error("making a user and mount namespace for", "a container in process mode with volumes");
    TRY_OK(write_plain("/proc/self/setgroups", "deny"));
    TRY_OK(write_plain("/proc/self/uid_map", cat("0 ", user, " 1")));
    TRY_OK(write_plain("/proc/self/gid_map", cat("0 ", group, " 1")));
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno_error("making private the mounts of", "/");
  return {};
}

bool is_below(const fs::path& path, const fs::path& top) {
  const auto [end, ignored] = std::mismatch(top.begin(), top.end(), path.begin(), path.end());
  return end == top.end();
}

Status bind(const fs::path& from, const fs::path& to, bool read_only) {
  if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return errno_error(cat("binding ", quote(from.native()), " at"), to);
  if (read_only && ::mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0)
    return errno_error("making read-only", to);
  return {};
}

/// Shows what is in `from` at `to` (an empty folder of ours): as it is, but for folders on the way to a target that
/// does not exist, which are put together anew so that the target can be made.
Status mirror(const fs::path& from, const fs::path& to, const std::vector<fs::path>& targets) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(from, ignored)) {
    const fs::path here = to / entry.path().filename();
    if (entry.is_symlink(ignored)) {
      fs::copy_symlink(entry.path(), here, ignored);
      continue;
    }
    if (!entry.is_directory(ignored)) {
      const FileDescriptor made(::open(here.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      static_cast<void>(bind(entry.path(), here, false));  // a socket or file that cannot be shown is missed by nobody
      continue;
    }
    bool anew = false;
    for (const fs::path& target : targets)
      anew = anew || (target != entry.path() && is_below(target, entry.path()) && !fs::exists(target, ignored));
    struct stat info {};
    ::stat(entry.path().c_str(), &info);
    if (::mkdir(here.c_str(), info.st_mode & 07777) != 0) return errno_error("making", here);
    if (anew) TRY_OK(mirror(entry.path(), here, targets));
    else if (Status bound = bind(entry.path(), here, false); !bound.ok() && bound.error().code != Code::denied) return bound;
  }
  return {};
}

}  // namespace

Status enter_private_root(const std::string& work, const std::vector<node::ShimMount>& mounts) {
  TRY_OK(enter_namespaces());
  const fs::path root = fs::path(work) / "root";
  TRY_OK(make_directories(root));
  if (::mount("tmpfs", root.c_str(), "tmpfs", 0, "mode=755,size=1m") != 0) return errno_error("mounting a tmpfs at", root);
  std::vector<fs::path> targets;
  std::error_code ignored;
  for (const node::ShimMount& mount : mounts) targets.push_back(fs::weakly_canonical(mount.target, ignored));
  TRY_OK(mirror("/", root, targets));
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const node::ShimMount& mount = mounts[i];
    const fs::path target = root / targets[i].relative_path();
    if (mount.type != "bind") {
      TRY_OK(make_directories(target));
      if (::mount(mount.type.c_str(), target.c_str(), mount.type.c_str(), 0, mount.options.c_str()) != 0)
        return errno_error(cat("mounting ", mount.type, " at"), target);
      continue;
    }
    if (fs::is_directory(mount.source, ignored)) {
      TRY_OK(make_directories(target));
    } else if (!fs::exists(target, ignored)) {
      TRY_OK(make_directories(target.parent_path()));
      const FileDescriptor made(::open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    TRY_OK(bind(mount.source, target, mount.read_only));
  }
  if (::chdir(root.c_str()) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0)
    return errno_error("making the root of the container from", root);
  return {};
}

}  // namespace masu::shim
