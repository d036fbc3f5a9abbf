#include "masu-run/supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace masu::runner {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Moves what is in the pipe to standard output and the copy. False at its end.
bool copy_some(int from, int copy) {
  char buffer[65536];
  const ssize_t got = ::read(from, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  const std::string_view bytes(buffer, static_cast<std::size_t>(got));
  // A copy that cannot be written (a full disk) must not stop the program; neither must a reader that went away.
  static_cast<void>(write_all(copy, bytes));
  static_cast<void>(write_all(STDOUT_FILENO, bytes));
  return true;
}

}  // namespace

Result<Ended> supervise(const Program& program) {
  const auto path = find_program(program.argv.at(0));
  if (!path) return Error{Code::not_found, cat("program ", quote(program.argv[0]), " is not in this image")};
  // Whoever loses its parent becomes ours, also where we are not pid 1.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::signal(SIGPIPE, SIG_IGN);

  FileDescriptor copy, read_end, write_end;
  if (!program.stdout_copy.empty()) {
    copy = FileDescriptor(::open(program.stdout_copy.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!copy.valid()) return errno_error("opening the copy of the output", program.stdout_copy);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("making", "a pipe");
    read_end = FileDescriptor(ends[0]);
    write_end = FileDescriptor(ends[1]);
    ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  }

  sigset_t passed, none;
  ::sigemptyset(&none);
  ::sigfillset(&passed);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTTIN, SIGTTOU}) ::sigdelset(&passed, own);
  ::sigprocmask(SIG_BLOCK, &passed, nullptr);
  const FileDescriptor signals(::signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return errno_error("making", "a signal descriptor");

  std::vector<std::string> words = program.argv, settings;
  for (const auto& [key, value] : program.environment) settings.push_back(cat(key, "=", value));
  std::vector<char*> argv = pointers(words), envp = pointers(settings);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return errno_error("making", "a pipe");
  FileDescriptor report_read(report[0]), report_write(report[1]);
  const pid_t child = ::fork();
  if (child < 0) return errno_error("starting", *path);
  if (child == 0) {
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    if (write_end.valid()) ::dup2(write_end.get(), STDOUT_FILENO);
    if (program.directory.empty() || ::chdir(program.directory.c_str()) == 0) ::execve(path->c_str(), argv.data(), envp.data());
    const int code = errno;
    [[maybe_unused]] const auto told = ::write(report_write.get(), &code, sizeof code);
    ::_exit(127);
  }
  write_end.reset();
  report_write.reset();
  int code = 0;
  if (::read(report_read.get(), &code, sizeof code) == sizeof code) {
    ::waitpid(child, nullptr, 0);
    errno = code;
    return errno_error("starting", *path);
  }

  for (bool running = true; running;) {
    pollfd ready[2] = {{signals.get(), POLLIN, 0}, {read_end.get(), POLLIN, 0}};
    ::poll(ready, 2, -1);
    if (read_end.valid() && ready[1].revents != 0 && !copy_some(read_end.get(), copy.get())) read_end.reset();
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo != SIGCHLD) ::kill(child, static_cast<int>(info.ssi_signo));
    }
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != child) continue;
      Ended ended;
      if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
      ended.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      // What it said before it ended is in the pipe still; what its orphans may say later is not waited for.
      pollfd rest{read_end.get(), POLLIN, 0};
      while (read_end.valid() && ::poll(&rest, 1, 0) > 0 && (rest.revents & POLLIN) != 0 && copy_some(read_end.get(), copy.get())) {
      }
      return ended;
    }
  }
  return Error{Code::internal, "the program was never reaped"};
}

}  // namespace masu::runner
