/// masu up: everything on one machine. Parts are built in order and end in reverse:
///
///   data folder, lock, keys -> API server -> listeners -> control plane -> services -> node agent (a process of its own)

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "apiserver/server.h"
#include "arguments.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "bootstrap.h"
#include "commands.h"
#include "controlplane/control_plane.h"
#include "data_folder.h"
#include "net/client.h"
#include "net/server.h"
#include "pods_end.h"
#include "services.h"
#include "signals.h"

namespace masu::app {
namespace {

const std::string usage = "masu up [--data DIR] [--listen ADDR:PORT] [--hub-listen ADDR:PORT] [--detach]";

struct Settings {
  DataFolder folder;
  std::string listen, hub_listen;
};

/// Calls `what` every `period` on a thread of its own.
class Ticker {
 public:
  Ticker(Duration period, std::function<void()> what)
      : thread_([period, what = std::move(what)](const std::stop_token& stop) {
          while (pause(period, stop)) what();
        }) {}

 private:
  std::jthread thread_;
};

/// The node agent as a child: started again when it dies, told to end with us.
class AgentProcess {
 public:
  AgentProcess(Command command, std::filesystem::path log) : command_(std::move(command)), log_(std::move(log)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { keep(stop); });
  }

 private:
  void keep(const std::stop_token& stop) {
    for (int deaths = 0; !stop.stop_requested(); ++deaths) {
      FileDescriptor out(::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
      auto child = Child::start(command_, {-1, out.get(), out.get()});
      if (!child.ok()) {
        log::error("node agent cannot be started", {{"error", child.error().message}});
      } else {
        while (!child->poll() && pause(50ms, stop)) {
        }
        if (stop.stop_requested()) {
          child->signal(SIGTERM);
          static_cast<void>(child->wait(Deadline::after(10s)));
          return;
        }
        log::warn("node agent ended and is started again", {{"exit code", *child->poll()}});
      }
      if (!pause(backoff(deaths, 100ms, 10s), stop)) return;
    }
  }

  const Command command_;
  const std::filesystem::path log_;
  std::jthread thread_;
};

std::string host_of(const std::string& address) { return address.substr(0, address.rfind(':')); }

/// The command of the node agent, with a kubeconfig of its own.
Result<Command> agent_command(const DataFolder& folder, const Person& agent, const std::string& api_url, const std::string& authority_pem) {
  TRY_OK(write_kubeconfig(folder, agent, api_url, authority_pem));
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  return Command{.argv = {program, "node", "--kubeconfig", (folder.users() / cat(agent.name, ".kubeconfig")).native(), "--data", folder.root.native(), "--end-with-parent"}};
}

/// A new namespace gets its ServiceAccount: the last thing to work, so its presence means ready.
Status wait_until_ready(const kube::Client& client, Deadline deadline) {
  for (Duration step = 1ms;; step = std::min<Duration>(step * 2, 20ms)) {
    if (client.get(kube::resources::service_accounts, {"default", "default"}, deadline).ok()) return {};
    if (deadline.expired()) return Error{Code::timeout, "namespace \"default\" got no ServiceAccount in time"};
    pause(step, {});
  }
}

Status serve(const Settings& settings, const std::function<void(const Instance&)>& ready) {
  const DataFolder& folder = settings.folder;
  TRY_OK(folder.prepare());
  TRY(const FolderLock lock, FolderLock::take(folder));
  const Clock& clock = system_clock();
  TRY(const Identity identity, Identity::load_or_make(folder, host_of(settings.listen), clock.now()));
  TRY(const Person admin, add_person(folder, "admin", {"system:masters"}));
  TRY(const Person agent_person, add_node_agent(folder));

  TRY(const auto api, apiserver::ApiServer::open({.clock = &clock, .data = folder.api()}));
  const net::Handler api_handler = [&api](const net::Request& request) { return api->handle(request); };
  const auto transport = kube::in_process_transport(api_handler, "system:masu", {"system:masters"});
  const kube::Client client(*transport, cat("masu/", MASU_VERSION));

  TRY(const auto services, Services::open(client, clock, {.hub = folder.hub(), .ledger = folder.ledger(), .own_nodes = true}));
  net::Server::Options options;
  options.spool_directory = folder.root / "spool";
  TRY_OK(make_directories(options.spool_directory, 0700));
  options.listeners.push_back({.address = settings.listen,
                               .tls = net::ServerTls{identity.server.certificate_pem, identity.server.key_pem, identity.authority.certificate_pem},
                               .handler = api_handler});
  options.listeners.push_back({.address = settings.hub_listen,
                               .handler = [&services](const net::Request& request) { return services->handle(request); },
                               .body_bytes_max = std::nullopt});
  TRY(const auto server, net::Server::start(std::move(options)));

  Instance instance{static_cast<int>(::getpid()), cat("https://", server->addresses()[0]), cat("http://", server->addresses()[1]), clock.now(), MASU_VERSION};
  TRY_OK(write_kubeconfig(folder, admin, instance.api, identity.authority.certificate_pem));
  TRY_OK(ensure(client, objects_of_the_engine(), Deadline::after(30s)));
  controlplane::ControlPlane plane(client, clock, {.volumes = folder.volumes(), .root_ca = identity.authority.certificate_pem});
  TRY_OK(plane.start(Deadline::after(30s)));
  TRY_OK(services->start({.hub = instance.hub, .ledger = instance.hub}, Deadline::after(60s)));
  const Ticker ticker(1s, [&api] { api->tick(); });
  TRY_OK(wait_until_ready(client, Deadline::after(30s)));
  TRY(Command command, agent_command(folder, agent_person, instance.api, identity.authority.certificate_pem));
  std::optional<AgentProcess> agent(std::in_place, std::move(command), folder.root / "node.log");

  TRY_OK(write_instance(folder, instance));
  ready(instance);
  const int signal = wait_for_signal({SIGINT, SIGTERM});
  // From a terminal, and by "masu down", pods end too; SIGTERM (an upgrade, a service manager) lets them run on.
  agent.reset();
  if (signal == SIGINT) static_cast<void>(end_all_pods(folder.node(), Deadline::after(30s)));
  services->stop();
  plane.stop();
  api->stop();
  server->stop(1s);
  return {};
}

void print_ready(const Settings& settings, const Instance& instance, Duration took) {
  std::fprintf(stderr, "masu is ready after %s\n  data  %s\n  API   %s\n  hub   %s\nFor a shell: eval \"$(masu env --data %s)\"\n", to_human(took).c_str(),
               settings.folder.root.c_str(), instance.api.c_str(), instance.hub.c_str(), settings.folder.root.c_str());
}

/// Starts ourselves again in the background and waits until that one is ready.
Status detach(const Settings& settings) {
  TRY_OK(settings.folder.prepare());
  const Instant began = system_clock().now();
  FileDescriptor log(::open(settings.folder.log_file().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log.valid()) return errno_error("opening", settings.folder.log_file());
  const off_t log_begin = ::lseek(log.get(), 0, SEEK_END);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  const Command command{.argv = {program, "up", "--data", settings.folder.root.native(), "--listen", settings.listen, "--hub-listen", settings.hub_listen}, .directory = "/"};
  TRY(Child child, Child::start(command, {-1, log.get(), log.get()}));
  const Deadline deadline = Deadline::after(90s);
  for (;;) {
    TRY(const auto instance, running_instance(settings.folder));
    if (instance && instance->pid == child.pid()) {
      print_ready(settings, *instance, system_clock().now() - began);
      return {};
    }
    if (child.poll() || deadline.expired()) {
      child.signal(SIGTERM);
      auto text = read_file(settings.folder.log_file());
      const std::string said = text.ok() ? text->substr(std::min<std::size_t>(static_cast<std::size_t>(log_begin), text->size())) : std::string();
      return Error{Code::unavailable, cat(child.poll() ? "masu ended at its start" : "masu was not ready within 90 s", ":\n", trim(said),
                                          "\nIts log: ", settings.folder.log_file().native())};
    }
    pause(2ms, {});
  }
}

}  // namespace

int up_command(const Words& args) {
  block_signals({SIGINT, SIGTERM});
  const auto parsed = Arguments::parse(args, {.usage = usage, .switches = {"--detach"}, .options = {"--data", "--listen", "--hub-listen"}});
  if (!parsed.ok()) return report(parsed.error());
  Settings settings{DataFolder::choose(parsed->get("--data")), parsed->get("--listen", "127.0.0.1:7443"), ""};
  const bool any_port = settings.listen.ends_with(":0");
  settings.hub_listen = parsed->get("--hub-listen", any_port ? "127.0.0.1:0" : "127.0.0.1:7444");
  if (parsed->has("--detach")) {
    const Status started = detach(settings);
    return started.ok() ? 0 : report(started.error());
  }
  const Instant began = system_clock().now();
  const Status done = serve(settings, [&](const Instance& instance) { print_ready(settings, instance, system_clock().now() - began); });
  return done.ok() ? 0 : report(done.error());
}

}  // namespace masu::app
