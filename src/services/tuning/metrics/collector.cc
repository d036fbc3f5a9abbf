#include "tuning/metrics/collector.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace masu::tuning {
namespace {

constexpr std::size_t chunk_bytes = 1 << 20;
constexpr std::size_t metric_file_bytes_max = 8 << 20;
constexpr std::size_t queue_max = 100'000;
constexpr std::size_t report_entries = 500;
constexpr std::size_t others_told = 20, others_kept = 200;
constexpr Duration send_limit = 10s;

}  // namespace

std::optional<CollectFrom> parse_collect_from(std::string_view word) {
  const std::string w = lower(word);
  if (w == "auto" || w == "automatic") return CollectFrom::automatic;
  if (w == "file") return CollectFrom::file;
  if (w == "tfevent" || w == "tensorflowevent" || w == "events") return CollectFrom::events;
  if (w == "stdout") return CollectFrom::lines;
  return {};
}

Result<std::unique_ptr<Collector>> Collector::make(CollectSettings settings, FileTree& files, FileTree& events, MetricSink& sink) {
  TRY(TextLines lines, TextLines::make(settings.filters, settings.metrics));
  return std::unique_ptr<Collector>(new Collector(std::move(settings), files, events, sink, std::move(lines)));
}

bool Collector::program_done() {
  return !settings_.done_file.empty() && files_.read(settings_.done_file, 0, 1).ok();
}

Status Collector::poll(Instant now, Deadline deadline) {
  if (!finished_) look(now, false);
  return send(deadline);
}

Status Collector::finish(Instant now, Deadline deadline) {
  if (!finished_) {
    look(now, true);
    release_lines();
    tell_the_end(now);
    finished_ = true;
  }
  return send(deadline);
}

void Collector::look(Instant now, bool last) {
  if (reads(CollectFrom::file) && !settings_.metric_file.empty()) read_metric_file(now);
  if (reads(CollectFrom::events) && !settings_.event_directory.empty() && (last || !events_due_ || now >= *events_due_)) {
    read_event_files(now);
    events_due_ = now + settings_.event_poll;
  }
  if (reads(CollectFrom::lines) && !settings_.line_file.empty()) read_lines(now, last);
}

void Collector::read_metric_file(Instant now) {
  const auto content = files_.read(settings_.metric_file, 0, metric_file_bytes_max);
  if (content.ok()) take(hypertune_.read(*content), Rank::file, now);
}

void Collector::read_event_files(Instant now) {
  const auto files = events_.files(settings_.event_directory);
  if (!files.ok()) {
    log::debug("event files cannot be listed", {{"directory", settings_.event_directory}, {"error", files.error().message}});
    return;
  }
  for (const FileTree::Entry& file : *files) {
    const std::size_t slash = file.path.rfind('/');
    if (file.path.find("tfevents", slash == std::string::npos ? 0 : slash) == std::string::npos) continue;
    Following& following = following_[file.path];
    while (following.offset < file.size) {
      const auto bytes = events_.read(file.path, following.offset, chunk_bytes);
      if (!bytes.ok() || bytes->empty()) break;
      following.offset += bytes->size();
      auto entries = following.reader.feed(*bytes);
      if (following.reader.damage() && !following.damage_told) {
        following.damage_told = true;
        log::warn("event file is damaged", {{"file", file.path}, {"error", following.reader.damage()->message}});
      }
      // `validation/accuracy` may be the tag, or the tag `accuracy` of the run in the folder `validation`.
      const std::string folder = slash == std::string::npos ? std::string() : file.path.substr(0, slash);
      for (MetricEntry& entry : entries) {
        for (const std::string& wanted : settings_.metrics) {
          const std::size_t cut = wanted.rfind('/');
          if (cut == std::string::npos || wanted.compare(cut + 1, std::string::npos, entry.name) != 0) continue;
          if (cat("/", folder).ends_with(cat("/", wanted.substr(0, cut)))) entry.name = wanted;
        }
      }
      take(std::move(entries), Rank::events, now);
    }
  }
}

