#pragma once
/// The command line of masu-run.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace masu::runner {

struct Options {
  std::vector<std::string> packages;           // --package FILE, in order
  std::optional<std::string> packages_dir;     // --packages-dir DIR: all its archives, by name, after the others
  std::optional<std::string> stdout_copy;      // --stdout-copy FILE: what the program says, once more
  std::optional<std::string> metric_file;      // --metric-file FILE: where hypertune's file is to be
  std::optional<std::string> done_file;        // --done FILE: gets the exit code when the program has ended
  std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";  // --token-file FILE
  std::string termination_log = "/dev/termination-log";                            // --termination-log FILE
  std::string python = "python3";              // --python PROGRAM: the interpreter whose pip installs packages
  std::vector<std::string> program;            // what follows --
};

std::string_view usage();

/// Reads the words after the program's name. invalid with a sentence that names the wrong word.
Result<Options> parse_options(const std::vector<std::string>& words);

}  // namespace masu::runner
