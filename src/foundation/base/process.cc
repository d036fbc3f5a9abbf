#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"

extern char** environ;  // NOLINT: POSIX has no header for it

namespace masu {
namespace {

int exit_code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

struct Pipe {
  FileDescriptor read_end, write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("making", "a pipe");
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Async-signal-safe. `most`: how many descriptors there can be, for kernels before 5.11.
void close_at_exec_from(unsigned first, int most) {
#ifdef SYS_close_range
  constexpr unsigned cloexec = 4;  // CLOSE_RANGE_CLOEXEC
  if (::syscall(SYS_close_range, first, ~0U, cloexec) == 0) return;
#endif
  for (int fd = static_cast<int>(first); fd < most; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/// Forks and executes. The child tells a failed exec through a close-on-exec pipe, so that it becomes our error.
Result<pid_t> spawn(const Command& command, Child::Streams streams) {
  MASU_CHECK(!command.argv.empty(), "a command has at least a program");
  const auto program = find_program(command.argv[0]);
  if (!program) return Error{Code::not_found, cat("program ", quote(command.argv[0]), " is not on the PATH")};
  std::vector<std::string> words = command.argv, settings;
  const auto environment = command.environment ? *command.environment : current_environment();
  for (const auto& [key, value] : environment) settings.push_back(cat(key, "=", value));
  std::vector<char*> argv = pointers(words), envp = pointers(settings);
  const std::string path = program->native(), directory = command.directory.native();
  TRY(Pipe report, make_pipe());
  FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const int wanted[3] = {streams.input >= 0 ? streams.input : null.get(), streams.output >= 0 ? streams.output : null.get(),
                         streams.errors >= 0 ? streams.errors : null.get()};

  const int open_most = static_cast<int>(std::min<long>(::sysconf(_SC_OPEN_MAX), 1 << 20));

  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("starting", path);
  if (pid == 0) {  // only async-signal-safe calls from here to exec
    ::setsid();
    int moved[3];
    for (int i = 0; i < 3; ++i) moved[i] = ::fcntl(wanted[i], F_DUPFD, 3);
    for (int i = 0; i < 3; ++i) ::dup2(moved[i], i);
    for (const int fd : moved) ::close(fd);
    // Nothing else goes along, whoever opened it (libraries too): a listening socket in a child would outlive us and keep the
    // port. They close at exec, so that a failed exec can still be told.
    close_at_exec_from(3, open_most);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    if (directory.empty() || ::chdir(directory.c_str()) == 0) ::execve(path.c_str(), argv.data(), envp.data());
    const int code = errno;
    [[maybe_unused]] const auto told = ::write(report.write_end.get(), &code, sizeof code);
    ::_exit(127);
  }
  report.write_end.reset();
  int code = 0;
  ssize_t got = 0;
  do got = ::read(report.read_end.get(), &code, sizeof code);
  while (got < 0 && errno == EINTR);
  if (got == sizeof code) {
    ::waitpid(pid, nullptr, 0);
    errno = code;
    return errno_error("starting", path);
  }
  return pid;
}

}  // namespace

std::map<std::string, std::string> current_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? std::optional<std::filesystem::path>(name) : std::nullopt;
  const char* path = std::getenv("PATH");
  for (const std::string& directory : split(cat(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin", ":/usr/sbin:/sbin"), ':')) {
    if (directory.empty()) continue;
    std::filesystem::path candidate = std::filesystem::path(directory) / name;
    if (::access(candidate.c_str(), X_OK) == 0 && !std::filesystem::is_directory(candidate)) return candidate;
  }
  return std::nullopt;
}

Result<Completed> run(const Command& command, Deadline deadline) {
  TRY(Pipe input, make_pipe());
  TRY(Pipe output, make_pipe());
  TRY(Pipe errors, make_pipe());
  TRY(Child child, Child::start(command, {input.read_end.get(), output.write_end.get(), errors.write_end.get()}));
  input.read_end.reset();
  output.write_end.reset();
  errors.write_end.reset();
  ::fcntl(input.write_end.get(), F_SETFL, O_NONBLOCK);

  Completed done;
  std::string_view to_write = command.input;
  if (to_write.empty()) input.write_end.reset();
  while (output.read_end.valid() || errors.read_end.valid()) {
    pollfd polled[3] = {{output.read_end.get(), POLLIN, 0}, {errors.read_end.get(), POLLIN, 0}, {input.write_end.get(), POLLOUT, 0}};
    const auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.remaining()).count();
    ::poll(polled, 3, static_cast<int>(std::min<long long>(wait_ms + 1, 60'000)));
    if (deadline.expired()) {
      child.signal(SIGKILL);
      static_cast<void>(child.wait(Deadline::after(5s)));
      return Error{Code::timeout, cat("program ", quote(command.argv[0]), " did not end in time and was killed")};
    }
    const auto take = [](const pollfd& ready, FileDescriptor& from, std::string& into) {
      if (!from.valid() || (ready.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
      char buffer[65536];
      const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
      if (got > 0) into.append(buffer, static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR) from.reset();
    };
    take(polled[0], output.read_end, done.output);
    take(polled[1], errors.read_end, done.errors);
    if (input.write_end.valid() && (polled[2].revents & (POLLOUT | POLLERR)) != 0) {
      const ssize_t written = ::write(input.write_end.get(), to_write.data(), to_write.size());
      if (written > 0) to_write.remove_prefix(static_cast<std::size_t>(written));
      if (to_write.empty() || (written < 0 && errno != EAGAIN && errno != EINTR)) input.write_end.reset();
    }
  }
  TRY(const int exit_code, child.wait(deadline));
  done.exit_code = exit_code;
  return done;
}

Result<std::string> run_checked(const Command& command, Deadline deadline) {
  TRY(Completed done, run(command, deadline));
  if (done.exit_code == 0) return std::move(done.output);
  std::string said = std::string(trim(done.errors.empty() ? done.output : done.errors));
  if (said.size() > 2000) said = "... " + said.substr(said.size() - 2000);
  return Error{Code::unavailable, cat(quote(join(command.argv, " ")), " ended with exit code ", done.exit_code, said.empty() ? "" : ": ", said)};
}

Result<Child> Child::start(const Command& command, Streams streams) {
  TRY(const pid_t pid, spawn(command, streams));
  return Child(pid);
}

std::optional<int> Child::poll() {
  if (exit_code_) return exit_code_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) exit_code_ = exit_code_of(status);
  return exit_code_;
}

Result<int> Child::wait(Deadline deadline) {
  // Short steps: a pidfd would do without, but needs a newer kernel than some of our hosts have.
  for (Duration step = 1ms;; step = std::min<Duration>(step * 2, 20ms)) {
    if (const auto code = poll()) return *code;
    if (deadline.expired()) return Error{Code::timeout, cat("process ", pid_, " did not end in time")};
    pause(std::min(step, deadline.remaining()), {});
  }
}

void Child::signal(int number) const {
  if (!exit_code_ && pid_ > 0) ::kill(-pid_, number);
}

}  // namespace masu
