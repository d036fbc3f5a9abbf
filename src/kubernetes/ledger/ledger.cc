#include "ledger/ledger.h"

#include "base/text.h"
#include "sqlite/format.h"

namespace masu::ledger {
namespace {

// Absent steps and times are stored as the least number: NULLs are all different for a unique index.
constexpr std::int64_t absent = INT64_MIN;

const sqlite::Format& format() {
  static const sqlite::Format it{
      .name = "masu-ledger",
      .steps = {sqlite::script(R"(
CREATE TABLE trial_metrics (
  id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, trial TEXT NOT NULL, name TEXT NOT NULL,
  step INTEGER NOT NULL, time_ns INTEGER NOT NULL, value TEXT NOT NULL,
  UNIQUE (namespace, trial, name, step, time_ns));
CREATE TABLE log_segments (
  id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, job TEXT NOT NULL, pod TEXT NOT NULL, pod_uid TEXT NOT NULL,
  container TEXT NOT NULL, task TEXT NOT NULL, trial TEXT NOT NULL, file TEXT NOT NULL, finished INTEGER NOT NULL,
  UNIQUE (namespace, pod_uid, container));
CREATE INDEX log_segments_by_job ON log_segments (namespace, job);
CREATE TABLE closed_jobs (namespace TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (namespace, job));
)")}};
  return it;
}

LogSegment segment_of(const sqlite::Statement& row) {
  LogSegment segment;
  segment.id = row.integer(0);
  segment.source.job = {std::string(row.text(1)), std::string(row.text(2))};
  segment.source.pod = row.text(3);
  segment.source.pod_uid = row.text(4);
  segment.source.container = row.text(5);
  segment.source.task = row.text(6);
  segment.source.trial = row.text(7);
  segment.file = row.text(8);
  segment.finished = row.integer(9) != 0;
  return segment;
}
constexpr std::string_view segment_columns = "id, namespace, job, pod, pod_uid, container, task, trial, file, finished";

}  // namespace

std::int64_t to_nanoseconds(Instant instant) { return instant.time_since_epoch().count(); }
Instant from_nanoseconds(std::int64_t count) { return Instant{Duration{count}}; }

std::string stamp(Instant instant) {
  std::string text = to_rfc3339(std::chrono::floor<std::chrono::seconds>(instant));
  const std::string digits = cat((instant - std::chrono::floor<std::chrono::seconds>(instant)).count());
  text.pop_back();  // the Z
  return cat(text, ".", std::string(9 - digits.size(), '0'), digits, "Z");
}

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& file, const Options& options) {
  TRY(auto writing, sqlite::open_database(file, format(), {.durability = options.durability}));
  TRY(auto reading, sqlite::Connection::open(file, {.access = sqlite::Access::read_only}));
  return std::unique_ptr<Ledger>(new Ledger(std::move(writing), std::move(reading), options.mode));
}

Status Ledger::report(const kube::Key& trial, std::span<const Metric> metrics, Deadline deadline) {
  return writer_.write(
      [trial, kept = std::vector<Metric>(metrics.begin(), metrics.end())](sqlite::Connection& db) -> Status {
        for (const Metric& metric : kept) {
          TRY_OK(db.run("INSERT INTO trial_metrics (namespace, trial, name, step, time_ns, value) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                        trial.name_space, trial.name, metric.name, metric.step.value_or(absent), metric.time ? to_nanoseconds(*metric.time) : absent,
                        metric.value));
        }
        return {};
      },
      deadline);
}

Result<std::vector<Metric>> Ledger::metrics(const kube::Key& trial, std::string_view name) {
  const std::scoped_lock lock(mutex_);
  TRY(auto select, reading_->prepare("SELECT name, value, step, time_ns FROM trial_metrics "
                                     "WHERE namespace = ?1 AND trial = ?2 AND (?3 = '' OR name = ?3) ORDER BY id"));
  std::vector<Metric> out;
  TRY_OK(select.bind(trial.name_space, trial.name, name).each([&](const sqlite::Statement& row) {
    Metric metric{.name = std::string(row.text(0)), .value = std::string(row.text(1))};
    if (row.integer(2) != absent) metric.step = row.integer(2);
    if (row.integer(3) != absent) metric.time = from_nanoseconds(row.integer(3));
    out.push_back(std::move(metric));
  }));
  return out;
}

Status Ledger::forget_trial(const kube::Key& trial, Deadline deadline) {
  return writer_.write(
      [trial](sqlite::Connection& db) { return db.run("DELETE FROM trial_metrics WHERE namespace = ? AND trial = ?", trial.name_space, trial.name); },
      deadline);
}

Result<LogSegment> Ledger::segment(const LogSource& source, Deadline deadline) {
  // The uid keeps apart two pods of one name, one after the other (a StatefulSet's, a job's that was submitted again).
  const std::string file = cat(source.job.name_space, "/", source.job.name, "/", source.pod, ".", source.pod_uid.substr(0, 8), ".", source.container, ".log");
  return writer_.write(
      [source, file](sqlite::Connection& db) -> Result<LogSegment> {
        TRY_OK(db.run("INSERT INTO log_segments (namespace, job, pod, pod_uid, container, task, trial, file, finished) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
                      source.job.name_space, source.job.name, source.pod, source.pod_uid, source.container, source.task, source.trial, file));
        TRY(auto select, db.prepare(cat("SELECT ", segment_columns, " FROM log_segments WHERE namespace = ? AND pod_uid = ? AND container = ?")));
        TRY(const bool found, select.bind(source.job.name_space, source.pod_uid, source.container).step());
        if (!found) return Error{Code::internal, "a log segment just stored is not there"};
        return segment_of(select);
      },
      deadline);
}

Status Ledger::finish_segment(std::int64_t id, Deadline deadline) {
  return writer_.write([id](sqlite::Connection& db) { return db.run("UPDATE log_segments SET finished = 1 WHERE id = ?", id); }, deadline);
}

Result<std::vector<LogSegment>> Ledger::segments(const kube::Key& job) {
  const std::scoped_lock lock(mutex_);
  TRY(auto select, reading_->prepare(cat("SELECT ", segment_columns, " FROM log_segments WHERE namespace = ? AND job = ? ORDER BY id")));
  std::vector<LogSegment> out;
  TRY_OK(select.bind(job.name_space, job.name).each([&](const sqlite::Statement& row) { out.push_back(segment_of(row)); }));
  return out;
}

Status Ledger::close_job(const kube::Key& job, Deadline deadline) {
  return writer_.write(
      [job](sqlite::Connection& db) { return db.run("INSERT INTO closed_jobs VALUES (?, ?) ON CONFLICT DO NOTHING", job.name_space, job.name); }, deadline);
}

Result<bool> Ledger::job_closed(const kube::Key& job) {
  const std::scoped_lock lock(mutex_);
  TRY(const auto count, reading_->integer("SELECT count(*) FROM closed_jobs WHERE namespace = ? AND job = ?", job.name_space, job.name));
  return count > 0;
}

Result<std::vector<kube::Key>> Ledger::jobs_with_logs() {
  const std::scoped_lock lock(mutex_);
  TRY(auto select, reading_->prepare("SELECT DISTINCT namespace, job FROM log_segments ORDER BY namespace, job"));
  std::vector<kube::Key> out;
  TRY_OK(select.each([&](const sqlite::Statement& row) { out.push_back({std::string(row.text(0)), std::string(row.text(1))}); }));
  return out;
}

Status Ledger::forget_job(const kube::Key& job, Deadline deadline) {
  return writer_.write(
      [job](sqlite::Connection& db) -> Status {
        TRY_OK(db.run("DELETE FROM log_segments WHERE namespace = ? AND job = ?", job.name_space, job.name));
        return db.run("DELETE FROM closed_jobs WHERE namespace = ? AND job = ?", job.name_space, job.name);
      },
      deadline);
}

}  // namespace masu::ledger
