#pragma once
/// Objects on disk.
///
///   ROOT/BUCKET/bucket.json                      the namespace that the folder belongs to
///   ROOT/BUCKET/objects/ab/<sha256 of name>.json          what is known about an object; its rename is the commit
///   ROOT/BUCKET/objects/ab/<sha256 of name>.GENERATION    its bytes, never changed after they are there
///   ROOT/incoming/                               bytes on their way
///
/// Two files for an object rather than a database: bytes and description become visible by one rename, a half-written
/// object is never seen, a copy of the folder is a backup, and nothing that is lost can take the bytes with it. The index
/// (names in order, for lists) is in memory and made from the descriptions when a bucket is first used: about 1 µs and
/// half a kilobyte an object. Names of objects never become paths.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"
#include "hub/listing.h"
#include "hub/object_meta.h"
#include "hub/preconditions.h"
#include "objectstore/checksum.h"

namespace masu::hub {

/// Bytes on their way: a file that is removed unless it becomes an object.
class Incoming {
 public:
  static Result<Incoming> make(const std::filesystem::path& directory);
  /// A file that already has its bytes (a finished resumable upload): read once for the checksums.
  static Result<Incoming> adopt(std::filesystem::path file);
  Incoming(Incoming&&) noexcept;
  Incoming& operator=(Incoming&&) = delete;
  ~Incoming();

  /// A file of somebody else's, as `adopt`, that stays where it is.
  static Result<Incoming> lend(const std::filesystem::path& file);

  Status write(std::string_view bytes);
  /// Appends all bytes of another.
  Status append(const Incoming& other) { return write_from(other.fd_.get(), 0, other.size_); }
  /// Appends `length` bytes of a file, from its offset.
  Status write_from(int fd, std::uint64_t offset, std::uint64_t length);
  std::uint64_t size() const { return size_; }
  /// Makes the bytes durable and gives their checksums. Once.
  Result<objectstore::Checksums> finish();
  /// Their checksums alone; of a lent file. Once.
  objectstore::Checksums sums_so_far() { return sums_.finish(); }
  /// Gives finished bytes their place; another file there is replaced.
  Status move_to(const std::filesystem::path& path) &&;

 private:
  friend class Store;
  Incoming(std::filesystem::path path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  FileDescriptor fd_;
  objectstore::Checksummer sums_;
  std::uint64_t size_ = 0;
};

/// Thread-safe. Writers of one bucket go one after the other through the disk; readers never wait for them.
class Store {
 public:
  static Result<std::unique_ptr<Store>> open(std::filesystem::path root, const Clock& clock);

  /// The bucket's folder is there and belongs to this namespace from now on. denied if it holds objects of another.
  Status open_bucket(const std::string& bucket, const std::string& name_space);
  /// precondition if it is not empty. An absent folder is success.
  Status remove_bucket(const std::string& bucket);

  Result<Incoming> incoming() const { return Incoming::make(root_ / "incoming"); }
  /// Bytes that are finished become the object `wanted`, in which only generation and times are not yet set.
  Result<MetaPtr> commit(Incoming bytes, ObjectMeta wanted, const Preconditions& conditions);
  /// Another object with the same bytes, at once, whatever their size.
  Result<MetaPtr> link(const ObjectMeta& source, ObjectMeta wanted, const Preconditions& conditions);
  /// Changes a description; bytes and generation stay.
  Result<MetaPtr> update(const std::string& bucket, const std::string& name, const Preconditions& conditions,
                         const std::function<Status(ObjectMeta&)>& change);
  Status remove(const std::string& bucket, const std::string& name, const Preconditions& conditions, std::optional<std::int64_t> generation);

  /// not_found. With a generation only that one.
  Result<MetaPtr> find(const std::string& bucket, std::string_view name, std::optional<std::int64_t> generation = {});
  /// The object with its bytes opened; safe against being replaced meanwhile.
  struct Opened {
    MetaPtr meta;
    std::shared_ptr<FileDescriptor> file;
  };
  Result<Opened> read(const std::string& bucket, std::string_view name, std::optional<std::int64_t> generation = {});
  Result<ListPage> list(const std::string& bucket, const ListQuery& query);

  const std::filesystem::path& root() const { return root_; }

 private:
  struct Bucket {
    std::mutex writing;  // held from the check of preconditions to the commit
    std::mutex reading;  // held for looks at the map only
    Objects objects;
    std::string name_space;
  };
  Store(std::filesystem::path root, const Clock& clock) : root_(std::move(root)), clock_(clock) {}

  Result<Bucket*> bucket(const std::string& name);
  Status load(const std::string& name, Bucket& bucket) const;
  std::filesystem::path description_path(const ObjectMeta& meta) const;
  std::filesystem::path bytes_path(const ObjectMeta& meta) const;
  static MetaPtr current(Bucket& bucket, std::string_view name);
  /// `place` puts the bytes at their path; then the description is written and the index follows.
  Result<MetaPtr> put(ObjectMeta wanted, const Preconditions& conditions, const std::function<Status(const std::filesystem::path&)>& place);

  const std::filesystem::path root_;
  const Clock& clock_;
  std::mutex mutex_;  // of buckets_
  std::map<std::string, std::unique_ptr<Bucket>> buckets_;
};

}  // namespace masu::hub
