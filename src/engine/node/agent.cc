#include "node/agent.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "node/log_reader.h"
#include "node/probes.h"
#include "value/json.h"

namespace masu::node {
namespace {

namespace fs = std::filesystem;

kube::ListOptions on_node(const std::string& name) {
  kube::ListOptions options;
  options.field_selector = cat("spec.nodeName=", name);
  return options;
}

AgentOptions completed(AgentOptions options) {
  if (options.name.empty()) options.name = host_name();
  return options;
}

bool after_status(Action::Kind kind) {
  return kind == Action::Kind::end_shim || kind == Action::Kind::delete_object || kind == Action::Kind::clean;
}

std::uint64_t version_number(const std::string& version) { return std::strtoull(version.c_str(), nullptr, 10); }

}  // namespace

Agent::Agent(const kube::Client& client, ImageStore& images, const Clock& clock, AgentOptions options)
    : client_(client),
      options_(completed(std::move(options))),
      clock_(clock),
      node_{.client = client,
          .images = images,
          .clock = clock,
          .data = options_.data,
          .shim_program = options_.shim_program,
          .hidden = options_.hidden,
          .machine = {},
          .mode = Mode::process,
          .facts = {}},
      performer_(client, clock, "kubelet"),
      pods_(client, kube::resources::pods, &Pod::decode, {}, on_node(options_.name)),
      services_(client, kube::resources::services, &ServiceName::decode),
      controller_(*this, clock, {.deadline = 10min, .retry_first = 50ms, .retry_most = 30s}),
      runner_(clock) {}

Agent::~Agent() { stop(); }

Status Agent::start(Deadline deadline) {
  TRY_OK(make_directories(options_.data, 0711));
  for (const char* name : {"pods", "runc"}) TRY_OK(make_directories(options_.data / name, 0711));
  node_.machine = look_at_machine(options_.data);
  node_.mode = options_.mode.value_or(node_.machine.best_mode());
  node_.facts = {.node_name = options_.name,
      .node_ip = options_.node_ip,
      .pod_ip = options_.node_ip,
      .cpu_milli = node_.machine.cpus * 1000,
      .memory_bytes = node_.machine.memory_bytes,
      .service_variables = {}};
  if (!options_.api_host.empty()) {
    node_.facts.service_variables = {{"KUBERNETES_SERVICE_HOST", options_.api_host}, {"KUBERNETES_SERVICE_PORT", options_.api_port},
        {"KUBERNETES_SERVICE_PORT_HTTPS", options_.api_port},
        {"KUBERNETES_PORT", cat("tcp://", options_.api_host, ":", options_.api_port)}};
  }
  watcher_ = std::make_unique<ShimWatcher>([this](const std::string& uid) {
    std::optional<kube::Key> key;
    {
      const std::scoped_lock lock(mutex_);
      if (const auto found = runtimes_.find(uid); found != runtimes_.end()) key = found->second->key();
    }
    if (key) controller_.queue().add(*key);
  });
  find_pods();
  TRY_OK(register_node(deadline));
  controller_.watch(pods_);
  services_.on_change([this](const ServiceName* before, const ServiceName* after) {
    // Names that pods may ask for have changed; what else of a Service changes is of no interest here.
    if (before != nullptr && after != nullptr) return;
    const std::string name_space = (after != nullptr ? after : before)->meta.name_space;
    for (const auto& pod : pods_.list(name_space)) controller_.queue().add(pod->meta.key());
  });
  informers_.start(services_);
  informers_.start(pods_);
  TRY_OK(informers_.wait_synced(deadline));
  {
    // Those whose objects went away while no agent was here.
    const std::scoped_lock lock(mutex_);
    for (const auto& [uid, runtime] : runtimes_) controller_.queue().add(runtime->key());
  }
  runner_.add(controller_);
  runner_.start(options_.threads);
  log::info("node agent runs", {{"node", options_.name}, {"mode", node_.mode == Mode::runc ? "runc" : "process"},
                                   {"pods", static_cast<long long>(runtimes_.size())}});
  return {};
}

void Agent::stop() {
  informers_.stop();
  runner_.stop();
  watcher_.reset();
  std::vector<Follower> followers;
  {
    const std::scoped_lock lock(mutex_);
    followers = std::move(followers_);
  }
  for (Follower& follower : followers) follower.thread.request_stop();
}

Status Agent::register_node(Deadline deadline) {
  const Value wanted = node_object(node_.machine,
      {.name = options_.name,
          .address = options_.address,
          .node_ip = options_.node_ip,
          .version = options_.version,
          .labels = options_.labels},
      node_.mode, clock_.now());
  const kube::Key key{"", options_.name};
  auto here = client_.get(kube::resources::nodes, key, deadline);
  if (!here.ok() && here.error().code == Code::not_found) here = client_.create(kube::resources::nodes, wanted, deadline);
  TRY(const Value node, std::move(here).context("registering the node"));
  // What somebody else has set (unschedulable, labels, taints, further capacity) stays.
  Value patch = Value::object(
      {{"metadata", Value::object({{"labels", wanted.at("metadata", "labels")}, {"annotations", wanted.at("metadata", "annotations")}})}});
  TRY(const Value labelled,
      client_.patch(kube::resources::nodes, key, kube::PatchType::merge, patch, deadline).context("registering the node"));
  Value status = wanted["status"];
  for (Value& condition : status["conditions"].array()) {
    for (const Value& before : node.at("status", "conditions").as_array())
      if (before["type"] == condition["type"] && before["status"] == condition["status"])
        condition["lastTransitionTime"] = before["lastTransitionTime"];
  }
  TRY(const Value stated,
      client_.patch(kube::resources::nodes, key, kube::PatchType::merge, Value::object({{"status", status}}), deadline, "status")
          .context("registering the node"));
  return {};
}

void Agent::find_pods() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(options_.data / "pods", ignored)) {
    const auto text = read_file(entry.path() / "pod.json");
    const auto object = text.ok() ? parse_json(*text) : Result<Value>(text.error());
    if (!object.ok()) {  // the agent died before it wrote who this is; nothing was started yet
      static_cast<void>(remove_tree(entry.path()));
      continue;
    }
    const std::string uid(entry.path().filename().native());
    auto runtime = std::make_shared<PodRuntime>(
        node_, uid, kube::Key{std::string((*object)["namespace"].as_string()), std::string((*object)["name"].as_string())});
    {
      const std::scoped_lock lock(mutex_);
      runtimes_.emplace(uid, runtime);
    }
    watcher_->watch(uid, entry.path());
  }
}

