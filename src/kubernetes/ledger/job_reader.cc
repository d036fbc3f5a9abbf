#include "ledger/job_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"

namespace masu::ledger {
namespace {

constexpr std::size_t piece = std::size_t{64} << 10;

template <class Number>
bool parse_number(std::string_view text, Number& out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<JobReader> JobReader::make(std::filesystem::path directory, const LogQuery& query) {
  JobReader reader(std::move(directory), query);
  if (query.since) reader.since_ = stamp(*query.since);
  if (query.after.empty()) return reader;
  for (const std::string& part : split(query.after, ',')) {
    const std::size_t colon = std::min(part.find(':'), part.size());
    std::int64_t id = 0;
    std::uint64_t offset = 0;
    if (colon == part.size() || !parse_number(std::string_view(part).substr(0, colon), id) ||
        !parse_number(std::string_view(part).substr(colon + 1), offset)) {
      return Error{Code::malformed, cat("reading a log: ", quote(query.after), " is no position that an earlier page ended with")};
    }
    reader.start_[id] = offset;
  }
  return reader;
}

Status JobReader::add(const std::vector<LogSegment>& segments) {
  for (const LogSegment& segment : segments) {
    if (cursors_.contains(segment.id)) continue;
    if (!query_.task.empty() && segment.source.task != query_.task) continue;
    if (!query_.trial.empty() && segment.source.trial != query_.trial) continue;
    const auto path = directory_ / segment.file;
    Cursor cursor{.file = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC))};
    if (!cursor.file.valid()) {
      if (errno == ENOENT) continue;  // known, but nothing written yet
      return errno_error("opening a log", path);
    }
    if (const auto start = start_.find(segment.id); start != start_.end()) cursor.offset = start->second;
    cursors_.emplace(segment.id, std::move(cursor));
  }
  return {};
}

Status JobReader::refill(Cursor& cursor) {
  cursor.offset += cursor.taken;
  cursor.buffer.erase(0, cursor.taken);
  cursor.taken = 0;
  // A line may be longer than a piece: read on until there is a whole one, or no more.
  while (cursor.buffer.find('\n') == std::string::npos) {
    const std::size_t before = cursor.buffer.size();
    cursor.buffer.resize(before + piece);
    ssize_t got = 0;
    do got = ::pread(cursor.file.get(), cursor.buffer.data() + before, piece, static_cast<off_t>(cursor.offset + before));
    while (got < 0 && errno == EINTR);
    cursor.buffer.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return errno_error("reading a log below", directory_);
    if (got == 0) break;
  }
  return {};
}

Result<std::string_view> JobReader::peek(Cursor& cursor) {
  for (;;) {
    if (cursor.rest().find('\n') == std::string_view::npos) TRY_OK(refill(cursor));
    const std::string_view rest = cursor.rest();
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return std::string_view();
    const std::string_view line = rest.substr(0, end + 1);
    const std::string_view time = time_text(line);
    if (!time.empty() && (since_.empty() || time >= since_)) return line;
    cursor.taken += line.size();
  }
}

Result<std::string> JobReader::read(std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) {
    Cursor* oldest = nullptr;
    std::string_view oldest_line;
    for (auto& [id, cursor] : cursors_) {
      TRY(const std::string_view line, peek(cursor));
      if (line.empty()) continue;
      if (oldest == nullptr || time_text(line) < time_text(oldest_line)) {
        oldest = &cursor;
        oldest_line = line;
      }
    }
    if (oldest == nullptr || (!out.empty() && out.size() + oldest_line.size() > bytes)) break;
    out += oldest_line;
    oldest->taken += oldest_line.size();
  }
  return out;
}

std::string JobReader::position() const {
  std::map<std::int64_t, std::uint64_t> all = start_;
  for (const auto& [id, cursor] : cursors_) all[id] = cursor.offset + cursor.taken;
  std::string out;
  for (const auto& [id, offset] : all) out += cat(out.empty() ? "" : ",", id, ":", offset);
  return out;
}

}  // namespace masu::ledger
