#pragma once
/// What controllers do to the cluster: a list of plain values, decided purely, performed here in order.

#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "kube/client.h"

namespace masu::controller {

/// Creates an object. One of that name that has the same controller counts as success (a stale cache decided twice).
struct Create {
  kube::Resource resource;
  Value object;  // with apiVersion, kind, metadata.name
};

/// A JSON merge patch, conditional on the version that was judged unless `resource_version` is empty.
struct Patch {
  kube::Resource resource;
  kube::Key key;
  Value patch;
  std::string resource_version;
  std::string subresource;  // "status"
};

/// Success also if it is gone, or is another object by now (`uid`, if not empty).
struct Delete {
  kube::Resource resource;
  kube::Key key;
  std::string uid;
  std::string propagation = "Background";
  std::optional<std::int64_t> grace_s;
};

/// An Event about an object. The same reason and message on the same object counts up instead of adding another.
struct Event {
  kube::Resource resource;
  kube::Key key;
  std::string uid;
  std::string type = "Normal";  // or Warning
  std::string reason, message;
};

using Action = std::variant<Create, Patch, Delete, Event>;
using Actions = std::vector<Action>;

/// "create pods ml/x", for logs and simulations.
std::string describe(const Action& action);

/// The merge patch {"status": ...} that turns the old status into the new one; null if they are equal.
Value status_patch(const Value& old_status, const Value& new_status);

class Performer {
 public:
  /// `component` is the source of events ("masu-training"). Client and clock outlive it.
  Performer(const kube::Client& client, const Clock& clock, std::string component);
  /// In order; stops at the first that fails. Failing to write an Event never fails the rest.
  Status perform(std::span<const Action> actions, Deadline deadline) const;
  /// Called before each action; an error stops there. A fault for simulations (crash between two actions).
  void intercept(std::function<Status(const Action&)> before) { before_ = std::move(before); }

 private:
  Status one(const Create& action, Deadline deadline) const;
  Status one(const Patch& action, Deadline deadline) const;
  Status one(const Delete& action, Deadline deadline) const;
  Status one(const Event& action, Deadline deadline) const;

  const kube::Client& client_;
  const Clock& clock_;
  std::string component_;
  std::function<Status(const Action&)> before_;
};

}  // namespace masu::controller
