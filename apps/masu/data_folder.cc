#include "data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "apiserver/authenticate.h"
#include "base/text.h"
#include "crypto/base64.h"
#include "crypto/random.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::app {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

DataFolder DataFolder::choose(const std::string& wanted) {
  if (!wanted.empty()) return {std::filesystem::absolute(wanted).lexically_normal()};
  if (const std::string set = environment("MASU_DATA"); !set.empty()) return {std::filesystem::absolute(set).lexically_normal()};
  if (::geteuid() == 0) return {"/var/lib/masu"};
  if (const std::string share = environment("XDG_DATA_HOME"); !share.empty()) return {std::filesystem::path(share) / "masu"};
  return {std::filesystem::path(environment("HOME")) / ".local/share/masu"};
}

Status DataFolder::prepare() const {
  for (const auto& path : {root, api(), pki(), users(), hub(), ledger(), images(), node(), volumes()}) TRY_OK(make_directories(path, 0700));
  return {};
}

Result<FolderLock> FolderLock::take(const DataFolder& folder) {
  const std::filesystem::path path = folder.root / "lock";
  FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error("opening", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto running = running_instance(folder);
    const std::string who = running.ok() && *running ? cat(" (process ", (*running)->pid, ", ", (*running)->api, ")") : std::string();
    return Error{Code::precondition, cat("another masu runs on the data folder ", quote(folder.root.native()), who,
                                         ". Stop it with \"masu down\", or choose another folder with --data.")};
  }
  return FolderLock(std::move(fd));
}

Status write_instance(const DataFolder& folder, const Instance& instance) {
  return write_file(folder.root / "instance.json",
                    to_json_pretty(Value::object({{"pid", instance.pid}, {"api", instance.api}, {"hub", instance.hub},
                                                  {"started", to_rfc3339(instance.started)}, {"version", instance.version}})), 0600);
}

Result<std::optional<Instance>> running_instance(const DataFolder& folder) {
  const std::filesystem::path path = folder.root / "instance.json";
  auto text = read_file(path);
  if (!text.ok() && text.error().code == Code::not_found) return std::optional<Instance>();
  TRY(const std::string content, std::move(text));
  TRY(const Value value, parse_json(content).context(path.native()));
  // The lock decides, not the process id: ids are used again.
  const FileDescriptor lock(::open((folder.root / "lock").c_str(), O_RDWR | O_CLOEXEC));
  if (!lock.valid() || ::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return std::optional<Instance>();
  Instance out;
  out.pid = static_cast<int>(value["pid"].as_integer());
  out.api = value["api"].as_string();
  out.hub = value["hub"].as_string();
  out.version = value["version"].as_string();
  out.started = parse_rfc3339(value["started"].as_string()).value_or({});
  return std::optional(out);
}

Result<Identity> Identity::load_or_make(const DataFolder& folder, const std::string& host, Instant now) {
  Identity out;
  const std::filesystem::path pki = folder.pki();
  auto certificate = read_file(pki / "ca.crt"), key = read_file(pki / "ca.key");
  if (certificate.ok() && key.ok()) {
    out.authority = {*certificate, *key};
  } else {
    TRY(auto authority, crypto::make_authority("masu", now));
    out.authority = std::move(authority);
    TRY_OK(write_file(pki / "ca.key", out.authority.key_pem, 0600));
    TRY_OK(write_file(pki / "ca.crt", out.authority.certificate_pem, 0644));
  }
  crypto::CertificateRequest request;
  request.subject.common_name = "masu-apiserver";
  request.dns_names = {"localhost", "*.localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"};
  request.ip_addresses = {"127.0.0.1", "::1"};
  if (host != "127.0.0.1" && host != "::1") {
    const bool address = host.find_first_not_of("0123456789.:abcdefABCDEF") == std::string::npos;
    (address ? request.ip_addresses : request.dns_names).push_back(host);
  }
  request.now = now;
  TRY(auto server, crypto::make_server_certificate(out.authority, request));  // fresh at each start: costs a millisecond
  out.server = std::move(server);
  return out;
}

Result<std::vector<Person>> load_people(const DataFolder& folder) {
  std::vector<Person> out;
  auto text = read_file(folder.api() / "tokens.csv");
  if (!text.ok() && text.error().code == Code::not_found) return out;
  TRY(const std::string content, std::move(text));
  TRY(const auto tokens, apiserver::parse_token_file(content).context("reading tokens.csv"));
  for (const apiserver::StaticToken& token : tokens) out.push_back({token.identity.name, token.identity.groups, token.token});
  return out;
}

namespace {

Result<Person> put_person(const DataFolder& folder, const std::string& name, const std::vector<std::string>& groups) {
  TRY(std::vector<Person> people, load_people(folder));
  auto found = std::find_if(people.begin(), people.end(), [&](const Person& person) { return person.name == name; });
  bool changed = false;
  if (found == people.end()) {
    people.push_back({name, {}, crypto::token_text()});
    found = people.end() - 1;
    changed = true;
  }
  for (const std::string& group : groups) {
    if (std::find(found->groups.begin(), found->groups.end(), group) != found->groups.end()) continue;
    found->groups.push_back(group);
    changed = true;
  }
  if (!changed) return *found;
  std::string file = "# token,user,uid,\"groups\"\n";
  for (const Person& person : people) file += cat(person.token, ",", person.name, ",", person.name, ",\"", join(person.groups, ","), "\"\n");
  TRY_OK(write_file(folder.api() / "tokens.csv", file, 0600));
  return *found;
}

}  // namespace

Result<Person> add_person(const DataFolder& folder, const std::string& name, const std::vector<std::string>& groups) {
  if (name.empty() || name.find_first_of(":/,\"# \t\n") != std::string::npos || name.starts_with("system"))
    return Error{Code::invalid, cat("user name ", quote(name), " must not be empty, begin with \"system\", or contain blanks, quotes, '#', ',', ':' or '/'")};
  return put_person(folder, name, groups);
}

Result<Person> add_node_agent(const DataFolder& folder) { return put_person(folder, "system:node:agent", {"system:nodes"}); }

Status write_kubeconfig(const DataFolder& folder, const Person& person, const std::string& api_url, const std::string& authority_pem) {
  const Value config = Value::object({
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters", Value::array({Value::object({{"name", "masu"}, {"cluster", Value::object({{"server", api_url}, {"certificate-authority-data", crypto::base64(authority_pem)}})}})})},
      {"users", Value::array({Value::object({{"name", person.name}, {"user", Value::object({{"token", person.token}})}})})},
      {"contexts", Value::array({Value::object({{"name", "masu"}, {"context", Value::object({{"cluster", "masu"}, {"user", person.name}, {"namespace", "default"}})}})})},
      {"current-context", "masu"},
  });
  return write_file(folder.users() / cat(person.name, ".kubeconfig"), to_yaml(config), 0600);
}

}  // namespace masu::app
