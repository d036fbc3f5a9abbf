#pragma once
/// Copies the logs of jobs' pods into the log archive, so that they can be read as long as the job exists.
///
/// A controller of pods: each round reads what a container said since the archived position (pods/log with timestamps) and looks again soon
/// while it talks, later while it is silent. A source is finished when its container ended before the round that read it.

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "controller/controller.h"
#include "kinds/pod.h"
#include "kube/informer.h"
#include "ledger/log_archive.h"

namespace masu::training {

/// The containers of a pod whose output is the job's log: preparation, then the program. Pure.
std::vector<std::string> logged_containers(const kinds::Pod& pod);
/// Whose output it is, for the archive: master-replica-0, trial 3. Pure.
ledger::LogSource log_source(const kinds::Pod& pod, const std::string& container);
/// Lines of a pods/log answer with timestamps. `tagged`: "TIME E text" tells the streams apart (masu's own nodes). Pure.
std::vector<ledger::LogLine> read_log_lines(std::string_view text, bool tagged);

/// Thread-safe.
class LogArchiver final : public controller::Reconciler {
 public:
  /// `split_streams`: nodes tell standard output and error apart. All references outlive it.
  LogArchiver(const kube::Client& client, const kube::Informer<kinds::Pod>& pods, ledger::LogArchive& archive, bool split_streams)
      : client_(client), pods_(pods), archive_(archive), split_streams_(split_streams) {}

  std::string_view name() const override { return "logs"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;

  /// Everything that this pod said, and will ever say, is archived.
  bool complete(const kinds::Pod& pod);
  /// The newest messages of a pod, oldest first; what was said before this process began is not among them.
  std::vector<std::string> last_lines(const kinds::Pod& pod);

  /// A new job: what an earlier one of its name left is removed, once in a process.
  Status begin_job(const kube::Key& job, const std::string& uid, Deadline deadline);
  /// Lines of task `service`: what masu itself has to say about the job. Each line once in a process.
  Status say(const kube::Key& job, const std::string& uid, const std::vector<std::string>& messages, Instant now, Deadline deadline);
  /// The job has ended (once in a process is enough).
  Status close_job(const kube::Key& job, const std::string& uid, Deadline deadline);
  /// The job is gone, or another one has its name now.
  Status forget_job(const kube::Key& job, Deadline deadline);

 private:
  static constexpr std::size_t lines_kept = 20;
  /// New lines of one container into the archive. True if there were any.
  Result<bool> copy(const kinds::Pod& pod, const std::string& container, Deadline deadline);

  const kube::Client& client_;
  const kube::Informer<kinds::Pod>& pods_;
  ledger::LogArchive& archive_;
  const bool split_streams_;

  std::mutex mutex_;  // guards all below; never held over a request
  std::map<std::string, int> silent_rounds_;                 // by pod uid
  std::set<std::string> finished_;                           // "uid/container"
  std::map<std::string, std::deque<std::string>> newest_;    // by pod uid
  std::set<std::string> begun_, closed_;                     // uids of jobs
  std::map<std::string, std::set<std::string>> said_;        // by job uid
};

}  // namespace masu::training
