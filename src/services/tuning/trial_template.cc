#include "tuning/trial_template.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "tuning/types.h"
#include "value/yaml.h"

namespace masu::tuning {
namespace {

constexpr std::string_view opening = "${trialParameters.";
/// On the template's metadata: the name of the trial parameter that stands for the trial's number (gcp-ai-platform CNV-6).
constexpr std::string_view trial_id_annotation = "masu.dev/trial-id-parameter";

using Values = std::map<std::string, std::string, std::less<>>;

/// One pass from left to right: a value that looks like a placeholder is not replaced again.
std::string replace_placeholders(std::string_view text, const Values& values) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find(opening);
    const std::size_t end = at == std::string_view::npos ? at : text.find('}', at);
    if (end == std::string_view::npos) return out.append(text);
    const std::string_view name = text.substr(at + opening.size(), end - at - opening.size());
    const auto value = values.find(name);
    out.append(text.substr(0, at));
    if (value != values.end()) out.append(value->second);
    else out.append(text.substr(at, end + 1 - at));
    text.remove_prefix(end + 1);
  }
}

Value replace_in(const Value& value, const Values& values) {
  if (value.is_string()) return replace_placeholders(value.as_string(), values);
  if (value.is_array()) {
    Array out;
    for (const Value& element : value.as_array()) out.push_back(replace_in(element, values));
    return out;
  }
  if (!value.is_object()) return value;
  Object out;
  for (const auto& [key, child] : value.as_object()) out.insert_or_assign(replace_placeholders(key, values), replace_in(child, values));
  return out;
}

Result<std::string> metadata_value(std::string_view reference, const Value& manifest, const kube::Key& trial) {
  const std::string_view inner = reference.substr(12, reference.size() - 13);  // between "${trialSpec." and "}"
  if (inner == "Name") return trial.name;
  if (inner == "Namespace") return trial.name_space;
  if (inner == "Kind") return std::string(manifest["kind"].as_string());
  if (inner == "APIVersion") return std::string(manifest["apiVersion"].as_string());
  for (const auto& [prefix, member] : {std::pair<std::string_view, std::string_view>{"Labels[", "labels"},
      {"Annotations[", "annotations"}}) {
    if (!inner.starts_with(prefix) || !inner.ends_with(']')) continue;
    const std::string_view key = inner.substr(prefix.size(), inner.size() - prefix.size() - 1);
    const Value& value = manifest.at("metadata", member, key);
    if (value.is_string()) return std::string(value.as_string());
    return Error{Code::invalid, cat("trial parameter reference ", reference, ": the template's metadata has no ", member, " ", quote(key))};
  }
  return Error{Code::invalid, cat("trial parameter reference ", reference,
      " is unknown; there are Name, Namespace, Kind, APIVersion, Labels[key], Annotations[key]")};
}

/// "digits-12": "12". The whole name where it does not end in a number.
std::string trial_number(const std::string& trial) {
  const std::size_t hyphen = trial.rfind('-');
  if (hyphen == std::string::npos || hyphen + 1 == trial.size()) return trial;
  const std::string number = trial.substr(hyphen + 1);
  const bool digits = std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? number : trial;
}

Result<Values> values_of(const Value& manifest, const std::vector<TrialParameter>& parameters,
    const std::vector<Assignment>& assignments, const kube::Key& trial) {
  Values out;
  std::size_t used = 0;
  const std::string_view id_parameter = manifest.at("metadata", "annotations", trial_id_annotation).as_string();
  for (const TrialParameter& p : parameters) {
    if (!id_parameter.empty() && p.name == id_parameter && p.reference == "${trialSpec.Name}") {
      out[p.name] = trial_id(trial.name);
      continue;
    }
    if (is_trial_metadata(p.reference)) {
      TRY(out[p.name], metadata_value(p.reference, manifest, trial));
      // A template may name one parameter that stands for the trial's number where its name ends in one (names of ours do).
      if (p.reference == "${trialSpec.Name}" && manifest.at("metadata", "annotations", trial_id_annotation).as_string() == p.name)
        out[p.name] = trial_number(trial.name);
      continue;
    }
    const auto found = std::find_if(assignments.begin(), assignments.end(), [&](const Assignment& a) { return a.name == p.reference; });
    if (found == assignments.end()) return Error{Code::invalid,
        cat("trial ", quote(trial.name), ": trial parameter ", quote(p.name), " refers to ", quote(p.reference), ", which has no value")};
    out[p.name] = found->value;
    ++used;
  }
  if (used != assignments.size()) {
    return Error{Code::invalid, cat("trial ", quote(trial.name), ": ", assignments.size(),
        " parameters have values, but the template refers to ", used)};
  }
  return out;
}

Result<Value> named(Value run, const kube::Key& trial) {
  if (!run.is_object() || run["kind"].as_string().empty() || run["apiVersion"].as_string().empty()) {
    return Error{Code::invalid, "the trial template is no object with apiVersion and kind"};
  }
  run["metadata"]["name"] = trial.name;
  run["metadata"]["namespace"] = trial.name_space;
  return run;
}

}  // namespace

bool is_trial_metadata(std::string_view reference) {
  return reference.starts_with("${trialSpec.") && reference.ends_with("}") && reference.size() > 13;
}

std::string trial_id(std::string_view trial_name) {
  const std::size_t dash = trial_name.rfind('-');
  const std::string_view digits = dash == std::string_view::npos ? std::string_view{} : trial_name.substr(dash + 1);
  const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  return std::string(number ? digits : trial_name);
}

std::vector<std::string> unknown_placeholders(std::string_view text, const std::vector<TrialParameter>& parameters) {
  std::vector<std::string> out;
  for (std::size_t at = text.find(opening); at != std::string_view::npos; at = text.find(opening, at + 1)) {
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) break;
    const std::string_view name = text.substr(at + opening.size(), end - at - opening.size());
    const bool known = std::any_of(parameters.begin(), parameters.end(), [&](const TrialParameter& p) { return p.name == name; });
    if (!known && !name.empty()) out.emplace_back(text.substr(at, end + 1 - at));
  }
  return out;
}

Result<Value> render_trial(const Value& manifest, const std::vector<TrialParameter>& parameters, const std::vector<Assignment>& assignments,
                           const kube::Key& trial) {
  TRY(const Values values, values_of(manifest, parameters, assignments, trial));
  return named(replace_in(manifest, values), trial);
}

Result<Value> render_trial_text(std::string_view text, const std::vector<TrialParameter>& parameters,
                                const std::vector<Assignment>& assignments, const kube::Key& trial) {
  // Metadata references look at the manifest before its values are there; placeholders are harmless text to YAML.
  auto before = parse_yaml_single(text);
  TRY(const Values values, values_of(before.ok() ? before->value : Value{}, parameters, assignments, trial));
  TRY(YamlDocument after, parse_yaml_single(replace_placeholders(text, values)).context("reading the trial template after filling it in"));
  return named(std::move(after.value), trial);
}

}  // namespace masu::tuning
