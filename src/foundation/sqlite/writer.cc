#include "sqlite/writer.h"

#include <exception>
#include <vector>

#include "base/text.h"

namespace masu::sqlite {

Writer::Writer(std::unique_ptr<Connection> connection, Mode mode) : connection_(std::move(connection)), mode_(mode) {
  if (mode_ == Mode::thread) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
}

Writer::~Writer() {
  thread_.request_stop();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Writer::submit(Work work, Committed committed) {
  std::unique_lock lock(mutex_);
  if (queue_.size() >= queue_max) {
    return Error{Code::exhausted, cat("writing to database ", quote(connection_->path().native()), ": ", queue_max, " writes are waiting already"), {},
                 std::chrono::seconds{1}};
  }
  queue_.push_back({std::move(work), std::move(committed)});
  if (mode_ == Mode::thread) {
    changed_.notify_one();
    return {};
  }
  if (draining_) return {};
  draining_ = true;
  while (!queue_.empty()) {
    std::deque<Piece> one;
    one.push_back(std::move(queue_.front()));
    queue_.pop_front();
    in_commit_ = 1;
    lock.unlock();
    commit_group(std::move(one));
    lock.lock();
  }
  draining_ = false;
  return {};
}

void Writer::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, stop, [this] { return !queue_.empty(); });
    if (queue_.empty()) return;  // stopped, and all is done
    std::deque<Piece> group;
    while (!queue_.empty() && group.size() < group_max) {
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    in_commit_ = group.size();
    lock.unlock();
    commit_group(std::move(group));
    lock.lock();
  }
}

void Writer::commit_group(std::deque<Piece> group) {
  std::vector<Status> results(group.size());
  Status whole = [&]() -> Status {
    TRY(Transaction transaction, Transaction::begin(*connection_));
    for (std::size_t at = 0; at < group.size(); ++at) {
      results[at] = in_savepoint(group[at].work);
      // Some errors (disk full, I/O) roll back the whole transaction: what was done before in this group is undone too.
      if (!connection_->in_transaction()) return results[at].error();
    }
    return transaction.commit();
  }();
  {
    const std::scoped_lock lock(mutex_);
    in_commit_ = 0;
  }
  for (std::size_t at = 0; at < group.size(); ++at) {
    if (!group[at].committed) continue;
    group[at].committed(results[at].ok() ? whole : results[at]);
  }
}

Status Writer::in_savepoint(const Work& work) {
  TRY_OK(connection_->run("SAVEPOINT piece"));
  Status status;
  try {
    status = work(*connection_);
  } catch (const std::exception& thrown) {  // a border where a thread's work begins: nothing may escape
    status = Error{Code::internal, cat("writing to database ", quote(connection_->path().native()), ": ", thrown.what())};
  }
  if (!connection_->in_transaction()) {
    return status.ok() ? Status(Error{Code::internal, "a piece of work has ended the writer's transaction"}) : status;
  }
  if (!status.ok()) TRY_OK(connection_->run("ROLLBACK TO piece"));
  TRY_OK(connection_->run("RELEASE piece"));
  return status;
}

Error Writer::late() {
  return Error{Code::timeout, "waiting for a write to the database: it was not committed in time; it may still be done"};
}

std::size_t Writer::queued() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size() + in_commit_;
}

}  // namespace masu::sqlite
