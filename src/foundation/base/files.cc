#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace masu {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void FileDescriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Error errno_error(std::string_view doing, const std::filesystem::path& path) {
  const int code = errno;
  Code kind = Code::unavailable;
  switch (code) {
    case ENOENT: case ENOTDIR: kind = Code::not_found; break;
    case EEXIST: case ENOTEMPTY: kind = Code::already_exists; break;
    case EACCES: case EPERM: case EROFS: kind = Code::denied; break;
    case ENOSPC: case EDQUOT: case EMFILE: case ENFILE: case EFBIG: kind = Code::exhausted; break;
    case EINVAL: case ENAMETOOLONG: case EISDIR: kind = Code::invalid; break;
    default: break;
  }
  return Error{kind, cat(doing, " ", quote(path.native()), ": ", std::strerror(code))};
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error("writing", cat("descriptor ", fd));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> read_all(int fd, std::size_t limit) {
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("reading", cat("descriptor ", fd));
    if (got == 0) return content;
    if (content.size() + static_cast<std::size_t>(got) > limit)
      return Error{Code::exhausted, cat("more than ", limit, " bytes to read")};
    content.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<std::string> read_file(const std::filesystem::path& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("reading", path);
  auto content = read_all(fd.get());
  if (!content.ok() && errno != 0) return errno_error("reading", path);
  return content;
}

Status write_file(const std::filesystem::path& path, std::string_view content, int mode) {
  std::string pattern = path.native() + ".XXXXXX";
  const FileDescriptor fd(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!fd.valid()) return errno_error("writing", path);
  const auto give_up = [&] {
    const Error error = errno_error("writing", path);
    ::unlink(pattern.c_str());
    return error;
  };
  if (!write_all(fd.get(), content).ok()) return give_up();
  if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0 || ::fsync(fd.get()) != 0) return give_up();
  if (::rename(pattern.c_str(), path.c_str()) != 0) return give_up();
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  const FileDescriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.valid()) ::fsync(directory.get());
  return {};
}

Status append_file(const std::filesystem::path& path, std::string_view content) {
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno_error("appending to", path);
  return write_all(fd.get(), content);
}

Status make_directories(const std::filesystem::path& path, int mode) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  const std::filesystem::path parent = path.parent_path();
  if (!parent.empty() && parent != path) TRY_OK(make_directories(parent, 0755));
  if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) != 0 && errno != EEXIST) return errno_error("making the directory", path);
  return {};
}

namespace {

Status remove_entry(int parent, const std::string& name, const std::filesystem::path& whole, dev_t device) {
  struct stat info {};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Status{} : Status{errno_error("removing", whole)};
  if (S_ISDIR(info.st_mode)) {
    if (info.st_dev != device)
      return Error{Code::precondition, cat("removing ", quote(whole.native()), ": something is mounted there")};
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(whole, ignored)) {
      const FileDescriptor directory(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!directory.valid()) return errno_error("removing", whole);
      TRY_OK(remove_entry(directory.get(), entry.path().filename().native(), entry.path(), device));
    }
  }
  if (::unlinkat(parent, name.c_str(), S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT)
    return errno_error("removing", whole);
  return {};
}

}  // namespace

Status remove_tree(const std::filesystem::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Status{} : Status{errno_error("removing", path)};
  return remove_entry(AT_FDCWD, path.native(), path, info.st_dev);
}

Result<FileDescriptor> unlinked_file(const std::filesystem::path& directory) {
  const std::filesystem::path where = directory.empty() ? std::filesystem::temp_directory_path() : directory;
  FileDescriptor fd(::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid()) return fd;
  std::string pattern = (where / "masu.XXXXXX").native();  // file systems without O_TMPFILE
  FileDescriptor named(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!named.valid()) return errno_error("making a temporary file in", where);
  ::unlink(pattern.c_str());
  return named;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "masu.XXXXXX").native();
  MASU_CHECK(::mkdtemp(pattern.data()) != nullptr, "a temporary directory can be made");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() { static_cast<void>(remove_tree(path_)); }

}  // namespace masu
