// masu-run: pid 1 of a training container. See options.cc for what it can be told.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/clock.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "masu-run/options.h"
#include "masu-run/packages.h"
#include "masu-run/storage.h"
#include "masu-run/supervise.h"

namespace masu::runner {
namespace {

void say(std::string_view sentence) { static_cast<void>(write_all(STDERR_FILENO, cat("masu-run: ", sentence, "\n"))); }

/// Leaves the reason where Kubernetes looks for it: the container's termination message.
void leave_message(const Options& options, std::string_view sentence) {
  const FileDescriptor log(::open(options.termination_log.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (log.valid()) static_cast<void>(write_all(log.get(), sentence.substr(0, 4096)));
}

int end_with(const Options& options, int exit_code) {
  if (options.done_file) {
    if (Status written = write_file(*options.done_file, cat(exit_code, "\n")); !written.ok()) say(written.error().message);
  }
  return exit_code;
}

int refuse(const Options& options, std::string_view sentence, int exit_code) {
  say(sentence);
  leave_message(options, sentence);
  return end_with(options, exit_code);
}

/// A directory that can be written: HOME, or one of our own (and HOME then names it).
std::string writable_home(std::map<std::string, std::string>& environment) {
  std::string& home = environment["HOME"];
  if (!home.empty() && ::access(home.c_str(), W_OK | X_OK) == 0) return home;
  for (std::string candidate : {std::string("/root"), std::string("/masu/home"), std::string("/tmp/masu-home")}) {
    if (make_directories(candidate).ok() && ::access(candidate.c_str(), W_OK | X_OK) == 0) return home = candidate;
  }
  return home = "/tmp";
}

/// hypertune writes to its own default place unless told otherwise: both names lead to the file that is collected.
void prepare_metric_file(const std::string& file, std::map<std::string, std::string>& environment) {
  const std::filesystem::path wanted = file, by_default = "/tmp/hypertune/output.metrics";
  if (Status made = make_directories(wanted.parent_path()); !made.ok()) say(made.error().message);
  environment.try_emplace("CLOUD_ML_HP_METRIC_FILE", file);
  if (wanted == by_default || !make_directories(by_default.parent_path()).ok()) return;
  if (::access(by_default.c_str(), F_OK) != 0) static_cast<void>(::symlink(wanted.c_str(), by_default.c_str()));
}

int run_program(const Options& options) {
  std::map<std::string, std::string> environment = current_environment();
  environment.try_emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  environment.try_emplace("PYTHONUNBUFFERED", "1");  // a log that comes when the program is over is no log
  if (const auto hub = environment.find("MASU_HUB"); hub != environment.end()) {
    const Result<std::string> token = read_file(options.token_file);
    if (!token.ok()) say(cat("no access to the buckets of this cluster: ", token.error().message));
    environment.merge(storage_environment(hub->second, token.value_or(""), options.token_file, environment));
  }
  if (options.metric_file) prepare_metric_file(*options.metric_file, environment);

  Program program{.argv = options.program, .environment = {}, .directory = {}, .stdout_copy = options.stdout_copy.value_or("")};
  std::vector<std::string> packages = options.packages;
  if (options.packages_dir) {
    for (std::string& package : packages_in(*options.packages_dir)) packages.push_back(std::move(package));
  }
  if (!packages.empty()) {
    program.directory = writable_home(environment);
    std::map<std::string, std::string> installing = environment;
    // Distributions refuse installs beside their own packages; the user site of a container is nobody else's.
    installing.try_emplace("PIP_BREAK_SYSTEM_PACKAGES", "1");
    installing.try_emplace("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    installing.try_emplace("PIP_NO_INPUT", "1");
    for (const std::string& package : packages) {
      const Status done = install_package(options.python, package, installing);
      if (!done.ok()) return refuse(options, done.error().message, 1);
    }
  }
  program.environment = std::move(environment);
  if (!program.stdout_copy.empty()) {
    if (Status made = make_directories(std::filesystem::path(program.stdout_copy).parent_path()); !made.ok()) say(made.error().message);
  }
  const Instant before = system_clock().now();
  const Result<Ended> ended = supervise(program);
  if (!ended.ok()) return refuse(options, ended.error().message, ended.error().code == Code::not_found ? 127 : 126);
  if (ended->exit_code != 0) {
    const std::string how =
        ended->signal != 0 ? cat("was killed by signal ", ended->signal) : cat("ended with exit code ", ended->exit_code);
    leave_message(options, cat(join(options.program, " "), " ", how, " after ", to_human(system_clock().now() - before)));
  }
  return end_with(options, ended->exit_code);
}

}  // namespace
}  // namespace masu::runner

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && (words[0] == "--help" || words[0] == "-h")) {
    std::fputs(std::string(masu::runner::usage()).c_str(), stdout);
    return 0;
  }
  const auto options = masu::runner::parse_options(words);
  if (!options.ok()) {
    std::fprintf(stderr, "masu-run: %s\n%s", options.error().message.c_str(), std::string(masu::runner::usage()).c_str());
    return 2;
  }
  return masu::runner::run_program(*options);
}
