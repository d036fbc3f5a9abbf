#pragma once
/// Uploads of the XML API in numbered parts, which come in any order and at the same time.
///
///   ROOT/parts/ID/upload.json   what is to become of them
///   ROOT/parts/ID/N             a part, put there whole

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hub/object_meta.h"
#include "hub/store.h"

namespace masu::hub {

struct PartInfo {
  int number = 0;
  std::uint64_t size = 0;
};

/// Thread-safe: everything is one rename in the file system. Uploads older than a week are dropped.
class PartUploads {
 public:
  static Result<std::unique_ptr<PartUploads>> open(std::filesystem::path directory, const Clock& clock);

  Result<std::string> start(const ObjectMeta& wanted);  // its id
  /// not_found: no such upload, or not of this object.
  Result<ObjectMeta> find(const std::string& id, const std::string& bucket, const std::string& object) const;
  /// A file in which the bytes of a part are gathered.
  Result<Incoming> part() const { return Incoming::make(directory_); }
  /// Makes gathered (and finished) bytes part `number`; another of that number is replaced.
  Status keep(const std::string& id, int number, Incoming bytes);
  /// In order of numbers.
  Result<std::vector<PartInfo>> parts(const std::string& id) const;
  std::filesystem::path path(const std::string& id, int number) const;
  void drop(const std::string& id);

 private:
  PartUploads(std::filesystem::path directory, const Clock& clock) : directory_(std::move(directory)), clock_(clock) {}
  void drop_old();
  const std::filesystem::path directory_;
  const Clock& clock_;
};

}  // namespace masu::hub
