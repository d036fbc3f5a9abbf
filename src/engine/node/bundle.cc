#include "node/bundle.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "value/quantity.h"

namespace masu::node {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> default_capabilities = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD",
    "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
    "CAP_AUDIT_WRITE"};
const std::vector<std::string> further_capabilities = {"CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
    "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_LEASE", "CAP_AUDIT_CONTROL", "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND"};

std::vector<std::string> capabilities(const SecurityContext& security) {
  std::set<std::string> out(default_capabilities.begin(), default_capabilities.end());
  const auto full_name = [](const std::string& name) { return name.starts_with("CAP_") ? name : "CAP_" + name; };
  for (const std::string& name : security.drop_capabilities) {
    if (name == "ALL") out.clear();
    else out.erase(full_name(name));
  }
  const bool all = security.privileged ||
                   std::find(security.add_capabilities.begin(), security.add_capabilities.end(), "ALL") != security.add_capabilities.end();
  if (all) {
    out.insert(default_capabilities.begin(), default_capabilities.end());
    out.insert(further_capabilities.begin(), further_capabilities.end());
  }
  for (const std::string& name : security.add_capabilities)
    if (name != "ALL") out.insert(full_name(name));
  return {out.begin(), out.end()};
}

struct User {
  std::int64_t user = 0, group = 0;
};

User user_of(const BundleInput& input) {
  User out;
  const std::vector<std::string> parts = split(input.image.config.user, ':');
  if (!parts[0].empty()) out.user = std::strtoll(parts[0].c_str(), nullptr, 10);
  if (parts.size() > 1) out.group = std::strtoll(parts[1].c_str(), nullptr, 10);
  if (input.container.security.user) out.user = *input.container.security.user;
  if (input.container.security.group) out.group = *input.container.security.group;
  return out;
}

/// A bind mount as both modes want it.
struct Bind {
  std::string source, target;
  bool read_only = false;
};

/// Folders of the machine to be covered; those below a folder that is private anyway are not there to be seen.
std::vector<std::string> covered(const BundleInput& input) {
  std::vector<std::string> out;
  for (const fs::path& hidden : input.hidden) {
    const std::string path = hidden.lexically_normal().native();
    const bool private_anyway = path.starts_with("/tmp/") || path.starts_with("/var/tmp/") || path.starts_with("/run/");
    if (input.image.shows_host() && !private_anyway) out.push_back(path);
  }
  return out;
}

/// Everything that is shown in the container beside its root, outer paths first.
Result<std::vector<Bind>> binds_of(const BundleInput& input) {
  std::vector<Bind> out;
  if (input.image.shows_host()) {
    out.push_back({(input.directory / "tmp").native(), "/tmp", false});
    out.push_back({(input.directory / "var-tmp").native(), "/var/tmp", false});
  }
  if (!input.pod.host_network || !input.image.shows_host()) {
    out.push_back({(input.pod_directory / "hosts").native(), "/etc/hosts", false});
    out.push_back({(input.pod_directory / "resolv.conf").native(), "/etc/resolv.conf", false});
  }
  if (!input.pod.host_network) out.push_back({(input.pod_directory / "hostname").native(), "/etc/hostname", false});
  for (const auto& [source, target] : input.image.binds) out.push_back({source.native(), target.native(), true});
  if (!input.container.termination_path.empty())
    out.push_back({(input.directory / "termination").native(), input.container.termination_path, false});

  std::vector<Bind> volumes;
  for (const Mount& mount : input.container.mounts) {
    const auto placed = input.volumes.find(mount.volume);
    if (placed == input.volumes.end())
      return Error{Code::invalid,
          cat("container ", quote(input.container.name), " mounts volume ", quote(mount.volume), ", which the pod does not have")};
    fs::path source = placed->second.path;
    const std::string sub_path = !mount.sub_path_expr.empty() ? expand(mount.sub_path_expr, input.environment) : mount.sub_path;
    for (const std::string& part : split(sub_path, '/'))
      if (part == "..") return Error{Code::invalid, cat("subPath ", quote(sub_path), " leads out of volume ", quote(mount.volume))};
    if (!sub_path.empty()) source /= fs::path(sub_path).relative_path();
    volumes.push_back({source.native(), fs::path(mount.path).lexically_normal().native(), mount.read_only || placed->second.read_only});
  }
  std::stable_sort(volumes.begin(), volumes.end(), [](const Bind& a, const Bind& b) {
    return std::count(a.target.begin(), a.target.end(), '/') < std::count(b.target.begin(), b.target.end(), '/');
  });
  out.insert(out.end(), volumes.begin(), volumes.end());
  return out;
}

