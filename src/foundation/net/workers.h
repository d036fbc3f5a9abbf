#pragma once
/// A fixed number of threads that run ordinary functions, in the order they were given.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace masu::net {

/// Thread-safe. The queue is bounded by its user: a server has at most one job for each connection.
class WorkerPool {
 public:
  /// `name`: at most 15 letters, for people who look at the process.
  WorkerPool(std::size_t threads, std::string name);
  ~WorkerPool();  // stop()

  /// `job` must not throw.
  void submit(std::function<void()> job);
  /// Runs what is queued, then joins.
  void stop();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace masu::net
