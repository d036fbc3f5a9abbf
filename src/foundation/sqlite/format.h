#pragma once
/// Format versions: a file knows what wrote it, a newer masu brings it forward after a copy, an older one refuses.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sqlite/connection.h"

namespace masu::sqlite {

/// One step forward; runs inside a transaction.
using Step = std::function<Status(Connection&)>;
/// A step that is plain SQL.
Step script(std::string sql);

struct Format {
  std::string name;         // "masu-ledger": a file of another name is refused
  std::vector<Step> steps;  // steps[i] leads from version i to i + 1; version 0 is an empty file. Only ever appended to
  int version() const { return static_cast<int>(steps.size()); }
};

/// Brings an open file to format.version(), each step in a transaction of its own. Before the first step of a file that
/// holds data, copies it to "<file>.v<version>.copy". precondition if the file is newer than we are or of another kind;
/// nothing is changed then.
Status migrate(Connection& connection, const Format& format);

/// Connection::open and migrate.
Result<std::unique_ptr<Connection>> open_database(const std::filesystem::path& path, const Format& format, const Options& options = {});

/// The version a file says it has; 0 if it is empty.
Result<int> format_version(Connection& connection, const std::string& name);

}  // namespace masu::sqlite
