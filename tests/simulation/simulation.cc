#include "simulation/simulation.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::simulation {

using kube::Key;

Result<std::vector<tuning::MetricEntry>> MemoryMetrics::read(const Key& trial, Deadline) {
  const auto found = entries_.find(trial);
  return found != entries_.end() ? found->second : std::vector<tuning::MetricEntry>{};
}

Status MemoryMetrics::forget(const Key& trial, Deadline) {
  entries_.erase(trial);
  return {};
}

void MemoryMetrics::report(const Key& trial, tuning::MetricEntry entry) { entries_[trial].push_back(std::move(entry)); }

/// Counts what would change something; loses requests and answers, if it may.
class Simulation::WatchedTransport final : public kube::Transport {
 public:
  WatchedTransport(Simulation& simulation, bool faulty) : simulation_(simulation), faulty_(faulty) {}

  Result<net::Reply> call(const net::Request& request, Deadline deadline) override {
    if (request.method != "GET") ++simulation_.writes_;
    if (faulty_ && simulation_.chance(simulation_.faults_.lost_before)) return Error{Code::unavailable, "simulated: the request was lost"};
    auto reply = simulation_.transport_->call(request, deadline);
    if (faulty_ && simulation_.chance(simulation_.faults_.lost_after)) return Error{Code::unavailable, "simulated: the answer was lost"};
    return reply;
  }
  Result<std::unique_ptr<kube::ByteSource>> open(const net::Request& request, Deadline deadline) override {
    if (faulty_ && simulation_.chance(simulation_.faults_.lost_before)) return Error{Code::unavailable, "simulated: the request was lost"};
    return simulation_.transport_->open(request, deadline);
  }

 private:
  Simulation& simulation_;
  const bool faulty_;
};

namespace {

// Randomness of the API server (uids, generated names) from the seed, so that a life can be repeated.

std::string uuid_text(std::uint64_t high, std::uint64_t low) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%08x-%04x-4%03x-8%03x-%012llx", static_cast<unsigned>(high >> 32), static_cast<unsigned>(high >> 16) & 0xffffu,
                static_cast<unsigned>(high) & 0xfffu, static_cast<unsigned>(low >> 48) & 0xfffu, static_cast<unsigned long long>(low) & 0xffffffffffffull);
  return buffer;
}

std::string suffix_text(std::uint64_t number) {
  constexpr std::string_view letters = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (int i = 0; i < 5; ++i, number /= letters.size()) out += letters[number % letters.size()];
  return out;
}

constexpr std::string_view node_name = "sim";

Value node() {
  const Value room = Value::object({{"cpu", "64"}, {"memory", "256Gi"}, {"pods", "500"}, {"ephemeral-storage", "1Ti"}});
  return Value::object({{"apiVersion", "v1"},
                        {"kind", "Node"},
                        {"metadata", Value::object({{"name", node_name}})},
                        {"status", Value::object({{"capacity", room},
                                                  {"allocatable", room},
                                                  {"conditions", Value::array({Value::object({{"type", "Ready"}, {"status", "True"}})})}})}});
}

/// Sorted, so that a seed means the same everywhere.
std::vector<Value> definitions() {
  std::vector<std::filesystem::path> files;
  for (const char* room : {"src/services/tuning/crds", "src/services/training/crds"})
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(MASU_SOURCE_DIR) / room)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Value> out;
  for (const auto& file : files)
    for (Value& object : objects(*read_file(file)))
      if (object["kind"].as_string() == kube::resources::crds.kind) out.push_back(std::move(object));
  return out;
}

}  // namespace

std::vector<Value> objects(std::string_view yaml) {
  std::vector<Value> out;
  auto documents = parse_yaml(yaml);
  MASU_CHECK(documents.ok(), "the test's own YAML can be read");
  for (YamlDocument& document : *documents) out.push_back(std::move(document.value));
  return out;
}

bool is_true(const Value& object, std::string_view condition) {
  const auto conditions = kube::decode_conditions(object.at("status", "conditions"));
  const kube::Condition* found = kube::find_condition(conditions, condition);
  return found != nullptr && found->is_true();
}

int last_seed() {
  const char* wanted = std::getenv("MASU_SIMULATION_SEEDS");
  return wanted != nullptr ? std::max(1, std::atoi(wanted)) : 2;
}

