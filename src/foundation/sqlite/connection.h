#pragma once
/// SQLite as plain calls: a connection, statements with typed parameters and columns, transactions.
///
///   TRY(auto insert, db.prepare("INSERT INTO pods VALUES (?, ?)"));
///   TRY_OK(insert.bind("ml/bert-0", 3).run());
///   TRY(auto pods, db.prepare("SELECT key, size FROM pods WHERE size > ?"));
///   pods.bind(2);
///   TRY_OK(pods.each([&](const Statement& row) { use(row.text(0), row.integer(1)); }));
///
/// A connection and its statements belong to one thread at a time.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace masu::sqlite {

/// Bytes that are no text.
struct Blob {
  std::string_view bytes;
};

class Connection;

/// A prepared statement on loan from its connection's cache; goes back, reset, when destroyed. Does not outlive it.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Resets and binds all parameters from the first on. A wrong number of parameters is a bug and aborts.
  template <class... Parameters>
  Statement& bind(const Parameters&... parameters) {
    begin_bind(sizeof...(parameters));
    int at = 0;
    (bind_at(++at, parameters), ...);
    return *this;
  }

  /// Goes to the next row. False: there is none, the statement has done its work.
  Result<bool> step();
  /// Steps to the end; rows are ignored.
  Status run();
  /// Calls `use` for each row.
  Status each(const std::function<void(const Statement& row)>& use);
  void reset();

  // Columns of the current row, from 0. Views live until the next step. SQLite converts where types differ.
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double number(int column) const;
  std::string_view text(int column) const;
  std::string_view blob(int column) const;
  std::optional<std::int64_t> maybe_integer(int column) const;
  std::optional<std::string> maybe_text(int column) const;

  void bind_at(int at, std::nullptr_t);
  void bind_at(int at, double value);
  void bind_at(int at, std::string_view text);
  void bind_at(int at, Blob blob);
  template <std::integral I>
  void bind_at(int at, I value) {
    bind_integer(at, static_cast<std::int64_t>(value));
  }
  template <class T>
  void bind_at(int at, const std::optional<T>& value) {
    if (value) bind_at(at, *value);
    else bind_at(at, nullptr);
  }
  void bind_at(int at, const char* text) { bind_at(at, std::string_view(text)); }
  void bind_at(int at, const std::string& text) { bind_at(at, std::string_view(text)); }

 private:
  friend class Connection;
  Statement(Connection* connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
  void begin_bind(std::size_t count);
  void bind_integer(int at, std::int64_t value);
  Connection* connection_;
  sqlite3_stmt* statement_;
};

enum class Access { read_write, read_only };
/// full: WAL, synchronous=FULL, a commit survives a power loss. none: tests and simulations.
enum class Durability { full, none };

struct Options {
  Access access = Access::read_write;
  Durability durability = Durability::full;
  /// How long a statement waits for another connection's lock before it answers `unavailable`.
  Duration busy_timeout = std::chrono::seconds{5};
};

class Connection {
 public:
  /// Opens or makes a file (":memory:" is one without a file). The folder has to exist. malformed if the file is no
  /// database, not_found if it is to be read only and absent.
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& path, const Options& options = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// A statement for one SQL text; compiled once and kept. Wrong SQL is a bug of ours: `internal`.
  Result<Statement> prepare(std::string_view sql);
  /// prepare, bind, run.
  template <class... Parameters>
  Status run(std::string_view sql, const Parameters&... parameters) {
    TRY(Statement statement, prepare(sql));
    return statement.bind(parameters...).run();
  }
  /// The first column of the first row as a number; not_found if there is no row.
  template <class... Parameters>
  Result<std::int64_t> integer(std::string_view sql, const Parameters&... parameters) {
    TRY(Statement statement, prepare(sql));
    TRY(const bool found, statement.bind(parameters...).step());
    if (!found) return Error{Code::not_found, "the query has no row"};
    return statement.integer(0);
  }
  /// Several statements without parameters.
  Status execute(const std::string& script);

  /// Rows changed by the newest INSERT, UPDATE or DELETE.
  std::int64_t changes() const;
  std::int64_t last_insert_id() const;
  bool in_transaction() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  friend class Statement;
  Connection(sqlite3* database, std::filesystem::path path) : database_(database), path_(std::move(path)) {}
  Error error(std::string_view doing) const;
  void give_back(sqlite3_stmt* statement);

  sqlite3* database_;
  std::filesystem::path path_;
  std::multimap<std::string, sqlite3_stmt*, std::less<>> idle_;  // by SQL text
};

/// BEGIN IMMEDIATE until commit(); rolls back when destroyed before.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  /// On failure everything is rolled back.
  Status commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace masu::sqlite
