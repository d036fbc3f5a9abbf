#include "tuning/metrics/file_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/files.h"

namespace masu::tuning {

Result<std::vector<FileTree::Entry>> LocalFiles::files(const std::string& directory) {
  namespace fs = std::filesystem;
  std::vector<Entry> out;
  std::error_code error;
  fs::recursive_directory_iterator at(directory, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // a file may vanish while we look
    if (!at->is_regular_file(gone) || gone) continue;
    const std::uint64_t size = at->file_size(gone);
    if (!gone) out.push_back({at->path().string(), size});
  }
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    errno = error.value();
    return errno_error("listing", directory);
  }
  std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) { return a.path < b.path; });
  return out;
}

Result<std::string> LocalFiles::read(const std::string& path, std::uint64_t offset, std::size_t most) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno_error("opening", path);
  std::string out(most, '\0');
  std::size_t have = 0;
  while (have < most) {
    const ssize_t n = ::pread(file.get(), out.data() + have, most - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading", path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  out.resize(have);
  return out;
}

}  // namespace masu::tuning
