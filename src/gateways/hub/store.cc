#include "hub/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "value/json.h"

namespace masu::hub {
namespace {

namespace fs = std::filesystem;

void sync_directory(const fs::path& directory) {
  const FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) ::fsync(fd.get());
}

Error no_object(const std::string& bucket, std::string_view name) { return Error{Code::not_found, cat("No such object: ", bucket, "/", name)}; }

}  // namespace

Result<Incoming> Incoming::make(const fs::path& directory) {
  std::string name = (directory / "XXXXXX").string();
  FileDescriptor fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid()) return errno_error("making a file in", directory);
  return Incoming(name, std::move(fd));
}

Result<Incoming> Incoming::adopt(fs::path file) {
  FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return errno_error("opening", file);
  Incoming incoming(std::move(file), std::move(fd));
  std::string buffer(std::size_t{1} << 20, '\0');
  for (;;) {
    const ssize_t got = ::read(incoming.fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("reading", incoming.path_);
    if (got == 0) return incoming;
    incoming.sums_.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    incoming.size_ += static_cast<std::size_t>(got);
  }
}

Result<Incoming> Incoming::lend(const fs::path& file) {
  TRY(Incoming incoming, adopt(file));
  incoming.path_.clear();
  return incoming;
}

Status Incoming::move_to(const fs::path& path) && {
  if (::rename(path_.c_str(), path.c_str()) != 0) return errno_error("putting bytes at", path);
  path_.clear();
  sync_directory(path.parent_path());
  return {};
}

Incoming::Incoming(Incoming&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)), sums_(std::move(other.sums_)), size_(other.size_) {}

Incoming::~Incoming() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Status Incoming::write(std::string_view bytes) {
  TRY_OK(write_all(fd_.get(), bytes));
  sums_.update(bytes);
  size_ += bytes.size();
  return {};
}

