#pragma once
/// The shell that all controllers share: observe -> decide -> perform is theirs, queueing, retrying and threads are here.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "controller/queue.h"
#include "kube/informer.h"
#include "kube/object.h"

namespace masu::controller {

/// How a reconcile ended well. (An error means: try again with back-off, unless its code says that trying is useless:
/// invalid and unsupported stop until the object changes.)
struct Outcome {
  std::optional<Duration> look_again;  // no value: wait for the next change
};

/// One controller's work. reconcile looks at the whole state of one key, from the caches only, and is safe to run twice.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  virtual std::string_view name() const = 0;
  virtual Result<Outcome> reconcile(const kube::Key& key, Deadline deadline) = 0;
};

/// A reconciler with its queue.
class Controller {
 public:
  struct Options {
    Duration deadline = 30s;        // for one reconcile
    Duration retry_first = 50ms;    // back-off after errors
    Duration retry_most = 60s;
  };
  Controller(Reconciler& reconciler, const Clock& clock) : Controller(reconciler, clock, Options{}) {}
  Controller(Reconciler& reconciler, const Clock& clock, Options options);

  WorkQueue& queue() { return queue_; }
  const WorkQueue& queue() const { return queue_; }
  std::string_view name() const { return reconciler_.name(); }
  /// Reconciles one ready key on the caller's thread. False if none is ready.
  bool step();

  /// Each change of an object of this kind queues its own key.
  template <class T>
  void watch(kube::Informer<T>& informer) {
    informer.on_change([this](const T* before, const T* after) { queue_.add((after != nullptr ? after : before)->meta.key()); });
  }
  /// Each change of a child queues its controller, if that is of the given kind.
  template <class T>
  void watch_owned(kube::Informer<T>& informer, const kube::Resource& owner) {
    informer.on_change([this, owner](const T* before, const T* after) {
      for (const T* object : {before, after}) {
        const kube::OwnerReference* by = object != nullptr ? object->meta.controller() : nullptr;
        if (by != nullptr && by->kind == owner.kind && by->api_version == owner.api_version())
          queue_.add({owner.namespaced ? object->meta.name_space : std::string(), by->name});
      }
    });
  }

 private:
  Reconciler& reconciler_;
  const Clock& clock_;
  const Options options_;
  WorkQueue queue_;
};

/// Runs controllers on a small pool of threads (one is enough). Owns the threads.
class Runner {
 public:
  explicit Runner(const Clock& clock) : clock_(clock) {}
  ~Runner() { stop(); }
  /// Before start.
  void add(Controller& controller);
  void start(int threads);
  void stop();

 private:
  void work(const std::stop_token& stop);
  void ring();

  const Clock& clock_;
  std::vector<Controller*> controllers_;
  std::vector<std::jthread> threads_;
  std::mutex mutex_;
  std::condition_variable_any bell_;
  std::uint64_t rung_ = 0;
};

}  // namespace masu::controller