std::shared_ptr<PodRuntime> Agent::runtime_of(const Pod& pod) {
  const std::scoped_lock lock(mutex_);
  std::shared_ptr<PodRuntime>& slot = runtimes_[pod.meta.uid];
  if (!slot) slot = std::make_shared<PodRuntime>(node_, pod.meta.uid, pod.meta.key());
  return slot;
}

std::vector<std::shared_ptr<PodRuntime>> Agent::runtimes_of(const kube::Key& key) const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<PodRuntime>> out;
  for (const auto& [uid, runtime] : runtimes_)
    if (runtime->key() == key) out.push_back(runtime);
  return out;
}

std::string Agent::hosts_of(const Pod& pod) const {
  std::string out =
      "# Written by masu: names of this pod, its neighbours and the Services of its namespace.\n"
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  const std::string& ip = node_.facts.pod_ip;
  const auto domain = [](const std::string& name, const std::string& name_space) {
    return cat(name, ".", name_space, ".svc.cluster.local");
  };
  out += cat(ip, "\t");
  if (!pod.subdomain.empty()) out += cat(pod.hostname, ".", domain(pod.subdomain, pod.meta.name_space), "\t");
  out += pod.hostname + "\n";
  for (const auto& [address, names] : pod.host_aliases) out += cat(address, "\t", join(names, "\t"), "\n");
  for (const auto& service : services_.list(pod.meta.name_space)) {
    const std::string& name = service->meta.name;
    out += cat(ip, "\t", name, "\t", name, ".", pod.meta.name_space, "\t", name, ".", pod.meta.name_space, ".svc\t",
        domain(name, pod.meta.name_space), "\n");
  }
  for (const auto& other : pods_.list(pod.meta.name_space)) {
    if (other->subdomain.empty() || other->meta.uid == pod.meta.uid) continue;
    const std::string full = cat(other->hostname, ".", other->subdomain);
    out += cat(ip, "\t", domain(full, pod.meta.name_space), "\t", full, "\t", full, ".", pod.meta.name_space, "\t", full, ".",
        pod.meta.name_space, ".svc\n");
  }
  // The machine's own names, but for those of the loopback.
  for (const std::string& line : split(read_file("/etc/hosts").value_or(""), '\n')) {
    const std::string_view text = trim(line);
    if (!text.empty() && text.front() != '#' && !text.starts_with("127.") && !text.starts_with("::1")) out += cat(text, "\n");
  }
  return out;
}

