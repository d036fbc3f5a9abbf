/// Objects in a SQLite file: one row each, and the revision of the last change.

#include "apiserver/store.h"
#include "base/text.h"
#include "sqlite/connection.h"
#include "sqlite/format.h"

namespace masu::apiserver {

namespace {

sqlite::Format format() {
  return {.name = "masu-api",
          .steps = {sqlite::script("CREATE TABLE objects (resource TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, bytes TEXT NOT NULL, "
                                   "PRIMARY KEY (resource, ns, name)) WITHOUT ROWID;"
                                   "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
                                   "INSERT INTO counters VALUES ('revision', 0);")}};
}

class SqliteJournal final : public Journal {
 public:
  explicit SqliteJournal(std::unique_ptr<sqlite::Connection> connection) : connection_(std::move(connection)) {}

  Result<std::uint64_t> load(const std::function<void(Key, std::uint64_t, std::string)>& each) override {
    TRY(sqlite::Statement rows, connection_->prepare("SELECT resource, ns, name, version, bytes FROM objects"));
    TRY_OK(rows.each([&](const sqlite::Statement& row) {
      each({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))}, static_cast<std::uint64_t>(row.integer(3)), std::string(row.text(4)));
    }));
    TRY(const std::int64_t revision, connection_->integer("SELECT value FROM counters WHERE name = 'revision'"));
    return static_cast<std::uint64_t>(revision);
  }

  Status commit(std::span<const Change> changes, std::uint64_t revision) override {
    TRY(sqlite::Transaction transaction, sqlite::Transaction::begin(*connection_));
    TRY(sqlite::Statement put, connection_->prepare("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)"));
    TRY(sqlite::Statement erase, connection_->prepare("DELETE FROM objects WHERE resource = ? AND ns = ? AND name = ?"));
    for (const Change& change : changes) {
      if (change.bytes != nullptr) TRY_OK(put.bind(change.key->resource, change.key->ns, change.key->name, change.version, *change.bytes).run());
      else TRY_OK(erase.bind(change.key->resource, change.key->ns, change.key->name).run());
    }
    TRY_OK(connection_->run("UPDATE counters SET value = ? WHERE name = 'revision'", revision));
    return transaction.commit();
  }

 private:
  std::unique_ptr<sqlite::Connection> connection_;  // used by whoever commits; the store lets one at a time
};

}  // namespace

Result<std::unique_ptr<Journal>> sqlite_journal(const std::string& path) {
  auto connection = sqlite::open_database(path, format());
  if (!connection.ok()) return std::move(connection).error().context(cat("opening the objects' file ", path));
  return std::unique_ptr<Journal>(std::make_unique<SqliteJournal>(std::move(*connection)));
}

}  // namespace masu::apiserver
