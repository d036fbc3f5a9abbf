#include "node/shim_protocol.h"

namespace masu::node {
namespace {

std::int64_t count(Instant instant) { return instant.time_since_epoch().count(); }
Instant instant(const Value& value) { return Instant{Duration{value.as_integer()}}; }

Value encode_mounts(const std::vector<ShimMount>& mounts) {
  Value out = Array{};
  for (const ShimMount& mount : mounts)
    out.push_back(Value::object({{"type", mount.type}, {"source", mount.source}, {"target", mount.target}, {"options", mount.options},
        {"read_only", mount.read_only}}));
  return out;
}

std::vector<ShimMount> decode_mounts(const Value& list) {
  std::vector<ShimMount> out;
  for (const Value& mount : list.as_array()) {
    out.push_back({.type = std::string(mount["type"].as_string()),
        .source = std::string(mount["source"].as_string()),
        .target = std::string(mount["target"].as_string()),
        .options = std::string(mount["options"].as_string()),
        .read_only = mount["read_only"].as_bool()});
  }
  return out;
}

}  // namespace

Value StartRequest::encode() const {
  Value out = Value::object({{"id", id}, {"mode", mode}, {"directory", directory}, {"log", log}, {"runc_root", runc_root},
      {"runc_id", runc_id}, {"memory_group", memory_group}, {"argv", Value::strings(argv)}, {"working_directory", working_directory},
      {"user", user}, {"group", group}, {"backoff_level", backoff_level}});
  Object& variables = out["environment"].object();
  for (const auto& [name, value] : environment) variables[name] = value;
  out["mounts"] = encode_mounts(mounts);
  out["pod_mounts"] = encode_mounts(pod_mounts);
  return out;
}

StartRequest StartRequest::decode(const Value& value) {
  StartRequest out;
  out.id = value["id"].as_string();
  out.mode = value["mode"].as_string("runc");
  out.directory = value["directory"].as_string();
  out.log = value["log"].as_string();
  out.runc_root = value["runc_root"].as_string();
  out.runc_id = value["runc_id"].as_string();
  out.memory_group = value["memory_group"].as_string();
  for (const Value& word : value["argv"].as_array()) out.argv.emplace_back(word.as_string());
  for (const auto& [name, text] : value["environment"].as_object()) out.environment[name] = text.as_string();
  out.working_directory = value["working_directory"].as_string();
  out.user = value["user"].as_integer(-1);
  out.group = value["group"].as_integer(-1);
  out.backoff_level = static_cast<int>(value["backoff_level"].as_integer());
  out.mounts = decode_mounts(value["mounts"]);
  out.pod_mounts = decode_mounts(value["pod_mounts"]);
  return out;
}

Value ContainerRecord::encode() const {
  Value out = Value::object(
      {{"id", id}, {"state", running() ? "running" : "exited"}, {"pid", pid}, {"pid_start", static_cast<std::int64_t>(pid_start)},
          {"started", count(started)}, {"finished", count(finished)}, {"exit_code", exit_code}, {"signal", signal}, {"oom", oom},
          {"start_failed", start_failed}, {"reason", reason}, {"message", message}, {"backoff_level", backoff_level}});
  if (stop_by) out["stop_by"] = count(*stop_by);
  return out;
}

ContainerRecord ContainerRecord::decode(const Value& value) {
  ContainerRecord out;
  out.id = value["id"].as_string();
  out.state = value["state"].as_string() == "running" ? State::running : State::exited;
  out.pid = static_cast<int>(value["pid"].as_integer());
  out.pid_start = static_cast<std::uint64_t>(value["pid_start"].as_integer());
  out.started = instant(value["started"]);
  out.finished = instant(value["finished"]);
  out.exit_code = static_cast<int>(value["exit_code"].as_integer());
  out.signal = static_cast<int>(value["signal"].as_integer());
  out.oom = value["oom"].as_bool();
  out.start_failed = value["start_failed"].as_bool();
  out.reason = value["reason"].as_string();
  out.message = value["message"].as_string();
  out.backoff_level = static_cast<int>(value["backoff_level"].as_integer());
  if (value.contains("stop_by")) out.stop_by = instant(value["stop_by"]);
  return out;
}

Value encode_records(const std::vector<ContainerRecord>& records) {
  Value out = Array{};
  for (const ContainerRecord& record : records) out.push_back(record.encode());
  return out;
}

std::vector<ContainerRecord> decode_records(const Value& list) {
  std::vector<ContainerRecord> out;
  for (const Value& record : list.as_array()) out.push_back(ContainerRecord::decode(record));
  return out;
}

}  // namespace masu::node
