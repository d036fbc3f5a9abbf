/// masu controller: masu's services against any Kubernetes, with hub and ledger on a folder of this process.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "arguments.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "commands.h"
#include "controller/leader.h"
#include "crypto/random.h"
#include "data_folder.h"
#include "kube/http_transport.h"
#include "net/server.h"
#include "services.h"
#include "signals.h"

namespace masu::app {
namespace {

const std::string usage =
    "masu controller [--kubeconfig FILE] [--context C] --data DIR --advertise HOST [--listen ADDR:PORT]\n"
    "                [--runtime-image IMAGE] [--default-image IMAGE] [--without tuning|operators]... [--installed]\n"
    "                [--ready-file FILE]";

std::string host_name() {
  char buffer[256] = {};
  return ::gethostname(buffer, sizeof buffer - 1) == 0 ? buffer : "unknown";
}

Status run(const Arguments& args) {
  if (!args.has("--advertise"))
    return Error{Code::invalid, cat("--advertise is missing: the host name or address under which pods reach this process (hub and ledger)\nusage: ", usage)};
  const DataFolder folder = DataFolder::choose(args.get("--data"));
  TRY_OK(folder.prepare());
  TRY(const FolderLock lock, FolderLock::take(folder));
  TRY(const kube::Access access, kube::find_access({.kubeconfig = args.get("--kubeconfig"), .context = args.get("--context")}, current_environment()));
  TRY(const auto transport, kube::http_transport(access));
  const kube::Client client(*transport, cat("masu/", MASU_VERSION));
  const Clock& clock = system_clock();

  Services::Options options{.hub = folder.hub(), .ledger = folder.ledger(), .installed = args.has("--installed")};
  // The tag is masu's version: nodes that have the image do not ask a registry for it again.
  const std::string runtime_image = args.get("--runtime-image", cat("masu.dev/runtime:", MASU_VERSION));
  for (const std::string& part : args.all("--without")) {
    if (part == "tuning") options.tuning = false;
    else if (part == "operators") options.operators = false;
    else return Error{Code::invalid, cat("--without ", quote(part), " is neither tuning nor operators\nusage: ", usage)};
  }
  TRY(const auto services, Services::open(client, clock, options));
  net::Server::Options server_options;
  server_options.spool_directory = folder.root / "spool";
  TRY_OK(make_directories(server_options.spool_directory, 0700));
  server_options.listeners.push_back({.address = args.get("--listen", "0.0.0.0:0"),
                                      .handler = [&services](const net::Request& request) { return services->handle(request); },
                                      .body_bytes_max = std::nullopt});
  TRY(const auto server, net::Server::start(std::move(server_options)));
  const std::string& address = server->addresses()[0];
  const std::string url = cat("http://", args.get("--advertise"), address.substr(address.rfind(':')));

  const Places places{.hub = url, .ledger = url, .runtime_image = runtime_image, .default_image = args.get("--default-image", runtime_image)};

  // One of several replicas works; the others wait for its Lease. The namespace of the Lease is made first.
  if (!options.installed) TRY_OK(ensure(client, {Value::object({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", Value::object({{"name", "masu-system"}})}})}, Deadline::after(60s)));
  controller::LeaderElection election(client, clock, {.lease = {"masu-system", "masu-controller"}, .identity = cat(host_name(), "_", crypto::uuid4())});
  std::stop_source stop;
  std::jthread listener([&stop] {
    static_cast<void>(wait_for_signal({SIGTERM, SIGINT}));
    stop.request_stop();
  });
  const auto end_listener = [] { ::kill(::getpid(), SIGTERM); };
  if (!election.acquire(stop.get_token())) return {};
  if (const Status started = services->start(places, Deadline::after(120s)); !started.ok()) {
    end_listener();
    return started;
  }
  log::info("masu's services work", {{"cluster", access.server}, {"hub", url}});
  if (args.has("--ready-file")) TRY_OK(write_file(args.get("--ready-file"), url + "\n"));
  const bool in_order = election.hold(stop.get_token());
  services->stop();
  server->stop(1s);
  if (in_order) return {};
  end_listener();
  return Error{Code::unavailable, "another process has become the leader; this one ends so that two never work at once"};
}

}  // namespace

int controller_command(const Words& args) {
  block_signals({SIGTERM, SIGINT});
  const auto parsed = Arguments::parse(args, {.usage = usage,
                                              .switches = {"--installed"},
                                              .options = {"--kubeconfig", "--context", "--data", "--advertise", "--listen", "--runtime-image",
                                                          "--default-image", "--without", "--ready-file"}});
  if (!parsed.ok()) return report(parsed.error());
  const Status done = run(*parsed);
  return done.ok() ? 0 : report(done.error());
}

}  // namespace masu::app
