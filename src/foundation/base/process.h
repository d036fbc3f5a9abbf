#pragma once
/// Running other programs: no shell, explicit environment, nothing inherited but what is named.

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"

namespace masu {

struct Command {
  std::vector<std::string> argv;                          // argv[0] is looked up on PATH
  std::optional<std::map<std::string, std::string>> environment = {};  // no value: ours
  std::filesystem::path directory = {};                   // empty: ours
  std::string input = {};                                 // what the program reads from standard input
};

struct Completed {
  int exit_code = 0;   // 128 + signal when killed, as a shell says it
  std::string output;  // standard output
  std::string errors;  // standard error
};

/// Runs a program to its end. timeout kills its whole process group. not_found if there is no such program.
/// A non-zero exit is no error here: look at exit_code.
Result<Completed> run(const Command& command, Deadline deadline);

/// As run, but a non-zero exit is an `unavailable` error with the last lines of what the program said.
Result<std::string> run_checked(const Command& command, Deadline deadline);

/// A program in a session of its own. Not waited for by a destructor: the owner calls wait or kill.
class Child {
 public:
  /// Files for standard input, output and error; -1 is /dev/null.
  struct Streams {
    int input = -1, output = -1, errors = -1;
  };
  static Result<Child> start(const Command& command, Streams streams);
  pid_t pid() const { return pid_; }
  /// Exit code if it has ended (reaped then), no value while it runs.
  std::optional<int> poll();
  Result<int> wait(Deadline deadline);
  void signal(int number) const;  // to the whole session's process group

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

/// The path of a program on PATH (and /usr/sbin, /sbin), if there is one.
std::optional<std::filesystem::path> find_program(const std::string& name);
std::map<std::string, std::string> current_environment();

}  // namespace masu
