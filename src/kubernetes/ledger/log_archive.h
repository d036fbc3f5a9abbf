#pragma once
/// The logs of jobs, readable as long as the job exists: one file of JSON lines for each container of each pod, and
/// readers that see the files of a job merged by time, from its beginning or as it grows.
///
///   writers: append(source, lines) -> <directory>/<namespace>/<job>/<pod>.<uid>.<container>.log
///   readers: page(job, query)         a piece, with the position to go on from
///            follow(job, query)       a stream that ends when the job is closed (or, without `follow`, at its end)

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/log_entry.h"
#include "net/message.h"

namespace masu::ledger {

struct LogQuery {
  bool follow = false;
  std::optional<Instant> since;  // lines of this instant and later
  std::string after;             // LogPage::next of an earlier page
  std::string task, trial;       // only of these; empty: all
};

struct LogPage {
  std::string lines;  // whole JSON lines
  std::string next;   // the position behind them
  bool at_end = false;
};

/// Thread-safe. One archive for a directory.
class LogArchive {
 public:
  /// thread: a thread of its own feeds followers. by_hand: somebody calls pump() (tests, simulations).
  enum class Feeding { thread, by_hand };
  static Result<std::unique_ptr<LogArchive>> open(Ledger& ledger, std::filesystem::path directory, Feeding feeding);
  /// Ends all streams.
  ~LogArchive();

  /// How far a source is archived; no value if nothing is.
  Result<std::optional<LogPosition>> position(const LogSource& source, Deadline deadline);
  /// Appends lines in the order of their times. invalid if a name could leave the directory. A source that has more
  /// than source_bytes_max loses what goes beyond, and says so in its last line.
  Status append(const LogSource& source, std::span<const LogLine> lines, Deadline deadline);
  /// No more lines will come from this source.
  Status finish(const LogSource& source, Deadline deadline);
  Result<bool> finished(const LogSource& source, Deadline deadline);

  /// The job has ended and all its sources are finished: those who follow come to an end.
  Status close_job(const kube::Key& job, Deadline deadline);
  /// The job is gone: so are its logs.
  Status forget_job(const kube::Key& job, Deadline deadline);
  Result<std::vector<kube::Key>> jobs() { return ledger_.jobs_with_logs(); }

  /// At most `bytes` (but at least one line, if there is one). malformed for a wrong position.
  Result<LogPage> page(const kube::Key& job, const LogQuery& query, std::size_t bytes = std::size_t{1} << 20);
  Result<net::Subscription> follow(const kube::Key& job, const LogQuery& query);
  /// Gives followers what is there. True if something was given.
  bool pump();

  static constexpr std::uint64_t source_bytes_max = std::uint64_t{1} << 30;

 private:
  struct Open {  // a source that is being written
    LogSegment segment;
    FileDescriptor file;
    std::uint64_t size = 0;
    std::optional<LogPosition> position;
    bool full = false;
  };
  struct Follower;

  LogArchive(Ledger& ledger, std::filesystem::path directory);
  Result<Open*> open_source(const LogSource& source, Deadline deadline);
  void changed();
  void run(const std::stop_token& stop);
  bool feed(Follower& follower);

  Ledger& ledger_;
  const std::filesystem::path directory_;
  std::mutex writing_;  // guards open_; held over appends to local files
  std::map<std::string, Open> open_;  // by namespace/pod uid/container
  std::mutex mutex_;  // guards the three below
  std::condition_variable_any wake_;
  std::vector<std::shared_ptr<Follower>> followers_;
  std::uint64_t version_ = 0;
  std::jthread thread_;  // last: it uses all above
};

}  // namespace masu::ledger