Result<controller::Outcome> Agent::reconcile(const kube::Key& key, Deadline deadline) {
  const std::shared_ptr<const Pod> pod = pods_.get(key);
  controller::Outcome outcome;
  const auto sooner = [&outcome](const std::optional<Duration>& wait) {
    if (wait) outcome.look_again = outcome.look_again ? std::min(*outcome.look_again, *wait) : wait;
  };
  for (const auto& runtime : runtimes_of(key)) {
    if (pod && runtime->uid() == pod->meta.uid) continue;
    TRY(const auto wait, reconcile_one(*runtime, nullptr, deadline));
    sooner(wait);
  }
  if (!pod || (pod->finished() && !pod->meta.deleted && runtimes_of(key).empty())) return outcome;
  TRY(const auto wait, reconcile_one(*runtime_of(*pod), pod.get(), deadline));
  sooner(wait);
  return outcome;
}

Result<std::optional<Duration>> Agent::reconcile_one(PodRuntime& runtime, const Pod* pod, Deadline deadline) {
  Pod known;
  std::string hosts;
  if (pod != nullptr) {
    known = *pod;
    hosts = hosts_of(known);
    // Our own last word, if the cache has not heard of it yet.
    if (const std::uint64_t version = version_number(pod->meta.resource_version); version < runtime.sent_version)
      known.status = runtime.sent_status;
  }
  std::optional<Duration> wait;
  // What is started now changes what is to be done next: a few rounds, then one status.
  for (int round = 0; round < 20; ++round) {
    TRY(const World world, runtime.observe(pod != nullptr ? &known : nullptr, hosts, deadline));
    Decision decision = decide(world);
    wait = decision.look_again;
    bool again = false;
    for (const Action& action : decision.actions) {
      if (after_status(action.kind)) continue;
      TRY_OK(perform(runtime, pod != nullptr ? &known : nullptr, action, deadline));
      again = again || action.kind != Action::Kind::stop;
    }
    if (again) continue;
    if (decision.status && pod != nullptr) TRY_OK(write_status(runtime, known, *decision.status, deadline));
    for (const Action& action : decision.actions)
      if (after_status(action.kind)) TRY_OK(perform(runtime, pod != nullptr ? &known : nullptr, action, deadline));
    if (pod != nullptr) {
      for (const auto& next : {probe(runtime, known, world), [&]() -> std::optional<Duration> {
             const auto due = runtime.refresh(known, deadline);
             return due ? std::optional<Duration>(std::max<Duration>(*due - clock_.now(), 1ms)) : std::nullopt;
           }()})
        if (next) wait = wait ? std::min(*wait, *next) : next;
    }
    return wait;
  }
  return Error{Code::unavailable, cat("pod ", runtime.key().text(), " does not come to rest")};
}

