#pragma once
/// The v1 messages as data: which members a job has and of which type. One table drives reading (snake_case and text of
/// scalars included), the refusal of unknown members, and writing in snake_case for programs.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "training/findings.h"
#include "value/value.h"

namespace masu::training {

struct Message;

enum class FieldType { text, integer, number, boolean, texts, numbers, text_map, message, messages, any };

struct Field {
  std::string_view name;  // lowerCamelCase
  FieldType type = FieldType::text;
  const Message* message = nullptr;  // of message, messages
};

struct Message {
  std::string_view name;
  std::vector<Field> fields;
  const Field* find(std::string_view name) const;
};

const Message& job_message();
const Message& training_input_message();

/// `maxTrials` as `max_trials`, and back.
std::string snake_case(std::string_view camel);
std::string camel_case(std::string_view snake);

/// The source text of the scalar at a path of the document, if it is known ("2.10" where the tree has 2.1).
using SourceText = std::function<std::string(std::string_view path)>;

struct Canonical {
  Value value;
  /// Where each member came from: (path in the result, path in the document), only where the two differ.
  std::vector<std::pair<std::string, std::string>> moved;
};

/// The same message with lowerCamelCase names, absent instead of null, and every scalar of its proper type. Unknown members,
/// wrong types and a member given under two names are recorded as wrong.
Canonical canonicalise(const Message& message, const Value& value, const std::string& path, const SourceText& source,
                       Findings& findings);

/// The message with snake_case names (CLOUD_ML_JOB, the member `job` of TF_CONFIG).
Value to_snake_case(const Message& message, const Value& value);

}  // namespace masu::training
