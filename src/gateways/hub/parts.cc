#include "hub/parts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "crypto/random.h"
#include "value/json.h"

namespace masu::hub {
namespace {

namespace fs = std::filesystem;

bool is_id(std::string_view id) {
  return id.size() >= 20 && id.size() <= 100 &&
         std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

Error unknown() { return Error{Code::not_found, "There is no such multipart upload (any more)."}; }

}  // namespace

Result<std::unique_ptr<PartUploads>> PartUploads::open(fs::path directory, const Clock& clock) {
  TRY_OK(make_directories(directory, 0700));
  std::unique_ptr<PartUploads> out(new PartUploads(std::move(directory), clock));
  out->drop_old();
  return out;
}

fs::path PartUploads::path(const std::string& id, int number) const { return directory_ / id / cat(number); }

Result<std::string> PartUploads::start(const ObjectMeta& wanted) {
  ObjectMeta announced = wanted;
  announced.created = announced.updated = clock_.now();
  const std::string id = crypto::token_text(32);
  TRY_OK(make_directories(directory_ / id, 0700));
  TRY_OK(write_file(directory_ / id / "upload.json", to_json(to_sidecar(announced)), 0600));
  return id;
}

Result<ObjectMeta> PartUploads::find(const std::string& id, const std::string& bucket, const std::string& object) const {
  if (!is_id(id)) return unknown();
  const auto text = read_file(directory_ / id / "upload.json");
  if (!text.ok()) return unknown();
  TRY(const Value value, parse_json(*text).context("reading an upload's announcement"));
  TRY(ObjectMeta wanted, from_sidecar(value).context("reading an upload's announcement"));
  if (wanted.bucket != bucket || wanted.name != object) return unknown();
  return wanted;
}

Status PartUploads::keep(const std::string& id, int number, Incoming bytes) {
  if (!is_id(id)) return unknown();
  return std::move(bytes).move_to(path(id, number));
}

Result<std::vector<PartInfo>> PartUploads::parts(const std::string& id) const {
  if (!is_id(id)) return unknown();
  std::vector<PartInfo> out;
  std::error_code problem;
  for (auto at = fs::directory_iterator(directory_ / id, problem); !problem && at != fs::directory_iterator(); at.increment(problem)) {
    const std::string name = at->path().filename().string();
    PartInfo part;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), part.number);
    if (wrong != std::errc{} || end != name.data() + name.size()) continue;
    part.size = at->file_size(problem);
    out.push_back(part);
  }
  if (problem) return unknown();
  std::sort(out.begin(), out.end(), [](const PartInfo& a, const PartInfo& b) { return a.number < b.number; });
  return out;
}

void PartUploads::drop(const std::string& id) {
  if (is_id(id)) (void)remove_tree(directory_ / id);
}

void PartUploads::drop_old() {
  std::error_code problem;
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(24 * 7);
  std::vector<fs::path> doomed;
  for (auto at = fs::directory_iterator(directory_, problem); !problem && at != fs::directory_iterator(); at.increment(problem)) {
    // Files beside the folders were on their way when the last process ended.
    if (!at->is_directory() || at->last_write_time() < old) doomed.push_back(at->path());
  }
  for (const fs::path& path : doomed) (void)remove_tree(path);
}

}  // namespace masu::hub
