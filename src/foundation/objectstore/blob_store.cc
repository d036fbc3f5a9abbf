#include "objectstore/blob_store.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"
#include "crypto/base64.h"
#include "objectstore/checksum.h"

namespace masu::objectstore {

Result<BlobName> parse_blob_uri(std::string_view uri) {
  const std::size_t scheme = uri.find("://");
  const std::string_view rest = scheme == std::string_view::npos ? "" : uri.substr(scheme + 3);
  const std::size_t slash = rest.find('/');
  const std::string_view bucket = rest.substr(0, slash);
  const bool known = uri.starts_with("gs://") || uri.starts_with("s3://");
  if (!known || bucket.empty()) return Error{Code::malformed, cat(quote(uri), " must name a bucket and an object as gs://BUCKET/OBJECT")};
  return BlobName{std::string(bucket), slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash + 1))};
}

std::string to_uri(const BlobName& name) { return cat("gs://", name.bucket, "/", name.object); }

Result<std::vector<BlobInfo>> BlobStore::list_all(const std::string& bucket, const std::string& prefix, Deadline deadline, std::size_t most) {
  std::vector<BlobInfo> all;
  ListOptions options{.prefix = prefix, .delimiter = "", .page = ""};
  do {
    TRY(BlobPage page, list(bucket, options, deadline));
    for (BlobInfo& blob : page.blobs) all.push_back(std::move(blob));
    if (all.size() > most) return Error{Code::exhausted, cat("gs://", bucket, "/", prefix, "* are more than ", most, " objects")};
    options.page = std::move(page.next_page);
  } while (!options.page.empty());
  return all;
}

Checksums Checksummer::finish() { return {crypto::base64(crc32c_.bytes()), crypto::base64(md5_.finish()), size_}; }

Checksums checksums_of(std::string_view bytes) {
  Checksummer sum;
  sum.update(bytes);
  return sum.finish();
}

Result<Checksums> checksums_of_file(const std::filesystem::path& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("opening", file);
  Checksummer sum;
  std::string buffer(std::size_t{1} << 20, '\0');
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("reading", file);
    if (got == 0) return sum.finish();
    sum.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
  }
}

Status check_checksums(const BlobInfo& told, const Checksums& found) {
  const auto differs = [&](std::string_view what, std::string_view left, std::string_view right) {
    return Error{Code::conflict, cat(to_uri(told.name), ": the bytes do not fit their ", what, " (told ", left, ", found ", right, "); try again")};
  };
  if (told.size != found.size) return differs("size", cat(told.size), cat(found.size));
  if (!told.crc32c.empty() && told.crc32c != found.crc32c) return differs("CRC-32C", told.crc32c, found.crc32c);
  if (!told.md5.empty() && told.md5 != found.md5) return differs("MD5", told.md5, found.md5);
  return {};
}

}  // namespace masu::objectstore
