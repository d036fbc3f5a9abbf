/// status, down, env, user: commands about the installation on this machine.

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "arguments.h"
#include "base/clock.h"
#include "base/text.h"
#include "commands.h"
#include "data_folder.h"
#include "net/client.h"

namespace masu::app {
namespace {

Result<Instance> require_instance(const DataFolder& folder) {
  TRY(const auto instance, running_instance(folder));
  if (!instance)
    return Error{Code::not_found, cat("nothing runs on the data folder ", quote(folder.root.native()), ". Start it with \"masu up --detach\"",
                                      ", or name another folder with --data or MASU_DATA.")};
  return *instance;
}

/// Text in single quotes, for a shell.
std::string shell_quote(std::string_view text) { return cat("'", replace_all(text, "'", "'\\''"), "'"); }

Status check_ready(const DataFolder& folder, const Instance& instance) {
  TRY(const net::Url url, net::parse_url(instance.api));
  net::Endpoint endpoint = net::endpoint_of(url);
  TRY(auto authority, read_file(folder.pki() / "ca.crt"));
  endpoint.ca_pem = std::move(authority);
  net::Client client;
  net::Request request;
  request.path = "/readyz";
  TRY(const net::Reply reply, client.call(endpoint, request, Deadline::after(3s)));
  if (reply.status != 200) return Error{Code::unavailable, cat("the API server is not ready: ", trim(reply.body))};
  return {};
}

Status print_env(const DataFolder& folder, const std::string& name) {
  TRY(const Instance instance, require_instance(folder));
  TRY(const auto people, load_people(folder));
  for (const Person& person : people) {
    if (person.name != name) continue;
    const std::filesystem::path programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    const std::filesystem::path token_file = folder.users() / cat(name, ".token");
    TRY_OK(write_file(token_file, person.token, 0600));
    const std::string hub_with_token = cat(instance.hub, "/t/", person.token);
    const std::pair<const char*, std::string> settings[] = {
        {"MASU_DATA", folder.root.native()},
        {"KUBECONFIG", (folder.users() / cat(name, ".kubeconfig")).native()},
        {"STORAGE_EMULATOR_HOST", hub_with_token},
        {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", cat(instance.hub, "/storage/v1/")},
        {"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", token_file.native()},
        {"CLOUDSDK_CORE_PROJECT", "default"},
    };
    std::printf("export PATH=%s:\"$PATH\"\n", shell_quote(programs.native()).c_str());
    for (const auto& [key, value] : settings) std::printf("export %s=%s\n", key, shell_quote(value).c_str());
    return {};
  }
  return Error{Code::not_found, cat("there is no user ", quote(name), ". Add one with \"masu user add ", name, "\".")};
}

}  // namespace

int status_command(const Words& args) {
  const auto parsed = Arguments::parse(args, {.usage = "masu status [--data DIR]", .options = {"--data"}});
  if (!parsed.ok()) return report(parsed.error());
  const DataFolder folder = DataFolder::choose(parsed->get("--data"));
  const auto instance = require_instance(folder);
  if (!instance.ok()) return report(instance.error());
  const Status ready = check_ready(folder, *instance);
  std::printf("masu %s, process %d, up %s\n", instance->version.c_str(), instance->pid, to_human(system_clock().now() - instance->started).c_str());
  std::printf("  data    %s\n  API     %s\n  hub     %s\n  state   %s\n", folder.root.c_str(), instance->api.c_str(), instance->hub.c_str(),
              ready.ok() ? "ready" : ready.error().message.c_str());
  return ready.ok() ? 0 : 1;
}

int down_command(const Words& args) {
  const auto parsed = Arguments::parse(args, {.usage = "masu down [--data DIR] [--keep-pods]", .switches = {"--keep-pods"}, .options = {"--data"}});
  if (!parsed.ok()) return report(parsed.error());
  const DataFolder folder = DataFolder::choose(parsed->get("--data"));
  const auto instance = running_instance(folder);
  if (!instance.ok()) return report(instance.error());
  if (!*instance) {
    std::fprintf(stderr, "nothing runs on %s\n", folder.root.c_str());
    return 0;
  }
  // SIGTERM stops masu and lets its pods run on; SIGINT, as from a terminal, stops the pods too.
  ::kill((*instance)->pid, parsed->has("--keep-pods") ? SIGTERM : SIGINT);
  const Deadline deadline = Deadline::after(60s);
  for (Duration step = 5ms; !deadline.expired(); step = std::min<Duration>(step * 2, 100ms)) {
    const auto now = running_instance(folder);
    if (now.ok() && !*now) return 0;
    pause(step, {});
  }
  return report(Error{Code::timeout, cat("process ", (*instance)->pid, " did not end within a minute; its log is ", folder.log_file().native())});
}

int env_command(const Words& args) {
  const auto parsed = Arguments::parse(args, {.usage = "masu env [--data DIR] [--user NAME]", .options = {"--data", "--user"}});
  if (!parsed.ok()) return report(parsed.error());
  const Status printed = print_env(DataFolder::choose(parsed->get("--data")), parsed->get("--user", "admin"));
  return printed.ok() ? 0 : report(printed.error());
}

int user_command(const Words& args) {
  const std::string usage = "masu user add NAME [--group G]... [--data DIR]";
  const auto parsed = Arguments::parse(args, {.usage = usage, .options = {"--data", "--group"}, .words_min = 2, .words_max = 2});
  if (!parsed.ok()) return report(parsed.error());
  if (parsed->word(0) != "add") return report(Error{Code::invalid, cat("unknown word ", quote(parsed->word(0)), "\nusage: ", usage)});
  const DataFolder folder = DataFolder::choose(parsed->get("--data"));
  const auto instance = require_instance(folder);
  if (!instance.ok()) return report(instance.error());
  const auto person = add_person(folder, parsed->word(1), parsed->all("--group"));
  if (!person.ok()) return report(person.error());
  const auto authority = read_file(folder.pki() / "ca.crt");
  if (!authority.ok()) return report(authority.error());
  const Status written = write_kubeconfig(folder, *person, instance->api, *authority);
  if (!written.ok()) return report(written.error());
  std::fprintf(stderr, "user %s is known%s%s. For a shell: eval \"$(masu env --user %s)\"\n", person->name.c_str(), person->groups.empty() ? "" : ", groups ",
               join(person->groups, ", ").c_str(), person->name.c_str());
  std::printf("%s\n", (folder.users() / cat(person->name, ".kubeconfig")).c_str());
  return 0;
}

}  // namespace masu::app
