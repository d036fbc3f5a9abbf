// masu-shim --dir POD_DIRECTORY: becomes the keeper of the pod whose folder this is. Says "ready" on standard output when
// it can be talked to, after which it lives in the background; or one line that says why not.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "masu-shim/shim.h"

namespace {

/// Leaves the caller's session and process group; only the child returns.
void daemonise() {
  if (::fork() != 0) ::_exit(0);
  ::setsid();
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);  // a machine that goes down stops pods through the node agent
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "--dir") != 0) {
    std::fprintf(stderr, "usage: masu-shim --dir POD_DIRECTORY\n");
    return 2;
  }
  const std::string directory = argv[2];
  if (::chdir(directory.c_str()) != 0) {
    std::fprintf(stderr, "masu-shim: no folder %s\n", directory.c_str());
    return 1;
  }
  daemonise();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  masu::FileDescriptor caller(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  masu::FileDescriptor log(::open("shim.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);

  masu::shim::own_mount_namespace();
  masu::shim::Shim shim(directory, masu::system_clock());
  if (const masu::Status opened = shim.open(); !opened.ok()) {
    static_cast<void>(masu::write_all(caller.get(), masu::cat("error ", opened.error().message, "\n")));
    masu::log::error("shim cannot start", {{"error", opened.error().message}});
    return 1;
  }
  static_cast<void>(masu::write_all(caller.get(), "ready\n"));
  caller.reset();
  shim.serve();
  return 0;
}
