#pragma once
/// The one writer of a SQLite file, with group commit.
///
/// Work from any thread is queued; the writer takes all that has gathered, runs each piece in a savepoint of one
/// transaction, commits once (one fsync for all), and only then answers and calls back, in the order of submission. A
/// piece that fails is undone alone; a commit that fails fails all of its group.

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "sqlite/connection.h"

namespace masu::sqlite {

class Writer {
 public:
  /// thread: the writer owns a thread. inline_: work runs on the thread that submits it, each piece in a commit of its
  /// own (tests, simulations, and everything must also work with it).
  enum class Mode { thread, inline_ };
  /// Runs inside the transaction, on the writer's thread. Must not begin or commit one itself, nor wait for others.
  using Work = std::function<Status(Connection&)>;
  /// Called once, after the commit (or with the error), on the writer's thread. May submit, must not call write.
  using Committed = std::function<void(const Status&)>;

  Writer(std::unique_ptr<Connection> connection, Mode mode);
  /// Does what was accepted, then joins.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Queues work. exhausted if the queue is full (then nothing will be called).
  Status submit(Work work, Committed committed);

  /// Queues `work(Connection&) -> Result<T>` and waits for its commit. timeout: it may or may not be done yet later.
  template <class F>
  auto write(F work, Deadline deadline) -> std::invoke_result_t<F, Connection&> {
    using Answer = std::invoke_result_t<F, Connection&>;
    struct Shared {
      explicit Shared(F f) : work(std::move(f)) {}
      F work;
      Answer answer;
      std::promise<Status> committed;
    };
    auto shared = std::make_shared<Shared>(std::move(work));
    auto done = shared->committed.get_future();
    TRY_OK(submit(
        [shared](Connection& connection) -> Status {
          shared->answer = shared->work(connection);
          if (!shared->answer.ok()) return shared->answer.error();
          return {};
        },
        [shared](const Status& status) { shared->committed.set_value(status); }));
    if (deadline.point()) {
      if (done.wait_until(*deadline.point()) != std::future_status::ready) return late();
    }
    TRY_OK(done.get());
    return std::move(shared->answer);
  }

  /// Pieces of work accepted and not yet committed.
  std::size_t queued() const;

  static constexpr std::size_t queue_max = 20000;
  static constexpr std::size_t group_max = 512;

 private:
  struct Piece {
    Work work;
    Committed committed;
  };
  static Error late();
  void run(const std::stop_token& stop);
  void commit_group(std::deque<Piece> group);
  Status in_savepoint(const Work& work);

  std::unique_ptr<Connection> connection_;  // used by whoever is committing
  const Mode mode_;
  mutable std::mutex mutex_;  // guards the four below
  std::condition_variable_any changed_;
  std::deque<Piece> queue_;
  std::size_t in_commit_ = 0;
  bool draining_ = false;  // inline_: some thread is committing and takes what others add
  std::jthread thread_;    // last: it uses all above
};

}  // namespace masu::sqlite
