#pragma once
/// Errors are values: a code a caller can act on and a sentence a user can act on.

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace masu {

/// What went wrong, as far as a caller may want to act differently. Each server room translates codes into its own wire:
/// `apiserver/failure.cc` (Kubernetes), `ledger/api.cc` (its own), the hub (Google REST).
enum class Code {
  malformed,        // cannot be read at all
  invalid,          // read, but wrong
  precondition,     // right, but not in this state
  unauthenticated,
  denied,
  not_found,
  already_exists,
  conflict,         // changed since it was read
  gone,             // was there, is no longer kept (an old watch position)
  exhausted,        // a limit was reached
  unavailable,      // try again
  timeout,
  cancelled,
  unsupported,
  internal,         // a bug of ours
};

std::string_view name(Code code);

/// One field that was wrong, for machines: Kubernetes `details.causes`, Google `details`.
struct Cause {
  std::string field;    // path, `spec.maxTrialCount`
  std::string reason;   // one word, `FieldValueInvalid`
  std::string message;  // a sentence
  bool operator==(const Cause&) const = default;
};

/// What was attempted, on what, what was found, what to do.
struct [[nodiscard]] Error {
  Code code = Code::internal;
  std::string message = "result was never set";
  std::vector<Cause> causes = {};
  std::optional<std::chrono::nanoseconds> retry_after = {};

  /// Puts what was being done in front: "loading the key: secret \"x\" not found".
  Error context(std::string_view doing) &&;
};

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result() : state_(Error{}) {}
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design
  template <class U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result<T>>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }
  T value_or(T other) const& { return ok() ? value() : std::move(other); }

  Result context(std::string_view doing) && {
    if (ok()) return std::move(*this);
    return std::move(std::get<1>(state_)).context(doing);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design
  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }
  Result context(std::string_view doing) && {
    if (ok()) return {};
    return std::move(*error_).context(doing);
  }

 private:
  std::optional<Error> error_;
};

/// Success, or an error. A default-constructed Status is success.
using Status = Result<void>;

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* sentence);

}  // namespace masu

#define MASU_CAT_2(a, b) a##b
#define MASU_CAT(a, b) MASU_CAT_2(a, b)

/// TRY(auto x, f(...)): declares x from the value of f, or returns its error from the enclosing function.
#define TRY(declaration, ...)                                                      \
  auto MASU_CAT(try_, __LINE__) = (__VA_ARGS__);                                   \
  if (!MASU_CAT(try_, __LINE__).ok()) return std::move(MASU_CAT(try_, __LINE__)).error(); \
  declaration = std::move(MASU_CAT(try_, __LINE__)).value()

/// TRY_OK(f(...)): returns the error of f, or goes on.
#define TRY_OK(...)                                                        \
  do {                                                                     \
    if (auto try_status = (__VA_ARGS__); !try_status.ok()) return std::move(try_status).error(); \
  } while (false)

/// A broken invariant is a bug: says the sentence and aborts, in release too. Never for bad input, network or disk.
#define MASU_CHECK(condition, sentence) \
  ((condition) ? static_cast<void>(0) : ::masu::check_failed(__FILE__, __LINE__, #condition, sentence))
