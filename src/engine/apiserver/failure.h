#pragma once
/// Failures as Kubernetes says them: an HTTP code, a reason, a message in upstream's words, details (spec
/// kubernetes-api 7). Rooms above know only the Status body made from it.

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "net/message.h"
#include "value/value.h"

namespace masu::apiserver {

struct Failure {
  int code = 500;
  std::string reason = "InternalError";
  std::string message;
  Value details;       // object, or null
  Value metadata = Object{};
  bool plain = false;  // the text "404 page not found" in place of a Status

  Failure() = default;
  Failure(int code, std::string reason, std::string message, Value details = {})
      : code(code), reason(std::move(reason)), message(std::move(message)), details(std::move(details)) {}
  /// An error of the inner rings, by the one table from Code to HTTP.
  Failure(const Error& error);  // NOLINT: implicit by design, so that TRY passes errors on
};

/// A value or a Failure; TRY works with it as with Result.
template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}             // NOLINT: implicit by design
  Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}   // NOLINT
  Outcome(const Error& error) : state_(std::in_place_index<1>, Failure(error)) {}    // NOLINT
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  const Failure& error() const& { return std::get<1>(state_); }
  Failure&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Failure> state_;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  Outcome() = default;
  Outcome(Failure failure) : failure_(std::move(failure)) {}         // NOLINT: implicit by design
  Outcome(const Error& error) : failure_(Failure(error)) {}          // NOLINT
  bool ok() const { return !failure_; }
  explicit operator bool() const { return ok(); }
  const Failure& error() const& { return *failure_; }
  Failure&& error() && { return std::move(*failure_); }

 private:
  std::optional<Failure> failure_;
};
using Check = Outcome<void>;

/// A resource as errors name it: "deployments" in group "apps", kind "Deployment".
struct ResourceName {
  std::string group, plural, kind;
  /// "deployments.apps", or "pods" in the core group.
  std::string qualified() const { return group.empty() ? plural : plural + "." + group; }
  /// "Deployment.apps", or "Pod".
  std::string qualified_kind() const { return group.empty() ? kind : kind + "." + group; }
};

Failure bad_request(std::string message);
Failure unauthorized();
Failure forbidden(const ResourceName& resource, std::string_view name, std::string_view why);
Failure not_found(const ResourceName& resource, std::string_view name);
/// "the server could not find the requested resource", empty details.
Failure unknown_resource();
/// Plain text: the path belongs to nothing that is served.
Failure page_not_found();
Failure method_not_allowed(std::string_view what = "the server does not allow this method on the requested resource");
Failure already_exists(const ResourceName& resource, std::string_view name);
Failure conflict(const ResourceName& resource, std::string_view name, std::string_view why);
/// The usual conflict: the object has been modified.
Failure modified(const ResourceName& resource, std::string_view name);
Failure expired(std::string message);
Failure too_old_version(std::uint64_t asked, std::uint64_t floor);
Failure future_version(std::uint64_t asked, std::uint64_t current);
/// 422 with one cause for each field.
Failure invalid(const ResourceName& resource, std::string_view name, const std::vector<Cause>& causes);
Failure unprocessable(std::string message);
Failure unsupported_media(std::string_view supported);
Failure too_large(std::string message);
Failure internal(std::string_view what);

/// Value of one field that was wrong, in upstream's words: "Invalid value: \"x\": must be ...".
Cause wrong_value(std::string field, std::string_view value, std::string_view why);
Cause missing_value(std::string field, std::string_view why = "");
Cause forbidden_value(std::string field, std::string_view why);

/// The Status object.
Value status_object(const Failure& failure);
net::Reply to_reply(const Failure& failure);
net::Reply json_reply(int code, const Value& body);
/// Status Success for a finished delete, eviction or binding. `code` 0 leaves the member out.
Value success_status(const ResourceName& resource, std::string_view name, std::string_view uid, int code = 0);

}  // namespace masu::apiserver
