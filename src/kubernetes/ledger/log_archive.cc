#include "ledger/log_archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/log.h"
#include "base/text.h"
#include "kube/names.h"
#include "ledger/job_reader.h"

namespace masu::ledger {
namespace {

/// A follower that has this much waiting is slow: it gets more when it has taken some.
constexpr std::size_t waiting_max = std::size_t{1} << 20;
/// How soon we look again whether a slow follower has taken some.
constexpr Duration slow_look = std::chrono::milliseconds{50};

std::string key_of(const LogSource& source) { return cat(source.job.name_space, "/", source.pod_uid, "/", source.container); }

Status check_names(const LogSource& source) {
  for (const std::string& name : {source.job.name_space, source.job.name, source.pod, source.container}) {
    if (!kube::is_dns1123_subdomain(name)) {
      return Error{Code::invalid, cat("archiving the log of pod ", quote(source.pod), ": ", quote(name), " is no name of an object")};
    }
  }
  const bool plain = std::all_of(source.pod_uid.begin(), source.pod_uid.end(), [](unsigned char c) { return std::isalnum(c) || c == '-'; });
  if (source.pod_uid.empty() || !plain) return Error{Code::invalid, cat("archiving the log of pod ", quote(source.pod), ": it has no proper uid")};
  return {};
}

void advance(std::optional<LogPosition>& position, Instant time) {
  if (position && position->time == time) ++position->lines;
  else position = LogPosition{time, 1};
}

/// The position that an existing file stands for. A last line without its end was cut by a crash and is taken off.
Result<std::optional<LogPosition>> recover(int fd, const std::filesystem::path& path, std::uint64_t& size) {
  TRY(const std::string content, read_file(path));
  const std::size_t whole = content.rfind('\n') == std::string::npos ? 0 : content.rfind('\n') + 1;
  if (whole != content.size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0) return errno_error("mending log", path);
  size = whole;
  std::optional<LogPosition> position;
  const std::string_view text = std::string_view(content).substr(0, whole);
  std::string_view newest;
  // From the end backwards, as long as lines have the newest time.
  for (std::size_t end = text.size(); end > 0;) {
    const std::size_t start = end < 2 ? 0 : text.rfind('\n', end - 2) + 1;  // npos + 1 is 0
    const std::string_view time = time_text(text.substr(start, end - start));
    if (!time.empty()) {
      if (!newest.empty() && time != newest) break;
      newest = time;
      TRY(const Instant instant, parse_rfc3339(time));
      advance(position, instant);
    }
    end = start;
  }
  return position;
}

}  // namespace

struct LogArchive::Follower {
  Follower(kube::Key job, bool follow, JobReader reader) : job(std::move(job)), follow(follow), reader(std::move(reader)) {}
  const kube::Key job;
  std::atomic<bool> follow;
  JobReader reader;  // used by whoever pumps
  const std::shared_ptr<net::Stream> stream = std::make_shared<net::Stream>();
};

LogArchive::LogArchive(Ledger& ledger, std::filesystem::path directory) : ledger_(ledger), directory_(std::move(directory)) {}

Result<std::unique_ptr<LogArchive>> LogArchive::open(Ledger& ledger, std::filesystem::path directory, Feeding feeding) {
  TRY_OK(make_directories(directory, 0700));
  std::unique_ptr<LogArchive> archive(new LogArchive(ledger, std::move(directory)));
  if (feeding == Feeding::thread) {
    archive->thread_ = std::jthread([raw = archive.get()](const std::stop_token& stop) { raw->run(stop); });
  }
  return archive;
}

LogArchive::~LogArchive() {
  thread_.request_stop();
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (const auto& follower : followers_) follower->stream->finish();
}

Result<LogArchive::Open*> LogArchive::open_source(const LogSource& source, Deadline deadline) {
  const std::string key = key_of(source);
  if (const auto found = open_.find(key); found != open_.end()) return &found->second;
  TRY_OK(check_names(source));
  Open open;
  TRY(open.segment, ledger_.segment(source, deadline));
  const auto path = directory_ / open.segment.file;
  TRY_OK(make_directories(path.parent_path(), 0700));
  open.file = FileDescriptor(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!open.file.valid()) return errno_error("opening log", path);
  TRY(open.position, recover(open.file.get(), path, open.size));
  open.full = open.size >= source_bytes_max;
  return &open_.emplace(key, std::move(open)).first->second;
}

Result<std::optional<LogPosition>> LogArchive::position(const LogSource& source, Deadline deadline) {
  const std::scoped_lock lock(writing_);
  TRY(const Open* open, open_source(source, deadline));
  return open->position;
}

Status LogArchive::append(const LogSource& source, std::span<const LogLine> lines, Deadline deadline) {
  if (lines.empty()) return {};
  {
    const std::scoped_lock lock(writing_);
    TRY(Open* open, open_source(source, deadline));
    if (open->full) return {};
    std::string text;
    std::optional<LogPosition> position = open->position;
    for (const LogLine& line : lines) {
      const std::string encoded = encode(entry_of(line, source.task, source.trial));
      if (open->size + text.size() + encoded.size() > source_bytes_max) {
        open->full = true;
        text += encode({.time = line.time,
                        .severity = "WARNING",
                        .task = source.task,
                        .trial = source.trial,
                        .message = cat("the log of this container is longer than ", source_bytes_max, " bytes: the rest is not kept")});
        break;
      }
      text += encoded;
      advance(position, line.time);
    }
    TRY_OK(write_all(open->file.get(), text).context(cat("appending to the log ", quote(open->segment.file))));
    open->size += text.size();
    open->position = position;
  }
  changed();
  return {};
}

Status LogArchive::finish(const LogSource& source, Deadline deadline) {
  {
    const std::scoped_lock lock(writing_);
    TRY(const Open* open, open_source(source, deadline));
    TRY_OK(ledger_.finish_segment(open->segment.id, deadline));
    open_.erase(key_of(source));
  }
  changed();
  return {};
}

Result<bool> LogArchive::finished(const LogSource& source, Deadline) {
  TRY(const auto segments, ledger_.segments(source.job));
  return std::any_of(segments.begin(), segments.end(), [&](const LogSegment& segment) {
    return segment.finished && segment.source.pod_uid == source.pod_uid && segment.source.container == source.container;
  });
}

Status LogArchive::close_job(const kube::Key& job, Deadline deadline) {
  TRY_OK(ledger_.close_job(job, deadline));
  changed();
  return {};
}

Status LogArchive::forget_job(const kube::Key& job, Deadline deadline) {
  {
    const std::scoped_lock lock(writing_);
    std::erase_if(open_, [&](const auto& entry) { return entry.second.segment.source.job == job; });
    TRY(const auto segments, ledger_.segments(job));
    // Only when there were segments: names were checked then, so the folder is one of ours.
    if (!segments.empty()) TRY_OK(remove_tree(directory_ / job.name_space / job.name));
    TRY_OK(ledger_.forget_job(job, deadline));
  }
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& follower : followers_) {
      if (follower->job == job) follower->follow = false;
    }
  }
  changed();
  return {};
}