Simulation::Simulation(Options options) : random_(options.seed), script_(std::move(options.script)) {
  apiserver::ApiServer::Options server_options;
  server_options.clock = &clock_;
  server_options.randomness.uuid = [this] { return uuid_text(random_(), random_()); };
  server_options.randomness.suffix = [this] { return suffix_text(random_()); };
  auto server = apiserver::ApiServer::open(std::move(server_options));
  MASU_CHECK(server.ok(), "an API server in memory opens");
  server_ = std::move(*server);
  const auto handler = [this](const net::Request& request) { return server_->handle(request); };
  transport_ = kube::in_process_transport(handler, "system:masu", {"system:masters"});
  calm_transport_ = std::make_unique<WatchedTransport>(*this, false);
  faulty_transport_ = std::make_unique<WatchedTransport>(*this, true);
  looking_ = std::make_unique<kube::Client>(*transport_, "simulation");
  node_client_ = std::make_unique<kube::Client>(*calm_transport_, "node");
  working_ = std::make_unique<kube::Client>(*faulty_transport_, "masu");

  for (const Value& definition : definitions()) create(definition);
  create(objects("{apiVersion: v1, kind: Namespace, metadata: {name: ml}}")[0]);
  create(node());
  static_cast<void>(looking_->patch(kube::resources::nodes, {"", std::string(node_name)}, kube::PatchType::merge,
                                    Value::object({{"status", node()["status"]}}), Deadline::none(), "status"));

  start_plane();
  start_controllers();
  kube::ListOptions mine;
  mine.field_selector = cat("spec.nodeName=", node_name);
  node_pods_ = std::make_unique<kube::Informer<kube::Dynamic>>(*node_client_, kube::resources::pods, &kube::Dynamic::decode, "", mine);
  settle();
  faults_ = options.faults;
}

Simulation::~Simulation() = default;

void Simulation::start_plane() {
  plane_ = std::make_unique<controlplane::ControlPlane>(*working_, clock_, controlplane::ControlPlane::Options{.volumes = volumes_.path(), .root_ca = "simulated"});
}

/// As the program starts: no controller works before every cache has seen everything once.
void Simulation::start_controllers() {
  ++lives_;
  died_ = false;
  tuning_ = std::make_unique<tuning::TuningControllers>(*working_, clock_, metrics_);
  training_ = std::make_unique<training::TrainingControllers>(*working_, clock_, training::TrainingControllers::Options{});
  for (controller::Performer* performer : {&tuning_->performer(), &training_->performer()})
    performer->intercept([this](const controller::Action& action) { return before_action(action); });
  for (kube::InformerBase* informer : informers())
    while (!informer->synced()) informer->pump();
}

std::vector<kube::InformerBase*> Simulation::informers() {
  auto all = tuning_->informers();
  for (kube::InformerBase* informer : training_->informers()) all.push_back(informer);
  return all;
}

std::vector<controller::Controller*> Simulation::controllers() {
  auto all = tuning_->controllers();
  for (controller::Controller* controller : training_->controllers()) all.push_back(controller);
  return all;
}

Status Simulation::before_action(const controller::Action& action) {
  log::debug("simulated action", {{"life", lives_}, {"action", controller::describe(action)}});
  died_ = died_ || chance(faults_.crash) || (faults_.crash_after_each_action && actions_ > 0);
  if (died_) return Error{Code::cancelled, "simulated: the process died here"};
  ++actions_;
  return {};
}

bool Simulation::step_controller(controller::Controller& controller) {
  actions_ = 0;
  const bool worked = controller.step();
  if (faults_.crash_after_each_action && actions_ > 0) died_ = true;
  return worked;
}

Value Simulation::create(const Value& object) {
  kube::Resource resource = kube::resource_of(object);
  resource.namespaced = object["metadata"].contains("namespace");
  auto made = looking_->create(resource, object, Deadline::none());
  MASU_CHECK(made.ok(), made.ok() ? "" : made.error().message.c_str());
  return std::move(*made);
}

Value Simulation::get(const kube::Resource& resource, const Key& key) {
  auto found = looking_->get(resource, key, Deadline::none());
  return found.ok() ? std::move(*found) : Value();
}

std::vector<Value> Simulation::list(const kube::Resource& resource, const std::string& name_space) {
  auto found = looking_->list(resource, name_space, {}, Deadline::none());
  return found.ok() ? std::move(found->items) : std::vector<Value>{};
}