Value mount(std::string_view target, std::string_view type, std::string_view source, std::vector<std::string> options) {
  return Value::object({{"destination", target}, {"type", type}, {"source", source}, {"options", Value::strings(options)}});
}

Value mounts_of(const BundleInput& input, const std::vector<Bind>& binds) {
  Value out = Array{};
  out.push_back(mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  out.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  out.push_back(mount("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}));
  out.push_back(mount("/dev/shm", "tmpfs", "shm", {"nosuid", "nodev", "mode=1777"}));
  out.push_back(mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  // A sysfs of its own needs a network namespace of its own.
  out.push_back(mount("/sys", "bind", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}));
  if (input.image.shows_host()) {
    out.push_back(mount("/run", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=755"}));
    for (const std::string& hidden : covered(input)) out.push_back(mount(hidden, "tmpfs", "tmpfs", {"ro", "mode=000", "size=4k"}));
  }
  for (const Bind& bind : binds)
    out.push_back(mount(bind.target, "bind", bind.source, {"rbind", "rprivate", bind.read_only ? "ro" : "rw"}));
  return out;
}

Result<Value> resources_of(const BundleInput& input) {
  Value out = Object{};
  const auto amount = [](const std::map<std::string, std::string>& map, const std::string& name) -> Result<std::optional<Quantity>> {
    const auto found = map.find(name);
    if (found == map.end()) return std::optional<Quantity>{};
    TRY(const Quantity quantity, Quantity::parse(found->second));
    return std::optional<Quantity>(quantity);
  };
  TRY(const auto memory, amount(input.container.limits, "memory"));
  TRY(const auto cpu_limit, amount(input.container.limits, "cpu"));
  TRY(const auto cpu_request, amount(input.container.requests, "cpu"));
  if (memory && memory->milli > 0) out["memory"]["limit"] = memory->units();
  if (cpu_limit && cpu_limit->milli > 0) {
    out["cpu"]["period"] = 100'000;
    out["cpu"]["quota"] = std::max<std::int64_t>(cpu_limit->milli * 100, 1000);
  }
  if (cpu_request) out["cpu"]["shares"] = std::max<std::int64_t>(cpu_request->milli * 1024 / 1000, 2);
  if (!input.container.security.privileged) out["devices"] = Value::array({Value::object({{"allow", false}, {"access", "rwm"}})});
  return out;
}

Result<Value> config_of(const BundleInput& input, const std::vector<Bind>& binds) {
  const SecurityContext& security = input.container.security;
  const User user = user_of(input);
  Value environment = Array{};
  for (const auto& [name, value] : input.environment) environment.push_back(cat(name, "=", value));
  const Value names = Value::strings(capabilities(security));
  // A program that is not root gets no capability merely by being started.
  const Value effective = user.user == 0 ? names : Value(Array{});
  std::string directory =
      !input.container.working_directory.empty() ? input.container.working_directory : input.image.config.working_directory;
  if (directory.empty()) directory = "/";
  Value process = Value::object({{"terminal", false}, {"args", Value::strings(input.words)}, {"env", environment}, {"cwd", directory},
      {"user", Value::object({{"uid", user.user}, {"gid", user.group}})},
      {"capabilities", Value::object({{"bounding", names}, {"effective", effective}, {"permitted", effective}})},
      {"noNewPrivileges", security.no_new_privileges}});
  if (input.pod.fs_group) process["user"]["additionalGids"] = Value::array({*input.pod.fs_group});

  Value namespaces = Value::array({Value::object({{"type", "pid"}}), Value::object({{"type", "mount"}}), Value::object({{"type", "ipc"}})});
  if (!input.pod.host_network) namespaces.push_back(Value::object({{"type", "uts"}}));
  Value linux_part = Value::object({{"namespaces", namespaces}});
  if (input.cgroups.version != CgroupFacts::Version::none) {
    TRY(linux_part["resources"], resources_of(input));
    linux_part["cgroupsPath"] = cat(cgroup_of(input.pod), "/", input.container.name, "-", input.attempt);
  }
  if (!security.privileged) {
    linux_part["maskedPaths"] = Value::strings({"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"});
    linux_part["readonlyPaths"] = Value::strings({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});
  }
  Value config = Value::object({{"ociVersion", "1.0.2"}, {"process", process},
      {"root", Value::object({{"path", (input.directory / "rootfs").native()}, {"readonly", security.read_only_root}})},
      {"mounts", mounts_of(input, binds)}, {"linux", linux_part}});
  if (!input.pod.host_network) config["hostname"] = input.pod.hostname;
  return config;
}

/// Overlay options separate folders by colons.
std::string escaped(const fs::path& path) { return replace_all(replace_all(path.native(), "\\", "\\\\"), ":", "\\:"); }

}  // namespace

std::string cgroup_of(const Pod& pod) { return cat("/masu/", pod.meta.uid); }

Result<Bundle> make_bundle(const BundleInput& input) {
  if (input.words.empty())
    return Error{
        Code::invalid, cat("container ", quote(input.container.name), " has no command and neither has image ", quote(input.image.name))};
  const User user = user_of(input);
  if (input.container.security.run_as_non_root && user.user == 0)
    return Error{Code::invalid, cat("container has runAsNonRoot and image ", quote(input.image.name), " will run as root")};
  TRY(const std::vector<Bind> binds, binds_of(input));
  Bundle out;
  StartRequest& request = out.request;
  request.id = cat(input.container.name, ".", input.attempt);
  request.directory = input.directory.native();
  request.log = input.log.native();
  request.backoff_level = input.backoff_level;
  if (input.mode == Mode::process) {
    if (!input.image.shows_host())
      return Error{Code::unsupported,
          cat("image ", quote(input.image.name),
              " needs containers, and this node runs plain processes: only the image \"host\" and those that show the "
               "machine can run here")};
    request.mode = "process";
    request.argv = input.words;
    request.environment = input.environment;
    request.working_directory =
        !input.container.working_directory.empty() ? input.container.working_directory : input.image.config.working_directory;
    if (input.container.security.user) request.user = user.user;
    if (input.container.security.group) request.group = user.group;
    for (const std::string& hidden : covered(input))
      request.mounts.push_back({.type = "tmpfs", .target = hidden, .options = "mode=000,size=4k"});
    for (const Bind& bind : binds)
      request.mounts.push_back({.type = "bind", .source = bind.source, .target = bind.target, .read_only = bind.read_only});
    return out;
  }
  request.runc_root = input.runc_root;
  request.runc_id = cat(input.pod.meta.uid, "-", input.container.name, "-", input.attempt);
  std::vector<std::string> lower;
  for (const fs::path& layer : input.image.layers) lower.push_back(escaped(layer));
  if (input.image.layers.size() > 1 && input.image.layers.back() == "/") {
    // A layer that lies below another is refused by overlayfs, and every folder lies below "/". Seen through an overlay of
    // its own (with an empty folder of another file system on top), the machine's root is nobody's parent.
    const fs::path empty = input.directory / "empty", host = input.directory / "host";
    request.mounts.push_back({.type = "tmpfs", .target = empty.native(), .options = "mode=755,size=4k"});
    request.mounts.push_back({.type = "overlay", .target = host.native(), .options = cat("lowerdir=", escaped(empty), ":/")});
    lower.back() = escaped(host);
  }
  request.mounts.push_back({.type = "overlay",
      .target = (input.directory / "rootfs").native(),
      .options = cat("lowerdir=", join(lower, ":"), ",upperdir=", escaped(input.directory / "upper"),
          ",workdir=", escaped(input.directory / "work"))});
  TRY(out.config, config_of(input, binds));
  if (input.cgroups.version != CgroupFacts::Version::none)
    request.memory_group = cat(input.cgroups.memory_root, cgroup_of(input.pod), "/", input.container.name, "-", input.attempt);
  return out;
}

}  // namespace masu::node
