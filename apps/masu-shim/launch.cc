#include "masu-shim/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/process.h"
#include "base/text.h"
#include "masu-shim/private_root.h"
#include "value/json.h"

namespace masu::shim {
namespace {

namespace fs = std::filesystem;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Standard streams of a child, default signals, a session of its own. Between fork and exec.
void become_child(int output, int errors) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);  // what we ignore, the program must not
}

/// Waits for a child of ours for at most a minute; then it is killed.
int wait_for(pid_t pid) {
  const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process.valid()) {
    pollfd ended{process.get(), POLLIN, 0};
    if (::poll(&ended, 1, 60'000) == 0) ::kill(pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// runc's own words: the last error of its log.
std::string runc_error(const std::string& log_file) {
  std::string said = "runc failed without a word";
  for (const std::string& line : split(read_file(log_file).value_or(""), '\n')) {
    const auto entry = parse_json(line);
    if (entry.ok() && (*entry)["level"].as_string() == "error") said = std::string((*entry)["msg"].as_string());
  }
  return said;
}

Result<pid_t> launch_runc(const node::StartRequest& request, const OutputPipes& pipes) {
  const std::string log_file = cat(request.directory, "/runc.log"), pid_file = cat(request.directory, "/pid");
  std::vector<std::string> words = {"runc", "--root", request.runc_root, "--log", log_file, "--log-format", "json",
                                    "run", "--detach", "--pid-file", pid_file, "--bundle", request.directory, request.runc_id};
  std::vector<char*> argv = pointers(words);
  const pid_t runc = ::fork();
  if (runc < 0) return errno_error("starting", "runc");
  if (runc == 0) {
    become_child(pipes.write_output.get(), pipes.write_errors.get());
    ::execvp("runc", argv.data());
    ::_exit(127);
  }
  const int code = wait_for(runc);
  if (code == 127 && !fs::exists(log_file)) return Error{Code::precondition, "program \"runc\" is not on the PATH of the node agent"};
  const pid_t pid = static_cast<pid_t>(std::atoi(read_file(pid_file).value_or("0").c_str()));
  if (code == 0 && pid > 0) return pid;
  return Error{Code::precondition, runc_error(log_file)};
}

/// Tells the parent through the report pipe why there will be no program.
[[noreturn]] void give_up(int report, const std::string& sentence) {
  static_cast<void>(write_all(report, sentence));
  ::_exit(127);
}

/// The program's place: PATH of its own environment, in its own root.
std::string program_path(const node::StartRequest& request) {
  const std::string& name = request.argv.at(0);
  if (name.find('/') != std::string::npos) return name;
  const auto path = request.environment.find("PATH");
  for (const std::string& directory : split(path != request.environment.end() ? path->second : "/usr/local/bin:/usr/bin:/bin", ':')) {
    const std::string candidate = cat(directory, "/", name);
    if (::access(candidate.c_str(), X_OK) == 0 && !fs::is_directory(candidate)) return candidate;
  }
  return {};
}

Result<pid_t> launch_process(const node::StartRequest& request, const OutputPipes& pipes) {
  if (request.argv.empty())
    return Error{Code::precondition, "the container has no command, and in process mode there is no image to name one"};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("making", "a pipe");
  FileDescriptor report_read(ends[0]), report_write(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("starting", request.argv[0]);
  if (pid == 0) {
    const int report = ::fcntl(report_write.get(), F_DUPFD_CLOEXEC, 10);
    become_child(pipes.write_output.get(), pipes.write_errors.get());
    if (!request.mounts.empty()) {
      if (Status entered = enter_private_root(request.directory, request.mounts); !entered.ok()) give_up(report, entered.error().message);
    }
    const std::string directory = request.working_directory.empty() ? "/" : request.working_directory;
    if (::chdir(directory.c_str()) != 0) give_up(report, errno_error("changing to the working directory", directory).message);
    if (request.group >= 0 && ::setgid(static_cast<gid_t>(request.group)) != 0)
      give_up(report, errno_error("becoming group", cat(request.group)).message);
    if (request.user >= 0 && ::setuid(static_cast<uid_t>(request.user)) != 0)
      give_up(report, errno_error("becoming user", cat(request.user)).message);
    const std::string path = program_path(request);
    if (path.empty()) give_up(report, cat("exec: ", quote(request.argv[0]), ": executable file not found in $PATH"));
    std::vector<std::string> words = request.argv, settings;
    for (const auto& [key, value] : request.environment) settings.push_back(cat(key, "=", value));
    std::vector<char*> argv = pointers(words), envp = pointers(settings);
    ::execve(path.c_str(), argv.data(), envp.data());
    give_up(report, cat("exec: ", quote(path), ": ", std::strerror(errno)));
  }
  report_write.reset();
  const std::string sentence = read_all(report_read.get()).value_or("");
  if (sentence.empty()) return pid;
  wait_for(pid);
  return Error{Code::precondition, sentence};
}

Result<FileDescriptor> open_pipe(const std::string& path, int flags) {
  if (::mkfifo(path.c_str(), 0666) != 0 && errno != EEXIST) return errno_error("making the pipe", path);
  ::chmod(path.c_str(), 0666);  // a program that is not root opens /dev/stdout by name; the folder guards the rest
  FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid()) return errno_error("opening the pipe", path);
  return fd;
}

}  // namespace

Result<OutputPipes> open_pipes(const std::string& directory, bool for_writing) {
  OutputPipes pipes;
  const std::string output = cat(directory, "/stdout"), errors = cat(directory, "/stderr");
  TRY(pipes.read_output, open_pipe(output, O_RDONLY | O_NONBLOCK));
  TRY(pipes.read_errors, open_pipe(errors, O_RDONLY | O_NONBLOCK));
  if (!for_writing) return pipes;
  TRY(pipes.write_output, open_pipe(output, O_RDWR));
  TRY(pipes.write_errors, open_pipe(errors, O_RDWR));
  return pipes;
}

bool own_mount_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
}

Status make_mount(const node::ShimMount& mount) {
  TRY_OK(make_directories(mount.target));
  const char* target = mount.target.c_str();
  int done = 0;
  if (mount.type == "bind") {
    done = ::mount(mount.source.c_str(), target, nullptr, MS_BIND | MS_REC, nullptr);
    if (done == 0 && mount.read_only) done = ::mount(nullptr, target, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr);
  } else {
    done = ::mount(mount.type.c_str(), target, mount.type.c_str(), mount.read_only ? MS_RDONLY : 0, mount.options.c_str());
  }
  if (done != 0) return errno_error(cat("mounting a file system of type ", mount.type, " at"), mount.target);
  return {};
}

void remove_mounts(const std::vector<node::ShimMount>& mounts) {
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) ::umount2(mount->target.c_str(), MNT_DETACH);
}

