#include "tuning/vocabulary.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace masu::tuning {

std::vector<Assignment> decode_assignments(const Value& list) {
  std::vector<Assignment> out;
  for (const Value& item : list.as_array()) {
    // Hand-written manifests carry bare numbers now and then.
    const Value& value = item["value"];
    out.push_back({std::string(item["name"].as_string()),
                   value.is_integer() ? cat(value.as_integer()) : value.is_number()
                       ? cat(value.as_number()) : std::string(value.as_string())});
  }
  return out;
}

Value encode_assignments(const std::vector<Assignment>& assignments) {
  Array out;
  for (const Assignment& a : assignments) out.push_back(Value::object({{"name", a.name}, {"value", a.value}}));
  return out;
}

const std::string& MetricSummary::by(Strategy strategy) const {
  const std::string& own = strategy == Strategy::min ? min : strategy == Strategy::max ? max : latest;
  return own.empty() || own == unavailable ? latest : own;
}

std::optional<double> read_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || text.empty()) return {};
  if (error == std::errc::result_out_of_range) return std::nan("");
  if (error != std::errc{}) return {};
  return number;
}

std::optional<double> objective_value(const Objective& objective, const std::vector<MetricSummary>& observation) {
  for (const MetricSummary& metric : observation) {
    if (metric.name != objective.metric) continue;
    const auto number = read_number(metric.by(objective.strategy(metric.name)));
    return number && std::isfinite(*number) ? number : std::nullopt;
  }
  return {};
}

Objective Objective::decode(const Reader& reader) {
  Objective out;
  const std::string type = reader.string("type").value_or("");
  if (type == "minimize") out.goal = optimise::Goal::minimise;
  else if (type != "maximize") reader.wrong("type", cat("must be minimize or maximize, not ", quote(type)));
  out.wanted = reader.number("goal");
  out.metric = reader.string("objectiveMetricName").value_or("");
  if (out.metric.empty()) reader.required("objectiveMetricName");
  out.more_metrics = reader.strings("additionalMetricNames");
  if (std::find(out.more_metrics.begin(), out.more_metrics.end(), out.metric) != out.more_metrics.end()) {
    reader.wrong("additionalMetricNames", "must not repeat the objective metric");
  }
  for (const std::string& name : out.all_metrics()) {
    out.strategies[name] = out.goal == optimise::Goal::minimise ? Strategy::min : Strategy::max;
  }
  for (const Reader& entry : reader.list("metricStrategies")) {
    const std::string value = entry.string("value").value_or("");
    const std::string name = entry.string("name").value_or("");
    if (value == "latest") out.strategies[name] = Strategy::latest;
    else if (value == "min") out.strategies[name] = Strategy::min;
    else if (value == "max") out.strategies[name] = Strategy::max;
    else entry.wrong("value", cat("must be min, max or latest, not ", quote(value)));
  }
  return out;
}

Value Objective::encode() const {
  Value out = Value::object({{"type", goal == optimise::Goal::minimise ? "minimize" : "maximize"}, {"objectiveMetricName", metric}});
  if (wanted) out["goal"] = *wanted;
  if (!more_metrics.empty()) out["additionalMetricNames"] = Value::strings(more_metrics);
  for (const std::string& name : all_metrics()) {
    const Strategy own = strategy(name);
    out["metricStrategies"].push_back(
        Value::object({{"name", name}, {"value", own == Strategy::latest ? "latest" : own == Strategy::min ? "min" : "max"}}));
  }
  return out;
}

Strategy Objective::strategy(std::string_view name) const {
  const auto found = strategies.find(std::string(name));
  return found == strategies.end() ? Strategy::latest : found->second;
}

std::vector<std::string> Objective::all_metrics() const {
  std::vector<std::string> out = {metric};
  out.insert(out.end(), more_metrics.begin(), more_metrics.end());
  return out;
}

Algorithm Algorithm::decode(const Reader& reader) {
  Algorithm out;
  out.name = reader.string("algorithmName").value_or("");
  for (const Assignment& setting : decode_assignments(reader.value()["algorithmSettings"])) out.settings[setting.name] = setting.value;
  return out;
}

Value Algorithm::encode() const {
  Value out = Value::object({{"algorithmName", name}});
  for (const auto& [key, value] : settings) out["algorithmSettings"].push_back(Value::object({{"name", key}, {"value", value}}));
  return out;
}

std::optional<Instant> read_time(const Value& value) {
  if (!value.is_string()) return {};
  auto parsed = parse_rfc3339(value.as_string());
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

Value write_time(const std::optional<Instant>& time) { return time ? Value(to_rfc3339(*time)) : Value(nullptr); }

Conditions Conditions::decode(const Value& list) {
  Conditions out;
  for (const Value& item : list.as_array()) {
    out.list_.push_back({std::string(item["type"].as_string()), std::string(item["status"].as_string()),
        std::string(item["reason"].as_string()),
                         std::string(item["message"].as_string()), read_time(item["lastUpdateTime"]),
                             read_time(item["lastTransitionTime"])});
  }
  return out;
}

Value Conditions::encode() const {
  Array out;
  for (const Condition& c : list_) {
    Value item = Value::object({{"type", c.type}, {"status", c.status}, {"reason", c.reason}, {"message", c.message}});
    if (c.updated) item["lastUpdateTime"] = to_rfc3339(*c.updated);
    if (c.changed) item["lastTransitionTime"] = to_rfc3339(*c.changed);
    out.push_back(std::move(item));
  }
  return out;
}

const Condition* Conditions::find(std::string_view type) const {
  for (const Condition& c : list_) {
    if (c.type == type) return &c;
  }
  return nullptr;
}

bool Conditions::is_true(std::string_view type) const {
  const Condition* c = find(type);
  return c != nullptr && c->status == "True";
}

void Conditions::set(std::string_view type, std::string_view status, std::string reason, std::string message, Instant now) {
  reason = reason.substr(0, 1024);
  message = message.substr(0, 32768);
  const Condition* old = find(type);
  if (old != nullptr && old->status == status && old->reason == reason) return;
  Condition fresh{std::string(type), std::string(status), std::move(reason), std::move(message), now, now};
  if (old != nullptr && old->status == status) fresh.changed = old->changed;
  remove(type);
  list_.push_back(std::move(fresh));
}

void Conditions::clear(std::string_view type, Instant now) {
  const Condition* old = find(type);
  if (old == nullptr || old->status == "False") return;
  set(type, "False", old->reason, old->message, now);
}

void Conditions::remove(std::string_view type) {
  std::erase_if(list_, [&](const Condition& c) { return c.type == type; });
}

}  // namespace masu::tuning
