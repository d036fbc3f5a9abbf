#pragma once
/// The Kubernetes API as functions. Synchronous, stateless, thread-safe; decides nothing and caches nothing.

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/object.h"
#include "kube/transport.h"
#include "value/value.h"

namespace masu::kube {

struct ListOptions {
  std::string label_selector, field_selector;
  std::string resource_version;  // empty: newest
  int page = 500;                // items a request; the whole list is returned
};

struct List {
  std::vector<Value> items;  // with apiVersion and kind filled in
  std::string resource_version;
};

struct DeleteOptions {
  std::string propagation = "Background";  // or Foreground, Orphan
  std::optional<std::int64_t> grace_s;
  std::string uid;               // precondition, if not empty
  std::string resource_version;  // precondition, if not empty
};

enum class PatchType { merge, json, strategic, apply };

struct WatchEvent {
  enum class Type { added, modified, deleted, bookmark } type = Type::added;
  Value object;
};

/// One watch. Not thread-safe: one reader.
class Watch {
 public:
  explicit Watch(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
  /// The next event; no value if none came until the deadline or stop. gone: the position is too old, list again;
  /// unavailable: the watch ended or broke, watch again from the last version.
  Result<std::optional<WatchEvent>> next(Deadline deadline, const std::stop_token& stop = {});

 private:
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  std::size_t scanned_ = 0;
};

class Client {
 public:
  /// `agent` is the User-Agent and, before its first slash, the field manager.
  explicit Client(Transport& transport, std::string agent = "masu");

  Result<Value> get(const Resource& resource, const Key& key, Deadline deadline, std::string_view subresource = {}) const;
  /// All pages. An empty namespace: all namespaces.
  Result<List> list(const Resource& resource, std::string_view name_space, const ListOptions& options, Deadline deadline) const;
  /// The namespace is that of the object's metadata.
  Result<Value> create(const Resource& resource, const Value& object, Deadline deadline, bool dry_run = false) const;
  /// POST to a subresource (token, binding, eviction).
  Result<Value> post(const Resource& resource, const Key& key, std::string_view subresource, const Value& body, Deadline deadline) const;
  Result<Value> replace(const Resource& resource, const Value& object, Deadline deadline, std::string_view subresource = {}) const;
  Result<Value> patch(const Resource& resource, const Key& key, PatchType type, const Value& patch, Deadline deadline,
                      std::string_view subresource = {}) const;
  /// Success also if deletion has only started. not_found if it is not there.
  Status remove(const Resource& resource, const Key& key, const DeleteOptions& options, Deadline deadline) const;
  Result<std::unique_ptr<Watch>> watch(const Resource& resource, std::string_view name_space, const ListOptions& options, Deadline deadline) const;
  /// Any other request; an answer of status >= 400 is its Error.
  Result<net::Reply> raw(net::Request request, Deadline deadline) const;
  /// Any other answer that goes on (logs).
  Result<std::unique_ptr<ByteSource>> open(net::Request request, Deadline deadline) const;

 private:
  Result<Value> send(net::Request request, Deadline deadline) const;
  Transport& transport_;
  std::string agent_;
};

}  // namespace masu::kube
