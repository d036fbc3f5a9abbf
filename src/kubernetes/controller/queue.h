#pragma once
/// The work queue: three sets (queued, in work, dirty) and a heap of later ones. Level-triggered: it carries keys, and a
/// key that is added while it is in work is handed out again afterwards. Thread-safe; time is passed in.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <vector>

#include "base/clock.h"
#include "kube/object.h"

namespace masu::controller {

class WorkQueue {
 public:
  void add(const kube::Key& key);
  /// Not before `due`. An earlier wish for the same key wins.
  void add_at(const kube::Key& key, Instant due);
  /// The next key that is ready, marked as in work. No value if there is none.
  std::optional<kube::Key> take(Instant now);
  /// Work on the key has ended.
  void done(const kube::Key& key);

  /// How often the key failed since the last success; failed() counts one more.
  int failed(const kube::Key& key);
  void succeeded(const kube::Key& key);

  /// When the earliest delayed key becomes ready. No value: none waits.
  std::optional<Instant> next_due() const;
  bool ready(Instant now) const;
  std::size_t depth() const;
  /// Called (without locks) whenever a key was added. Set once, before use.
  void on_add(std::function<void()> wake) { wake_ = std::move(wake); }

 private:
  void move_due(Instant now);  // requires mutex_

  mutable std::mutex mutex_;
  std::vector<kube::Key> order_;  // queued, first in first out
  std::set<kube::Key> queued_, in_work_, dirty_;
  std::map<kube::Key, Instant> later_;
  std::map<kube::Key, int> failures_;
  std::function<void()> wake_;
};

}  // namespace masu::controller