void Collector::read_lines(Instant now, bool last) {
  for (;;) {
    const auto bytes = files_.read(settings_.line_file, line_offset_, chunk_bytes);
    if (!bytes.ok() || bytes->empty()) break;
    line_offset_ += bytes->size();
    take(lines_.feed(*bytes), Rank::lines, now);
  }
  if (last) take(lines_.finish(), Rank::lines, now);
}

std::optional<std::string> Collector::wanted_as(const std::string& name) const {
  for (const std::string& wanted : settings_.metrics) {
    if (wanted == name || wanted == "*") return name;
  }
  return {};
}

void Collector::take(std::vector<MetricEntry> entries, Rank rank, Instant now) {
  for (MetricEntry& entry : entries) {
    if (!entry.time) entry.time = now;
    if (!wanted_as(entry.name)) {
      if (others_.size() < others_kept || others_.contains(entry.name)) others_[entry.name] = std::move(entry);
      continue;
    }
    if (rank == Rank::lines && settings_.from == CollectFrom::automatic) {
      if (waiting_.size() < queue_max) waiting_.push_back(std::move(entry));
      continue;
    }
    const auto [source, first] = source_of_.emplace(entry.name, rank);
    if (rank > source->second) continue;
    source->second = rank;
    queue_.push_back(std::move(entry));
  }
  if (queue_.size() > queue_max) {
    log::warn("too many reports are waiting; the oldest are dropped", {{"dropped", static_cast<long long>(queue_.size() - queue_max)}});
    queue_.erase(queue_.begin(), queue_.end() - static_cast<std::ptrdiff_t>(queue_max));
  }
}

void Collector::release_lines() {
  for (MetricEntry& entry : waiting_) {
    if (!source_of_.contains(entry.name) || source_of_[entry.name] == Rank::lines) {
      source_of_[entry.name] = Rank::lines;
      queue_.push_back(std::move(entry));
    }
  }
  waiting_.clear();
}

void Collector::tell_the_end(Instant now) {
  if (settings_.metrics.empty() || settings_.metrics.front() == "*" || source_of_.contains(settings_.metrics.front())) return;
  std::size_t told = 0;
  for (auto& [name, entry] : others_) {
    if (told++ < others_told) queue_.push_back(entry);
  }
  queue_.push_back({settings_.metrics.front(), std::string(unavailable), std::nullopt, now});
}

Status Collector::send(Deadline deadline) {
  while (!queue_.empty()) {
    const std::size_t count = std::min(queue_.size(), report_entries);
    TRY_OK(sink_.report(settings_.trial, std::span<const MetricEntry>(queue_.data(), count), deadline.at_most(send_limit)));
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return {};
}

Status collect(Collector& collector, const CollectSettings& settings, const Clock& clock, const std::stop_token& stop) {
  int failures = 0;
  while (!stop.stop_requested()) {
    const bool done = collector.finished() || collector.program_done();
    const Status sent = done ? collector.finish(clock.now(), Deadline::after(send_limit)) : collector.poll(clock.now(),
        Deadline::after(send_limit));
    if (sent.ok()) {
      failures = 0;
    } else if (failures++ == 0) {
      log::warn("reports of metrics cannot be sent; trying again", {{"trial", settings.trial.text()}, {"error", sent.error().message}});
    }
    pause(failures == 0 ? settings.poll : backoff(failures - 1, settings.poll, 10s), stop);
  }
  // Asked to stop: the pod ends. What is left has to go out now.
  Status last;
  for (int attempt = 0; attempt < 5; ++attempt) {
    last = collector.finish(clock.now(), Deadline::after(send_limit));
    if (last.ok()) return {};
    pause(backoff(attempt, 200ms, 2s), {});
  }
  return std::move(last).error().context(cat("telling the ledger the last metrics of ", settings.trial.text()));
}

}  // namespace masu::tuning
