#pragma once
/// What reading a job found: what was wrong, and what was taken for something else (one line each).
///
/// Real configuration files break rules of the original service. Where the meaning is not in doubt masu reads them and says
/// in one line what it took them for; in the strict dialect the same finding is an error with the original rule.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace masu::training {

enum class Dialect { lenient, strict };

/// One repair, or one thing worth saying: "trainingInput.pythonVersion: taken as \"3.7\"".
struct Note {
  std::string field;
  std::string message;
  std::string line() const { return field.empty() ? message : cat(field, ": ", message); }
  bool operator==(const Note&) const = default;
};

class Findings {
 public:
  explicit Findings(Dialect dialect = Dialect::lenient) : dialect_(dialect) {}

  Dialect dialect() const { return dialect_; }
  /// The original refused this (`rule`); masu takes it as `taken`. Strict: wrong, with the rule.
  void repaired(std::string field, std::string rule, std::string taken) {
    if (dialect_ == Dialect::strict) return wrong(std::move(field), std::move(rule));
    notes_.push_back({std::move(field), std::move(taken)});
  }
  /// Worth a line in either dialect.
  void note(std::string field, std::string message) { notes_.push_back({std::move(field), std::move(message)}); }
  void wrong(std::string field, std::string message, std::string reason = "FieldValueInvalid") {
    causes_.push_back({std::move(field), std::move(reason), std::move(message)});
  }

  const std::vector<Note>& notes() const { return notes_; }
  const std::vector<Cause>& causes() const { return causes_; }
  /// Success, or one `invalid` error with all that is wrong.
  Status finish() const {
    if (causes_.empty()) return {};
    std::string message;
    for (const Cause& cause : causes_) {
      if (!message.empty()) message += "; ";
      message += cause.field.empty() ? cause.message : cat(cause.field, ": ", cause.message);
    }
    return Error{Code::invalid, message, causes_};
  }

 private:
  Dialect dialect_;
  std::vector<Note> notes_;
  std::vector<Cause> causes_;
};

}  // namespace masu::training
