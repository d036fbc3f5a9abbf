#pragma once
/// A pod as its node reads it: everything that is needed to run it, as plain values.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kube/object.h"
#include "value/value.h"

namespace masu::node {

/// configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef of one variable, or of one file of a volume.
struct KeyRef {
  std::string name, key;
  bool optional = false;
};
struct ResourceRef {
  std::string container, resource, divisor;
};
struct EnvVar {
  std::string name, value;
  std::optional<KeyRef> config_map, secret;
  std::optional<std::string> field;
  std::optional<ResourceRef> resource;
};
struct EnvFrom {
  std::string prefix;
  std::optional<KeyRef> config_map, secret;  // key is empty
};

struct Mount {
  std::string volume, path, sub_path, sub_path_expr;
  bool read_only = false;
};

struct Probe {
  enum class Kind { exec, http, tcp } kind = Kind::exec;
  std::vector<std::string> command;
  std::string host, path = "/", scheme = "HTTP";
  std::vector<std::pair<std::string, std::string>> headers;
  int port = 0;
  std::string port_name;
  int initial_delay_s = 0, timeout_s = 1, period_s = 10, success_threshold = 1, failure_threshold = 3;
  std::optional<std::int64_t> grace_s;
};

struct Handler {  // lifecycle.postStart, preStop
  std::vector<std::string> command;
  std::optional<int> sleep_s;
};

struct SecurityContext {
  std::optional<std::int64_t> user, group;
  bool privileged = false, read_only_root = false, no_new_privileges = false, run_as_non_root = false;
  std::vector<std::string> add_capabilities, drop_capabilities;
};

struct Container {
  std::string name, image, pull_policy = "IfNotPresent";
  std::vector<std::string> command, args;
  std::string working_directory;
  std::vector<EnvVar> env;
  std::vector<EnvFrom> env_from;
  std::vector<Mount> mounts;
  std::map<std::string, std::string> requests, limits;  // quantities as text
  std::map<std::string, int> ports;                     // named ones
  std::optional<Probe> liveness, readiness, startup;
  std::optional<Handler> pre_stop;
  SecurityContext security;
  std::string termination_path = "/dev/termination-log", termination_policy = "File";
  bool sidecar = false;  // an init container that goes on (restartPolicy: Always)
  bool tty = false;
};

/// A file of a configMap, secret or downwardAPI volume.
struct VolumeItem {
  std::string key, path;
  std::optional<int> mode;
  std::optional<std::string> field;
  std::optional<ResourceRef> resource;
};
struct VolumeSource {
  enum class Kind { empty_dir, host_path, config_map, secret, downward, token, claim, unsupported } kind = Kind::unsupported;
  std::string name;          // of the ConfigMap, Secret, claim; the path of hostPath; the word for an unsupported one
  std::string host_type;     // hostPath
  bool memory = false;       // emptyDir
  std::string size_limit;    // emptyDir
  bool optional = false, read_only = false;
  std::vector<VolumeItem> items;
  std::string audience, token_path;  // token
  std::int64_t expiration_s = 3600;  // token
};
struct Volume {
  std::string name;
  int mode = 0644;
  bool projected = false;
  std::vector<VolumeSource> sources;  // one, or several if projected
};

struct Pod {
  kube::Metadata meta;
  std::string node_name, restart_policy = "Always", service_account, hostname, subdomain, priority_class;
  std::int64_t grace_s = 30;
  std::optional<std::int64_t> active_deadline_s;
  bool host_network = false, automount_token = true, set_hostname_as_fqdn = false;
  std::vector<std::pair<std::string, std::vector<std::string>>> host_aliases;  // address, names
  SecurityContext security;
  std::optional<std::int64_t> fs_group;
  std::vector<std::string> pull_secrets;
  std::vector<Container> containers, init_containers;
  std::vector<Volume> volumes;
  Value status;  // as it is in the API, to be compared with what it should be

  const Container* container(std::string_view name) const;  // of either list; null if there is none
  bool finished() const;                                    // by its phase in the API
  static Result<Pod> decode(const Value& object);
};

}  // namespace masu::node
