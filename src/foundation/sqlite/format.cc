#include "sqlite/format.h"

#include <system_error>

#include "base/log.h"
#include "base/text.h"

namespace masu::sqlite {
namespace {

/// A complete copy, made under another name first: a copy that is there is whole.
Status copy_aside(Connection& connection, int version) {
  const std::filesystem::path copy = cat(connection.path().native(), ".v", version, ".copy");
  const std::filesystem::path making = copy.native() + ".making";
  std::error_code code;
  std::filesystem::remove(making, code);
  TRY_OK(connection.run("VACUUM INTO ?", making.native()).context(cat("copying before the migration to ", quote(copy.native()))));
  std::filesystem::rename(making, copy, code);
  if (code) return Error{Code::unavailable, cat("keeping a copy before the migration as ", quote(copy.native()), ": ", code.message())};
  return {};
}

bool has_file(const Connection& connection) { return !connection.path().empty() && connection.path() != ":memory:"; }

}  // namespace

Step script(std::string sql) {
  return [sql = std::move(sql)](Connection& connection) { return connection.execute(sql); };
}

Result<int> format_version(Connection& connection, const std::string& name) {
  TRY(const auto tables, connection.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"));
  if (tables == 0) return 0;
  TRY(const auto known, connection.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'masu_format'"));
  const std::string file = quote(connection.path().native());
  if (known == 0) return Error{Code::precondition, cat("opening database ", file, ": it holds tables, but none of masu's; give another path")};
  TRY(Statement find, connection.prepare("SELECT name, version FROM masu_format"));
  TRY(const bool found, find.step());
  if (!found) return 0;
  if (find.text(0) != name) {
    return Error{Code::precondition, cat("opening database ", file, ": it is a ", quote(find.text(0)), ", a ", quote(name), " was wanted")};
  }
  return static_cast<int>(find.integer(1));
}

Status migrate(Connection& connection, const Format& format) {
  TRY(const int from, format_version(connection, format.name));
  if (from > format.version()) {
    return Error{Code::precondition,
                 cat("opening database ", quote(connection.path().native()), ": it has format ", from, " of a newer masu, this one knows formats up to ",
                     format.version(), ". Use the newer masu, or put the copy \"", connection.path().native(), ".v", format.version(),
                     ".copy\" in its place, if there is one")};
  }
  if (from == format.version()) return {};
  if (from > 0 && has_file(connection)) {
    TRY_OK(copy_aside(connection, from));
    log::info("migrating a database", {{"file", connection.path().native()}, {"from", from}, {"to", format.version()}});
  }
  for (int version = from; version < format.version(); ++version) {
    TRY(Transaction transaction, Transaction::begin(connection));
    TRY_OK(connection.execute("CREATE TABLE IF NOT EXISTS masu_format (name TEXT PRIMARY KEY, version INTEGER NOT NULL)"));
    TRY_OK(format.steps[static_cast<std::size_t>(version)](connection)
               .context(cat("migrating ", format.name, " from format ", version, " to ", version + 1)));
    TRY_OK(connection.run("INSERT INTO masu_format VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET version = ?2", format.name, version + 1));
    TRY_OK(transaction.commit());
  }
  return {};
}

Result<std::unique_ptr<Connection>> open_database(const std::filesystem::path& path, const Format& format, const Options& options) {
  TRY(auto connection, Connection::open(path, options));
  TRY_OK(migrate(*connection, format));
  return connection;
}

}  // namespace masu::sqlite
