#include "training/schema.h"

#include <cctype>
#include <cmath>

#include "value/json.h"

namespace masu::training {
namespace {

using enum FieldType;

const Message& accelerator_message() {
  static const Message message{"AcceleratorConfig", {{"count", integer}, {"type"}}};
  return message;
}

const Message& disk_message() {
  static const Message message{"DiskConfig", {{"bootDiskSizeGb", integer}, {"bootDiskType"}}};
  return message;
}

const Message& replica_message() {
  static const Message message{"ReplicaConfig",
                               {{"acceleratorConfig", FieldType::message, &accelerator_message()},
                                {"imageUri"},
                                {"diskConfig", FieldType::message, &disk_message()},
                                {"containerCommand", texts},
                                {"containerArgs", texts},
                                {"tpuTfVersion"}}};
  return message;
}

const Message& parameter_message() {
  static const Message message{"ParameterSpec",
                               {{"parameterName"},
                                {"type"},
                                {"minValue", number},
                                {"maxValue", number},
                                {"categoricalValues", texts},
                                {"discreteValues", numbers},
                                {"scaleType"}}};
  return message;
}

const Message& hyperparameters_message() {
  static const Message message{"HyperparameterSpec",
                               {{"goal"},
                                {"params", messages, &parameter_message()},
                                {"maxTrials", integer},
                                {"maxParallelTrials", integer},
                                {"maxFailedTrials", integer},
                                {"hyperparameterMetricTag"},
                                {"resumePreviousJobId"},
                                {"enableTrialEarlyStopping", boolean},
                                {"algorithm"}}};
  return message;
}

const Message& encryption_message() {
  static const Message message{"EncryptionConfig", {{"kmsKeyName"}}};
  return message;
}

const Message& scheduling_message() {
  static const Message message{"Scheduling",
                               {{"maxRunningTime"},
                                {"maxWaitTime"},
                                {"priority", integer},
                                {"resilientToWorkerRestart", boolean},
                                {"strategy"}}};
  return message;
}

std::string child_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : cat(path, ".", key);
}

std::string type_words(FieldType type) {
  switch (type) {
    case text: return "text";
    case integer: return "a whole number";
    case number: return "a number";
    case boolean: return "true or false";
    case texts: return "a list of texts";
    case numbers: return "a list of numbers";
    case text_map: return "a map of texts";
    case message: return "a map of fields";
    case messages: return "a list";
    case any: return "anything";
  }
  return "";
}

/// Reads one document into its canonical form; holds what every level needs.
class Walk {
 public:
  Walk(const SourceText& source, Findings& findings, Canonical& out) : source_(source), findings_(findings), out_(out) {}

  Value read(const Message& message, const Value& value, const std::string& path, const std::string& from) {
    Value result{Object{}};
    for (const auto& [key, member] : value.as_object()) {
      const Field* field = message.find(key);
      std::string canonical = key;
      if (!field) {
        canonical = camel_case(key);
        field = message.find(canonical);
      }
      const std::string where = child_path(path, canonical);
      const std::string origin = child_path(from, key);
      if (where != origin) out_.moved.emplace_back(where, origin);
      if (!field) {
        unknown(message, key, child_path(path, key));
        continue;
      }
      if (canonical != key) findings_.note(where, cat("read from ", quote(key)));
      if (result.contains(canonical)) {
        findings_.wrong(where, cat("is given twice, also as ", quote(snake_case(canonical)), ": leave one of them out"));
        continue;
      }
      if (member.is_null()) continue;
      if (std::optional<Value> converted = convert(*field, member, where, origin)) result[canonical] = *std::move(converted);
    }
    return result;
  }

 private:
  void unknown(const Message& message, const std::string& key, const std::string& where) {
    std::vector<std::string> names;
    for (const Field& field : message.fields) names.emplace_back(field.name);
    const std::string near = nearest(key, names);
    std::string sentence = cat("unknown field ", quote(key), " of ", message.name);
    if (!near.empty()) {
      sentence += cat(": did you mean ", near, "?");
    } else if (message.name == "Job" && training_input_message().find(camel_case(key))) {
      sentence += cat(": it belongs below trainingInput, indent it");
    } else if (message.name != "HyperparameterSpec" && hyperparameters_message().find(camel_case(key))) {
      sentence += ": it belongs below trainingInput.hyperparameters, indent it";
    } else {
      sentence += cat("; it has ", join(names, ", "));
    }
    findings_.wrong(where, sentence, "FieldUnknown");
  }

