#pragma once
/// The objects: one global, rising revision; reads from memory; writes by compare-and-swap, durable before they are
/// acknowledged or seen by anybody; an ordered log of recent changes for watches and for lists at an older version.
///
/// Writers share commits: whoever comes first commits for all that wait at that moment (no thread of its own, so a
/// single-threaded simulation works the same). Watchers and readers see a change only after its commit.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "apiserver/watcher.h"
#include "base/result.h"
#include "value/value.h"

namespace masu::apiserver {

/// What outlives the process. Called by one writer at a time, in order of revisions.
class Journal {
 public:
  struct Change {
    const Key* key;
    std::uint64_t version;
    const std::string* bytes;  // null: deleted
  };
  virtual ~Journal() = default;
  /// Calls `each` for every stored object; returns the last revision.
  virtual Result<std::uint64_t> load(const std::function<void(Key, std::uint64_t version, std::string bytes)>& each) = 0;
  /// All or nothing, on disk when it returns.
  virtual Status commit(std::span<const Change> changes, std::uint64_t revision) = 0;
};

/// Keeps nothing: tests and simulations.
std::unique_ptr<Journal> memory_journal();
/// SQLite in write-ahead mode with full synchronisation. Refuses a file of a newer format.
Result<std::unique_ptr<Journal>> sqlite_journal(const std::string& path);

struct ListQuery {
  std::string resource;
  std::string ns;                                   // empty: all
  std::string name;                                 // empty: all
  std::optional<std::uint64_t> at;                  // the state at that revision; no value: the newest
  std::string after;                                // position(key) of the last object already seen
  std::size_t limit = 0;                            // 0: all
  std::function<bool(const Record&)> matches = {};  // null: all
};
struct Listing {
  std::uint64_t revision = 0;
  std::vector<RecordPtr> items;    // by namespace, then name
  std::string next;                // `after` of the next page; empty: there is none
  std::uint64_t remaining = 0;     // objects beyond this page, only counted without `matches`
};

class Store {
 public:
  struct Limits {
    std::size_t events = 100'000;
    std::size_t event_bytes = std::size_t{64} << 20;
  };
  static Result<std::unique_ptr<Store>> open(std::unique_ptr<Journal> journal, Limits limits);
  ~Store();

  /// The newest state; null if there is none.
  RecordPtr get(const Key& key) const;
  /// `gone` if `at` is older than the log; never partial.
  Result<Listing> list(const ListQuery& query) const;
  std::uint64_t revision() const;
  std::uint64_t floor() const;
  /// The revision of the last change to any object of the resource; 0 if there was none since the start.
  std::uint64_t last_change(std::string_view resource) const;
  std::size_t count(std::string_view resource) const;

  // Writes. `object` is stored without apiVersion and kind, with metadata.resourceVersion set here.
  /// already_exists.
  Result<RecordPtr> create(const Key& key, Value object);
  /// conflict unless the stored version is `expected`; not_found.
  Result<RecordPtr> update(const Key& key, std::uint64_t expected, Value object);
  /// As update; `last` is what watchers see as the last state.
  Result<RecordPtr> remove(const Key& key, std::uint64_t expected, Value last);

  /// Starts a watcher: what it missed is in its stream when this returns. gone if `from` is too old.
  Status watch(std::shared_ptr<Watcher> watcher);
  /// Ends watches that have run out, sends bookmarks that are due, forgets closed ones. To be called every second.
  void tick(Instant now);
  /// Ends all watches: the server goes away.
  void finish_watches();
  std::size_t watchers() const;

  /// How a key sorts among the keys of its resource: namespace, then name.
  static std::string position(const Key& key);

 private:
  struct Pending {
    enum class What { create, update, remove } what;
    RecordPtr record, previous;
    Status outcome;
    bool done = false;
  };
  using Index = std::map<std::string, RecordPtr, std::less<>>;

  Store(std::unique_ptr<Journal> journal, Limits limits);
  Result<RecordPtr> write(Pending::What what, const Key& key, std::uint64_t expected, Value object);
  void lead(std::unique_lock<std::mutex>& lock);
  void publish(const std::vector<Pending*>& batch);
  static RecordPtr make_record(const Key& key, std::uint64_t version, Value object);
  RecordPtr find(const Key& key) const;
  Index state_at(std::string_view resource, std::uint64_t revision) const;

  const std::unique_ptr<Journal> journal_;
  const Limits limits_;

  std::mutex write_mutex_;  // the queue of writers
  std::condition_variable written_;
  std::vector<Pending*> queue_;
  std::set<Key> busy_;  // keys whose write is on its way
  bool leading_ = false;
  std::uint64_t next_revision_ = 0;

  mutable std::mutex order_mutex_;  // one publication, replay or round of bookmarks at a time: watchers see one order
  std::unordered_map<std::string, std::vector<std::shared_ptr<Watcher>>> watchers_;

  mutable std::shared_mutex state_mutex_;  // what readers see
  std::unordered_map<std::string, Index> objects_;
  std::unordered_map<std::string, std::uint64_t> changed_;
  std::deque<Event> log_;
  std::size_t log_bytes_ = 0;
  std::uint64_t revision_ = 0, floor_ = 0;
};

}  // namespace masu::apiserver
