/// masu storage: looking into buckets from a shell.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "arguments.h"
#include "base/text.h"
#include "commands.h"
#include "storage_client.h"

namespace masu::app {
namespace {

using objectstore::BlobInfo;
using objectstore::BlobName;
using objectstore::BlobStore;

/// Everything at or below a URL; calls `each` for objects and, if not recursive, for folders.
Status walk(BlobStore& store, const BlobName& at, bool recursive, const std::function<Status(const BlobInfo&)>& each,
            const std::function<void(const std::string&)>& folder) {
  objectstore::ListOptions options;
  options.prefix = at.object;
  if (!recursive) options.delimiter = "/";
  do {
    TRY(const objectstore::BlobPage page, store.list(at.bucket, options, Deadline::after(60s)));
    for (const std::string& prefix : page.prefixes) folder(prefix);
    for (const BlobInfo& blob : page.blobs) TRY_OK(each(blob));
    options.page = page.next_page;
  } while (!options.page.empty());
  return {};
}

Status list(BlobStore& store, const std::string& url, bool recursive) {
  TRY(BlobName at, objectstore::parse_blob_uri(url));
  // "gs://b/run" shows what is in the folder, as people expect; an object of that very name is shown too.
  std::size_t shown = 0;
  std::uint64_t bytes = 0;
  const auto print = [&](const BlobInfo& blob) -> Status {
    std::printf("%12llu  %s  %s\n", static_cast<unsigned long long>(blob.size), to_rfc3339(blob.updated).c_str(), objectstore::to_uri(blob.name).c_str());
    bytes += blob.size;
    ++shown;
    return {};
  };
  const auto folder = [&](const std::string& prefix) {
    std::printf("%12s  %20s  gs://%s/%s\n", "", "", at.bucket.c_str(), prefix.c_str());
    ++shown;
  };
  if (!at.object.empty() && !at.object.ends_with('/')) {
    if (const auto one = store.stat(at, Deadline::after(30s)); one.ok()) return print(*one);
    at.object += '/';
  }
  TRY_OK(walk(store, at, recursive, print, folder));
  if (shown == 0 && !at.object.empty()) return Error{Code::not_found, cat("nothing is at ", url)};
  if (recursive) std::fprintf(stderr, "%zu objects, %llu bytes\n", shown, static_cast<unsigned long long>(bytes));
  return {};
}

bool is_url(const std::string& text) { return text.starts_with("gs://") || text.starts_with("s3://"); }

Status copy_one(BlobStore& store, const std::string& from, const std::string& to) {
  const Deadline deadline = Deadline::after(24h);
  if (is_url(from)) {
    TRY(const BlobName name, objectstore::parse_blob_uri(from));
    std::filesystem::path file = to;
    if (std::filesystem::is_directory(file)) file /= std::filesystem::path(name.object).filename();
    TRY_OK(store.download(name, file, deadline));
    std::fprintf(stderr, "%s -> %s\n", from.c_str(), file.c_str());
    return {};
  }
  TRY(BlobName name, objectstore::parse_blob_uri(to));
  if (name.object.empty() || name.object.ends_with('/')) name.object += std::filesystem::path(from).filename();
  TRY_OK(store.upload(name, from, {}, deadline));
  std::fprintf(stderr, "%s -> %s\n", from.c_str(), objectstore::to_uri(name).c_str());
  return {};
}

Status copy(BlobStore& store, const std::string& from, const std::string& to) {
  if (is_url(from) == is_url(to)) return Error{Code::invalid, "one of the two must be gs://bucket/object and the other a file\nusage: masu storage cp FROM TO"};
  return copy_one(store, from, to);
}

Status print(BlobStore& store, const std::string& url) {
  TRY(const BlobName name, objectstore::parse_blob_uri(url));
  TRY(const std::string bytes, store.get(name, {}, Deadline::after(10min)));
  return write_all(STDOUT_FILENO, bytes);
}

Status remove(BlobStore& store, const std::string& url, bool recursive) {
  TRY(const BlobName name, objectstore::parse_blob_uri(url));
  if (!recursive) return store.remove(name, Deadline::after(60s));
  std::vector<BlobName> names;
  TRY_OK(walk(store, name, true, [&](const BlobInfo& blob) -> Status { names.push_back(blob.name); return {}; }, [](const std::string&) {}));
  for (const BlobName& each : names) TRY_OK(store.remove(each, Deadline::after(60s)));
  std::fprintf(stderr, "%zu objects removed\n", names.size());
  return {};
}

Status run(const Arguments& args, const std::string& usage) {
  TRY(StorageClient client, open_storage());
  const std::string verb = args.word(0);
  const std::size_t words = args.words().size();
  if (verb == "ls" && words == 2) return list(*client.store, args.word(1), args.has("-r"));
  if (verb == "cp" && words == 3) return copy(*client.store, args.word(1), args.word(2));
  if (verb == "cat" && words == 2) return print(*client.store, args.word(1));
  if (verb == "rm" && words == 2) return remove(*client.store, args.word(1), args.has("-r"));
  return Error{Code::invalid, cat("no such command\nusage: ", usage)};
}

}  // namespace

int storage_command(const Words& args) {
  const std::string usage = "masu storage ls [-r] URL | cp FROM TO | cat URL | rm [-r] URL";
  const auto parsed = Arguments::parse(args, {.usage = usage, .switches = {"-r"}, .words_min = 1, .words_max = 3});
  if (!parsed.ok()) return report(parsed.error());
  const Status done = run(*parsed, usage);
  return done.ok() ? 0 : report(done.error());
}

}  // namespace masu::app
