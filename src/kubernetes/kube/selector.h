#pragma once
/// Label and field selectors (spec kubernetes-api 5).

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/object.h"

namespace masu::kube {

/// All requirements must hold. An empty selector matches everything.
class LabelSelector {
 public:
  struct Requirement {
    enum class Operator { in, not_in, exists, absent } op = Operator::in;
    std::string key;
    std::vector<std::string> values;
    bool operator==(const Requirement&) const = default;
  };
  /// "a=b,c in (d,e),!f". malformed says which part cannot be read.
  static Result<LabelSelector> parse(std::string_view text);
  /// {matchLabels, matchExpressions}. invalid for an unknown operator.
  static Result<LabelSelector> from(const Value& selector);
  static LabelSelector from(const Labels& labels);

  bool matches(const Labels& labels) const;
  bool empty() const { return requirements_.empty(); }
  std::string text() const;
  const std::vector<Requirement>& requirements() const { return requirements_; }

 private:
  std::vector<Requirement> requirements_;
};

class FieldSelector {
 public:
  struct Requirement {
    std::string path;
    bool equal = true;
    std::string value;
  };
  /// "spec.nodeName=n,status.phase!=Failed".
  static Result<FieldSelector> parse(std::string_view text);
  /// `field` gives the text of a path ("" if absent).
  bool matches(const std::function<std::string(std::string_view path)>& field) const;
  bool empty() const { return requirements_.empty(); }
  const std::vector<Requirement>& requirements() const { return requirements_; }

 private:
  std::vector<Requirement> requirements_;
};

}  // namespace masu::kube
