#pragma once
/// The files of one job, merged by time. Not thread-safe; each reader has its own.

#include <filesystem>
#include <map>
#include <string>

#include "base/files.h"
#include "ledger/log_archive.h"

namespace masu::ledger {

class JobReader {
 public:
  /// malformed if query.after is no position.
  static Result<JobReader> make(std::filesystem::path directory, const LogQuery& query);

  /// Adds the segments that are new since the last call.
  Status add(const std::vector<LogSegment>& segments);
  /// The next lines, oldest first among all that is in the files now; at most `bytes`, but at least one line. Empty: the
  /// end for now.
  Result<std::string> read(std::size_t bytes);
  /// "3:1024,5:0": segment and offset, of all segments that were read from.
  std::string position() const;

 private:
  struct Cursor {
    FileDescriptor file;
    std::uint64_t offset = 0;  // of the first byte of `buffer` in the file
    std::string buffer;
    std::size_t taken = 0;  // bytes of the buffer that were given out
    std::string_view rest() const { return std::string_view(buffer).substr(taken); }
  };
  JobReader(std::filesystem::path directory, const LogQuery& query) : directory_(std::move(directory)), query_(query) {}
  Status refill(Cursor& cursor);
  /// The next whole line of a cursor that the query wants, or empty.
  Result<std::string_view> peek(Cursor& cursor);

  std::filesystem::path directory_;
  LogQuery query_;
  std::string since_;
  std::map<std::int64_t, std::uint64_t> start_;  // offsets of query.after
  std::map<std::int64_t, Cursor> cursors_;
};

}  // namespace masu::ledger
