#pragma once
/// The shell of garbage collection: a watch of each kind's metadata, as kinds come and go.

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "controlplane/garbage_core.h"
#include "controlplane/shells.h"

namespace masu::controlplane {

/// Keys: {"", uid}, and {"", "kinds"} to ask which kinds there are.
class GarbageCollector final : public controller::Reconciler {
 public:
  explicit GarbageCollector(Tools tools);
  ~GarbageCollector() override;
  std::string_view name() const override { return "garbage"; }
  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  void watch(controller::Controller& own);

  /// Watches run on threads of their own from now on; without it pump() drives them.
  void use_threads() { threaded_ = true; }
  bool pump();
  void stop();

 private:
  struct Kind {
    std::unique_ptr<kube::Informer<Named>> informer;
    std::jthread thread;
  };
  Result<controller::Outcome> look_for_kinds(Deadline deadline);
  void start(const kube::Resource& resource);
  void take(const kube::Resource& resource, const Named* before, const Named* after);
  Result<Owner> ask(const kube::OwnerReference& owner, const kube::Metadata& dependent, Deadline deadline);
  bool complete() const;

  Tools tools_;
  controller::Performer performer_;
  controller::WorkQueue* queue_ = nullptr;
  bool threaded_ = false;
  // Used by reconcile and, in a simulation, by pump: one thread.
  std::map<std::pair<std::string, std::string>, Kind> kinds_;  // group, plural
  std::map<std::pair<std::string, std::string>, kube::Resource> by_kind_;  // apiVersion, kind
  bool kinds_known_ = false;

  mutable std::mutex mutex_;
  Ownership graph_;
};

}  // namespace masu::controlplane
