#include "node/shim_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/process.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::node {
namespace {

Result<std::string> read_line(int fd, Deadline deadline) {
  std::string line;
  char buffer[65536];
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.remaining()).count();
    if (::poll(&ready, 1, static_cast<int>(std::min<long long>(left + 1, 60'000))) < 0 && errno != EINTR)
      return errno_error("waiting for", "a shim");
    if (ready.revents == 0) {
      if (deadline.expired()) return Error{Code::timeout, "the shim did not answer in time"};
      continue;
    }
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("reading from", "a shim");
    if (got == 0) return Error{Code::unavailable, "the shim ended the conversation"};
    line.append(buffer, static_cast<std::size_t>(got));
    if (line.back() == '\n') {
      line.pop_back();
      return line;
    }
  }
}

}  // namespace

Result<FileDescriptor> connect_shim(const std::filesystem::path& pod_directory) {
  // By way of the folder's descriptor: a socket's path may have only 107 characters.
  const FileDescriptor folder(::open(pod_directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return errno_error("opening", pod_directory);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return errno_error("making", "a socket");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder.get(), shim_socket_name);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno_error("connecting to the shim of", pod_directory);
  return socket;
}

Result<Value> ask_shim(const std::filesystem::path& pod_directory, const Value& request, Deadline deadline) {
  TRY(const FileDescriptor socket, connect_shim(pod_directory));
  TRY_OK(write_all(socket.get(), to_json(request) + "\n"));
  TRY(const std::string line, read_line(socket.get(), deadline));
  TRY(Value answer, parse_json(line));
  if (!answer["ok"].as_bool()) return Error{Code::precondition, std::string(answer["error"].as_string())};
  return answer;
}

Status start_shim(const std::filesystem::path& program, const std::filesystem::path& pod_directory, Deadline deadline) {
  if (connect_shim(pod_directory).ok()) return {};
  TRY(const Completed done, run({.argv = {program.native(), "--dir", pod_directory.native()}}, deadline));
  if (done.output == "ready\n") return {};
  if (connect_shim(pod_directory).ok()) return {};
  return Error{Code::unavailable, cat("starting the shim of ", quote(pod_directory.native()), ": ", trim(done.output + done.errors))};
}

Result<std::vector<ContainerRecord>> read_records(const std::filesystem::path& pod_directory, bool& shim_lives, Deadline deadline) {
  const auto answer = ask_shim(pod_directory, Value::object({{"op", "state"}}), deadline);
  shim_lives = answer.ok();
  if (answer.ok()) return decode_records((*answer)["records"]);
  std::vector<ContainerRecord> out;
  const auto text = read_file(pod_directory / shim_state_name);
  if (!text.ok()) return out;
  TRY(const Value state, parse_json(*text));
  for (const Value& entry : state["containers"].as_array()) out.push_back(ContainerRecord::decode(entry["record"]));
  return out;
}

ShimWatcher::ShimWatcher(Changed changed) : changed_(std::move(changed)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ShimWatcher::~ShimWatcher() {
  thread_.request_stop();
  ::eventfd_write(wake_.get(), 1);
}

void ShimWatcher::watch(const std::string& uid, const std::filesystem::path& pod_directory) {
  {
    const std::scoped_lock lock(mutex_);
    if (sockets_.contains(uid)) return;
  }
  auto socket = connect_shim(pod_directory);
  if (!socket.ok() || !write_all(socket->get(), "{\"op\":\"watch\"}\n").ok()) return;
  const std::scoped_lock lock(mutex_);
  sockets_.emplace(uid, std::move(*socket));
  ::eventfd_write(wake_.get(), 1);
}

void ShimWatcher::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}};
    std::vector<std::string> uids = {""};
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& [uid, socket] : sockets_) {
        polled.push_back({socket.get(), POLLIN, 0});
        uids.push_back(uid);
      }
    }
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
    for (std::size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t got = ::recv(polled[i].fd, buffer, sizeof buffer, MSG_DONTWAIT);
      // What it said does not matter here: whoever is woken asks for the whole state.
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        const std::scoped_lock lock(mutex_);
        sockets_.erase(uids[i]);
      }
      if (got >= 0) changed_(uids[i]);
    }
  }
}

}  // namespace masu::node
