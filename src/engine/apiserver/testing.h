#pragma once
/// For tests: a server in memory, spoken to as kubectl speaks to it.

#include <string>
#include <utility>

#include "apiserver/server.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver::testing {

struct Said {
  int status = 0;
  Value body;
  net::Headers headers;
  std::string text;
  const Value& operator[](std::string_view member) const { return std::as_const(body)[member]; }
  std::string message() const { return std::string(std::as_const(body)["message"].as_string()); }
  std::string reason() const { return std::string(std::as_const(body)["reason"].as_string()); }
};

class Cluster {
 public:
  explicit Cluster(ApiServer::Options options = {}) {
    options.clock = &clock;
    auto opened = ApiServer::open(std::move(options));
    MASU_CHECK(opened.ok(), opened.ok() ? "" : opened.error().message.c_str());
    server = std::move(*opened);
    post("/api/v1/namespaces/default/serviceaccounts", R"({"metadata":{"name":"default"}})");
  }

  net::Answer ask(std::string_view method, std::string_view target, std::string_view body = {}, std::string_view type = "application/json") {
    net::Request request{.method = std::string(method)};
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string_view::npos) request.query = net::Query::parse(target.substr(mark + 1));
    request.headers = headers;
    request.headers.set("Content-Type", type);
    request.headers.set("User-Agent", "tester/1");
    request.body = body;
    request.body_size = body.size();
    if (!user.empty()) {
      request.peer.user = user;
      request.peer.groups = groups;
    }
    return server->handle(request);
  }
  Said say(std::string_view method, std::string_view target, std::string_view body = {}, std::string_view type = "application/json") {
    net::Answer answer = ask(method, target, body, type);
    const auto* reply = std::get_if<net::Reply>(&answer);
    MASU_CHECK(reply != nullptr, "a finished answer");
    Said said{.status = reply->status, .headers = reply->headers, .text = reply->body};
    if (auto value = parse_json(reply->body); value.ok()) said.body = std::move(*value);
    return said;
  }
  Said get(std::string_view target) { return say("GET", target); }
  Said post(std::string_view target, std::string_view body) { return say("POST", target, body); }
  Said put(std::string_view target, std::string_view body) { return say("PUT", target, body); }
  Said put_object(std::string_view target, const Value& body) { return say("PUT", target, to_json(body)); }
  Said merge(std::string_view target, std::string_view body) { return say("PATCH", target, body, "application/merge-patch+json"); }
  Said apply(std::string_view target, std::string_view body) { return say("PATCH", target, body, "application/apply-patch+yaml"); }
  Said remove(std::string_view target, std::string_view body = {}) { return say("DELETE", target, body); }

  /// Lines of a watch that have come so far.
  struct Watching {
    net::Subscription subscription;
    std::vector<Value> take(bool* finished = nullptr) {
      std::string bytes;
      const net::Stream::State state = subscription.stream->take(bytes);
      if (finished != nullptr) *finished = state == net::Stream::State::finished || (state == net::Stream::State::data && subscription.stream->take(bytes) == net::Stream::State::finished);
      std::vector<Value> events;
      for (const std::string& line : split(bytes, '\n'))
        if (auto value = parse_json(line); !line.empty() && value.ok()) events.push_back(std::move(*value));
      return events;
    }
  };
  Watching watch(std::string_view target) {
    net::Answer answer = ask("GET", target);
    auto* subscription = std::get_if<net::Subscription>(&answer);
    MASU_CHECK(subscription != nullptr, "a watch");
    return {std::move(*subscription)};
  }
  void advance(Duration by) {
    clock.advance(by);
    server->tick();
  }

  SimClock clock;
  std::unique_ptr<ApiServer> server;
  std::string user = "admin";
  std::vector<std::string> groups = {"system:masters"};
  net::Headers headers;
};

/// "ADDED a, MODIFIED a": events in short.
inline std::string in_short(const std::vector<Value>& events) {
  std::string out;
  for (const Value& event : events) out += cat(out.empty() ? "" : ", ", event["type"].as_string(), " ", event.at("object", "metadata", "name").as_string());
  return out;
}

}  // namespace masu::apiserver::testing
