#pragma once
/// The files a collector looks at: on this machine, or below a prefix of an object store.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace masu::tuning {

class FileTree {
 public:
  virtual ~FileTree() = default;
  struct Entry {
    std::string path;  // whole, as `read` takes it
    std::uint64_t size = 0;
  };
  /// All files below a directory, sorted; an absent directory has none.
  virtual Result<std::vector<Entry>> files(const std::string& directory) = 0;
  /// At most `most` bytes from `offset`; fewer (or none) at the end. not_found if there is no such file.
  virtual Result<std::string> read(const std::string& path, std::uint64_t offset, std::size_t most) = 0;
};

/// The file system. Links are followed for files, not for directories.
class LocalFiles final : public FileTree {
 public:
  Result<std::vector<Entry>> files(const std::string& directory) override;
  Result<std::string> read(const std::string& path, std::uint64_t offset, std::size_t most) override;
};

}  // namespace masu::tuning
