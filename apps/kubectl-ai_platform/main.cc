// kubectl-ai_platform: kubectl runs it for `kubectl ai-platform ...`.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <stop_token>
#include <thread>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "context.h"
#include "kube/http_transport.h"
#include "kube/kubeconfig.h"
#include "net/client.h"
#include "objectstore/gcs_store.h"

namespace masu::plugin {
namespace {

volatile sig_atomic_t interrupts = 0;

int interrupt_pipe[2] = {-1, -1};  // written by the handler: all that a handler may do

void on_interrupt(int) {
  // The first one lets the command end in order; whoever presses again wants out.
  if (interrupts > 0) ::_exit(1);
  interrupts = 1;
  [[maybe_unused]] const auto told = ::write(interrupt_pipe[1], "!", 1);
}

/// Turns the interrupt into a request to stop, for calls that wait long. Ends with its owner.
class InterruptWatch {
 public:
  InterruptWatch() {
    if (::pipe2(interrupt_pipe, O_CLOEXEC) != 0) return;
    thread_ = std::jthread([this] {
      char byte = 0;
      if (::read(interrupt_pipe[0], &byte, 1) == 1 && byte == '!') stop_.request_stop();
    });
  }
  ~InterruptWatch() {
    [[maybe_unused]] const auto told = ::write(interrupt_pipe[1], ".", 1);
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread thread_;
};

Result<Connection> connect_by_kubeconfig(const ConnectionRequest& request, const std::map<std::string, std::string>& environment) {
  TRY(kube::Access access, kube::find_access({.kubeconfig = request.kubeconfig, .context = request.context, .name_space = request.name_space}, environment));
  Connection connection;
  connection.name_space = access.name_space.empty() ? "default" : access.name_space;
  connection.token = access.token;
  if (!access.token_file.empty()) {
    TRY(const std::string token, read_file(access.token_file));
    connection.token = trim(token);
  }
  TRY(auto transport, kube::http_transport(std::move(access)));
  connection.transport = std::move(transport);
  connection.client = std::make_shared<kube::Client>(*connection.transport, "kubectl-ai_platform");
  return connection;
}

/// A store that owns its client.
Result<std::shared_ptr<objectstore::BlobStore>> open_hub(const std::string& url, const std::string& token) {
  struct Owned {
    net::Client client;
    std::unique_ptr<objectstore::GcsStore> store;
  };
  auto owned = std::make_shared<Owned>();
  TRY(auto transport, objectstore::http_transport(owned->client, url));
  owned->store = std::make_unique<objectstore::GcsStore>(std::move(transport), [token]() -> Result<std::string> { return token; });
  return std::shared_ptr<objectstore::BlobStore>(owned, owned->store.get());
}

Status stream_lines(const std::string& url, const std::string& token, const Context::OnLine& on_line, Duration idle, const std::stop_token& stop) {
  TRY(const net::Url parsed, net::parse_url(url));
  net::Client client;
  net::Request request;
  request.path = parsed.path;
  request.query = parsed.query;
  if (!token.empty()) request.headers.set("Authorization", cat("Bearer ", token));
  std::string buffer;
  TRY(const net::Reply reply, client.stream(
                                  net::endpoint_of(parsed), request,
                                  [&](std::string_view chunk) {
                                    buffer += chunk;
                                    std::size_t from = 0;
                                    for (std::size_t end; (end = buffer.find('\n', from)) != std::string::npos; from = end + 1) {
                                      if (end > from && !on_line(std::string_view(buffer).substr(from, end - from))) return false;
                                    }
                                    buffer.erase(0, from);
                                    return true;
                                  },
                                  stop, idle));
  if (reply.status >= 400) return kube::error_from_reply(reply.status, reply.headers, reply.body).context("reading the logs");
  return {};
}

}  // namespace
}  // namespace masu::plugin

int main(int argc, char** argv) {
  using namespace masu;
  const plugin::InterruptWatch interrupts;
  struct sigaction action {};
  action.sa_handler = &plugin::on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  plugin::Context context;
  context.environment = current_environment();
  context.out = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  context.err = [](std::string_view text) { static_cast<void>(write_all(STDERR_FILENO, text)); };
  context.terminal = ::isatty(STDERR_FILENO) == 1;
  context.ask = [](std::string_view question) {
    static_cast<void>(write_all(STDERR_FILENO, question));
    std::string line;
    return std::getline(std::cin, line) ? line : std::string("n");
  };
  context.clock = &system_clock();
  context.connect = [&](const plugin::ConnectionRequest& request) { return plugin::connect_by_kubeconfig(request, context.environment); };
  context.open_store = &plugin::open_hub;
  context.stream_lines = [&](const std::string& url, const std::string& token, const plugin::Context::OnLine& on_line, Duration idle) {
    return plugin::stream_lines(url, token, on_line, idle, interrupts.token());
  };
  context.interrupted = [] { return plugin::interrupts > 0; };
  context.wait = [](Duration wait) { pause(wait, {}); };
  return plugin::run_plugin({argv + 1, argv + argc}, context);
}
