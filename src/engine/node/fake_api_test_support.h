#pragma once
/// As much of an API server as the agent's tests need: objects in memory, lists, watches, merge patches, token requests.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/text.h"
#include "kube/object.h"
#include "kube/transport.h"
#include "net/message.h"
#include "value/json.h"
#include "value/patch.h"

namespace masu::node {

class FakeApi {
 public:
  net::Handler handler() {
    return [this](const net::Request& request) { return answer(request); };
  }
  void put(const kube::Resource& resource, Value object) {
    const std::scoped_lock lock(mutex_);
    const std::string path = resource.path(kube::key_of(object));
    store(path, std::move(object));
  }
  Value get(const kube::Resource& resource, const kube::Key& key) {
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(resource.path(key));
    return found != objects_.end() ? found->second : Value{};
  }
  /// As kubectl delete: with a grace if it runs somewhere, at once if it does not.
  void remove(const kube::Resource& resource, const kube::Key& key, Instant when, std::int64_t grace_s) {
    const std::scoped_lock lock(mutex_);
    Value object = objects_.at(resource.path(key));
    object["metadata"]["deletionTimestamp"] = to_rfc3339(when + std::chrono::seconds(grace_s));
    object["metadata"]["deletionGracePeriodSeconds"] = grace_s;
    store(resource.path(key), std::move(object));
  }
  void forget(const kube::Resource& resource, const kube::Key& key) {
    const std::scoped_lock lock(mutex_);
    erase(resource.path(key));
  }
  int writes() {
    const std::scoped_lock lock(mutex_);
    return writes_;
  }

 private:
  static net::Reply json(int status, const Value& body) {
    return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = to_json(body)};
  }
  static net::Reply failure(int status, std::string_view reason) {
    return json(
        status, Value::object({{"kind", "Status"}, {"status", "Failure"}, {"reason", reason}, {"code", status}, {"message", reason}}));
  }
  /// ".../pods/x" -> "pods"; the collection of an object's path.
  static std::string plural(const std::string& path) {
    const auto parts = split(path, '/');
    return parts.at(parts.size() - 2);
  }

  void tell(const std::string& path, std::string_view type, const Value& object) {
    const std::string line = to_json(Value::object({{"type", type}, {"object", object}})) + "\n";
    for (const auto& [wanted, stream] : watches_)
      if (wanted == plural(path)) stream->push(line);
  }
  void store(const std::string& path, Value object) {
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    const bool fresh = !objects_.contains(path);
    objects_[path] = object;
    tell(path, fresh ? "ADDED" : "MODIFIED", object);
  }
  void erase(const std::string& path) {
    const auto found = objects_.find(path);
    if (found == objects_.end()) return;
    const Value object = found->second;
    objects_.erase(found);
    ++version_;
    tell(path, "DELETED", object);
  }

  net::Answer answer(const net::Request& request) {
    const std::scoped_lock lock(mutex_);
    std::string path = request.path;
    if (path.ends_with("/status")) path.resize(path.size() - 7);
    if (request.method == "POST" && path.ends_with("/token")) {
      return json(201, Value::object({{"kind", "TokenRequest"},
                           {"status", Value::object({{"token", "the-token"}, {"expirationTimestamp", "2100-01-01T00:00:00Z"}})}}));
    }
    if (request.method == "POST") {
      Value object = parse_json(request.body).value_or(Value{});
      store(cat(path, "/", object.at("metadata", "name").as_string()), object);
      return json(201, object);
    }
    const std::string last = split(path, '/').back();
    if (request.method == "GET" && (last == "pods" || last == "services")) {
      if (request.query.get("watch") == "true" || request.query.get("watch") == "1") {
        auto stream = std::make_shared<net::Stream>();
        // Nothing is lost between the list and the watch: everything is told once more.
        for (const auto& [where, object] : objects_)
          if (plural(where) == last) stream->push(to_json(Value::object({{"type", "MODIFIED"}, {"object", object}})) + "\n");
        watches_.emplace_back(last, stream);
        return net::Subscription{.status = 200, .headers = {{"Content-Type", "application/json"}}, .stream = stream};
      }
      Value items = Array{};
      for (const auto& [where, object] : objects_)
        if (plural(where) == last) items.push_back(object);
      return json(200, Value::object({{"kind", "List"}, {"apiVersion", "v1"},
                           {"metadata", Value::object({{"resourceVersion", std::to_string(version_)}})}, {"items", items}}));
    }
    const auto found = objects_.find(path);
    if (found == objects_.end()) return failure(404, "NotFound");
    if (request.method == "GET") return json(200, found->second);
    if (request.method == "DELETE") {
      const Value object = found->second;
      erase(path);
      return json(200, object);
    }
    ++writes_;
    Value object = merge_patch(found->second, parse_json(request.body).value_or(Value{}));
    store(path, std::move(object));
    return json(200, objects_.at(path));
  }

  std::mutex mutex_;
  std::map<std::string, Value> objects_;
  std::vector<std::pair<std::string, std::shared_ptr<net::Stream>>> watches_;
  std::uint64_t version_ = 10;
  int writes_ = 0;
};

}  // namespace masu::node
