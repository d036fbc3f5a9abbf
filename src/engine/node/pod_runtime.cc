#include "node/pod_runtime.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/base64.h"
#include "node/log_reader.h"
#include "value/json.h"

namespace masu::node {
namespace {

namespace fs = std::filesystem;

/// Trouble goes on: more tries, longer waits.
Trouble again(const std::optional<Trouble>& before, std::string reason, std::string message, Instant now, Duration first, Duration most) {
  const int attempts = before ? before->attempts + 1 : 1;
  return {.reason = std::move(reason),
      .message = std::move(message),
      .retry_at = now + backoff(attempts - 1, first, most),
      .attempts = attempts};
}

/// Content replaced in place: a bind mount of the file goes on showing it.
Status write_in_place(const fs::path& path, std::string_view content) {
  if (read_file(path).value_or("") == content && fs::exists(path)) return {};
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno_error("writing", path);
  return write_all(fd.get(), content);
}

Status make_open_directory(const fs::path& path) {
  TRY_OK(make_directories(path));
  if (::chmod(path.c_str(), 01777) != 0) return errno_error("opening up", path);
  return {};
}

}  // namespace

PodRuntime::PodRuntime(const NodeContext& node, std::string uid, kube::Key key)
    : node_(node), uid_(std::move(uid)), key_(std::move(key)), folders_{node.data / "pods" / uid_} {}

NodeFacts PodRuntime::facts() const { return node_.facts; }

Result<World> PodRuntime::observe(const Pod* pod, const std::string& hosts, Deadline deadline) {
  World world;
  if (pod != nullptr) world.pod = *pod;
  world.gone = pod == nullptr;
  world.anything_left = fs::exists(folders_.root);
  world.trouble = trouble_;
  world.node_ip = node_.facts.node_ip;
  world.pod_ip = node_.facts.pod_ip;
  world.isolation_reason = node_.mode == Mode::process ? "ProcessMode" : "SharedNetwork";
  world.isolation_message =
      node_.mode == Mode::process
          ? "Containers are plain processes of this machine: they share its network, processes and users, and resource limits do not hold."
          : "The pod shares the machine's network: its address is the machine's, and ports of different pods collide.";
  world.now = node_.clock.now();
  shim_lives_ = false;
  if (world.anything_left) {
    TRY(const std::vector<ContainerRecord> records, read_records(folders_.root, shim_lives_, deadline));
    std::map<std::string, std::map<int, ContainerRecord>> by_container;
    for (const ContainerRecord& record : records) {
      const std::size_t dot = record.id.rfind('.');
      if (dot != std::string::npos) by_container[record.id.substr(0, dot)][std::atoi(record.id.c_str() + dot + 1)] = record;
    }
    for (const auto& [name, attempts] : by_container) {
      ContainerView& view = world.containers[name];
      const Container* container = pod != nullptr ? pod->container(name) : nullptr;
      view.attempt = attempts.rbegin()->first;
      view.last = attempts.rbegin()->second;
      attempts_[name] = view.attempt;
      if (!view.last->running()) view.last_words = last_words(container, name, view.attempt, *view.last);
      if (attempts.size() > 1) {
        view.previous = std::next(attempts.rbegin())->second;
        view.previous_words = last_words(container, name, std::next(attempts.rbegin())->first, *view.previous);
      }
      if (const auto found = probed.find(name); found != probed.end() && found->second.attempt == view.attempt) {
        view.ready = found->second.ready;
        view.startup_done = found->second.startup_done;
        view.liveness_failed = found->second.liveness_failed;
      } else if (container != nullptr) {  // not probed yet
        view.ready = !container->readiness;
        view.startup_done = !container->startup;
      }
    }
    if (prepared_ && shim_lives_ && pod != nullptr && !pod->host_network && !hosts.empty()) write_hosts(hosts);
  }
  world.shim_lives = shim_lives_;
  world.prepared = prepared_ && shim_lives_;
  for (const auto& [name, trouble] : container_troubles_) world.containers[name].trouble = trouble;
  if (pod == nullptr) return world;
  for (const auto* list : {&pod->containers, &pod->init_containers}) {
    for (const Container& container : *list) {
      if (const auto id = image_ids_.find(container.image); id != image_ids_.end()) world.containers[container.name].image_id = id->second;
    }
  }
  return world;
}

std::string PodRuntime::last_words(const Container* container, const std::string& name, int attempt, const ContainerRecord& record) const {
  std::string words = read_file(folders_.attempt(name, attempt) / "termination").value_or("").substr(0, 4096);
  if (words.empty() && container != nullptr && container->termination_policy == "FallbackToLogsOnError" && record.exit_code != 0)
    words = tail_of_log(folders_.log(name, attempt), 80, 2048);
  return words;
}

Result<References> PodRuntime::fetch(const Needed& needed, Deadline deadline) const {
  References out;
  for (const bool secret : {false, true}) {
    for (const std::string& name : secret ? needed.secrets : needed.config_maps) {
      auto object = node_.client.get(secret ? kube::resources::secrets : kube::resources::config_maps, {key_.name_space, name}, deadline);
      if (!object.ok() && object.error().code == Code::not_found) continue;
      TRY(const Value found, std::move(object).context(cat("reading ", secret ? "secret " : "configmap ", quote(name))));
      auto& data = (secret ? out.secrets : out.config_maps)[name];
      if (!secret)
        for (const auto& [key, value] : found["data"].as_object()) data[key] = value.as_string();
      for (const auto& [key, value] : found[secret ? "data" : "binaryData"].as_object()) {
        TRY(data[key], crypto::base64_decode(value.as_string()).context(cat("key ", quote(key), " of ", quote(name))));
      }
    }
  }
  return out;
}

Result<std::string> PodRuntime::token(const Pod& pod, const VolumeSource& source, Deadline deadline) {
  Value spec = Value::object({{"expirationSeconds", source.expiration_s}, {"audiences", Array{}},
      {"boundObjectRef", Value::object({{"kind", "Pod"}, {"apiVersion", "v1"}, {"name", key_.name}, {"uid", uid_}})}});
  if (!source.audience.empty()) spec["audiences"].push_back(source.audience);
  const Value request = Value::object({{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenRequest"}, {"spec", spec}});
  TRY(const Value answer,
      node_.client.post(kube::resources::service_accounts, {key_.name_space, pod.service_account}, "token", request, deadline)
          .context(cat("asking for a token of service account ", quote(pod.service_account))));
  const Instant now = node_.clock.now();
  const Instant until =
      parse_rfc3339(answer.at("status", "expirationTimestamp").as_string()).value_or(now + std::chrono::seconds(source.expiration_s));
  const Instant due = now + (until - now) * 4 / 5;
  tokens_due_ = tokens_due_ ? std::min(*tokens_due_, due) : due;
  return std::string(answer.at("status", "token").as_string());
}

Result<PlacedVolume> PodRuntime::claim(const std::string& name, Deadline deadline) const {
  TRY(const Value claim, node_.client.get(kube::resources::claims, {key_.name_space, name}, deadline)
                             .context(cat("reading persistentvolumeclaim ", quote(name))));
  const std::string volume_name(claim.at("spec", "volumeName").as_string());
  if (claim.at("status", "phase").as_string() != "Bound" || volume_name.empty())
    return Error{Code::precondition, cat("persistentvolumeclaim ", quote(name), " is not bound yet")};
  TRY(const Value volume, node_.client.get(kube::resources::volumes, {"", volume_name}, deadline)
                              .context(cat("reading persistentvolume ", quote(volume_name))));
  std::string path(volume.at("spec", "hostPath", "path").as_string());
  if (path.empty()) path = volume.at("spec", "local", "path").as_string();
  if (path.empty())
    return Error{
        Code::unsupported, cat("persistentvolume ", quote(volume_name), " is neither hostPath nor local: this node cannot mount it")};
  TRY_OK(make_directories(path, 0777));
  return PlacedVolume{.path = path};
}

Status PodRuntime::place(const Pod& pod, Deadline deadline) {
  Needed needed;
  std::map<std::string, std::string> tokens;
  PlacedVolumes claims;
  tokens_due_.reset();
  for (const Volume& volume : pod.volumes) {
    needed.config_maps.merge(needed_by(volume).config_maps);
    needed.secrets.merge(needed_by(volume).secrets);
    for (const VolumeSource& source : volume.sources) {
      if (source.kind == VolumeSource::Kind::token) {
        TRY(tokens[source.audience], token(pod, source, deadline));
      } else if (source.kind == VolumeSource::Kind::claim) {
        TRY(claims[source.name], claim(source.name, deadline));
      }
    }
  }
  TRY(const References references, fetch(needed, deadline));
  const NodeFacts known = facts();
  TRY(volumes_, place_volumes(pod, folders_.volumes(), {.references = references, .facts = known, .tokens = tokens, .claims = claims}));
  return {};
}

void PodRuntime::prepare(const Pod& pod, const std::string& hosts, Deadline deadline) {
  const auto work = [&]() -> Status {
    TRY_OK(make_directories(folders_.root, 0711));
    TRY_OK(make_directories(folders_.volumes(), 0711));
    // Who this is, for an agent that finds the folder after a crash.
    // Not synced: after a power loss nothing of it runs.
    if (!fs::exists(folders_.root / "pod.json")) {
      TRY_OK(write_in_place(
          folders_.root / "pod.new", to_json(Value::object({{"namespace", key_.name_space}, {"name", key_.name}, {"uid", uid_}}))));
      if (::rename((folders_.root / "pod.new").c_str(), (folders_.root / "pod.json").c_str()) != 0)
        return errno_error("writing", folders_.root / "pod.json");
    }
    TRY_OK(place(pod, deadline));
    TRY_OK(write_in_place(folders_.root / "hosts", hosts));
    TRY_OK(write_in_place(folders_.root / "hostname", pod.hostname + "\n"));
    TRY_OK(write_in_place(folders_.root / "resolv.conf", read_file("/etc/resolv.conf").value_or("")));
    return start_shim(node_.shim_program, folders_.root, deadline);
  };
  if (const Status done = work(); done.ok()) {
    prepared_ = true;
    trouble_.reset();
  } else {
    trouble_ = again(trouble_, "FailedMount", done.error().message, node_.clock.now(), 200ms, 30s);
    log::warn("pod cannot be prepared", {{"pod", key_.text()}, {"error", done.error().message}});
  }
}

Result<Image> PodRuntime::image(const Pod& pod, const Container& container, Trouble& trouble, Deadline deadline) const {
  auto here = node_.images.resolve(container.image);
  // Built-in images are called by their names; nobody else has newer ones.
  const bool built_in = here.ok() && !here->id.starts_with("sha256:");
  if (here.ok() && (container.pull_policy != "Always" || built_in)) return here;
  if (!here.ok() && here.error().code != Code::not_found) {
    trouble.reason = here.error().code == Code::malformed || here.error().code == Code::invalid ? "InvalidImageName" : "ErrImageInspect";
    return here;
  }
  if (container.pull_policy == "Never") {
    trouble.reason = "ErrImageNeverPull";
    return Error{Code::not_found, cat("Container image ", quote(container.image), " is not present with pull policy of Never")};
  }
  std::string auth;
  if (!pod.pull_secrets.empty()) {
    Needed needed;
    needed.secrets.insert(pod.pull_secrets.begin(), pod.pull_secrets.end());
    TRY(const References references, fetch(needed, deadline));
    for (const auto& [name, data] : references.secrets)
      if (const auto config = data.find(".dockerconfigjson"); config != data.end()) auth = config->second;
  }
  auto pulled = node_.images.pull(container.image, auth, deadline);
  if (pulled.ok()) return pulled;
  if (here.ok()) return here;  // "Always" asks for the newest: without a way there, what is here is the newest
  trouble.reason = trouble.attempts > 1 ? "ImagePullBackOff" : "ErrImagePull";
  return std::move(pulled).context(cat("Failed to pull image ", quote(container.image)));
}

void PodRuntime::start(const Pod& pod, const Container& container, int attempt, int backoff_level, Deadline deadline) {
  const auto before = container_troubles_.find(container.name);
  std::optional<Trouble> old;
  if (before != container_troubles_.end()) old = before->second;
  Trouble trouble{.reason = "CreateContainerError", .message = {}, .retry_at = {}, .attempts = old ? old->attempts + 1 : 1};
  const auto work = [&]() -> Status {
    TRY(const Image found, image(pod, container, trouble, deadline));
    image_ids_[container.image] = found.id;
    return launch(pod, container, found, attempt, backoff_level, trouble, deadline);
  };
  if (const Status done = work(); done.ok()) {
    container_troubles_.erase(container.name);
  } else {
    const bool pull = trouble.reason.find("Image") != std::string::npos;
    container_troubles_[container.name] = again(old, trouble.reason, done.error().message, node_.clock.now(), pull ? 10s : 1s, 300s);
    log::warn("container cannot be started",
        {{"pod", key_.text()}, {"container", container.name}, {"reason", trouble.reason}, {"error", done.error().message}});
  }
}

Status PodRuntime::launch(
    const Pod& pod, const Container& container, const Image& image, int attempt, int level, Trouble& trouble, Deadline deadline) {
  trouble.reason = "CreateContainerConfigError";
  TRY(const References references, fetch(needed_by(container), deadline));
  TRY(const auto environment, environment_of(pod, container, image.config, references, facts()));
  const std::vector<std::string> words = words_of(container, image.config, environment);
  const fs::path directory = folders_.attempt(container.name, attempt);
  TRY(const Bundle bundle, make_bundle({.pod = pod,
                               .container = container,
                               .image = image,
                               .environment = environment,
                               .words = words,
                               .volumes = volumes_,
                               .directory = directory,
                               .pod_directory = folders_.root,
                               .log = folders_.log(container.name, attempt),
                               .hidden = node_.hidden,
                               .mode = node_.mode,
                               .cgroups = node_.machine.cgroups,
                               .runc_root = (node_.data / "runc").native(),
                               .attempt = attempt,
                               .backoff_level = level}));
  trouble.reason = "CreateContainerError";
  for (const char* name : {"upper", "work", "rootfs", "empty", "host"}) TRY_OK(make_directories(directory / name));
  for (const char* name : {"tmp", "var-tmp"}) TRY_OK(make_open_directory(directory / name));
  TRY_OK(write_in_place(directory / "termination", ""));
  ::chmod((directory / "termination").c_str(), 0666);
  TRY_OK(make_directories(folders_.log(container.name, attempt).parent_path(), 0750));
  for (const Mount& mount : container.mounts) {  // a subPath that is not there is made
    const auto placed = volumes_.find(mount.volume);
    const std::string sub_path = !mount.sub_path_expr.empty() ? expand(mount.sub_path_expr, environment) : mount.sub_path;
    if (!sub_path.empty() && placed != volumes_.end() && !fs::exists(placed->second.path / sub_path))
      TRY_OK(make_directories(placed->second.path / sub_path, 0777));
  }
  StartRequest request = bundle.request;
  if (node_.mode == Mode::runc) TRY_OK(write_in_place(directory / "config.json", to_json(bundle.config)));
  request.pod_mounts = memory_mounts(pod, folders_.volumes());
  TRY(const Value answer, ask_shim(folders_.root, Value::object({{"op", "start"}, {"start", request.encode()}}), deadline));
  // The folders of the attempt before the last are of no use to anybody.
  if (attempt >= 2) static_cast<void>(remove_tree(folders_.attempt(container.name, attempt - 2)));
  if (attempt >= 2)
    static_cast<void>(ask_shim(folders_.root, Value::object({{"op", "remove"}, {"id", cat(container.name, ".", attempt - 2)}}), deadline));
  return {};
}

Status PodRuntime::stop(const Pod* pod, const std::string& name, Duration grace, Deadline deadline) {
  TRY_OK(start_shim(node_.shim_program, folders_.root, deadline));
  const std::string id = cat(name, ".", attempts_[name]);
  const Container* container = pod != nullptr ? pod->container(name) : nullptr;
  if (container != nullptr && container->pre_stop && grace > 0s && !container->pre_stop->command.empty()) {
    const Instant before = node_.clock.now();
    if (const auto hook = exec(name, container->pre_stop->command, grace); !hook.ok())
      log::warn("preStop failed", {{"pod", key_.text()}, {"container", name}, {"error", hook.error().message}});
    grace = std::max<Duration>(grace - (node_.clock.now() - before), 2s);
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(grace).count();
  TRY(const Value answer, ask_shim(folders_.root, Value::object({{"op", "stop"}, {"id", id}, {"grace_ms", milliseconds}}), deadline));
  return {};
}

Result<std::pair<int, std::string>> PodRuntime::exec(
    const std::string& container, const std::vector<std::string>& argv, Duration limit) const {
  const auto attempt = attempts_.find(container);
  if (attempt == attempts_.end()) return Error{Code::precondition, cat("container ", quote(container), " does not run")};
  const Value request = Value::object({{"op", "exec"}, {"id", cat(container, ".", attempt->second)}, {"argv", Value::strings(argv)},
                                       {"limit_ms", std::chrono::ceil<std::chrono::milliseconds>(limit).count()}});
  TRY(const Value answer, ask_shim(folders_.root, request, Deadline::after(limit + 5s)));
  return std::pair{static_cast<int>(answer["exit_code"].as_integer()), std::string(answer["output"].as_string())};
}

Status PodRuntime::end_shim(Deadline deadline) {
  if (!connect_shim(folders_.root).ok()) return {};
  TRY(const Value answer, ask_shim(folders_.root, Value::object({{"op", "shutdown"}}), deadline));
  prepared_ = false;
  return {};
}

Status PodRuntime::clean(Deadline deadline) {
  TRY_OK(end_shim(deadline));
  if (node_.machine.cgroups.version != CgroupFacts::Version::none) {
    Pod pod;
    pod.meta.uid = uid_;
    std::vector<fs::path> roots = {"/sys/fs/cgroup"};
    std::error_code ignored;
    if (node_.machine.cgroups.version == CgroupFacts::Version::v1) {
      roots.clear();
      for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", ignored))
        if (entry.is_directory() && !entry.is_symlink()) roots.push_back(entry.path());
    }
    for (const fs::path& root : roots) ::rmdir((root.native() + cgroup_of(pod)).c_str());
  }
  return remove_tree(folders_.root);
}

std::optional<Instant> PodRuntime::refresh(const Pod& pod, Deadline deadline) {
  if (!prepared_ || !tokens_due_ || pod.finished()) return std::nullopt;
  if (*tokens_due_ > node_.clock.now()) return tokens_due_;
  if (const Status placed = place(pod, deadline); !placed.ok()) {
    log::warn("volumes cannot be brought up to date", {{"pod", key_.text()}, {"error", placed.error().message}});
    tokens_due_ = node_.clock.now() + 10s;
  }
  return tokens_due_;
}

void PodRuntime::write_hosts(const std::string& text) const {
  if (const Status written = write_in_place(folders_.root / "hosts", text); !written.ok())
    log::warn("hosts file", {{"pod", key_.text()}, {"error", written.error().message}});
}

}  // namespace masu::node
