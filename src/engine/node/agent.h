#pragma once
/// The node agent: registers the machine as a Node, runs the pods that are bound to it, and answers for their logs.
///
///   node::Agent agent(client, images, system_clock(), {.data = "/var/lib/masu/node", .name = "n1", .shim_program = ...});
///   TRY_OK(agent.start(Deadline::after(30s)));
///   ... agent.stop();       // containers go on
///
/// Containers belong to their shims: an agent that starts finds those of its predecessor by the folders below data/pods.

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "controller/action.h"
#include "controller/controller.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "net/message.h"
#include "node/bundle.h"
#include "node/image_store.h"
#include "node/machine.h"
#include "node/pod_runtime.h"
#include "node/shim_client.h"

namespace masu::node {

struct AgentOptions {
  std::filesystem::path data;          // pods, logs, runc's state
  std::string name;                    // of the Node; empty: the machine's host name
  std::filesystem::path shim_program;  // masu-shim
  std::string address;                 // where handler() is served, for the Node's annotation: "unix:/run/masu/agent.sock"
  std::optional<Mode> mode;            // no value: the best this machine can do
  std::string api_host, api_port;      // where pods find the API; empty: they are not told
  std::string version = "v1.33.0-masu";
  std::string node_ip = "127.0.0.1";
  std::map<std::string, std::string> labels;
  std::vector<std::filesystem::path> hidden;  // folders of the machine that no container may see
  int threads = 8;
};

class Agent final : public controller::Reconciler {
 public:
  Agent(const kube::Client& client, ImageStore& images, const Clock& clock, AgentOptions options);
  ~Agent() override;

  /// Registers the node, finds what runs already, and goes on from there. Returns when the caches are filled.
  Status start(Deadline deadline);
  /// Stops deciding. Containers run on.
  void stop();

  /// What a kubelet answers: /containerLogs/NS/POD/CONTAINER, /healthz, /pods.
  net::Handler handler();

  Mode mode() const { return node_.mode; }
  const std::string& node_name() const { return options_.name; }
  std::string_view name() const override { return "node"; }

 private:
  struct ServiceName {
    kube::Metadata meta;
    static Result<ServiceName> decode(const Value& object) { return ServiceName{kube::Metadata::decode(object)}; }
  };
  struct Follower {
    std::jthread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };

  Result<controller::Outcome> reconcile(const kube::Key& key, Deadline deadline) override;
  Result<std::optional<Duration>> reconcile_one(PodRuntime& runtime, const Pod* pod, Deadline deadline);
  Status perform(PodRuntime& runtime, const Pod* pod, const Action& action, Deadline deadline);
  Status write_status(PodRuntime& runtime, const Pod& pod, const Value& status, Deadline deadline);
  std::optional<Duration> probe(PodRuntime& runtime, const Pod& pod, const World& world);
  void event(const PodRuntime& runtime, std::string type, std::string reason, std::string message, Deadline deadline) const;

  Status register_node(Deadline deadline);
  void find_pods();
  std::string hosts_of(const Pod& pod) const;
  std::shared_ptr<PodRuntime> runtime_of(const Pod& pod);
  std::vector<std::shared_ptr<PodRuntime>> runtimes_of(const kube::Key& key) const;
  net::Answer logs(const net::Request& request, const std::vector<std::string>& parts);

  const kube::Client& client_;
  AgentOptions options_;
  const Clock& clock_;
  NodeContext node_;
  controller::Performer performer_;
  kube::Informer<Pod> pods_;
  kube::Informer<ServiceName> services_;
  controller::Controller controller_;
  controller::Runner runner_;
  kube::Informers informers_;

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<PodRuntime>> runtimes_;  // by uid
  std::vector<Follower> followers_;
  std::unique_ptr<ShimWatcher> watcher_;
};

}  // namespace masu::node
