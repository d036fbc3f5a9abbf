#include "kube/kubeconfig.h"

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "crypto/base64.h"
#include "value/json.h"
#include "value/reader.h"
#include "value/yaml.h"

namespace masu::kube {
namespace {

namespace fs = std::filesystem;

fs::path resolve(const std::optional<std::string>& path, const fs::path& directory) {
  if (!path || path->empty()) return {};
  const fs::path given(*path);
  return given.is_absolute() ? given : (directory / given).lexically_normal();
}

PemSource read_pem(const Reader& read, const std::string& key, const fs::path& directory) {
  PemSource source{.path = resolve(read.string(key), directory)};
  const std::string data_key = key + "-data";
  if (const auto data = read.string(data_key); data && !data->empty()) {
    auto decoded = crypto::base64_decode(*data);
    if (!decoded.ok()) {
      read.wrong(data_key, cat("is not base64: ", decoded.error().message));
      return source;
    }
    source.data = std::move(*decoded);
  }
  return source;
}

KubeconfigCluster read_cluster(const Reader& read, const fs::path& directory) {
  return KubeconfigCluster{.server = read.string("server").value_or(""),
                           .server_name = read.string("tls-server-name").value_or(""),
                           .proxy_url = read.string("proxy-url").value_or(""),
                           .ca = read_pem(read, "certificate-authority", directory),
                           .insecure = read.boolean("insecure-skip-tls-verify").value_or(false)};
}

ExecPlugin read_exec(const Reader& read, const fs::path& directory) {
  ExecPlugin plugin{.command = read.string("command").value_or(""),
                    .args = read.strings("args"),
                    .api_version = read.string("apiVersion").value_or(""),
                    .install_hint = read.string("installHint").value_or(""),
                    .provide_cluster_info = read.boolean("provideClusterInfo").value_or(false)};
  if (plugin.command.empty()) read.required("command");
  // A command with a slash is a path, relative to the kubeconfig; one without is looked up on PATH.
  if (plugin.command.find('/') != std::string::npos) plugin.command = resolve(plugin.command, directory).string();
  for (const Reader& variable : read.list("env"))
    plugin.environment[variable.string("name").value_or("")] = variable.string("value").value_or("");
  return plugin;
}

KubeconfigUser read_user(const Reader& read, const fs::path& directory) {
  KubeconfigUser user{.token = read.string("token").value_or(""),
                      .user_name = read.string("username").value_or(""),
                      .password = read.string("password").value_or(""),
                      .impersonate = read.string("as").value_or(""),
                      .impersonate_groups = read.strings("as-groups"),
                      .token_file = resolve(read.string("tokenFile"), directory),
                      .certificate = read_pem(read, "client-certificate", directory),
                      .key = read_pem(read, "client-key", directory)};
  if (read.has("exec")) user.exec = read_exec(read.object("exec"), directory);
  if (read.has("auth-provider")) user.auth_provider = read.object("auth-provider").string("name").value_or("?");
  return user;
}

/// The named entries of a list like `clusters: [{name: x, cluster: {...}}]`; the first of a name counts.
template <class Entry, class ReadEntry>
std::map<std::string, Entry> read_named(const Reader& root, const std::string& list, const std::string& member, ReadEntry read_entry) {
  std::map<std::string, Entry> entries;
  for (const Reader& one : root.list(list)) {
    const auto name = one.string("name");
    if (!name) one.required("name");
    entries.emplace(name.value_or(""), read_entry(one.object(member)));
  }
  return entries;
}

Result<std::string> read_pem_source(const PemSource& source) {
  if (!source.data.empty() || source.path.empty()) return source.data;
  return read_file(source.path);
}

template <class Map>
std::string names_of(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : map) names.push_back(quote(name));
  return names.empty() ? "there are none" : cat("there are ", join(names, ", "));
}

std::string variable(const std::map<std::string, std::string>& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

Result<Kubeconfig> load(const fs::path& path) {
  TRY(const std::string text, read_file(path));
  std::error_code ignored;
  return parse_kubeconfig(text, fs::absolute(path, ignored).parent_path(), path.string());
}

}  // namespace

Result<Kubeconfig> parse_kubeconfig(std::string_view text, const fs::path& directory, std::string_view source) {
  const std::string reading = cat("reading kubeconfig ", source);
  TRY(const YamlDocument document, parse_yaml_single(text).context(reading));
  if (!document.value.is_object())
    return Error{Code::invalid, cat(reading, ": it is no mapping; a kubeconfig has clusters, users and contexts")};
  const Reader read(document.value);
  Kubeconfig config{.current_context = read.string("current-context").value_or("")};
  config.clusters = read_named<KubeconfigCluster>(read, "clusters", "cluster", [&](const Reader& one) { return read_cluster(one, directory); });
  config.users = read_named<KubeconfigUser>(read, "users", "user", [&](const Reader& one) { return read_user(one, directory); });
  config.contexts = read_named<KubeconfigContext>(read, "contexts", "context", [](const Reader& one) {
    return KubeconfigContext{one.string("cluster").value_or(""), one.string("user").value_or(""), one.string("namespace").value_or("")};
  });
  TRY_OK(read.finish().context(reading));
  return config;
}

Kubeconfig merge(Kubeconfig first, Kubeconfig second) {
  first.clusters.merge(second.clusters);
  first.users.merge(second.users);
  first.contexts.merge(second.contexts);
  if (first.current_context.empty()) first.current_context = std::move(second.current_context);
  return first;
}

Result<Access> access_of(const Kubeconfig& config, std::string_view wanted) {
  const std::string name(wanted.empty() ? config.current_context : wanted);
  if (name.empty())
    return Error{Code::not_found, cat("the kubeconfig has no current context (", names_of(config.contexts), "); choose one with --context or \"kubectl config use-context\"")};
  const auto context = config.contexts.find(name);
  if (context == config.contexts.end())
    return Error{Code::not_found, cat("the kubeconfig has no context ", quote(name), "; ", names_of(config.contexts))};
  const auto cluster = config.clusters.find(context->second.cluster);
  if (cluster == config.clusters.end())
    return Error{Code::not_found, cat("context ", quote(name), " names cluster ", quote(context->second.cluster), ", which the kubeconfig does not have; ", names_of(config.clusters))};
  KubeconfigUser user;
  if (!context->second.user.empty()) {
    const auto found = config.users.find(context->second.user);
    if (found == config.users.end())
      return Error{Code::not_found, cat("context ", quote(name), " names user ", quote(context->second.user), ", which the kubeconfig does not have; ", names_of(config.users))};
    user = found->second;
  }
  if (cluster->second.server.empty()) return Error{Code::invalid, cat("cluster ", quote(context->second.cluster), " of the kubeconfig has no server")};
  if (!cluster->second.proxy_url.empty())
    return Error{Code::unsupported, cat("cluster ", quote(context->second.cluster), " is reached through proxy ", quote(cluster->second.proxy_url), "; proxies are not supported, name a server that can be reached directly")};
  if (!user.auth_provider.empty())
    return Error{Code::unsupported, cat("user ", quote(context->second.user), " uses auth-provider ", quote(user.auth_provider), ", which Kubernetes has removed; use its exec plugin instead")};
  if (cluster->second.insecure && !cluster->second.ca.empty())
    return Error{Code::invalid, cat("cluster ", quote(context->second.cluster), " has both a certificate authority and insecure-skip-tls-verify; remove one")};

  Access access{.server = cluster->second.server, .server_name = cluster->second.server_name, .insecure = cluster->second.insecure, .context = name,
                .token = user.token, .user_name = user.user_name, .password = user.password, .impersonate = user.impersonate,
                .impersonate_groups = user.impersonate_groups, .token_file = user.token_file, .exec = user.exec};
  if (!context->second.name_space.empty()) access.name_space = context->second.name_space;
  TRY(access.ca_pem, read_pem_source(cluster->second.ca).context(cat("the certificate authority of cluster ", quote(context->second.cluster))));
  TRY(access.certificate_pem, read_pem_source(user.certificate).context(cat("the client certificate of user ", quote(context->second.user))));
  TRY(access.key_pem, read_pem_source(user.key).context(cat("the client key of user ", quote(context->second.user))));
  return access;
}

Result<Access> in_cluster_access(const std::map<std::string, std::string>& environment, const fs::path& mount) {
  const std::string host = variable(environment, "KUBERNETES_SERVICE_HOST");
  const std::string port = variable(environment, "KUBERNETES_SERVICE_PORT");
  std::error_code ignored;
  if (host.empty() || port.empty() || !fs::exists(mount / "token", ignored))
    return Error{Code::not_found, "no Kubernetes configuration found: there is no kubeconfig (--kubeconfig, KUBECONFIG, ~/.kube/config), and this is no pod with a service account"};
  Access access{.server = cat("https://", host.find(':') == std::string::npos ? host : cat("[", host, "]"), ":", port), .token_file = mount / "token"};
  TRY(access.ca_pem, read_file(mount / "ca.crt"));
  if (const auto name_space = read_file(mount / "namespace"); name_space.ok() && !trim(*name_space).empty()) access.name_space = std::string(trim(*name_space));
  return access;
}

Result<Access> find_access(const AccessOptions& options, const std::map<std::string, std::string>& environment) {
  std::vector<fs::path> paths;
  std::error_code ignored;
  if (!options.kubeconfig.empty()) {
    paths.push_back(options.kubeconfig);
  } else {
    const std::string listed = variable(environment, "KUBECONFIG");
    const std::string home = variable(environment, "HOME");
    for (const auto& path : split(listed, ':'))
      if (!path.empty() && fs::exists(path, ignored)) paths.emplace_back(path);  // kubectl skips missing ones too
    if (listed.empty() && !home.empty() && fs::exists(fs::path(home) / ".kube/config", ignored)) paths.push_back(fs::path(home) / ".kube/config");
  }
  Access access;
  if (paths.empty()) {
    if (!options.context.empty()) return Error{Code::not_found, cat("there is no kubeconfig, so there is no context ", quote(options.context))};
    TRY(access, in_cluster_access(environment));
  } else {
    Kubeconfig merged;
    for (const auto& path : paths) {
      TRY(Kubeconfig one, load(path));
      merged = merge(std::move(merged), std::move(one));
    }
    TRY(access, access_of(merged, options.context));
  }
  if (!options.name_space.empty()) access.name_space = options.name_space;
  return access;
}

Result<ExecCredential> parse_exec_credential(std::string_view json, const ExecPlugin& plugin) {
  const std::string reading = cat("reading what credential plugin ", quote(plugin.command), " printed");
  TRY(const Value value, parse_json(json).context(reading));
  if (value["kind"].as_string() != "ExecCredential")
    return Error{Code::invalid, cat(reading, ": kind is ", quote(value["kind"].as_string()), ", not \"ExecCredential\"")};
  if (!plugin.api_version.empty() && value["apiVersion"].as_string() != plugin.api_version)
    return Error{Code::invalid, cat(reading, ": apiVersion is ", quote(value["apiVersion"].as_string()), "; the kubeconfig says ", quote(plugin.api_version))};
  const Value& status = value["status"];
  ExecCredential credential{.token = std::string(status["token"].as_string()),
                            .certificate_pem = std::string(status["clientCertificateData"].as_string()),
                            .key_pem = std::string(status["clientKeyData"].as_string())};
  if (credential.token.empty() && credential.certificate_pem.empty()) return Error{Code::invalid, cat(reading, ": it has neither a token nor a certificate")};
  if (credential.certificate_pem.empty() != credential.key_pem.empty())
    return Error{Code::invalid, cat(reading, ": clientCertificateData and clientKeyData go together")};
  if (const auto expires = status["expirationTimestamp"].as_string(); !expires.empty()) {
    TRY(credential.expires, parse_rfc3339(expires).context(reading));
  }
  return credential;
}

Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const Access& access, Deadline deadline) {
  Value spec = Value::object({{"interactive", false}});
  if (plugin.provide_cluster_info)
    spec["cluster"] = Value::object({{"server", access.server}, {"certificate-authority-data", crypto::base64(access.ca_pem)}});
  auto environment = current_environment();
  for (const auto& [name, value] : plugin.environment) environment[name] = value;
  environment["KUBERNETES_EXEC_INFO"] = to_json(Value::object({{"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", spec}}));
  Command command{.argv = {plugin.command}, .environment = environment};
  command.argv.insert(command.argv.end(), plugin.args.begin(), plugin.args.end());
  auto output = run_checked(command, deadline);
  if (!output.ok()) {
    Error error = std::move(output).error();
    if (error.code == Code::not_found && !plugin.install_hint.empty()) error.message = cat(error.message, "\n", plugin.install_hint);
    return std::move(error).context(cat("running credential plugin ", quote(plugin.command)));
  }
  return parse_exec_credential(*output, plugin);
}

}  // namespace masu::kube
