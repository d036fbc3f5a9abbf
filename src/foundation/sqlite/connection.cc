#include "sqlite/connection.h"

#include <sqlite3.h>

#include "base/text.h"

namespace masu::sqlite {
namespace {

/// Idle statements kept for one connection; beyond it they are finalised.
constexpr std::size_t idle_statements_max = 256;

Code code_of(int extended) {
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return Code::already_exists;
    default: break;
  }
  switch (extended & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL: return Code::unavailable;
    case SQLITE_CANTOPEN: return Code::not_found;
    case SQLITE_FULL:
    case SQLITE_TOOBIG: return Code::exhausted;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return Code::denied;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH: return Code::invalid;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Code::malformed;
    case SQLITE_INTERRUPT: return Code::cancelled;
    default: return Code::internal;
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement::~Statement() {
  if (statement_ != nullptr) connection_->give_back(statement_);
}

void Statement::begin_bind(std::size_t count) {
  MASU_CHECK(static_cast<std::size_t>(sqlite3_bind_parameter_count(statement_)) == count, "a statement is bound to a wrong number of parameters");
  reset();
}

// Binding can fail only for a wrong index, which begin_bind has excluded, and for want of memory.
void Statement::bind_at(int at, std::nullptr_t) { sqlite3_bind_null(statement_, at); }
void Statement::bind_integer(int at, std::int64_t value) { sqlite3_bind_int64(statement_, at, value); }
void Statement::bind_at(int at, double value) { sqlite3_bind_double(statement_, at, value); }
void Statement::bind_at(int at, std::string_view text) {
  // An empty view may hold a null pointer, which SQLite would take for NULL.
  sqlite3_bind_text64(statement_, at, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}
void Statement::bind_at(int at, Blob blob) {
  sqlite3_bind_blob64(statement_, at, blob.bytes.empty() ? "" : blob.bytes.data(), blob.bytes.size(), SQLITE_TRANSIENT);
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  Error error = connection_->error("using");
  sqlite3_reset(statement_);
  return error;
}

Status Statement::run() {
  for (;;) {
    TRY(const bool more, step());
    if (!more) break;
  }
  reset();
  return {};
}

Status Statement::each(const std::function<void(const Statement&)>& use) {
  for (;;) {
    TRY(const bool more, step());
    if (!more) break;
    use(*this);
  }
  reset();
  return {};
}

void Statement::reset() { sqlite3_reset(statement_); }

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::number(int column) const { return sqlite3_column_double(statement_, column); }
std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return data == nullptr ? std::string_view() : std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}
std::string_view Statement::blob(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return data == nullptr ? std::string_view() : std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}
std::optional<std::int64_t> Statement::maybe_integer(int column) const {
  return is_null(column) ? std::nullopt : std::optional(integer(column));
}
std::optional<std::string> Statement::maybe_text(int column) const {
  return is_null(column) ? std::nullopt : std::optional(std::string(text(column)));
}

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& path, const Options& options) {
  const bool read_only = options.access == Access::read_only;
  sqlite3* database = nullptr;
  const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  MASU_CHECK(database != nullptr, "no memory for a database connection");
  std::unique_ptr<Connection> connection(new Connection(database, path));
  sqlite3_extended_result_codes(database, 1);
  if (result != SQLITE_OK) return connection->error("opening");
  sqlite3_busy_timeout(database, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(options.busy_timeout).count()));
  TRY_OK(connection->execute("PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"));
  if (!read_only) {
    // FULL, not NORMAL: in WAL mode NORMAL may lose the last commits in a power loss, and we have said they are done.
    TRY_OK(connection->execute(options.durability == Durability::full ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                                                      : "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;"));
  }
  // The first page is read only now: a file that is no database shows here, not in the first query.
  TRY_OK(connection->execute("SELECT count(*) FROM sqlite_schema;"));
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  const int result = sqlite3_close(database_);
  MASU_CHECK(result == SQLITE_OK, "a database connection is closed while a statement of it lives");
}

Result<Statement> Connection::prepare(std::string_view sql) {
  if (const auto idle = idle_.find(sql); idle != idle_.end()) {
    sqlite3_stmt* kept = idle->second;
    idle_.erase(idle);
    return Statement(this, kept);
  }
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int result = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, &rest);
  if (result != SQLITE_OK) return error(cat("preparing \"", sql, "\" for"));
  MASU_CHECK(statement != nullptr, "an empty SQL text is no statement");
  MASU_CHECK(trim(sql.substr(static_cast<std::size_t>(rest - sql.data()))).empty(), "a statement holds more than one SQL command");
  return Statement(this, statement);
}

void Connection::give_back(sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);  // long texts must not stay in memory
  if (idle_.size() >= idle_statements_max) {
    sqlite3_finalize(statement);
    return;
  }
  idle_.emplace(sqlite3_sql(statement), statement);
}

Status Connection::execute(const std::string& script) {
  if (sqlite3_exec(database_, script.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return error("using");
  return {};
}

std::int64_t Connection::changes() const { return sqlite3_changes64(database_); }
std::int64_t Connection::last_insert_id() const { return sqlite3_last_insert_rowid(database_); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(database_) == 0; }

Error Connection::error(std::string_view doing) const {
  const Code code = code_of(sqlite3_extended_errcode(database_));
  std::string words = sqlite3_errmsg(database_);
  if (code == Code::malformed) words += "; restore it from a backup, or move it away to begin anew";
  return Error{code, cat(doing, " database ", quote(path_.native()), ": ", words)};
}

Result<Transaction> Transaction::begin(Connection& connection) {
  // IMMEDIATE takes the write lock at once: a transaction that begins by reading could else fail in its middle.
  TRY_OK(connection.run("BEGIN IMMEDIATE"));
  return Transaction(connection);
}

Transaction::~Transaction() {
  // An error inside may have rolled back already; a failed rollback changes nothing, the journal is undone at reopening.
  if (connection_ != nullptr && connection_->in_transaction()) static_cast<void>(connection_->run("ROLLBACK").ok());
}

Status Transaction::commit() {
  MASU_CHECK(connection_ != nullptr, "a transaction is committed twice");
  TRY_OK(connection_->run("COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace masu::sqlite