Result<LogPage> LogArchive::page(const kube::Key& job, const LogQuery& query, std::size_t bytes) {
  TRY(JobReader reader, JobReader::make(directory_, query));
  TRY(const auto segments, ledger_.segments(job));
  TRY_OK(reader.add(segments));
  LogPage page;
  TRY(page.lines, reader.read(bytes));
  page.next = reader.position();
  TRY(const std::string more, reader.read(1));
  page.at_end = more.empty();
  return page;
}

Result<net::Subscription> LogArchive::follow(const kube::Key& job, const LogQuery& query) {
  TRY(JobReader reader, JobReader::make(directory_, query));
  auto follower = std::make_shared<Follower>(job, query.follow, std::move(reader));
  net::Subscription answer{.headers = {{"Content-Type", "application/x-ndjson"}}, .stream = follower->stream};
  {
    const std::scoped_lock lock(mutex_);
    followers_.push_back(std::move(follower));
  }
  changed();
  return answer;
}

void LogArchive::changed() {
  {
    const std::scoped_lock lock(mutex_);
    ++version_;
  }
  wake_.notify_all();
}

/// Gives one follower what it can take. True if it was given something.
bool LogArchive::feed(Follower& follower) {
  if (follower.stream->queued() >= waiting_max) return false;
  // Closed is asked before reading: what was written before the job closed is then surely read.
  const auto closed = ledger_.job_closed(follower.job);
  const auto segments = ledger_.segments(follower.job);
  Status status = segments.ok() ? follower.reader.add(*segments) : Status(segments.error());
  std::string lines;
  if (status.ok()) {
    auto read = follower.reader.read(waiting_max);
    if (read.ok()) lines = std::move(read).value();
    else status = std::move(read).error();
  }
  if (!status.ok() || !closed.ok()) {
    log::warn("a log stream ends early", {{"job", follower.job.text()}, {"error", status.ok() ? closed.error().message : status.error().message}});
    follower.stream->finish();
    return false;
  }
  if (!lines.empty()) return follower.stream->push(std::move(lines));
  if (!follower.follow || *closed) follower.stream->finish();
  return false;
}

bool LogArchive::pump() {
  std::vector<std::shared_ptr<Follower>> followers;
  {
    const std::scoped_lock lock(mutex_);
    followers = followers_;
  }
  bool given = false;
  std::vector<const Follower*> done;
  for (const auto& follower : followers) {
    given = feed(*follower) || given;
    // finish() leaves the stream open for its consumer, but refuses an empty push no more than a full one: so ask it.
    if (follower->stream->closed() || !follower->stream->push("")) done.push_back(follower.get());
  }
  const std::scoped_lock lock(mutex_);
  std::erase_if(followers_, [&](const auto& follower) { return std::find(done.begin(), done.end(), follower.get()) != done.end(); });
  return given;
}

void LogArchive::run(const std::stop_token& stop) {
  std::uint64_t seen = 0;
  while (!stop.stop_requested()) {
    bool slow = false;
    {
      std::unique_lock lock(mutex_);
      slow = std::any_of(followers_.begin(), followers_.end(), [](const auto& follower) { return follower->stream->queued() > 0; });
      const auto something = [&] { return version_ != seen; };
      if (slow) wake_.wait_for(lock, stop, slow_look, something);
      else wake_.wait(lock, stop, something);
      seen = version_;
    }
    while (!stop.stop_requested() && pump()) {
    }
  }
}

}  // namespace masu::ledger
