#include "masu-shim/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::shim {
namespace {

constexpr std::size_t line_limit = 4u << 20, exec_output_limit = 1u << 20;

/// Old or new content for readers, also when we die here. No sync: after a power loss the processes are gone as well.
Status replace_file(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  {
    const FileDescriptor fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd.valid()) return errno_error("writing", fresh);
    TRY_OK(write_all(fd.get(), content));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error("writing", path);
  return {};
}

Value failure(std::string_view sentence) { return Value::object({{"ok", false}, {"error", sentence}}); }
Value success() { return Value::object({{"ok", true}}); }

/// Whatever a plain process left in its session.
void kill_session(pid_t leader) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const pid_t pid = static_cast<pid_t>(std::atoi(entry.path().filename().c_str()));
    if (pid > 0 && pid != leader && ::getsid(pid) == leader) ::kill(pid, SIGKILL);
  }
}

}  // namespace

Status Shim::open() {
  lock_ = FileDescriptor(::open(node::shim_lock_name, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) return errno_error("opening", cat(directory_, "/", node::shim_lock_name));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) return Error{Code::already_exists, cat("another shim keeps ", quote(directory_))};

  sigset_t wanted;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  signals_ = FileDescriptor(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return errno_error("making", "a signal descriptor");

  adopt();

  // A relative name: the path of a socket may have only 107 characters, a pod's folder often has more.
  ::unlink(node::shim_socket_name);
  listener_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", node::shim_socket_name);
  const mode_t before = ::umask(0177);
  const int bound = ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(before);
  if (bound != 0 || ::listen(listener_.get(), 64) != 0) return errno_error("listening at", cat(directory_, "/", node::shim_socket_name));
  return {};
}

/// Containers of a shim that died: they are no children of ours, so their exit codes are lost, but nothing else is.
void Shim::adopt() {
  const auto text = read_file(node::shim_state_name);
  if (!text.ok()) return;
  const auto state = parse_json(*text);
  if (!state.ok()) return;
  for (const Value& entry : (*state)["containers"].as_array()) {
    Container container;
    container.record = node::ContainerRecord::decode(entry["record"]);
    container.request = node::StartRequest::decode(entry["request"]);
    if (container.record.running()) {
      container.log.emplace(container.request.log, LogWriter::Limits{});
      if (auto pipes = open_pipes(container.request.directory, false); pipes.ok()) container.pipes = std::move(*pipes);
      const bool alive = container.record.pid > 0 && start_time_of(container.record.pid) == container.record.pid_start;
      if (alive) container.process = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, container.record.pid, 0)));
      const std::string id = container.record.id;
      Container& kept = containers_.insert_or_assign(id, std::move(container)).first->second;
      if (!alive || !kept.process.valid()) {
        kept.record.reason = "ContainerStatusUnknown";
        kept.record.message = "The container ended while nobody watched: its exit code is not known.";
        ended(kept, 137 << 8);
      }
      continue;
    }
    containers_.insert_or_assign(container.record.id, std::move(container));
  }
  save();
}

void Shim::save() {
  Value list = Array{};
  for (const auto& [id, container] : containers_)
    list.push_back(Value::object({{"record", container.record.encode()}, {"request", container.request.encode()}}));
  const Status saved = replace_file(node::shim_state_name, to_json(Value::object({{"containers", std::move(list)}})));
  if (!saved.ok()) log::error("state cannot be written", {{"error", saved.error().message}});
}

void Shim::changed() {
  save();
  std::vector<node::ContainerRecord> records;
  for (const auto& [id, container] : containers_) records.push_back(container.record);
  const std::string line = to_json(Value::object({{"ok", true}, {"records", node::encode_records(records)}})) + "\n";
  for (auto& [id, connection] : connections_) {
    if (!connection.watching) continue;
    connection.to_send += line;
    write_to(connection);
  }
}

void Shim::answer(std::uint64_t connection, const Value& value) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  found->second.to_send += to_json(value) + "\n";
  write_to(found->second);
}

