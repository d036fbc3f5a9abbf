/// Objects and conditions as users write them: decoding and deciding must answer, never crash.

#include <cstdint>
#include <string_view>

#include "tuning/condition_query.h"
#include "tuning/suggestion_core.h"
#include "tuning/trial_core.h"
#include "value/json.h"

using namespace masu;
using namespace masu::tuning;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 64 * 1024) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Value sample = Value::object({{"status", Value::object({{"conditions",
      Value::array({Value::object({{"type", "A"}, {"status", "True"}})})}})}});
  if (data[0] % 2 == 0) {
    (void)condition_holds(sample, text);
    return 0;
  }
  const auto object = parse_json(text);
  if (!object.ok()) return 0;
  const auto experiment = Experiment::decode(*object);
  if (experiment.ok()) (void)decide(ExperimentWorld{.experiment = *experiment, .now = {}});
  const auto suggestion = Suggestion::decode(*object);
  if (suggestion.ok() && experiment.ok() && suggestion->requests < 50) (void)decide(SuggestionWorld{*suggestion, *experiment, {}, {}});
  if (const auto trial = Trial::decode(*object); trial.ok()) {
    TrialWorld world{.trial = *trial, .now = {}};
    if (const auto run = Run::decode(*object); run.ok()) world.run = *run;
    (void)decide(world);
  }
  return 0;
}
