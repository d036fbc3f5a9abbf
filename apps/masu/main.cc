/// masu: one program, one command for each part of the system.

#include <signal.h>

#include <cstdio>
#include <functional>

#include "base/text.h"
#include "commands.h"

namespace masu::app {
namespace {

struct CommandEntry {
  const char* name;
  int (*run)(const Words&);
  const char* about;  // empty: not for people
};

constexpr CommandEntry commands[] = {
    {"up", up_command, "start masu on this machine: [--data DIR] [--listen ADDR:PORT] [--detach]"},
    {"status", status_command, "what runs, where, and whether it is ready"},
    {"down", down_command, "stop masu and its pods: [--keep-pods]"},
    {"env", env_command, "shell settings for kubectl, gcloud and storage clients: eval \"$(masu env)\""},
    {"user", user_command, "add a person: user add NAME [--group G]"},
    {"doctor", doctor_command, "what this machine can and cannot do, and what to install"},
    {"image", image_command, "container images: image build|import|ls|rm"},
    {"storage", storage_command, "objects in buckets: storage ls|cp|cat|rm"},
    {"controller", controller_command, "run masu's services against any Kubernetes: --kubeconfig FILE"},
    {"node", node_command, ""},
    {"job-setup", job_setup_command, ""},
    {"collect", collect_command, ""},
};

int help() {
  std::printf("masu %s: GPU-as-a-Service and an AI platform for Kubernetes\n\n", MASU_VERSION);
  for (const CommandEntry& command : commands)
    if (*command.about != '\0') std::printf("  masu %-11s %s\n", command.name, command.about);
  std::printf("\nJobs are submitted with \"kubectl ai-platform jobs submit training\"; see README.md.\n");
  return 0;
}

}  // namespace

}  // namespace masu::app

int main(int argc, char** argv) {
  using namespace masu;
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "help" || words[0] == "--help" || words[0] == "-h") return app::help();
  if (words[0] == "version" || words[0] == "--version") return std::printf("masu %s\n", MASU_VERSION) > 0 ? 0 : 1;
  std::vector<std::string> names;
  for (const auto& command : app::commands) {
    if (words[0] == command.name) return command.run({words.begin() + 1, words.end()});
    names.emplace_back(command.name);
  }
  const std::string near = nearest(words[0], names);
  std::fprintf(stderr, "masu: unknown command %s%s. \"masu help\" lists them all.\n", quote(words[0]).c_str(),
               near.empty() ? "" : cat("; did you mean ", quote(near), "?").c_str());
  return 2;
}