Value Shim::handle(std::uint64_t connection, const Value& request, bool& later) {
  const std::string_view op = request["op"].as_string();
  const std::string id(request["id"].as_string());
  if (op == "start") return start(request["start"]);
  if (op == "state" || op == "watch") {
    connections_.at(connection).watching = op == "watch";
    std::vector<node::ContainerRecord> records;
    for (const auto& [name, container] : containers_) records.push_back(container.record);
    return Value::object({{"ok", true}, {"records", node::encode_records(records)}});
  }
  if (op == "shutdown") {
    for (const auto& [name, container] : containers_) {
      if (container.record.running()) return failure(cat("container ", name, " runs still"));
    }
    ending_ = true;
    return success();
  }
  const auto found = containers_.find(id);
  if (found == containers_.end()) return failure(cat("there is no container ", quote(id)));
  Container& container = found->second;
  if (op == "stop") {
    if (container.record.running()) stop(container, std::chrono::milliseconds(request["grace_ms"].as_integer(30'000)));
    return success();
  }
  if (op == "signal") {
    if (container.record.running()) ::kill(container.record.pid, static_cast<int>(request["signal"].as_integer()));
    return success();
  }
  if (op == "remove") {
    if (container.record.running()) return failure(cat("container ", id, " runs still"));
    remove(id);
    return success();
  }
  if (op == "exec") {
    if (!container.record.running()) return failure(cat("container ", id, " does not run"));
    if (Status started = start_exec(connection, request); !started.ok()) return failure(started.error().message);
    later = true;
    return {};
  }
  return failure(cat("unknown request ", quote(op)));
}

Value Shim::start(const Value& value) {
  node::StartRequest request = node::StartRequest::decode(value);
  if (const auto known = containers_.find(request.id); known != containers_.end())  // asked twice: the agent was cut off
    return Value::object({{"ok", true}, {"record", known->second.record.encode()}});
  Container container;
  container.record.id = request.id;
  container.record.backoff_level = request.backoff_level;
  container.request = std::move(request);
  container.log.emplace(container.request.log, LogWriter::Limits{});
  auto pipes = open_pipes(container.request.directory, true);
  if (const Status mounted = mount_for_pod(container.request); !mounted.ok()) pipes = mounted.error();
  Result<pid_t> pid = pipes.ok() ? launch(container.request, *pipes) : Result<pid_t>(std::move(pipes).error());
  container.record.started = clock_.now();
  if (pid.ok()) {
    container.pipes = std::move(*pipes);
    container.pipes.write_output.reset();
    container.pipes.write_errors.reset();
    container.record.pid = *pid;
    container.record.pid_start = start_time_of(*pid);
    container.oom_before = 0;
  } else {
    container.record.state = node::ContainerRecord::State::exited;
    container.record.start_failed = true;
    container.record.exit_code = 128;
    container.record.reason = "StartError";
    container.record.message = pid.error().message;
    container.record.finished = container.record.started;
    if (container.request.mode == "runc")
      static_cast<void>(delete_by_runc(container.request));
  }
  const Value record = container.record.encode();
  containers_.insert_or_assign(container.record.id, std::move(container));
  changed();
  reap();  // it may have ended already, and its signal was taken for runc's
  return Value::object({{"ok", true}, {"record", record}});
}

Status Shim::mount_for_pod(const node::StartRequest& request) {
  for (const node::ShimMount& mount : request.pod_mounts) {
    if (pod_mounts_.contains(mount.target)) continue;
    const Status mounted = make_mount(mount);
    // An ordinary user may not mount; the folder itself does as well, only not in memory.
    if (!mounted.ok() && !(request.mode == "process" && mounted.error().code == Code::denied)) return mounted;
    pod_mounts_.insert(mount.target);
  }
  return {};
}

void Shim::stop(Container& container, Duration grace) {
  const Instant by = clock_.now() + grace;
  const bool first = !container.record.stop_by;
  if (first || by < *container.record.stop_by) container.record.stop_by = by;
  if (grace <= 0s) {
    ::kill(container.record.pid, SIGKILL);
    if (container.request.mode == "process") ::kill(-container.record.pid, SIGKILL);
  } else if (first) {
    ::kill(container.record.pid, SIGTERM);
  }
  changed();
}

void Shim::remove(const std::string& id) {
  const auto found = containers_.find(id);
  if (found == containers_.end()) return;
  containers_.erase(found);
  changed();
}

void Shim::read_logs(Container& container, bool to_the_end) {
  const auto take = [&](FileDescriptor& from, LogWriter::Source source) {
    char buffer[65536];
    for (int rounds = 0; from.valid() && (to_the_end || rounds < 4); ++rounds) {
      const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
      if (got > 0) {
        container.log->take(source, {buffer, static_cast<std::size_t>(got)}, clock_.now());
        continue;
      }
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN && !to_the_end) return;
      container.log->finish(source, clock_.now());
      from.reset();
    }
  };
  take(container.pipes.read_output, LogWriter::Source::output);
  take(container.pipes.read_errors, LogWriter::Source::errors);
}

void Shim::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    for (Exec& exec : execs_) {
      if (exec.pid == pid) exec.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    for (auto& [id, container] : containers_) {
      if (container.record.running() && container.record.pid == pid) {
        ended(container, status);
        break;
      }
    }
  }
}

void Shim::ended(Container& container, int status) {
  node::ContainerRecord& record = container.record;
  if (container.request.mode == "process") kill_session(record.pid);
  read_logs(container, true);
  record.state = node::ContainerRecord::State::exited;
  record.finished = clock_.now();
  record.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  record.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  // Only a program that did not end well was killed for memory; a child of it may have been, and it may have coped.
  record.oom = record.exit_code != 0 && oom_kills(container.request.memory_group) > container.oom_before;
  container.process.reset();
  changed();
  if (container.request.mode == "runc") {
    if (const Status removed = forget_runc(container.request); !removed.ok())
      log::warn("runc delete failed", {{"container", record.id}, {"error", removed.error().message}});
    remove_mounts(container.request.mounts);
  }
}

Status Shim::start_exec(std::uint64_t connection, const Value& request) {
  const Container& container = containers_.at(std::string(request["id"].as_string()));
  std::vector<std::string> words;
  if (container.request.mode == "runc") {
    words = {"runc", "--root", container.request.runc_root, "exec", container.request.runc_id};
  } else {
    // The view of the container's process is its root directory and mount namespace; nsenter knows the way in.
    words = {"nsenter", "--target", cat(container.record.pid), "--mount", "--root", "--wd", "--"};
    if (::geteuid() != 0)
      words = {"nsenter", "--target", cat(container.record.pid), "--user", "--preserve-credentials", "--mount", "--root", "--wd", "--"};
    if (container.request.mounts.empty()) words.clear();
  }
  for (const Value& word : request["argv"].as_array()) words.emplace_back(word.as_string());
  if (words.empty()) return Error{Code::invalid, "no program to run"};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("making", "a pipe");
  FileDescriptor ours(ends[0]);
  const FileDescriptor theirs(ends[1]);
  Command command{.argv = words};
  if (container.request.mode == "process") command.environment = container.request.environment;
  TRY(Child child, Child::start(command, {-1, theirs.get(), theirs.get()}));
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  Exec exec;
  exec.pid = child.pid();
  exec.output = std::move(ours);
  exec.connection = connection;
  exec.kill_at = clock_.now() + std::chrono::milliseconds(request["limit_ms"].as_integer(60'000));
  execs_.push_back(std::move(exec));
  return {};
}

void Shim::finish_execs() {
  for (auto exec = execs_.begin(); exec != execs_.end();) {
    char buffer[16384];
    for (ssize_t got = 0; exec->output.valid() && (got = ::read(exec->output.get(), buffer, sizeof buffer)) >= 0;) {
      if (got == 0) exec->output.reset();
      else if (exec->said.size() < exec_output_limit) exec->said.append(buffer, static_cast<std::size_t>(got));
    }
    if (!exec->status) {
      ++exec;
      continue;
    }
    answer(exec->connection, Value::object({{"ok", true}, {"exit_code", *exec->status}, {"output", exec->said}}));
    exec = execs_.erase(exec);
  }
}

void Shim::enforce_deadlines() {
  const Instant now = clock_.now();
  for (auto& [id, container] : containers_) {
    if (!container.record.running() || !container.record.stop_by || *container.record.stop_by > now) continue;
    ::kill(container.record.pid, SIGKILL);
    if (container.request.mode == "process") ::kill(-container.record.pid, SIGKILL);
    container.record.stop_by = now + 1s;  // once more, should it take that long
  }
  for (Exec& exec : execs_) {
    if (exec.status || exec.kill_at > now) continue;
    ::kill(-exec.pid, SIGKILL);
    exec.kill_at = now + 1s;
  }
}

int Shim::poll_timeout() const {
  std::optional<Instant> next;
  const auto sooner = [&next](Instant at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [id, container] : containers_) {
    if (container.record.running() && container.record.stop_by) sooner(*container.record.stop_by);
  }
  for (const Exec& exec : execs_) {
    if (!exec.status) sooner(exec.kill_at);
  }
  if (!next) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 60'000));
}

void Shim::read_from(std::uint64_t id, Connection& connection) {
  char buffer[65536];
  ssize_t got = 0;
  while ((got = ::read(connection.socket.get(), buffer, sizeof buffer)) > 0) {
    connection.received.append(buffer, static_cast<std::size_t>(got));
    if (connection.received.size() > line_limit) break;
  }
  if (got == 0 || connection.received.size() > line_limit || (got < 0 && errno != EAGAIN && errno != EINTR)) connection.close_after = true;
  for (std::size_t end = 0; (end = connection.received.find('\n')) != std::string::npos;) {
    const auto request = parse_json(std::string_view(connection.received).substr(0, end));
    connection.received.erase(0, end + 1);
    bool later = false;
    const Value reply = request.ok() ? handle(id, *request, later) : failure(request.error().message);
    if (!later) answer(id, reply);
  }
}

void Shim::write_to(Connection& connection) {
  while (!connection.to_send.empty()) {
    const ssize_t sent = ::send(connection.socket.get(), connection.to_send.data(), connection.to_send.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      if (connection.to_send.size() > line_limit * 2) connection.close_after = true;  // it does not listen
      return;
    }
    if (sent < 0) {
      connection.close_after = true;
      connection.to_send.clear();
      return;
    }
    connection.to_send.erase(0, static_cast<std::size_t>(sent));
  }
}

void Shim::serve() {
  while (!ending_) {
    std::vector<pollfd> polled = {{signals_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& [id, container] : containers_) {
      for (const int fd : {container.pipes.read_output.get(), container.pipes.read_errors.get(), container.process.get()})
        if (fd >= 0) polled.push_back({fd, POLLIN, 0});
    }
    for (const Exec& exec : execs_)
      if (exec.output.valid()) polled.push_back({exec.output.get(), POLLIN, 0});
    for (const auto& [id, connection] : connections_)
      polled.push_back({connection.socket.get(), static_cast<short>(connection.to_send.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    if (::poll(polled.data(), polled.size(), poll_timeout()) < 0 && errno != EINTR) {
      log::error("poll failed", {{"errno", errno}});
      return;
    }
    const auto is_ready = [&polled](const FileDescriptor& fd) {
      for (const pollfd& entry : polled)
        if (fd.valid() && entry.fd == fd.get()) return entry.revents != 0;
      return false;
    };
    for (auto& [id, container] : containers_) {
      if (is_ready(container.pipes.read_output) || is_ready(container.pipes.read_errors)) read_logs(container, false);
      if (is_ready(container.process)) {
        container.record.reason = "ContainerStatusUnknown";
        container.record.message = "The container ended after its keeper had been replaced: its exit code is not known.";
        ended(container, 137 << 8);
      }
    }
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    }
    reap();
    finish_execs();
    enforce_deadlines();
    if (polled[1].revents != 0) {
      FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket.valid()) connections_[next_connection_++].socket = std::move(socket);
    }
    for (auto entry = connections_.begin(); entry != connections_.end();) {
      auto& [id, connection] = *entry;
      if (is_ready(connection.socket)) {
        write_to(connection);
        read_from(id, connection);
      }
      entry = connection.close_after ? connections_.erase(entry) : std::next(entry);
    }
  }
  for (auto& [id, connection] : connections_) write_to(connection);
  ::unlink(node::shim_socket_name);
}

}  // namespace masu::shim