std::uint64_t Simulation::revision() const { return server_->store().revision(); }

/// The node: one pod a step is started or ended, when its time has come.
bool Simulation::step_node() {
  const bool pumped = node_pods_->pump();
  for (const auto& pod : node_pods_->list()) {
    const std::string_view phase = pod->object.at("status", "phase").as_string();
    if (pod->meta.deleted) {
      static_cast<void>(node_client_->remove(kube::resources::pods, pod->meta.key(), {.grace_s = 0, .uid = pod->meta.uid}, Deadline::none()));
      node_pods_->pump();
      return true;
    }
    if (phase == "Succeeded" || phase == "Failed") continue;
    const Run run = script_(pod->object);
    const auto [at, fresh] = times_.try_emplace(pod->meta.uid, clock_.now() + run.starts_after, clock_.now() + run.starts_after + run.runs_for);
    const bool ends = clock_.now() >= at->second.second, starts = clock_.now() >= at->second.first && phase != "Running";
    if (!ends && !starts) continue;
    if (ends)
      for (const auto& [metric, value] : run.metrics) {
        const std::string trial = pod->meta.label("job-name");
        tuning::MetricEntry entry;
        entry.name = metric;
        entry.value = value;
        entry.step = 1;
        entry.time = clock_.now();
        metrics_.report({pod->meta.name_space, trial}, entry);
      }
    Value state = ends ? Value::object({{"terminated", Value::object({{"exitCode", run.exit_code}, {"reason", run.exit_code == 0 ? "Completed" : "Error"},
                                                                     {"finishedAt", to_rfc3339(clock_.now())}})}})
                       : Value::object({{"running", Value::object({{"startedAt", to_rfc3339(clock_.now())}})}});
    Value statuses = Value::array({});
    for (const Value& container : pod->object.at("spec", "containers").as_array())
      statuses.push_back(Value::object({{"name", container["name"]}, {"state", state}, {"ready", !ends}, {"restartCount", 0}, {"image", "sim"}, {"imageID", ""}}));
    const char* now_phase = !ends ? "Running" : run.exit_code == 0 ? "Succeeded" : "Failed";
    static_cast<void>(node_client_->patch(kube::resources::pods, pod->meta.key(), kube::PatchType::merge,
                                      Value::object({{"status", Value::object({{"phase", now_phase}, {"containerStatuses", statuses}})}}), Deadline::none(), "status"));
    return true;
  }
  return pumped;
}

void Simulation::settle() {
  std::vector<std::function<bool()>> actors;
  int life = 0;
  // Quiet is when everybody in turn had nothing to do; until then a random one works.
  for (std::size_t idle = 0; idle < 2;) {
    if (died_) start_controllers();
    if (chance(faults_.plane_restart)) start_plane();
    if (life != lives_) {
      life = lives_;
      actors = {[this] { return plane_->step(); }, [this] { return step_node(); }};
      for (kube::InformerBase* informer : informers())
        actors.push_back([this, informer] {
          if (chance(faults_.dropped_watch)) informer->drop_watch();
          return informer->pump();
        });
      for (controller::Controller* controller : controllers()) actors.push_back([this, controller] { return step_controller(*controller); });
    }
    std::shuffle(actors.begin(), actors.end(), random_);
    bool worked = false;
    for (const auto& actor : actors) {
      if (!actor()) continue;
      worked = true;
      ++steps_;
      for (const auto& checker : checkers_) checker();
      if (died_ || chance(0.3)) break;  // somebody else comes first now and then
    }
    idle = worked ? 0 : idle + 1;
    MASU_CHECK(steps_ < 5'000'000, "the simulation comes to rest");
  }
  server_->tick();
}

void Simulation::advance(Duration by) {
  const Instant until = clock_.now() + by;
  settle();
  while (clock_.now() < until) {
    Instant next = std::min(until, clock_.now() + 30s);
    const auto look = [&](const std::optional<Instant>& due) {
      if (due) next = std::min(next, *due);
    };
    for (const controller::Controller* controller : controllers()) look(controller->queue().next_due());
    look(plane_->next_due());
    for (const auto& [uid, times] : times_)
      for (const Instant due : {times.first, times.second})
        if (due > clock_.now()) look(due);
    clock_.set(std::max(next, clock_.now() + 1ms));
    settle();
  }
}

}  // namespace masu::simulation
