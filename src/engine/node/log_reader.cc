#include "node/log_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <vector>

#include "base/files.h"
#include "base/text.h"

namespace masu::node {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> old_files(const fs::path& path) {
  std::vector<fs::path> out;
  for (int i = 1; fs::exists(cat(path.native(), ".", i)); ++i) out.insert(out.begin(), cat(path.native(), ".", i));
  return out;
}

/// "TIME stream TAG text" taken apart. False if it is not such a line.
bool parts_of(std::string_view line, std::string_view& time, bool& whole, std::string_view& text, bool* errors = nullptr) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  const std::size_t third = second == std::string_view::npos ? second : line.find(' ', second + 1);
  if (third == std::string_view::npos) return false;
  time = line.substr(0, first);
  if (errors != nullptr) *errors = line.substr(first + 1, second - first - 1) == "stderr";
  whole = line.substr(second + 1, third - second - 1) != "P";
  text = line.substr(third + 1);
  return true;
}

Result<std::optional<std::int64_t>> number(const net::Query& query, std::string_view name) {
  const std::string_view text = query.get(name);
  if (text.empty()) return std::optional<std::int64_t>{};
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || value < 0)
    return Error{Code::malformed, cat(name, " ", quote(text), " is no number of 0 or more")};
  return std::optional<std::int64_t>(value);
}

}  // namespace

Result<LogOptions> log_options(const net::Query& query, Instant now) {
  LogOptions out;
  const auto flag = [&](std::string_view name) { return query.get(name) == "true" || query.get(name) == "1"; };
  out.follow = flag("follow");
  out.previous = flag("previous");
  out.timestamps = flag("timestamps");
  out.streams = flag("streams");
  TRY(out.tail_lines, number(query, "tailLines"));
  TRY(out.limit_bytes, number(query, "limitBytes"));
  TRY(const auto since, number(query, "sinceSeconds"));
  if (since) out.since = now - std::chrono::seconds(*since);
  if (query.has("sinceTime")) {
    TRY(out.since, parse_rfc3339(query.get("sinceTime")).context("sinceTime"));
  }
  return out;
}

std::string LogFilter::take(std::string_view bytes) {
  std::string out;
  for (std::size_t end = 0; (end = bytes.find('\n')) != std::string_view::npos && !full(); bytes.remove_prefix(end + 1)) {
    if (pending_.empty()) {
      line(bytes.substr(0, end), out);
      continue;
    }
    pending_ += bytes.substr(0, end);
    line(pending_, out);
    pending_.clear();
  }
  if (!full()) pending_ += bytes;
  return out;
}

void LogFilter::line(std::string_view line, std::string& out) {
  std::string_view time, text;
  bool whole = true, errors = false;
  if (!parts_of(line, time, whole, text, &errors)) return;
  if (options_.since && !in_line_) {
    const auto at = parse_rfc3339(time);
    if (at.ok() && *at < *options_.since) return;
  }
  std::string shown;
  if (options_.timestamps && !in_line_) shown = cat(time, " ");
  if (options_.streams && !in_line_) shown += errors ? "E " : "O ";
  shown += text;
  if (whole) shown += '\n';
  in_line_ = !whole;
  if (left_) {
    if (static_cast<std::int64_t>(shown.size()) > *left_) shown.resize(static_cast<std::size_t>(*left_));
    *left_ -= static_cast<std::int64_t>(shown.size());
  }
  out += shown;
}

std::size_t tail_position(std::string_view text, std::int64_t lines) {
  if (lines <= 0) return text.size();
  // From the end: a line begins after a piece marked F (or at the start).
  std::size_t end = text.size();
  std::int64_t seen = 0;
  std::size_t begin = end;
  while (end > 0) {
    const std::size_t start = end >= 2 ? text.rfind('\n', end - 2) : std::string_view::npos;
    const std::size_t at = start == std::string_view::npos ? 0 : start + 1;
    std::string_view time, words;
    bool whole = true;
    if (parts_of(text.substr(at, end - at - 1), time, whole, words) && (whole || end == text.size())) {
      if (seen == lines) return begin;
      ++seen;
    }
    begin = at;
    end = at;
  }
  return 0;
}

std::string tail_of_log(const fs::path& path, std::int64_t lines, std::size_t bytes) {
  std::string out = read_log(path, {.tail_lines = lines});
  if (out.size() > bytes) out.erase(0, out.size() - bytes);
  return out;
}

std::string read_log(const fs::path& path, const LogOptions& options) {
  std::string whole;
  for (const fs::path& old : old_files(path)) whole += read_file(old).value_or("");
  whole += read_file(path).value_or("");
  LogFilter filter(options);
  return filter.take(std::string_view(whole).substr(options.tail_lines ? tail_position(whole, *options.tail_lines) : 0));
}

void follow_log(
    const fs::path& path, const LogOptions& options, net::Stream& stream, const std::function<bool()>& ended, const std::stop_token& stop) {
  LogFilter filter(options);
  const FileDescriptor notify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ::inotify_add_watch(notify.get(), path.parent_path().c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
  FileDescriptor file;
  bool first = true;
  const auto push = [&](std::string_view bytes) {
    std::string shown = filter.take(bytes);
    return (shown.empty() || stream.push(std::move(shown))) && !filter.full();
  };
  // A reader that is slow is waited for; it reads a file, so nothing is lost.
  constexpr std::size_t ahead = 1u << 20;
  while (!stop.stop_requested() && !stream.closed()) {
    const bool over = ended();  // asked before reading, so that the last words are not missed
    bool more = false;
    if (!file.valid()) {
      file = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (file.valid() && first) {
        first = false;
        std::string whole;
        for (const fs::path& old : old_files(path)) whole += read_file(old).value_or("");
        whole += read_all(file.get()).value_or("");
        if (!push(std::string_view(whole).substr(options.tail_lines ? tail_position(whole, *options.tail_lines) : 0))) break;
      }
    }
    char buffer[65536];
    while (file.valid() && stream.queued() < ahead) {
      const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
      if (got <= 0) break;
      more = true;
      if (!push({buffer, static_cast<std::size_t>(got)})) return stream.finish();
    }
    struct stat ours {}, theirs {};
    if (file.valid() && ::fstat(file.get(), &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && ours.st_ino != theirs.st_ino && !more) {
      file.reset();  // rotated
      continue;
    }
    if (over && !more) break;
    pollfd changed{notify.get(), POLLIN, 0};
    ::poll(&changed, 1, 200);  // also looks whether the container has ended or the reader has gone
    char events[4096];
    while (::read(notify.get(), events, sizeof events) > 0) {
    }
  }
  stream.finish();
}

}  // namespace masu::node
