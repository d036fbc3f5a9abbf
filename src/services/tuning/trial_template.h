#pragma once
/// From the trial template and one assignment to the object that runs (Katib: "rendering").

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/object.h"
#include "tuning/vocabulary.h"
#include "value/value.h"

namespace masu::tuning {

struct TrialParameter;

/// `${trialSpec.Name}`, `.Namespace`, `.Kind`, `.APIVersion`, `.Labels[key]`, `.Annotations[key]`.
bool is_trial_metadata(std::string_view reference);

/// On the template's metadata: the name of the trial parameter that stands for the trial's number (1, 2, ...).
inline constexpr std::string_view trial_id_annotation = "masu.dev/trial-id-parameter";
/// "digits-3" -> "3"; a name without a number is its own id.
std::string trial_id(std::string_view trial_name);

/// Placeholders `${trialParameters.x}` in the text that no trial parameter fills.
std::vector<std::string> unknown_placeholders(std::string_view text, const std::vector<TrialParameter>& parameters);

/// Replaces every placeholder of an inline manifest, keys included; values are text and stand inside strings, so quotes
/// and backslashes in them are safe. Sets name and namespace. invalid names the parameter that has no value.
Result<Value> render_trial(const Value& manifest, const std::vector<TrialParameter>& parameters, const std::vector<Assignment>& assignments,
                           const kube::Key& trial);

/// The same for the text of a ConfigMap (YAML or JSON), where a placeholder may stand anywhere: replaced as text, then read.
Result<Value> render_trial_text(std::string_view text, const std::vector<TrialParameter>& parameters,
                                const std::vector<Assignment>& assignments, const kube::Key& trial);

}  // namespace masu::tuning