  std::optional<Value> convert(const Field& field, const Value& value, const std::string& where, const std::string& from) {
    switch (field.type) {
      case text: return as_text(value, where, from);
      case integer: return as_integer(value, where);
      case number: return as_number(value, where);
      case boolean: return as_boolean(value, where);
      case texts:
      case numbers: return as_list(field, value, where, from);
      case text_map: {
        if (!value.is_object()) return refuse(field.type, value, where);
        Value result{Object{}};
        for (const auto& [key, member] : value.as_object()) {
          const std::string member_path = child_path(where, key);
          if (auto converted = as_text(member, member_path, child_path(from, key))) result[key] = *converted;
        }
        return result;
      }
      case message:
        if (!value.is_object()) return refuse(field.type, value, where);
        return read(*field.message, value, where, from);
      case messages: {
        if (!value.is_array()) return refuse(field.type, value, where);
        Value result{Array{}};
        for (std::size_t i = 0; i < value.as_array().size(); ++i) {
          const Value& element = value[i];
          const std::string element_path = cat(where, "[", i, "]");
          if (!element.is_object()) {
            refuse(FieldType::message, element, element_path);
            continue;
          }
          result.push_back(read(*field.message, element, element_path, cat(from, "[", i, "]")));
        }
        return result;
      }
      case any: return value;
    }
    return std::nullopt;
  }

  std::optional<Value> refuse(FieldType type, const Value& value, const std::string& where) {
    findings_.wrong(where, cat("must be ", type_words(type), ", is ", name(value.type()), " ", shown(value)), "FieldValueTypeInvalid");
    return std::nullopt;
  }

  static std::string shown(const Value& value) {
    std::string json = to_json(value);
    if (json.size() > 60) json = json.substr(0, 57) + "...";
    return json;
  }

  std::optional<Value> as_text(const Value& value, const std::string& where, const std::string& from) {
    if (value.is_string()) return value;
    if (value.is_array() || value.is_object()) return refuse(text, value, where);
    if (value.is_null()) return refuse(text, value, where);
    // A number or a boolean where text belongs: what was written, not what YAML made of it.
    std::string written = source_ ? source_(from) : std::string();
    if (written.empty()) written = to_json(value);
    findings_.note(where, cat("unquoted ", name(value.type()), ", taken as the text ", quote(written)));
    return Value(written);
  }

  std::optional<Value> as_integer(const Value& value, const std::string& where) {
    if (value.is_integer()) return value;
    if (value.is_number() && value.as_number() == std::floor(value.as_number()) && std::abs(value.as_number()) < 9e15)
      return Value(static_cast<std::int64_t>(value.as_number()));
    if (value.is_string()) {
      const std::string_view digits = trim(value.as_string());
      std::int64_t parsed = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
      if (error == std::errc{} && end == digits.data() + digits.size() && !digits.empty()) return Value(parsed);
    }
    return refuse(integer, value, where);
  }

  std::optional<Value> as_number(const Value& value, const std::string& where) {
    if (value.is_number()) return value;
    if (value.is_string()) {
      const std::string digits(trim(value.as_string()));
      if (auto parsed = parse_json(digits); parsed.ok() && parsed->is_number()) return *parsed;
      char* end = nullptr;
      const double parsed = std::strtod(digits.c_str(), &end);
      if (!digits.empty() && *end == '\0' && std::isfinite(parsed)) return Value(parsed);
    }
    return refuse(number, value, where);
  }

  std::optional<Value> as_boolean(const Value& value, const std::string& where) {
    if (value.is_bool()) return value;
    if (value.is_string()) {
      if (equal_fold(value.as_string(), "true")) return Value(true);
      if (equal_fold(value.as_string(), "false")) return Value(false);
    }
    return refuse(boolean, value, where);
  }

