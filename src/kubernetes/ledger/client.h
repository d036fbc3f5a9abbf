#pragma once
/// The ledger as seen by those who are elsewhere: collectors in pods, the plugin.

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/log_archive.h"
#include "net/client.h"

namespace masu::ledger {

/// Thread-safe.
class Client {
 public:
  /// The token is asked for anew for each request: those of pods are replaced while they run. Empty: none is sent.
  using Token = std::function<Result<std::string>()>;
  /// `url` as the ConfigMap masu-public has it: "http://127.0.0.1:4711". malformed if it is no URL. `http` outlives it.
  static Result<Client> make(net::Client& http, std::string_view url, Token token);

  Status report(const kube::Key& trial, std::span<const Metric> metrics, Deadline deadline) const;
  Result<std::vector<Metric>> metrics(const kube::Key& trial, Deadline deadline) const;
  /// Gives each line to `line` until the log ends, `line` says false, or `stop` is asked. The connection may break in
  /// between (unavailable): ask again with since = time of the last line.
  Status logs(const kube::Key& job, const LogQuery& query, const std::function<bool(const LogEntry&)>& line, const std::stop_token& stop) const;

 private:
  Client(net::Client& http, net::Endpoint endpoint, std::string base, Token token)
      : http_(&http), endpoint_(std::move(endpoint)), base_(std::move(base)), token_(std::move(token)) {}
  Result<net::Request> request(std::string method, std::string_view what, const kube::Key& key, std::string_view part) const;
  Result<net::Reply> call(const net::Request& request, Deadline deadline) const;
  net::Client* http_;
  net::Endpoint endpoint_;
  std::string base_;
  Token token_;
};

}  // namespace masu::ledger
