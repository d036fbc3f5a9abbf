#pragma once
/// A folder as an object store: each bucket a folder in it, each object a file. For tests and for data that lies on disk.

#include "objectstore/blob_store.h"

namespace masu::objectstore {

/// Object names are paths below the bucket's folder, so names that are no such path (empty parts, "..", names that are a
/// folder of others) are invalid here. Generations are the files' times of change; content types are not kept.
class FileStore final : public BlobStore {
 public:
  explicit FileStore(std::filesystem::path root) : root_(std::move(root)) {}

  Result<BlobInfo> stat(const BlobName& name, Deadline deadline) override;
  Result<std::string> get(const BlobName& name, ByteRange range, Deadline deadline) override;
  Result<BlobInfo> download(const BlobName& name, const std::filesystem::path& file, Deadline deadline, const Progress& progress = {}) override;
  Result<BlobInfo> put(const BlobName& name, std::string_view bytes, const PutOptions& options, Deadline deadline) override;
  Result<BlobInfo> upload(const BlobName& name, const std::filesystem::path& file, const PutOptions& options, Deadline deadline,
                          const Progress& progress = {}) override;
  Result<BlobPage> list(const std::string& bucket, const ListOptions& options, Deadline deadline) override;
  Status remove(const BlobName& name, Deadline deadline) override;

 private:
  Result<std::filesystem::path> path_of(const BlobName& name) const;
  Result<BlobInfo> describe(const BlobName& name, const std::filesystem::path& path, bool checksums) const;

  std::filesystem::path root_;
};

}  // namespace masu::objectstore
