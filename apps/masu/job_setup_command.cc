/// masu job-setup: the init container of a training pod. Brings masu-run and the packages into the pod's own volume.

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "arguments.h"
#include "base/text.h"
#include "commands.h"
#include "storage_client.h"

namespace masu::app {
namespace {

Status copy_runner(const std::filesystem::path& to) {
  const std::filesystem::path from = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "masu-run";
  TRY_OK(make_directories(to / "bin"));
  TRY_OK(make_directories(to / "metrics", 0777));
  ::chmod((to / "metrics").c_str(), 0777);  // the user's program may run as anybody
  TRY(const std::string program, read_file(from));
  return write_file(to / "bin" / "masu-run", program, 0755);
}

Status fetch(const std::filesystem::path& to, const std::vector<std::string>& packages) {
  if (packages.empty()) return {};
  TRY(StorageClient client, open_storage());
  for (std::size_t i = 0; i < packages.size(); ++i) {
    TRY(const objectstore::BlobName name, objectstore::parse_blob_uri(packages[i]));
    const std::filesystem::path folder = to / "packages" / cat(i);
    TRY_OK(make_directories(folder));
    TRY(const auto info, client.store->download(name, folder / std::filesystem::path(name.object).filename(), Deadline::after(1h)).context(cat("fetching package ", packages[i])));
    std::printf("fetched %s (%llu bytes)\n", packages[i].c_str(), static_cast<unsigned long long>(info.size));
  }
  return {};
}

}  // namespace

int job_setup_command(const Words& args) {
  const auto parsed = Arguments::parse(args, {.usage = "masu job-setup --to FOLDER [PACKAGE-URL]...", .options = {"--to"}, .words_max = 100});
  if (!parsed.ok()) return report(parsed.error());
  const std::filesystem::path to = parsed->get("--to", "/masu");
  if (const Status copied = copy_runner(to); !copied.ok()) return report(copied.error());
  const Status fetched = fetch(to, parsed->words());
  return fetched.ok() ? 0 : report(fetched.error());
}

}  // namespace masu::app