  std::optional<Value> as_list(const Field& field, const Value& value, const std::string& where, const std::string& from) {
    if (!value.is_array()) return refuse(field.type, value, where);
    Value result{Array{}};
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      const std::string at = cat(where, "[", i, "]");
      auto converted = field.type == texts ? as_text(value[i], at, cat(from, "[", i, "]")) : as_number(value[i], at);
      if (converted) result.push_back(*std::move(converted));
    }
    return result;
  }

  const SourceText& source_;
  Findings& findings_;
  Canonical& out_;
};

}  // namespace

const Field* Message::find(std::string_view wanted) const {
  for (const Field& field : fields) {
    if (field.name == wanted) return &field;
  }
  return nullptr;
}

const Message& training_input_message() {
  static const Message message{"TrainingInput",
                               {{"scaleTier"},
                                {"masterType"},
                                {"masterConfig", FieldType::message, &replica_message()},
                                {"workerType"},
                                {"workerConfig", FieldType::message, &replica_message()},
                                {"workerCount", integer},
                                {"parameterServerType"},
                                {"parameterServerConfig", FieldType::message, &replica_message()},
                                {"parameterServerCount", integer},
                                {"evaluatorType"},
                                {"evaluatorConfig", FieldType::message, &replica_message()},
                                {"evaluatorCount", integer},
                                {"packageUris", texts},
                                {"pythonModule"},
                                {"args", texts},
                                {"hyperparameters", FieldType::message, &hyperparameters_message()},
                                {"region"},
                                {"jobDir"},
                                {"runtimeVersion"},
                                {"pythonVersion"},
                                {"encryptionConfig", FieldType::message, &encryption_message()},
                                {"scheduling", FieldType::message, &scheduling_message()},
                                {"network"},
                                {"serviceAccount"},
                                {"useChiefInTfConfig", boolean},
                                {"enableWebAccess", boolean},
                                {"nasJobSpec", any}}};
  return message;
}

const Message& job_message() {
  // Output-only members are known and ignored (a job that was read may be submitted again).
  static const Message message{"Job",
                               {{"jobId"},
                                {"trainingInput", FieldType::message, &training_input_message()},
                                {"predictionInput", any},
                                {"explanationInput", any},
                                {"labels", text_map},
                                {"etag", any},
                                {"state", any},
                                {"createTime", any},
                                {"startTime", any},
                                {"endTime", any},
                                {"errorMessage", any},
                                {"jobPosition", any},
                                {"trainingOutput", any},
                                {"predictionOutput", any},
                                {"explanationOutput", any}}};
  return message;
}

std::string snake_case(std::string_view camel) {
  std::string out;
  for (char c : camel) {
    if (std::isupper(static_cast<unsigned char>(c))) {
      out += '_';
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

std::string camel_case(std::string_view snake) {
  std::string out;
  bool up = false;
  for (char c : snake) {
    if (c == '_' && !out.empty()) {
      up = true;
    } else {
      out += up ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      up = false;
    }
  }
  return out;
}

Canonical canonicalise(const Message& message, const Value& value, const std::string& path, const SourceText& source,
                       Findings& findings) {
  Canonical out;
  if (!value.is_object() && !value.is_null()) {
    findings.wrong(path, cat("must be a map of fields (", message.name, "), is ", name(value.type())), "FieldValueTypeInvalid");
    out.value = Value(Object{});
    return out;
  }
  out.value = Walk(source, findings, out).read(message, value, path, path);
  return out;
}

Value to_snake_case(const Message& message, const Value& value) {
  Value result{Object{}};
  for (const auto& [key, member] : value.as_object()) {
    const Field* field = message.find(key);
    Value converted = member;
    if (field && field->type == FieldType::message) {
      converted = to_snake_case(*field->message, member);
    } else if (field && field->type == messages) {
      converted = Value(Array{});
      for (const Value& element : member.as_array()) converted.push_back(to_snake_case(*field->message, element));
    }
    result[snake_case(key)] = std::move(converted);
  }
  return result;
}

}  // namespace masu::training
