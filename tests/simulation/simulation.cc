#include "simulation/simulation.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/files.h"
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

/// Loses requests and answers.
class Simulation::FaultyTransport final : public kube::Transport {
 public:
  explicit FaultyTransport(Simulation& simulation) : simulation_(simulation) {}

  Result<net::Reply> call(const net::Request& request, Deadline deadline) override {
    if (simulation_.chance(simulation_.faults_.lost_before)) return Error{Code::unavailable, "simulated: the request was lost"};
    auto reply = simulation_.calm_transport_->call(request, deadline);
    if (simulation_.chance(simulation_.faults_.lost_after)) return Error{Code::unavailable, "simulated: the answer was lost"};
    return reply;
  }
  Result<std::unique_ptr<kube::ByteSource>> open(const net::Request& request, Deadline deadline) override {
    if (simulation_.chance(simulation_.faults_.lost_before)) return Error{Code::unavailable, "simulated: the request was lost"};
    return simulation_.calm_transport_->open(request, deadline);
  }

 private:
  Simulation& simulation_;
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

std::vector<Value> definitions() {
  std::vector<Value> out;
  const std::filesystem::path source = MASU_SOURCE_DIR;
  for (const char* room : {"src/services/tuning/crds", "src/services/training/crds"})
    for (const auto& entry : std::filesystem::directory_iterator(source / room))
      for (Value& object : objects(*read_file(entry.path()))) out.push_back(std::move(object));
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

Simulation::Simulation(Options options) : random_(options.seed), script_(std::move(options.script)) {
  apiserver::ApiServer::Options server_options;
  server_options.clock = &clock_;
  server_options.randomness.uuid = [this] { return uuid_text(random_(), random_()); };
  server_options.randomness.suffix = [this] { return suffix_text(random_()); };
  auto server = apiserver::ApiServer::open(std::move(server_options));
  MASU_CHECK(server.ok(), "an API server in memory opens");
  server_ = std::move(*server);
  const auto handler = [this](const net::Request& request) { return server_->handle(request); };
  calm_transport_ = kube::in_process_transport(handler, "system:masu", {"system:masters"});
  faulty_transport_ = std::make_unique<FaultyTransport>(*this);
  looking_ = std::make_unique<kube::Client>(*calm_transport_, "simulation");
  working_ = std::make_unique<kube::Client>(*faulty_transport_, "masu");

  for (const Value& definition : definitions()) create(definition);
  create(objects("{apiVersion: v1, kind: Namespace, metadata: {name: ml}}")[0]);
  create(node());
  static_cast<void>(looking_->patch(kube::resources::nodes, {"", std::string(node_name)}, kube::PatchType::merge,
                                    Value::object({{"status", node()["status"]}}), Deadline::none(), "status"));

  plane_ = std::make_unique<controlplane::ControlPlane>(*working_, clock_, controlplane::ControlPlane::Options{.volumes = "/simulated", .root_ca = "simulated"});
  tuning_ = std::make_unique<tuning::TuningControllers>(*working_, clock_, metrics_);
  tuning_->performer().intercept([this](const controller::Action&) -> Status {
    if (chance(faults_.crash)) return Error{Code::cancelled, "simulated: the controller died here"};
    return {};
  });
  kube::ListOptions mine;
  mine.field_selector = cat("spec.nodeName=", node_name);
  node_pods_ = std::make_unique<kube::Informer<kube::Dynamic>>(*looking_, kube::resources::pods, &kube::Dynamic::decode, "", mine);
  settle();
  faults_ = options.faults;
}

Simulation::~Simulation() = default;

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
      static_cast<void>(looking_->remove(kube::resources::pods, pod->meta.key(), {.grace_s = 0, .uid = pod->meta.uid}, Deadline::none()));
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
    static_cast<void>(looking_->patch(kube::resources::pods, pod->meta.key(), kube::PatchType::merge,
                                      Value::object({{"status", Value::object({{"phase", now_phase}, {"containerStatuses", statuses}})}}), Deadline::none(), "status"));
    return true;
  }
  return pumped;
}

void Simulation::settle() {
  std::vector<std::function<bool()>> actors{[this] { return plane_->step(); }, [this] { return step_node(); }};
  for (kube::InformerBase* informer : tuning_->informers())
    actors.push_back([this, informer] {
      if (chance(faults_.dropped_watch)) informer->drop_watch();
      return informer->pump();
    });
  for (controller::Controller* controller : tuning_->controllers()) actors.push_back([controller] { return controller->step(); });

  std::vector<std::size_t> order(actors.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  // Quiet is when everybody in turn had nothing to do; until then a random one works.
  for (std::size_t idle = 0; idle < 3;) {
    std::shuffle(order.begin(), order.end(), random_);
    bool worked = false;
    for (const std::size_t i : order) {
      if (!actors[i]()) continue;
      worked = true;
      ++steps_;
      for (const auto& checker : checkers_) checker();
      if (chance(0.3)) break;  // somebody else comes first now and then
    }
    idle = worked ? 0 : idle + 1;
    MASU_CHECK(steps_ < 50'000'000, "the simulation comes to rest");
  }
  server_->tick();
}

void Simulation::advance(Duration by) {
  const Instant until = clock_.now() + by;
  settle();
  while (clock_.now() < until) {
    Instant next = std::min(until, clock_.now() + 30s);
    for (const controller::Controller* controller : tuning_->controllers())
      if (const auto due = controller->queue().next_due(); due && *due > clock_.now()) next = std::min(next, *due);
    for (const auto& [uid, times] : times_)
      for (const Instant due : {times.first, times.second})
        if (due > clock_.now()) next = std::min(next, due);
    // The control plane keeps its own delays; a second is the longest that it is not asked.
    clock_.set(std::min(next, clock_.now() + 1s));
    settle();
  }
}

}  // namespace masu::simulation
