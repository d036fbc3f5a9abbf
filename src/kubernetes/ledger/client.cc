#include "ledger/client.h"

#include "base/text.h"
#include "kube/transport.h"
#include "ledger/api.h"
#include "value/json.h"

namespace masu::ledger {

Result<Client> Client::make(net::Client& http, std::string_view url, Token token) {
  TRY(const net::Url parsed, net::parse_url(url).context("reading the address of the ledger"));
  std::string base = parsed.scheme == "unix" ? "" : parsed.path;
  while (base.ends_with('/')) base.pop_back();
  return Client(http, net::endpoint_of(parsed), std::move(base), std::move(token));
}

Result<net::Request> Client::request(std::string method, std::string_view what, const kube::Key& key, std::string_view part) const {
  net::Request out;
  out.method = std::move(method);
  out.path = cat(base_, Api::prefix, "namespaces/", net::percent_encode(key.name_space), "/", what, "/", net::percent_encode(key.name), "/", part);
  if (token_) {
    TRY(const std::string token, token_().context("reading the token for the ledger"));
    if (!token.empty()) out.headers.set("Authorization", cat("Bearer ", trim(token)));
  }
  return out;
}

Result<net::Reply> Client::call(const net::Request& request, Deadline deadline) const {
  TRY(net::Reply reply, http_->call(endpoint_, request, deadline).context(cat("asking the ledger at ", net::to_text(endpoint_))));
  if (reply.status >= 400) return kube::error_from_reply(reply.status, reply.headers, reply.body);
  return reply;
}

Status Client::report(const kube::Key& trial, std::span<const Metric> metrics, Deadline deadline) const {
  TRY(net::Request sent, request("POST", "trials", trial, "metrics"));
  for (std::size_t at = 0; at < metrics.size(); at += Api::metrics_max) {
    sent.body = to_json(encode_metrics(metrics.subspan(at, std::min(Api::metrics_max, metrics.size() - at))));
    sent.body_size = sent.body.size();
    sent.headers.set("Content-Type", "application/json");
    TRY(const net::Reply reply, call(sent, deadline));
  }
  return {};
}

Result<std::vector<Metric>> Client::metrics(const kube::Key& trial, Deadline deadline) const {
  TRY(const net::Request sent, request("GET", "trials", trial, "metrics"));
  TRY(const net::Reply reply, call(sent, deadline));
  TRY(const Value body, parse_json(reply.body).context("reading the ledger's answer"));
  return decode_metrics(body);
}

Status Client::logs(const kube::Key& job, const LogQuery& query, const std::function<bool(const LogEntry&)>& line, const std::stop_token& stop) const {
  TRY(net::Request sent, request("GET", "jobs", job, "logs"));
  if (query.follow) sent.query.add("follow", "true");
  if (query.since) sent.query.add("since", stamp(*query.since));
  if (!query.after.empty()) sent.query.add("after", query.after);
  if (!query.task.empty()) sent.query.add("task", query.task);
  if (!query.trial.empty()) sent.query.add("trial", query.trial);
  std::string buffer;
  bool enough = false;
  const auto take = [&](std::string_view bytes) {
    buffer += bytes;
    std::size_t from = 0;
    for (std::size_t end = 0; !enough && (end = buffer.find('\n', from)) != std::string::npos; from = end + 1) {
      const auto entry = decode_entry(std::string_view(buffer).substr(from, end - from));
      if (entry.ok()) enough = !line(*entry);  // a line that is none of ours is no reason to stop reading
    }
    buffer.erase(0, from);
    return !enough;
  };
  const auto reply = http_->stream(endpoint_, sent, take, stop, Duration{0});
  if (enough) return {};
  if (!reply.ok()) return reply.error();
  if (reply->status >= 400) return kube::error_from_reply(reply->status, reply->headers, reply->body);
  return {};
}

}  // namespace masu::ledger
