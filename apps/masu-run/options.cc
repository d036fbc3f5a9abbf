#include "masu-run/options.h"

#include "base/text.h"

namespace masu::runner {

std::string_view usage() {
  return "usage: masu-run [--package FILE]... [--packages-dir DIR] [--stdout-copy FILE] [--metric-file FILE] [--done FILE]\n"
         "                [--token-file FILE] [--termination-log FILE] [--python PROGRAM] -- PROGRAM ARGUMENTS...\n"
         "Installs the packages in order, runs the program, passes signals on, and ends with its exit code.\n";
}

Result<Options> parse_options(const std::vector<std::string>& words) {
  static const std::vector<std::string> known = {"--package", "--packages-dir", "--stdout-copy", "--metric-file",
                                                 "--done", "--token-file", "--termination-log", "--python"};
  Options options;
  std::size_t at = 0;
  for (; at < words.size() && words[at] != "--"; ++at) {
    const std::size_t equals = words[at].find('=');
    const std::string name = words[at].substr(0, equals);
    bool found = false;
    for (const std::string& candidate : known) found = found || candidate == name;
    if (!found) {
      const std::string near = nearest(name, known);
      return Error{Code::invalid, cat("unknown option ", quote(name), near.empty() ? "" : cat("; did you mean ", near, "?"),
                                      " (the program to run follows \"--\")")};
    }
    std::string value;
    if (equals != std::string::npos) value = words[at].substr(equals + 1);
    else if (at + 1 < words.size()) value = words[++at];
    if (value.empty()) return Error{Code::invalid, cat("option ", name, " needs a value")};
    if (name == "--package") options.packages.push_back(value);
    else if (name == "--packages-dir") options.packages_dir = value;
    else if (name == "--stdout-copy") options.stdout_copy = value;
    else if (name == "--metric-file") options.metric_file = value;
    else if (name == "--done") options.done_file = value;
    else if (name == "--token-file") options.token_file = value;
    else if (name == "--termination-log") options.termination_log = value;
    else options.python = value;
  }
  if (at + 1 >= words.size()) return Error{Code::invalid, "no program to run: it follows \"--\""};
  options.program.assign(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
  return options;
}

}  // namespace masu::runner
