#include "hub/uploads.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "crypto/random.h"
#include "value/json.h"

namespace masu::hub {
namespace {

namespace fs = std::filesystem;

constexpr auto kept_for = std::chrono::hours(24 * 7);

Value encode(const Upload& upload) {
  Value out = Value::object({{"wanted", to_sidecar(upload.wanted)}, {"crc32c", upload.crc32c}, {"md5", upload.md5}, {"started", to_rfc3339_micro(upload.started)}});
  if (upload.total) out["total"] = static_cast<std::int64_t>(*upload.total);
  if (upload.conditions.generation) out["ifGeneration"] = *upload.conditions.generation;
  if (upload.conditions.not_generation) out["ifNotGeneration"] = *upload.conditions.not_generation;
  if (upload.conditions.metageneration) out["ifMetageneration"] = *upload.conditions.metageneration;
  if (upload.conditions.not_metageneration) out["ifNotMetageneration"] = *upload.conditions.not_metageneration;
  if (upload.finished) out["finished"] = to_sidecar(*upload.finished);
  return out;
}

Result<Upload> decode(const Value& value, const std::string& id) {
  const auto number = [&](std::string_view key) { return value[key].is_null() ? std::optional<std::int64_t>() : value[key].as_integer(); };
  Upload upload;
  upload.id = id;
  TRY(upload.wanted, from_sidecar(value["wanted"]));
  upload.crc32c = value["crc32c"].as_string();
  upload.md5 = value["md5"].as_string();
  TRY(upload.started, parse_rfc3339(value["started"].as_string()));
  if (const auto total = number("total")) upload.total = static_cast<std::uint64_t>(*total);
  upload.conditions = {number("ifGeneration"), number("ifNotGeneration"), number("ifMetageneration"), number("ifNotMetageneration")};
  if (value["finished"].is_object()) {
    TRY(upload.finished, from_sidecar(value["finished"]));
  }
  return upload;
}

bool is_id(std::string_view id) {
  return id.size() >= 20 && id.size() <= 100 &&
         std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

}  // namespace

Result<std::unique_ptr<Uploads>> Uploads::open(fs::path directory, const Clock& clock) {
  TRY_OK(make_directories(directory, 0700));
  return std::unique_ptr<Uploads>(new Uploads(std::move(directory), clock));
}

Result<Upload> Uploads::start(Upload upload) {
  drop_old();
  upload.id = crypto::token_text(32);
  upload.started = clock_.now();
  TRY_OK(write_file(directory_ / cat(upload.id, ".bytes"), "", 0600));
  TRY_OK(write_file(description(upload.id), to_json(encode(upload)), 0600));
  return upload;
}

Result<Uploads::Hold> Uploads::hold(const std::string& id) {
  const Error unknown{Code::not_found, "There is no such upload (any more); start again."};
  if (!is_id(id)) return unknown;
  {
    const std::scoped_lock lock(mutex_);
    if (!held_.insert(id).second) return Error{Code::unavailable, "another request writes to this upload; ask again where it stands"};
  }
  Hold hold(*this, id);  // from here on released whatever happens
  const auto text = read_file(description(id));
  if (!text.ok()) return text.error().code == Code::not_found ? unknown : Error(text.error());
  TRY(const Value value, parse_json(*text).context("reading an upload's announcement"));
  TRY(hold.upload_, decode(value, id).context("reading an upload's announcement"));
  return hold;
}

Uploads::Hold::~Hold() {
  if (owner_ == nullptr) return;
  const std::scoped_lock lock(owner_->mutex_);
  owner_->held_.erase(upload_.id);
}

fs::path Uploads::Hold::bytes() const { return owner_->directory_ / cat(upload_.id, ".bytes"); }

Result<std::uint64_t> Uploads::Hold::position() const {
  struct ::stat status {};
  if (::stat(bytes().c_str(), &status) != 0) {
    if (errno == ENOENT) return Error{Code::not_found, "the bytes of this upload are gone; start again"};
    return errno_error("looking at", bytes());
  }
  return static_cast<std::uint64_t>(status.st_size);
}

Status Uploads::Hold::append(std::string_view text) const {
  const FileDescriptor fd(::open(bytes().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd.valid()) return errno_error("opening", bytes());
  return write_all(fd.get(), text);
}

Status Uploads::Hold::append_from(int from, std::uint64_t offset, std::uint64_t length) const {
  const FileDescriptor fd(::open(bytes().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd.valid()) return errno_error("opening", bytes());
  std::string buffer(std::size_t{1} << 20, '\0');
  while (length > 0) {
    const ssize_t got = ::pread(from, buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size())), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("reading", "bytes on their way");
    if (got == 0) return Error{Code::unavailable, "bytes on their way ended too early"};
    TRY_OK(write_all(fd.get(), std::string_view(buffer).substr(0, static_cast<std::size_t>(got))));
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return {};
}

Status Uploads::Hold::finish(const ObjectMeta& object) {
  upload_.finished = object;
  return write_file(owner_->description(upload_.id), to_json(encode(upload_)), 0600);
}

void Uploads::Hold::drop() {
  ::unlink(owner_->description(upload_.id).c_str());
  ::unlink(bytes().c_str());
}

void Uploads::drop_old() {
  const Instant now = clock_.now();
  {
    const std::scoped_lock lock(mutex_);
    if (now - swept_ < std::chrono::hours(1)) return;
    swept_ = now;
  }
  std::error_code problem;
  std::vector<std::string> ids;
  for (auto at = fs::directory_iterator(directory_, problem); !problem && at != fs::directory_iterator(); at.increment(problem))
    if (at->path().extension() == ".json") ids.push_back(at->path().stem().string());
  for (const std::string& id : ids) {
    auto held = hold(id);
    if (held.ok() && now - held->upload().started > kept_for) held->drop();
  }
}

}  // namespace masu::hub
