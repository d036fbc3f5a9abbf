#pragma once
/// Being pid 1: one program of interest, signals passed on, orphans reaped.

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace masu::runner {

struct Program {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string directory;    // empty: ours
  std::string stdout_copy;  // empty: no copy. Appended to, so that a restarted program adds to it
};

struct Ended {
  int exit_code = 0;  // 128 + signal when killed
  int signal = 0;     // which one, or 0
};

/// Runs the program to its end. Signals sent to us reach it; children that others left to us are reaped.
/// not_found (127) and denied (126) if it cannot be executed. Call once, from the only thread.
Result<Ended> supervise(const Program& program);

}  // namespace masu::runner
