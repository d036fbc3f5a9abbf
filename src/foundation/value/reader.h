#pragma once
/// Decoding at the border: reads an object's members into plain values and collects every wrong one with its path.
///
///   Reader read(object, "spec");
///   spec.max_trials = read.integer("maxTrialCount").value_or(0);
///   for (const Reader& param : read.list("parameters")) ...
///   TRY_OK(read.finish());   // invalid, with one cause for each wrong field

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "value/value.h"

namespace masu {

class Reader {
 public:
  /// `path` is the place of `value` in the whole object, for messages; empty at the root. `value` outlives the reader.
  explicit Reader(const Value& value, std::string path = "");

  // No value: the member is absent or null. A member of another type is recorded as wrong and reads as absent.
  std::optional<std::string> string(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;  // also text of digits ("int64 as string")
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::vector<std::string> strings(std::string_view key) const;
  std::map<std::string, std::string> string_map(std::string_view key) const;
  /// The member as an object; an empty reader if absent.
  Reader object(std::string_view key) const;
  /// The elements of a list member, each with its path "key[3]".
  std::vector<Reader> list(std::string_view key) const;

  bool has(std::string_view key) const;
  const Value& value() const { return *value_; }
  const std::string& path() const { return path_; }
  std::string path_of(std::string_view key) const;

  /// Records a wrong field. `key` may be empty: this object itself.
  void wrong(std::string_view key, std::string message, std::string reason = "FieldValueInvalid") const;
  void required(std::string_view key) const;
  /// Records every member that is not in `known`, with the nearest known name.
  void only(const std::vector<std::string>& known) const;

  /// Success, or one `invalid` error with a cause for each recorded field; shared by all readers made from one root.
  Status finish() const;
  const std::vector<Cause>& causes() const { return *causes_; }

 private:
  Reader(const Value& value, std::string path, std::shared_ptr<std::vector<Cause>> causes);
  const Value* value_;
  std::string path_;
  std::shared_ptr<std::vector<Cause>> causes_;
};

}  // namespace masu