Status Incoming::write_from(int fd, std::uint64_t offset, std::uint64_t length) {
  std::string buffer(std::size_t{1} << 20, '\0');
  while (length > 0) {
    const ssize_t got = ::pread(fd, buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size())), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("reading", "bytes on their way");
    if (got == 0) return Error{Code::unavailable, "bytes on their way ended too early"};
    TRY_OK(write(std::string_view(buffer).substr(0, static_cast<std::size_t>(got))));
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<objectstore::Checksums> Incoming::finish() {
  if (::fchmod(fd_.get(), 0644) != 0 || ::fsync(fd_.get()) != 0) return errno_error("writing", path_);
  return sums_.finish();
}

Result<std::unique_ptr<Store>> Store::open(fs::path root, const Clock& clock) {
  // What was on its way when the last process ended arrived nowhere.
  TRY_OK(remove_tree(root / "incoming"));
  TRY_OK(make_directories(root / "incoming", 0700));
  return std::unique_ptr<Store>(new Store(std::move(root), clock));
}

fs::path Store::description_path(const ObjectMeta& meta) const {
  const std::string key = crypto::sha256_hex(meta.name);
  return root_ / meta.bucket / "objects" / key.substr(0, 2) / cat(key, ".json");
}

fs::path Store::bytes_path(const ObjectMeta& meta) const {
  const std::string key = crypto::sha256_hex(meta.name);
  return root_ / meta.bucket / "objects" / key.substr(0, 2) / cat(key, ".", meta.generation);
}

Result<Store::Bucket*> Store::bucket(const std::string& name) {
  TRY_OK(check_bucket_name(name));
  const std::scoped_lock lock(mutex_);
  std::unique_ptr<Bucket>& slot = buckets_[name];
  if (slot == nullptr) {
    auto loaded = std::make_unique<Bucket>();
    if (auto status = load(name, *loaded); !status.ok()) {
      buckets_.erase(name);
      return std::move(status).error();
    }
    slot = std::move(loaded);
  }
  return slot.get();
}

Status Store::load(const std::string& name, Bucket& bucket) const {
  const fs::path folder = root_ / name;
  if (const auto owner = read_file(folder / "bucket.json"); owner.ok()) {
    TRY(const Value value, parse_json(*owner).context(cat("reading ", (folder / "bucket.json").string())));
    bucket.name_space = value["namespace"].as_string();
  }
  std::error_code problem;
  std::set<fs::path> wanted, found, unreadable;
  for (auto at = fs::recursive_directory_iterator(folder / "objects", problem); !problem && at != fs::recursive_directory_iterator(); at.increment(problem)) {
    if (!at->is_regular_file()) continue;
    if (at->path().extension() != ".json") {
      found.insert(at->path());
      continue;
    }
    TRY(const std::string text, read_file(at->path()));
    auto meta = parse_json(text).ok() ? from_sidecar(*parse_json(text)) : Result<ObjectMeta>(Error{Code::malformed, "no JSON"});
    if (!meta.ok() || meta->bucket != name || description_path(*meta) != at->path()) {
      log::error("a description in the hub's folder cannot be read; its object is not served", {{"file", at->path().string()}});
      unreadable.insert(at->path());
      continue;
    }
    wanted.insert(bytes_path(*meta));
    auto object = std::make_shared<const ObjectMeta>(std::move(*meta));
    bucket.objects[object->name] = object;
  }
  if (problem && problem != std::errc::no_such_file_or_directory) return Error{Code::unavailable, cat("reading ", folder.string(), ": ", problem.message())};
  for (const fs::path& bytes : found)
    // Never committed, or replaced. What belongs to a description that cannot be read stays for whoever can mend it.
    if (!wanted.contains(bytes) && !unreadable.contains(fs::path(bytes).replace_extension(".json"))) fs::remove(bytes, problem);
  for (auto at = bucket.objects.begin(); at != bucket.objects.end();) {
    if (found.contains(bytes_path(*at->second))) {
      ++at;
      continue;
    }
    log::error("the bytes of an object are missing in the hub's folder; it is not served", {{"bucket", name}, {"object", at->first}});
    at = bucket.objects.erase(at);
  }
  return {};
}

MetaPtr Store::current(Bucket& bucket, std::string_view name) {
  const std::scoped_lock lock(bucket.reading);
  const auto found = bucket.objects.find(name);
  return found != bucket.objects.end() ? found->second : nullptr;
}

Status Store::open_bucket(const std::string& name, const std::string& name_space) {
  TRY(Bucket* const found, bucket(name));
  const std::scoped_lock writing(found->writing);
  if (found->name_space == name_space) return {};
  bool empty = false;
  {
    const std::scoped_lock reading(found->reading);
    empty = found->objects.empty();
  }
  if (!empty && !found->name_space.empty())
    return Error{Code::denied, cat("the folder of bucket ", quote(name), " holds objects of namespace ", quote(found->name_space), ", the Bucket is now in ",
                                   quote(name_space), "; move it back, or remove the objects")};
  TRY_OK(make_directories(root_ / name / "objects", 0700));
  TRY_OK(write_file(root_ / name / "bucket.json", to_json(Value::object({{"namespace", name_space}})), 0600));
  found->name_space = name_space;
  return {};
}

Status Store::remove_bucket(const std::string& name) {
  TRY(Bucket* const found, bucket(name));
  const std::scoped_lock writing(found->writing);
  {
    const std::scoped_lock reading(found->reading);
    if (!found->objects.empty()) return Error{Code::precondition, "The bucket you tried to delete is not empty."};
  }
  found->name_space.clear();
  return remove_tree(root_ / name);
}

Result<MetaPtr> Store::put(ObjectMeta wanted, const Preconditions& conditions, const std::function<Status(const fs::path&)>& place) {
  TRY_OK(check_object_name(wanted.name));
  TRY(Bucket* const found, bucket(wanted.bucket));
  const std::scoped_lock writing(found->writing);
  const MetaPtr before = current(*found, wanted.name);
  TRY_OK(conditions.check(before.get()));
  const Instant now = clock_.now();
  const std::int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  wanted.generation = std::max(micros, before ? before->generation + 1 : 0);
  wanted.metageneration = 1;
  wanted.created = wanted.updated = now;
  const fs::path bytes = bytes_path(wanted);
  TRY_OK(make_directories(bytes.parent_path(), 0700));
  TRY_OK(place(bytes));
  if (auto status = write_file(description_path(wanted), to_json(to_sidecar(wanted)), 0600); !status.ok()) {
    ::unlink(bytes.c_str());
    return std::move(status).error();
  }
  auto after = std::make_shared<const ObjectMeta>(std::move(wanted));
  {
    const std::scoped_lock reading(found->reading);
    found->objects[after->name] = after;
  }
  if (before) ::unlink(bytes_path(*before).c_str());
  return MetaPtr(after);
}

Result<MetaPtr> Store::commit(Incoming bytes, ObjectMeta wanted, const Preconditions& conditions) {
  return put(std::move(wanted), conditions, [&](const fs::path& path) -> Status {
    return std::move(bytes).move_to(path);
  });
}

Result<MetaPtr> Store::link(const ObjectMeta& source, ObjectMeta wanted, const Preconditions& conditions) {
  wanted.size = source.size;
  wanted.crc32c = source.crc32c;
  wanted.md5 = source.md5;
  wanted.component_count = source.component_count;
  const fs::path from = bytes_path(source);
  return put(std::move(wanted), conditions, [&](const fs::path& path) -> Status {
    if (::link(from.c_str(), path.c_str()) == 0) {
      sync_directory(path.parent_path());
      return {};
    }
    if (errno == ENOENT) return no_object(source.bucket, source.name);
    return errno_error("linking an object at", path);
  });
}

Result<MetaPtr> Store::update(const std::string& name, const std::string& object, const Preconditions& conditions, const std::function<Status(ObjectMeta&)>& change) {
  TRY(Bucket* const found, bucket(name));
  const std::scoped_lock writing(found->writing);
  const MetaPtr before = current(*found, object);
  if (before == nullptr) return no_object(name, object);
  TRY_OK(conditions.check(before.get()));
  ObjectMeta wanted = *before;
  TRY_OK(change(wanted));
  ++wanted.metageneration;
  wanted.updated = clock_.now();
  TRY_OK(write_file(description_path(wanted), to_json(to_sidecar(wanted)), 0600));
  auto after = std::make_shared<const ObjectMeta>(std::move(wanted));
  const std::scoped_lock reading(found->reading);
  found->objects[after->name] = after;
  return MetaPtr(after);
}

Status Store::remove(const std::string& name, const std::string& object, const Preconditions& conditions, std::optional<std::int64_t> generation) {
  TRY(Bucket* const found, bucket(name));
  const std::scoped_lock writing(found->writing);
  const MetaPtr before = current(*found, object);
  if (before == nullptr || (generation && *generation != before->generation)) return no_object(name, object);
  TRY_OK(conditions.check(before.get()));
  const fs::path description = description_path(*before);
  if (::unlink(description.c_str()) != 0 && errno != ENOENT) return errno_error("removing", description);
  sync_directory(description.parent_path());
  ::unlink(bytes_path(*before).c_str());
  const std::scoped_lock reading(found->reading);
  found->objects.erase(object);
  return {};
}

Result<MetaPtr> Store::find(const std::string& name, std::string_view object, std::optional<std::int64_t> generation) {
  TRY(Bucket* const found, bucket(name));
  MetaPtr meta = current(*found, object);
  if (meta == nullptr || (generation && *generation != meta->generation)) return no_object(name, object);
  return meta;
}

Result<Store::Opened> Store::read(const std::string& name, std::string_view object, std::optional<std::int64_t> generation) {
  for (;;) {
    TRY(const MetaPtr meta, find(name, object, generation));
    const fs::path path = bytes_path(*meta);
    FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.valid()) return Opened{meta, std::make_shared<FileDescriptor>(std::move(fd))};
    if (errno != ENOENT) return errno_error("opening", path);
    // Replaced between the two looks: the index has the new one. The same generation without bytes is damage.
    TRY(const MetaPtr again, find(name, object, generation));
    if (again->generation == meta->generation) return Error{Code::unavailable, cat("the bytes of ", name, "/", object, " are missing in the hub's folder (", path.string(), ")")};
  }
}

Result<ListPage> Store::list(const std::string& name, const ListQuery& query) {
  TRY(Bucket* const found, bucket(name));
  const std::scoped_lock lock(found->reading);
  return list_page(found->objects, query);
}

}  // namespace masu::hub