Status Agent::perform(PodRuntime& runtime, const Pod* pod, const Action& action, Deadline deadline) {
  switch (action.kind) {
    case Action::Kind::prepare:
      runtime.prepare(*pod, hosts_of(*pod), deadline);
      if (runtime.prepared()) watcher_->watch(runtime.uid(), runtime.folders().root);
      return {};
    case Action::Kind::start:
      runtime.start(*pod, *pod->container(action.container), action.attempt, action.backoff_level, deadline);
      return {};
    case Action::Kind::stop: {
      const Status stopped = runtime.stop(pod, action.container, action.grace, deadline);
      watcher_->watch(runtime.uid(), runtime.folders().root);
      return stopped;
    }
    case Action::Kind::end_shim: return runtime.end_shim(deadline);
    case Action::Kind::clean: {
      TRY_OK(runtime.clean(deadline));
      const std::scoped_lock lock(mutex_);
      runtimes_.erase(runtime.uid());  // the caller holds it still
      return {};
    }
    case Action::Kind::delete_object: {
      const Status removed =
          client_.remove(kube::resources::pods, runtime.key(), {.grace_s = 0, .uid = runtime.uid(), .resource_version = {}}, deadline);
      if (removed.ok() || removed.error().code == Code::not_found || removed.error().code == Code::conflict) return {};
      return removed;
    }
  }
  return {};
}

Status Agent::write_status(PodRuntime& runtime, const Pod& pod, const Value& status, Deadline deadline) {
  Value patch = controller::status_patch(pod.status, status);
  if (patch.is_null()) return {};
  patch["metadata"]["uid"] = runtime.uid();  // never that of a successor of the same name
  const auto written = client_.patch(kube::resources::pods, runtime.key(), kube::PatchType::merge, patch, deadline, "status");
  if (!written.ok()) {
    if (written.error().code == Code::not_found || written.error().code == Code::conflict) return {};
    return Error(written.error()).context("writing the status");
  }
  runtime.sent_status = (*written)["status"];
  runtime.sent_version = version_number(std::string(written->at("metadata", "resourceVersion").as_string()));
  for (const auto* list : {"containerStatuses", "initContainerStatuses"}) {
    const Array& now = status[list].as_array();
    for (std::size_t i = 0; i < now.size(); ++i) {
      const Value& before = pod.status[list][i].at("state", "waiting", "reason");
      const Value& reason = now[i].at("state", "waiting", "reason");
      const std::string_view word = reason.as_string();
      if (reason == before || word.empty() || word == "ContainerCreating" || word == "PodInitializing") continue;
      event(runtime, "Warning", word == "CrashLoopBackOff" ? "BackOff" : "Failed",
          cat(now[i]["name"].as_string(), ": ", now[i].at("state", "waiting", "message").as_string()), deadline);
    }
  }
  return {};
}

std::optional<Duration> Agent::probe(PodRuntime& runtime, const Pod& pod, const World& world) {
  std::optional<Duration> wait;
  for (const auto& [name, view] : world.containers) {
    const Container* container = pod.container(name);
    if (container == nullptr || !view.running() || (!container->startup && !container->readiness && !container->liveness)) continue;
    const auto next = probe_container(runtime, *container, view, clock_.now(), node_.facts.pod_ip);
    if (next) wait = wait ? std::min(*wait, *next) : next;
  }
  return wait;
}

void Agent::event(const PodRuntime& runtime, std::string type, std::string reason, std::string message, Deadline deadline) const {
  const controller::Action one = controller::Event{.resource = kube::resources::pods,
      .key = runtime.key(),
      .uid = runtime.uid(),
      .type = std::move(type),
      .reason = std::move(reason),
      .message = std::move(message)};
  static_cast<void>(performer_.perform({&one, 1}, deadline));  // an event that is lost fails nothing
}

