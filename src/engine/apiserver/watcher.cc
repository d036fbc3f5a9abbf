#include "apiserver/watcher.h"

#include "value/json.h"

namespace masu::apiserver {

std::string_view name(Event::Type type) {
  switch (type) {
    case Event::Type::added: return "ADDED";
    case Event::Type::modified: return "MODIFIED";
    case Event::Type::deleted: return "DELETED";
  }
  return "ERROR";
}

bool Watcher::covers(const Record& record) const {
  return (spec_.ns.empty() || spec_.ns == record.key.ns) && (spec_.name.empty() || spec_.name == record.key.name);
}

bool Watcher::see(const Event& event) {
  if (spec_.from && event.version <= *spec_.from) return true;  // asked to start at a revision still to come
  if (!covers(*event.record)) return true;
  const bool before = event.previous && matches(*event.previous);
  const bool after = event.type != Event::Type::deleted && matches(*event.record);
  if (!before && !after) return true;
  if (before && after) return push(spec_.frame(Event::Type::modified, *event.record));
  if (after) return push(spec_.frame(Event::Type::added, *event.record));
  if (event.type == Event::Type::deleted) return push(spec_.frame(Event::Type::deleted, *event.record));
  // It changed so that it no longer matches: its last matching state, with the version of the change.
  Record last = *event.previous;
  last.version = event.version;
  if (auto tree = parse_json(last.bytes); tree.ok()) {
    (*tree)["metadata"]["resourceVersion"] = std::to_string(event.version);
    last.bytes = to_json(*tree);
  }
  return push(spec_.frame(Event::Type::deleted, last));
}

bool Watcher::tick(Instant now, std::uint64_t revision) {
  if (closed()) return false;
  const bool ending = now >= spec_.ends;
  if (spec_.bookmarks && (ending || now >= next_bookmark_)) {
    next_bookmark_ = now + bookmark_every;
    if (!spec_.from || revision >= *spec_.from) {
      if (!push(spec_.bookmark(revision, false))) return false;
    }
  }
  if (ending) finish();
  return !ending;
}

}  // namespace masu::apiserver
