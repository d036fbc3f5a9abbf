#pragma once
/// A cluster's life on one thread: the real API server and the real controllers, with a clock turned by hand, a node that
/// follows a script, and faults. The seed picks the order in which everybody works and the faults that happen; the same
/// seed gives the same life.
///
///   Simulation sim({.seed = 7});
///   sim.create(experiment);
///   sim.advance(10min);
///   EXPECT_EQ(sim.get(resources::experiments, key).at("status", "trials"), 12);

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "apiserver/server.h"
#include "base/clock.h"
#include "base/files.h"
#include "controller/controller.h"
#include "controlplane/control_plane.h"
#include "kinds/pod.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "training/training_controllers.h"
#include "tuning/metric_store.h"
#include "tuning/tuning_controllers.h"

namespace masu::simulation {

/// Metrics as the ledger keeps them, in memory.
class MemoryMetrics final : public tuning::MetricSource {
 public:
  Result<std::vector<tuning::MetricEntry>> read(const kube::Key& trial, Deadline deadline) override;
  Status forget(const kube::Key& trial, Deadline deadline) override;
  void report(const kube::Key& trial, tuning::MetricEntry entry);

 private:
  std::map<kube::Key, std::vector<tuning::MetricEntry>> entries_;
};

/// What a pod does on the simulated node.
struct Run {
  Duration starts_after = 100ms;
  Duration runs_for = 10s;
  int exit_code = 0;
  std::map<std::string, std::string> metrics = {};  // reported just before the end
};

struct Faults {
  double lost_before = 0;   // a request does not reach the server
  double lost_after = 0;    // a request works, its answer is lost
  double dropped_watch = 0; // an informer's watch ends, for each step
  double crash = 0;         // masu dies before an action, and starts anew with empty caches and queues
  bool crash_after_each_action = false;  // the same after every single one
  double plane_restart = 0; // the control plane starts anew, for each step
};

class Simulation {
 public:
  struct Options {
    std::uint64_t seed = 1;
    Faults faults = {};
    std::function<Run(const Value& pod)> script = [](const Value&) { return Run{}; };
  };
  explicit Simulation(Options options);
  ~Simulation();

  Value create(const Value& object);
  /// The object, or null.
  Value get(const kube::Resource& resource, const kube::Key& key);
  std::vector<Value> list(const kube::Resource& resource, const std::string& name_space = "ml");
  /// Works until nobody has anything to do at this instant.
  void settle();
  /// Turns the clock, stopping wherever something is due.
  void advance(Duration by);
  /// The store's revision: rises with every write.
  std::uint64_t revision() const;
  /// Requests of the controllers and the node that would change something, whether they did or not.
  std::uint64_t writes() const { return writes_; }
  /// How often masu's controllers were started.
  int lives() const { return lives_; }
  std::uint64_t steps() const { return steps_; }
  /// Called after each step; a checker says what is broken by a failed expectation.
  void check_always(std::function<void()> checker) { checkers_.push_back(std::move(checker)); }
  /// No more faults: what is broken must now heal.
  void calm() { faults_ = {}; }
  MemoryMetrics& metrics() { return metrics_; }
  SimClock& clock() { return clock_; }
  /// A client without faults, for looking.
  const kube::Client& client() const { return *looking_; }

 private:
  class WatchedTransport;
  void start_controllers();
  void start_plane();
  std::vector<kube::InformerBase*> informers();
  std::vector<controller::Controller*> controllers();
  Status before_action(const controller::Action& action);
  bool step_controller(controller::Controller& controller);
  bool step_node();
  bool chance(double probability) { return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability; }

  SimClock clock_;
  std::mt19937_64 random_;
  Faults faults_;
  std::function<Run(const Value& pod)> script_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<kube::Transport> transport_, calm_transport_, faulty_transport_;
  std::unique_ptr<kube::Client> looking_, node_client_, working_;
  TemporaryDirectory volumes_;
  MemoryMetrics metrics_;
  std::unique_ptr<controlplane::ControlPlane> plane_;
  std::unique_ptr<tuning::TuningControllers> tuning_;
  std::unique_ptr<training::TrainingControllers> training_;
  std::unique_ptr<kube::Informer<kube::Dynamic>> node_pods_;
  std::map<std::string, std::pair<Instant, Instant>> times_;  // pod uid -> starts, ends
  std::vector<std::function<void()>> checkers_;
  std::uint64_t steps_ = 0, writes_ = 0;
  int lives_ = 0, actions_ = 0;  // actions: of the controller step that goes on
  bool died_ = false;
};

/// Reads objects of a YAML text.
std::vector<Value> objects(std::string_view yaml);
/// Whether a condition of the object's status is True.
bool is_true(const Value& object, std::string_view condition);
/// The last seed of the seeded tests: 2 (a minute in a debug build), or what MASU_SIMULATION_SEEDS says.
int last_seed();

}  // namespace masu::simulation
