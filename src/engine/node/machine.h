#pragma once
/// What this machine is and can do, read once at start.

#include <filesystem>
#include <map>
#include <string>

#include "base/clock.h"
#include "node/bundle.h"
#include "value/value.h"

namespace masu::node {

struct Machine {
  std::int64_t cpus = 1, memory_bytes = 0, disk_bytes = 0;
  std::string host_name, kernel, os_image, machine_id, boot_id, architecture;
  CgroupFacts cgroups;
  bool overlay = false;  // over "/", with upper folders in the data directory
  bool runc = false;     // installed, and we are root
  std::string runc_version;

  Mode best_mode() const { return runc && overlay ? Mode::runc : Mode::process; }
};
/// The machine's name as a Node may have it: lower case; "node" if it has none.
std::string host_name();
Machine look_at_machine(const std::filesystem::path& data);

struct NodeIdentity {
  std::string name, address;    // of the agent: "unix:/run/masu/agent.sock"
  std::string node_ip = "127.0.0.1", version;
  std::map<std::string, std::string> labels;
};
/// The Node object as this machine registers itself. Pure.
Value node_object(const Machine& machine, const NodeIdentity& identity, Mode mode, Instant now);

}  // namespace masu::node
