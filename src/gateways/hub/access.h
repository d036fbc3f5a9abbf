#pragma once
/// What the hub asks others: which buckets there are, and who may do what with them.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/message.h"

namespace masu::hub {

/// A bucket that is open.
struct BucketPlace {
  std::string name, name_space;
  Instant created{};
  std::map<std::string, std::string> labels = {};
};

/// Who asks: a bearer token (empty: none) and what the transport knows.
struct Caller {
  std::string token;
  net::Peer peer;
};

/// Thread-safe.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  /// Success if the caller is somebody; unauthenticated otherwise.
  virtual Status known(const Caller& caller, Deadline deadline) = 0;
  /// Whether the caller may do `verb` ("get": read objects, "update": write them, "create", "delete") with the bucket of
  /// that name in that namespace. denied or unauthenticated with a sentence otherwise.
  virtual Status allow(const Caller& caller, std::string_view verb, const std::string& name_space, const std::string& bucket, Deadline deadline) = 0;
};

/// The buckets, as Bucket objects say. Thread-safe.
class Buckets {
 public:
  virtual ~Buckets() = default;
  virtual std::optional<BucketPlace> find(const std::string& name) const = 0;
  /// In the order of names.
  virtual std::vector<BucketPlace> list() const = 0;
  /// Makes or removes the Bucket object. The caller's right to it has been checked.
  virtual Result<BucketPlace> create(const BucketPlace& wanted, Deadline deadline) = 0;
  virtual Status remove(const BucketPlace& bucket, Deadline deadline) = 0;
};

}  // namespace masu::hub