net::Handler Agent::handler() {
  return [this](const net::Request& request) -> net::Answer {
    std::vector<std::string> parts;
    for (const std::string& part : split(std::string_view(request.path).substr(request.path.starts_with("/") ? 1 : 0), '/'))
      parts.push_back(net::percent_decode(part));
    if (parts[0] == "healthz") return net::Reply{.status = 200, .headers = {{"Content-Type", "text/plain"}}, .body = "ok"};
    if (parts[0] == "containerLogs" && parts.size() == 4) return logs(request, parts);
    return net::Reply{.status = 404, .headers = {{"Content-Type", "text/plain"}}, .body = "404 page not found\n"};
  };
}

net::Answer Agent::logs(const net::Request& request, const std::vector<std::string>& parts) {
  // A Status, so that kubectl shows the sentence.
  const auto refuse = [](int status, const std::string& sentence) {
    const Value body = Value::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Object{}}, {"status", "Failure"},
        {"message", sentence}, {"reason", status == 404 ? "NotFound" : "BadRequest"}, {"code", status}});
    return net::Reply{.status = status, .headers = {{"Content-Type", "application/json"}}, .body = to_json(body) + "\n"};
  };
  const auto options = log_options(request.query, clock_.now());
  if (!options.ok()) return refuse(400, options.error().message);
  const kube::Key key{parts[1], parts[2]};
  const std::string& container = parts[3];
  // The one the API knows, if several of that name are here.
  std::shared_ptr<PodRuntime> runtime;
  const auto pod = pods_.get(key);
  for (const auto& candidate : runtimes_of(key))
    if (!runtime || (pod && candidate->uid() == pod->meta.uid)) runtime = candidate;
  if (!runtime) return refuse(404, cat("pod ", quote(key.text()), " has not been started on this node"));
  const auto newest = [folders = runtime->folders(), container] {
    int out = -1;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folders.log(container, 0).parent_path(), ignored))
      if (entry.path().extension() == ".log") out = std::max(out, std::atoi(entry.path().stem().c_str()));
    return out;
  };
  const PodFolders folders = runtime->folders();
  bool lives = false;
  int attempt = -1;
  for (const ContainerRecord& record : read_records(folders.root, lives, Deadline::after(5s)).value_or({}))
    if (record.id.substr(0, record.id.rfind('.')) == container)
      attempt = std::max(attempt, std::atoi(record.id.c_str() + record.id.rfind('.') + 1));
  attempt = std::max(attempt, newest());
  if (attempt < 0) return refuse(400, cat("container ", quote(container), " in pod ", quote(key.name), " is waiting to start"));
  if (options->previous && attempt == 0)
    return refuse(400, cat("previous terminated container ", quote(container), " in pod ", quote(key.name), " not found"));
  const fs::path path = folders.log(container, options->previous ? attempt - 1 : attempt);
  const net::Headers headers = {{"Content-Type", "text/plain"}};
  if (!options->follow) return net::Reply{.status = 200, .headers = headers, .body = read_log(path, *options)};

  auto stream = std::make_shared<net::Stream>();
  auto done = std::make_shared<std::atomic<bool>>(false);
  const std::string id = cat(container, ".", options->previous ? attempt - 1 : attempt);
  std::jthread thread([=, options = *options](const std::stop_token& stop) {
    const auto ended = [&] {
      bool shim = false;
      for (const ContainerRecord& record : read_records(folders.root, shim, Deadline::after(5s)).value_or({}))
        if (record.id == id) return !record.running();
      return true;
    };
    follow_log(path, options, *stream, ended, stop);
    done->store(true);
  });
  const std::scoped_lock lock(mutex_);
  std::erase_if(followers_, [](const Follower& follower) { return follower.done->load(); });
  followers_.push_back({.thread = std::move(thread), .done = std::move(done)});
  return net::Subscription{.status = 200, .headers = headers, .stream = std::move(stream)};
}

}  // namespace masu::node
