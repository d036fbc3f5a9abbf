/// masu node: the node agent as a process of its own, started by `masu up`. Ends on SIGTERM and leaves its pods running.

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "arguments.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "commands.h"
#include "data_folder.h"
#include "images/build.h"
#include "images/store.h"
#include "kube/http_transport.h"
#include "net/client.h"
#include "net/server.h"
#include "node/agent.h"
#include "signals.h"

namespace masu::app {
namespace {

node::Image as_node_image(const images::Image& image, std::string_view asked) {
  node::Image out;
  out.name = asked;
  out.id = image.id;
  out.layers = image.layers;
  out.config = {image.config.entrypoint, image.config.command, image.config.environment, image.config.working_directory, image.config.user};
  out.binds = image.binds;
  return out;
}

/// The images room behind the node's own interface.
class Images final : public node::ImageStore {
 public:
  explicit Images(images::Store& store) : store_(store) {}
  Result<node::Image> resolve(std::string_view name) override {
    TRY(const images::Image image, store_.resolve(name));
    return as_node_image(image, name);
  }
  Result<node::Image> pull(std::string_view name, std::string_view auth, Deadline deadline) override {
    // A name without a registry is one of this machine's; asking the internet for it would only hide the cause.
    if (name.find('/') == std::string_view::npos) return resolve(name);
    TRY(const images::Image image, images::pull(store_, std::string(name), std::string(auth), system_clock(), deadline));
    return as_node_image(image, name);
  }

 private:
  images::Store& store_;
};

/// One agent for each node folder. A predecessor whose masu has died gets a moment to end.
Result<FileDescriptor> lock_folder(const std::filesystem::path& node, Deadline deadline) {
  TRY_OK(make_directories(node, 0711));
  const std::filesystem::path path = node / "lock";
  FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error("opening", path);
  for (Duration step = 2ms; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; step = std::min<Duration>(step * 2, 100ms)) {
    if (deadline.expired())
      return Error{Code::precondition, cat("another node agent works in ", quote(node.native()), ". Stop it with \"masu down\", or choose another folder with --data.")};
    pause(step, {});
  }
  return fd;
}

Status run(const Arguments& args) {
  const DataFolder folder = DataFolder::choose(args.get("--data"));
  const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  TRY(const kube::Access access, kube::find_access({.kubeconfig = args.get("--kubeconfig")}, current_environment()));
  TRY(const auto transport, kube::http_transport(access));
  const kube::Client client(*transport, cat("masu-node/", MASU_VERSION));
  TRY(const auto store, images::Store::open({.root = folder.images(), .programs = programs}));
  Images images(*store);

  TRY(const FileDescriptor lock, lock_folder(folder.node(), Deadline::after(30s)));
  TRY(const net::Url api, net::parse_url(access.server));
  const std::string address = cat("unix:", (folder.node() / "agent.sock").native());
  node::AgentOptions options;
  options.data = folder.node();
  options.name = args.get("--name");
  options.shim_program = programs / "masu-shim";
  options.address = address;
  options.api_host = api.host;
  options.api_port = cat(api.port);
  options.version = cat("v1.30.4-masu.", MASU_VERSION);
  options.hidden = {folder.root};
  node::Agent agent(client, images, system_clock(), options);

  std::error_code ignored;
  std::filesystem::remove(folder.node() / "agent.sock", ignored);
  net::Server::Options server;
  server.listeners.push_back({.address = address, .handler = agent.handler()});
  server.workers = 4;
  TRY(const auto listening, net::Server::start(std::move(server)));
  TRY_OK(agent.start(Deadline::after(60s)));
  log::info("node agent works", {{"node", agent.node_name()}, {"mode", agent.mode() == node::Mode::process ? "process" : "containers"}});
  static_cast<void>(wait_for_signal({SIGTERM, SIGINT}));
  agent.stop();
  listening->stop();
  return {};
}

}  // namespace

int node_command(const Words& args) {
  block_signals({SIGTERM, SIGINT});
  const auto parsed = Arguments::parse(args, {.usage = "masu node --kubeconfig FILE --data DIR [--name NAME] [--end-with-parent]",
                                              .switches = {"--end-with-parent"}, .options = {"--kubeconfig", "--data", "--name"}});
  if (!parsed.ok()) return report(parsed.error());
  // A masu that was killed told nobody; the next one starts an agent of its own.
  if (parsed->has("--end-with-parent") && (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || ::getppid() == 1)) return 0;
  const Status done = run(*parsed);
  return done.ok() ? 0 : report(done.error());
}

}  // namespace masu::app
