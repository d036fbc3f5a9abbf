#pragma once
/// Files and descriptors. Every failure names the path and the system's words for it.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace masu {

/// Owns a file descriptor. -1: none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// The error for the current errno: "opening \"/x\": No such file or directory". Code from the errno.
Error errno_error(std::string_view doing, const std::filesystem::path& path);

Result<std::string> read_file(const std::filesystem::path& path);
/// Writes a temporary file beside it, syncs, renames: readers see the old or the new content, also after a power loss.
Status write_file(const std::filesystem::path& path, std::string_view content, int mode = 0644);
Status append_file(const std::filesystem::path& path, std::string_view content);
/// Makes the directory and its parents; an existing one is success.
Status make_directories(const std::filesystem::path& path, int mode = 0755);
/// Removes a tree without following links and without crossing mounts; an absent one is success.
Status remove_tree(const std::filesystem::path& path);
/// An unlinked file in `directory` (default: TMPDIR or /tmp), gone with its descriptor.
Result<FileDescriptor> unlinked_file(const std::filesystem::path& directory = {});
/// Writes all bytes to a descriptor, going on after short writes and EINTR.
Status write_all(int fd, std::string_view bytes);
/// Reads a descriptor to its end, at most `limit` bytes (exhausted beyond).
Result<std::string> read_all(int fd, std::size_t limit = std::size_t{1} << 31);

/// A directory that is removed with this object (tests, work areas).
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace masu
