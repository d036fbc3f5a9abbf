#pragma once
/// Buckets of named byte sequences, wherever they are kept.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace masu::objectstore {

struct BlobName {
  std::string bucket, object;
  bool operator==(const BlobName&) const = default;
};
/// "gs://bucket/a/b" (also s3:// and file-store names of the same form); object is empty for a bare bucket. malformed otherwise.
Result<BlobName> parse_blob_uri(std::string_view uri);
std::string to_uri(const BlobName& name);  // "gs://bucket/object"

struct BlobInfo {
  BlobName name;
  std::uint64_t size = 0;
  std::int64_t generation = 0;  // changes with each new content
  std::string content_type;
  std::string crc32c;  // base64 of four big-endian bytes; empty if the store tells none
  std::string md5;     // base64; empty if the store tells none (composed objects have none)
  std::map<std::string, std::string> metadata;
  Instant updated{};
};

struct BlobPage {
  std::vector<BlobInfo> blobs;
  std::vector<std::string> prefixes;  // "folders", if a delimiter was asked for
  std::string next_page;              // empty: the last one
};

struct ListOptions {
  std::string prefix, delimiter, page;
  int most = 1000;
};

struct PutOptions {
  std::string content_type = "application/octet-stream";
  std::map<std::string, std::string> metadata = {};
  /// The generation that must be there now; 0: none may be there. precondition otherwise.
  std::optional<std::int64_t> if_generation = {};
};

struct ByteRange {
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length = {};  // no value: to the end
};

/// Bytes done of all bytes; called on the calling thread.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

/// Thread-safe. Errors: not_found (bucket or object), unauthenticated, denied, precondition, unavailable (tried again
/// until the deadline where that is harmless), conflict (a checksum does not fit).
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual Result<BlobInfo> stat(const BlobName& name, Deadline deadline) = 0;
  /// The whole object or a part in memory. The whole is checked against its checksum.
  virtual Result<std::string> get(const BlobName& name, ByteRange range, Deadline deadline) = 0;
  /// The whole object into a file that appears only when it is complete and its checksum fits.
  virtual Result<BlobInfo> download(const BlobName& name, const std::filesystem::path& file, Deadline deadline, const Progress& progress = {}) = 0;
  virtual Result<BlobInfo> put(const BlobName& name, std::string_view bytes, const PutOptions& options, Deadline deadline) = 0;
  virtual Result<BlobInfo> upload(const BlobName& name, const std::filesystem::path& file, const PutOptions& options, Deadline deadline,
                                  const Progress& progress = {}) = 0;
  virtual Result<BlobPage> list(const std::string& bucket, const ListOptions& options, Deadline deadline) = 0;
  virtual Status remove(const BlobName& name, Deadline deadline) = 0;

  /// All pages of a list; exhausted above `most` objects.
  Result<std::vector<BlobInfo>> list_all(const std::string& bucket, const std::string& prefix, Deadline deadline, std::size_t most = 100'000);
};

/// CRC-32C and MD5 of some bytes, as BlobInfo holds them.
struct Checksums {
  std::string crc32c, md5;
  std::uint64_t size = 0;
};
Checksums checksums_of(std::string_view bytes);
Result<Checksums> checksums_of_file(const std::filesystem::path& file);
/// conflict if a checksum that `told` has differs from `found`.
Status check_checksums(const BlobInfo& told, const Checksums& found);

}  // namespace masu::objectstore
