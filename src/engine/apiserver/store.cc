#include "apiserver/store.h"

#include <algorithm>

#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

class MemoryJournal final : public Journal {
 public:
  Result<std::uint64_t> load(const std::function<void(Key, std::uint64_t, std::string)>&) override { return std::uint64_t{0}; }
  Status commit(std::span<const Change>, std::uint64_t) override { return {}; }
};

/// What an event keeps alive in memory, roughly.
std::size_t weight(const Event& event) { return event.record->bytes.size() + 256; }

}  // namespace

std::unique_ptr<Journal> memory_journal() { return std::make_unique<MemoryJournal>(); }

Store::Store(std::unique_ptr<Journal> journal, Limits limits) : journal_(std::move(journal)), limits_(limits) {}

Store::~Store() { finish_watches(); }

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<Journal> journal, Limits limits) {
  std::unique_ptr<Store> store(new Store(std::move(journal), limits));
  Status broken;
  TRY(const std::uint64_t revision, store->journal_->load([&](Key key, std::uint64_t version, std::string bytes) {
    auto object = parse_json(bytes);
    if (!object.ok()) {
      broken = std::move(object).error().context(cat("reading the stored ", key.resource, " ", key.ns, "/", key.name));
      return;
    }
    std::string place = position(key);
    std::string resource = key.resource;
    store->objects_[resource].emplace(std::move(place), store->make_record(key, version, std::move(*object)));
  }));
  TRY_OK(std::move(broken));
  // Changes before the start are not in the log: a watch from an earlier version is told so.
  store->revision_ = store->floor_ = store->next_revision_ = revision;
  return store;
}

std::string Store::position(const Key& key) {
  std::string out = key.ns;
  out += '\0';
  out += key.name;
  return out;
}

RecordPtr Store::make_record(const Key& key, std::uint64_t version, Value object) {
  auto record = std::make_shared<Record>();
  record->key = key;
  record->version = version;
  object.erase("apiVersion");
  object.erase("kind");
  object["metadata"]["resourceVersion"] = std::to_string(version);
  const Value& metadata = std::as_const(object)["metadata"];
  record->uid = metadata["uid"].as_string();
  record->deleting = metadata["deletionTimestamp"].is_string();
  for (const auto& [name, value] : metadata["labels"].as_object()) record->labels.emplace(name, value.as_string());
  record->bytes = to_json(object);
  return record;
}

RecordPtr Store::find(const Key& key) const {
  const auto index = objects_.find(key.resource);
  if (index == objects_.end()) return nullptr;
  const auto found = index->second.find(position(key));
  return found == index->second.end() ? nullptr : found->second;
}

RecordPtr Store::get(const Key& key) const {
  const std::shared_lock lock(state_mutex_);
  return find(key);
}

std::uint64_t Store::revision() const {
  const std::shared_lock lock(state_mutex_);
  return revision_;
}

std::uint64_t Store::floor() const {
  const std::shared_lock lock(state_mutex_);
  return floor_;
}

std::uint64_t Store::last_change(std::string_view resource) const {
  const std::shared_lock lock(state_mutex_);
  const auto found = changed_.find(std::string(resource));
  return found == changed_.end() ? 0 : found->second;
}

std::size_t Store::count(std::string_view resource) const {
  const std::shared_lock lock(state_mutex_);
  const auto found = objects_.find(std::string(resource));
  return found == objects_.end() ? 0 : found->second.size();
}

/// The present state with every later change undone, newest first.
Store::Index Store::state_at(std::string_view resource, std::uint64_t revision) const {
  Index state;
  if (const auto found = objects_.find(std::string(resource)); found != objects_.end()) state = found->second;
  for (auto event = log_.rbegin(); event != log_.rend() && event->version > revision; ++event) {
    if (event->record->key.resource != resource) continue;
    const std::string place = position(event->record->key);
    if (event->previous) state[place] = event->previous;
    else state.erase(place);
  }
  return state;
}

Result<Listing> Store::list(const ListQuery& query) const {
  const std::shared_lock lock(state_mutex_);
  Listing listing;
  listing.revision = query.at.value_or(revision_);
  Index older;
  const Index* index = nullptr;
  if (listing.revision < revision_) {
    if (listing.revision < floor_) return Error{Code::gone, "The resourceVersion for the provided list is too old."};
    older = state_at(query.resource, listing.revision);
    index = &older;
  } else if (const auto found = objects_.find(query.resource); found != objects_.end()) {
    index = &found->second;
  }
  if (index == nullptr) return listing;

  auto it = index->begin();
  if (!query.after.empty()) it = index->upper_bound(query.after);
  else if (!query.ns.empty()) it = index->lower_bound(position({{}, query.ns, query.name}));
  for (; it != index->end(); ++it) {
    const Record& record = *it->second;
    if (!query.ns.empty() && record.key.ns != query.ns) {
      if (record.key.ns > query.ns) break;
      continue;
    }
    if (!query.name.empty() && record.key.name != query.name) continue;
    if (query.matches && !query.matches(record)) continue;
    if (query.limit != 0 && listing.items.size() == query.limit) {
      listing.next = position(listing.items.back()->key);
      if (!query.matches) {
        const auto end = query.ns.empty() ? index->end() : index->lower_bound(query.ns + '\1');
        listing.remaining = static_cast<std::uint64_t>(std::distance(it, end));
      }
      break;
    }
    listing.items.push_back(it->second);
  }
  return listing;
}

Result<RecordPtr> Store::create(const Key& key, Value object) { return write(Pending::What::create, key, 0, std::move(object)); }

