#pragma once
/// Resumable uploads on their way. They survive a restart: ROOT/uploads/ID.json says what is to become of ID.bytes.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"
#include "hub/object_meta.h"
#include "hub/preconditions.h"

namespace masu::hub {

struct Upload {
  std::string id;  // a secret: who has it may go on
  ObjectMeta wanted;
  std::string crc32c, md5;             // announced; empty if not
  std::optional<std::uint64_t> total;  // announced
  Preconditions conditions;
  Instant started{};
  std::optional<ObjectMeta> finished;  // the object that it became
};

/// Thread-safe. Uploads that nobody goes on with for a week are dropped.
class Uploads {
 public:
  static Result<std::unique_ptr<Uploads>> open(std::filesystem::path directory, const Clock& clock);

  /// Writes the announcement; gives it its id and start.
  Result<Upload> start(Upload upload);

  /// An upload held by one request; others are told `unavailable` meanwhile.
  class Hold {
   public:
    Hold(Uploads& owner, std::string id) : owner_(&owner) { upload_.id = std::move(id); }
    Hold(Hold&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), upload_(std::move(other.upload_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();
    const Upload& upload() const { return upload_; }
    std::filesystem::path bytes() const;
    /// How many bytes are there.
    Result<std::uint64_t> position() const;
    /// Appends after the last byte.
    Status append(std::string_view bytes) const;
    Status append_from(int fd, std::uint64_t offset, std::uint64_t length) const;
    /// What came of it is kept for a client that has missed the answer.
    Status finish(const ObjectMeta& object);
    void drop();

   private:
    friend class Uploads;
    Uploads* owner_;
    Upload upload_;
  };
  /// not_found: no such upload (any more).
  Result<Hold> hold(const std::string& id);

 private:
  Uploads(std::filesystem::path directory, const Clock& clock) : directory_(std::move(directory)), clock_(clock) {}
  void drop_old();
  std::filesystem::path description(const std::string& id) const { return directory_ / (id + ".json"); }

  const std::filesystem::path directory_;
  const Clock& clock_;
  std::mutex mutex_;
  std::set<std::string> held_;
  Instant swept_{};
};

}  // namespace masu::hub
