#pragma once
/// Which API server to talk to and as whom: kubeconfig files as kubectl reads them, and the service account of a pod.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace masu::kube {

/// A program that prints credentials (client.authentication.k8s.io).
struct ExecPlugin {
  std::string command;
  std::vector<std::string> args;
  std::map<std::string, std::string> environment;  // in addition to ours
  std::string api_version;
  std::string install_hint;
  bool provide_cluster_info = false;
};

/// PEM text in the file itself, or the path of a file that holds it.
struct PemSource {
  std::string data;            // decoded; wins over path
  std::filesystem::path path;  // absolute
  bool empty() const { return data.empty() && path.empty(); }
};

struct KubeconfigCluster {
  std::string server, server_name, proxy_url;
  PemSource ca;
  bool insecure = false;
};

struct KubeconfigUser {
  std::string token, user_name, password, impersonate;
  std::vector<std::string> impersonate_groups;
  std::filesystem::path token_file;  // wins over token, is read again as it changes
  PemSource certificate, key;
  std::optional<ExecPlugin> exec;
  std::string auth_provider;  // name of a removed mechanism; using it is an error with the way out
};

struct KubeconfigContext {
  std::string cluster, user, name_space;
};

struct Kubeconfig {
  std::map<std::string, KubeconfigCluster> clusters;
  std::map<std::string, KubeconfigUser> users;
  std::map<std::string, KubeconfigContext> contexts;
  std::string current_context;
};

/// Reads one file's text; relative paths in it are below `directory`. `source` names the file in messages. Pure.
Result<Kubeconfig> parse_kubeconfig(std::string_view text, const std::filesystem::path& directory, std::string_view source);
/// The first file to say something wins, entry by entry. Pure.
Kubeconfig merge(Kubeconfig first, Kubeconfig second);

/// Everything a connection needs; certificates are read, tokens of files and plugins are not (they change).
struct Access {
  std::string server;  // "https://host:port/prefix"
  std::string server_name, ca_pem;
  bool insecure = false;
  std::string name_space = "default";
  std::string context;  // empty in a pod
  std::string token, user_name, password, impersonate;
  std::vector<std::string> impersonate_groups;
  std::filesystem::path token_file;
  std::string certificate_pem, key_pem;
  std::optional<ExecPlugin> exec;
};

/// The access of a context (empty: the current one). not_found names the contexts there are. Reads certificate files.
Result<Access> access_of(const Kubeconfig& config, std::string_view context);

struct AccessOptions {
  std::filesystem::path kubeconfig;  // --kubeconfig: this file alone; it must exist
  std::string context;               // --context
  std::string name_space;            // --namespace
};
/// As kubectl looks: the named file; else the files of KUBECONFIG; else ~/.kube/config; else the pod's service account.
Result<Access> find_access(const AccessOptions& options, const std::map<std::string, std::string>& environment);
/// The service account of the pod we run in. not_found outside of pods. `mount` is the folder of token, ca.crt, namespace.
Result<Access> in_cluster_access(const std::map<std::string, std::string>& environment,
                                 const std::filesystem::path& mount = "/var/run/secrets/kubernetes.io/serviceaccount");

/// What a credential plugin printed.
struct ExecCredential {
  std::string token, certificate_pem, key_pem;
  std::optional<Instant> expires;  // no value: good until the server says 401
};
Result<ExecCredential> parse_exec_credential(std::string_view json, const ExecPlugin& plugin);
/// Runs the plugin.
Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const Access& access, Deadline deadline);

}  // namespace masu::kube