Result<RecordPtr> Store::update(const Key& key, std::uint64_t expected, Value object) {
  return write(Pending::What::update, key, expected, std::move(object));
}

Result<RecordPtr> Store::remove(const Key& key, std::uint64_t expected, Value last) {
  return write(Pending::What::remove, key, expected, std::move(last));
}

Result<RecordPtr> Store::write(Pending::What what, const Key& key, std::uint64_t expected, Value object) {
  std::unique_lock lock(write_mutex_);
  written_.wait(lock, [&] { return !busy_.contains(key); });
  RecordPtr current = get(key);
  if (what == Pending::What::create) {
    if (current) return Error{Code::already_exists, cat(key.resource, " ", quote(key.name), " already exists")};
  } else {
    if (!current) return Error{Code::not_found, cat(key.resource, " ", quote(key.name), " not found")};
    if (current->version != expected)
      return Error{Code::conflict, cat(key.resource, " ", quote(key.name), " has version ", current->version, ", not ", expected)};
  }
  Pending pending{.what = what, .record = make_record(key, ++next_revision_, std::move(object)), .previous = std::move(current)};
  queue_.push_back(&pending);
  busy_.insert(key);
  while (!pending.done) {
    if (leading_) written_.wait(lock);
    else lead(lock);
  }
  TRY_OK(std::move(pending.outcome));
  return pending.record;
}

/// Commits for everybody who waits now, this thread's own write among them.
void Store::lead(std::unique_lock<std::mutex>& lock) {
  leading_ = true;
  std::vector<Pending*> batch;
  batch.swap(queue_);
  lock.unlock();

  std::vector<Journal::Change> changes;
  changes.reserve(batch.size());
  for (const Pending* pending : batch)
    changes.push_back({&pending->record->key, pending->record->version,
                       pending->what == Pending::What::remove ? nullptr : &pending->record->bytes});
  const Status outcome = journal_->commit(changes, batch.back()->record->version);
  if (outcome.ok()) publish(batch);

  lock.lock();
  for (Pending* pending : batch) {
    pending->outcome = outcome;
    pending->done = true;
    busy_.erase(pending->record->key);
  }
  leading_ = false;
  written_.notify_all();
}

void Store::publish(const std::vector<Pending*>& batch) {
  const std::lock_guard order(order_mutex_);
  std::vector<Event> events;
  events.reserve(batch.size());
  {
    const std::unique_lock lock(state_mutex_);
    for (const Pending* pending : batch) {
      const Key& key = pending->record->key;
      Index& index = objects_[key.resource];
      Event event{.version = pending->record->version, .record = pending->record, .previous = pending->previous};
      if (pending->what == Pending::What::remove) {
        event.type = Event::Type::deleted;
        index.erase(position(key));
      } else {
        event.type = pending->what == Pending::What::create ? Event::Type::added : Event::Type::modified;
        index[position(key)] = pending->record;
      }
      changed_[key.resource] = event.version;
      revision_ = event.version;
      log_bytes_ += weight(event);
      log_.push_back(event);
      events.push_back(std::move(event));
    }
    while (log_.size() > limits_.events || (log_bytes_ > limits_.event_bytes && log_.size() > 1)) {
      floor_ = log_.front().version;
      log_bytes_ -= weight(log_.front());
      log_.pop_front();
    }
  }
  for (const Event& event : events) {
    const auto found = watchers_.find(event.record->key.resource);
    if (found == watchers_.end()) continue;
    std::erase_if(found->second, [&](const std::shared_ptr<Watcher>& watcher) { return !watcher->see(event); });
  }
}

Status Store::watch(std::shared_ptr<Watcher> watcher) {
  // Nothing is published while this is held, so what is replayed here and what comes later fit together.
  const std::lock_guard order(order_mutex_);
  const WatchSpec& spec = watcher->spec();
  if (spec.from) {
    std::vector<Event> missed;
    {
      const std::shared_lock lock(state_mutex_);
      if (*spec.from < floor_) return Error{Code::gone, cat("too old resource version: ", *spec.from, " (", floor_, ")")};
      const auto first = std::partition_point(log_.begin(), log_.end(), [&](const Event& e) { return e.version <= *spec.from; });
      for (auto event = first; event != log_.end(); ++event)
        if (event->record->key.resource == spec.resource) missed.push_back(*event);
    }
    for (const Event& event : missed)
      if (!watcher->see(event)) return {};
  } else {
    TRY(const Listing present, list({.resource = spec.resource, .ns = spec.ns, .name = spec.name, .matches = spec.matches}));
    for (const RecordPtr& record : present.items)
      if (!watcher->push(spec.frame(Event::Type::added, *record))) return {};
    if (spec.mark_initial_end && !watcher->push(spec.bookmark(present.revision, true))) return {};
  }
  watchers_[spec.resource].push_back(std::move(watcher));
  return {};
}

void Store::tick(Instant now) {
  const std::lock_guard order(order_mutex_);
  const std::uint64_t revision = this->revision();
  for (auto& [resource, list] : watchers_)
    std::erase_if(list, [&](const std::shared_ptr<Watcher>& watcher) { return !watcher->tick(now, revision); });
}

void Store::finish_watches() {
  const std::lock_guard order(order_mutex_);
  for (auto& [resource, list] : watchers_)
    for (const auto& watcher : list) watcher->finish();
  watchers_.clear();
}

std::size_t Store::watchers() const {
  const std::lock_guard order(order_mutex_);
  std::size_t count = 0;
  for (const auto& [resource, list] : watchers_) count += list.size();
  return count;
}

}  // namespace masu::apiserver