Result<pid_t> launch(const node::StartRequest& request, const OutputPipes& pipes) {
  if (request.mode == "process") return launch_process(request, pipes);
  for (std::size_t i = 0; i < request.mounts.size(); ++i) {
    if (Status mounted = make_mount(request.mounts[i]); !mounted.ok()) {
      remove_mounts({request.mounts.begin(), request.mounts.begin() + static_cast<std::ptrdiff_t>(i)});
      return std::move(mounted).error();
    }
  }
  auto pid = launch_runc(request, pipes);
  if (!pid.ok()) remove_mounts(request.mounts);
  return pid;
}

Status forget_runc(const node::StartRequest& request) {
  constexpr std::string_view top = "/sys/fs/cgroup";
  const std::size_t begin = request.memory_group.find("/masu/");
  if (begin == std::string::npos || !request.memory_group.starts_with(top)) return delete_by_runc(request);
  const std::string group = request.memory_group.substr(begin);
  std::vector<std::string> folders = {request.memory_group};
  std::error_code ignored;
  if (begin != top.size())  // version 1: one tree for each controller
    for (const auto& entry : fs::directory_iterator(top, ignored))
      if (entry.is_directory(ignored) && !entry.is_symlink(ignored)) folders.push_back(entry.path().native() + group);
  for (const std::string& folder : folders)
    if (::rmdir(folder.c_str()) != 0 && errno != ENOENT) return delete_by_runc(request);
  return remove_tree(cat(request.runc_root, "/", request.runc_id));
}

Status delete_by_runc(const node::StartRequest& request) {
  TRY(const Completed done,
      run({.argv = {"runc", "--root", request.runc_root, "delete", "--force", request.runc_id}}, Deadline::after(20s)));
  if (done.exit_code != 0) return Error{Code::unavailable, cat("runc delete: ", trim(done.errors))};
  return {};
}

std::uint64_t start_time_of(pid_t pid) {
  const std::string stat = read_file(cat("/proc/", pid, "/stat")).value_or("");
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields = split(std::string_view(stat).substr(name_end + 2), ' ');  // from field 3 on
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X") return 0;
  return std::strtoull(fields[19].c_str(), nullptr, 10);
}

long oom_kills(const std::string& memory_group) {
  if (memory_group.empty()) return 0;
  std::string text = read_file(cat(memory_group, "/memory.oom_control")).value_or("");  // v1
  if (text.empty()) text = read_file(cat(memory_group, "/memory.events")).value_or("");   // v2
  for (const std::string& line : split(text, '\n')) {
    if (line.starts_with("oom_kill ")) return std::atol(line.c_str() + 9);
  }
  return 0;
}

}  // namespace masu::shim
