#pragma once
/// One watch: which changes it wants, how they are written, when it ends. Pure but for the stream it feeds.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kube/object.h"
#include "net/message.h"

namespace masu::apiserver {

struct Key {
  std::string resource;  // "apps/deployments"; "/pods" in the core group
  std::string ns, name;
  auto operator<=>(const Key&) const = default;
};

/// One stored state of one object. Immutable.
struct Record {
  Key key;
  std::uint64_t version = 0;
  std::string bytes;  // JSON without apiVersion and kind; members sorted
  kube::Labels labels;
  std::string uid;
  bool deleting = false;  // has a deletionTimestamp
};
using RecordPtr = std::shared_ptr<const Record>;

struct Event {
  enum class Type { added, modified, deleted };
  Type type = Type::added;
  std::uint64_t version = 0;
  RecordPtr record;    // the new state; the last one, with the deletion's version, when deleted
  RecordPtr previous;  // the state before; null when added
};

std::string_view name(Event::Type type);  // "ADDED"

struct WatchSpec {
  std::string resource;
  std::string ns, name;                              // empty: all
  std::function<bool(const Record&)> matches = {};   // null: all
  /// One line for one change.
  std::function<std::string(Event::Type, const Record&)> frame;
  /// One line that says how far the watch has come; the flag marks the end of the initial events.
  std::function<std::string(std::uint64_t revision, bool initial_end)> bookmark;
  std::optional<std::uint64_t> from;  // changes after it; no value: first the present objects
  bool bookmarks = false;
  bool mark_initial_end = false;
  Instant ends;
};

class Watcher {
 public:
  Watcher(WatchSpec spec, Instant now, std::shared_ptr<net::Stream> stream)
      : spec_(std::move(spec)), stream_(std::move(stream)), next_bookmark_(now + bookmark_every) {}

  static constexpr Duration bookmark_every = 60s;

  const WatchSpec& spec() const { return spec_; }
  bool covers(const Record& record) const;
  bool matches(const Record& record) const { return covers(record) && (!spec_.matches || spec_.matches(record)); }
  /// Writes the change as this watcher sees it: an object that stops matching is DELETED, one that starts is ADDED.
  /// False: the consumer is gone or too slow.
  bool see(const Event& event);
  bool push(std::string line) { return stream_->push(std::move(line)); }
  /// False: it has ended.
  bool tick(Instant now, std::uint64_t revision);
  void finish() { stream_->finish(); }
  bool closed() const { return stream_->closed(); }

 private:
  WatchSpec spec_;
  std::shared_ptr<net::Stream> stream_;
  Instant next_bookmark_;
};

}  // namespace masu::apiserver
