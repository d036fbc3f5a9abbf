#include "objectstore/file_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/text.h"

namespace masu::objectstore {
namespace {

namespace fs = std::filesystem;

bool is_part(std::string_view part) {
  return !part.empty() && part != "." && part != ".." && part.find('\0') == std::string_view::npos && part.find('\n') == std::string_view::npos;
}

Status check_precondition(const PutOptions& options, const Result<BlobInfo>& there, const BlobName& name) {
  if (!options.if_generation) return {};
  const std::int64_t generation = there.ok() ? there->generation : 0;
  if (generation == *options.if_generation) return {};
  return Error{Code::precondition, cat(to_uri(name), " is at generation ", generation, ", not at ", *options.if_generation)};
}

}  // namespace

Result<fs::path> FileStore::path_of(const BlobName& name) const {
  const bool usable_bucket = is_part(name.bucket) && name.bucket.find('/') == std::string::npos;
  const auto parts = split(name.object, '/');
  if (!usable_bucket || !std::all_of(parts.begin(), parts.end(), is_part))
    return Error{Code::invalid, cat(to_uri(name), " cannot be kept in a folder: every part of its name must be a file name")};
  return root_ / name.bucket / name.object;
}

Result<BlobInfo> FileStore::describe(const BlobName& name, const fs::path& path, bool checksums) const {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return Error{Code::not_found, cat(to_uri(name), " is not there (", path.string(), ")")};
  BlobInfo info;
  info.name = name;
  info.size = static_cast<std::uint64_t>(status.st_size);
  const auto since = std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  info.generation = std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
  info.updated = Instant(std::chrono::duration_cast<Instant::duration>(since));
  info.content_type = "application/octet-stream";
  if (checksums) {
    TRY(const Checksums sums, checksums_of_file(path));
    info.crc32c = sums.crc32c;
    info.md5 = sums.md5;
  }
  return info;
}

Result<BlobInfo> FileStore::stat(const BlobName& name, Deadline) {
  TRY(const fs::path path, path_of(name));
  return describe(name, path, true);
}

Result<std::string> FileStore::get(const BlobName& name, ByteRange range, Deadline) {
  TRY(const fs::path path, path_of(name));
  TRY(const BlobInfo info, describe(name, path, false));
  TRY(std::string bytes, read_file(path));
  if (range.offset > bytes.size()) return Error{Code::invalid, cat(to_uri(name), " has ", bytes.size(), " bytes, none at ", range.offset)};
  return bytes.substr(range.offset, range.length ? static_cast<std::size_t>(*range.length) : std::string::npos);
}

Result<BlobInfo> FileStore::download(const BlobName& name, const fs::path& file, Deadline deadline, const Progress& progress) {
  TRY(BlobInfo info, stat(name, deadline));
  TRY(const std::string bytes, get(name, {}, deadline));
  TRY_OK(write_file(file, bytes));
  if (progress) progress(info.size, info.size);
  return info;
}

Result<BlobInfo> FileStore::put(const BlobName& name, std::string_view bytes, const PutOptions& options, Deadline) {
  TRY(const fs::path path, path_of(name));
  TRY_OK(check_precondition(options, describe(name, path, false), name));
  if (!fs::is_directory(root_ / name.bucket)) return Error{Code::not_found, cat("there is no bucket ", quote(name.bucket), " in ", root_.string())};
  TRY_OK(make_directories(path.parent_path()));
  TRY_OK(write_file(path, bytes));
  return describe(name, path, true);
}

Result<BlobInfo> FileStore::upload(const BlobName& name, const fs::path& file, const PutOptions& options, Deadline deadline, const Progress& progress) {
  TRY(const std::string bytes, read_file(file));
  TRY(BlobInfo info, put(name, bytes, options, deadline));
  if (progress) progress(info.size, info.size);
  return info;
}

Result<BlobPage> FileStore::list(const std::string& bucket, const ListOptions& options, Deadline) {
  const fs::path folder = root_ / bucket;
  if (!is_part(bucket) || !fs::is_directory(folder)) return Error{Code::not_found, cat("there is no bucket ", quote(bucket), " in ", root_.string())};
  std::error_code problem;
  std::set<std::string> names;  // objects, and "folders" where a delimiter cuts
  for (auto at = fs::recursive_directory_iterator(folder, problem); !problem && at != fs::recursive_directory_iterator(); at.increment(problem)) {
    if (!at->is_regular_file()) continue;
    const std::string name = at->path().lexically_relative(folder).string();
    if (!name.starts_with(options.prefix)) continue;
    const std::size_t cut = options.delimiter.empty() ? std::string::npos : name.find(options.delimiter, options.prefix.size());
    names.insert(cut == std::string::npos ? name : name.substr(0, cut + options.delimiter.size()));
  }
  if (problem) return Error{Code::unavailable, cat("listing ", folder.string(), ": ", problem.message())};
  BlobPage page;
  for (auto at = names.upper_bound(options.page); at != names.end(); ++at) {
    if (page.blobs.size() + page.prefixes.size() >= static_cast<std::size_t>(options.most)) {
      page.next_page = *std::prev(at);
      break;
    }
    if (!options.delimiter.empty() && at->ends_with(options.delimiter)) {
      page.prefixes.push_back(*at);
      continue;
    }
    TRY(BlobInfo info, describe({bucket, *at}, folder / *at, false));
    page.blobs.push_back(std::move(info));
  }
  return page;
}

Status FileStore::remove(const BlobName& name, Deadline) {
  TRY(const fs::path path, path_of(name));
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR) return Error{Code::not_found, cat(to_uri(name), " is not there (", path.string(), ")")};
    return errno_error("deleting", path);
  }
  return {};
}

}  // namespace masu::objectstore
