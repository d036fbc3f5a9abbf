/// Printer columns (spec kubernetes-api 13 and appendix E).
#include <algorithm>
#include <functional>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/paths.h"
#include "base/text.h"
#include "kube/selector.h"

namespace masu::apiserver::builtin {
namespace {

constexpr std::string_view kNone = "<none>", kUnknown = "<unknown>";

std::string text(const Value& value, std::string_view otherwise = kNone) {
  if (value.is_integer()) return cat(value.as_integer());
  return value.as_string().empty() ? std::string(otherwise) : std::string(value.as_string());
}

/// The short form of a span of time.
std::string human(Duration span) {
  using namespace std::chrono;
  const std::int64_t s = duration_cast<std::chrono::seconds>(span).count();
  if (s < -1) return "<invalid>";
  if (s < 0) return "0s";
  const auto pair = [](std::int64_t a, const char* unit, std::int64_t b, const char* smaller) {
    return b == 0 ? cat(a, unit) : cat(a, unit, b, smaller);
  };
  const std::int64_t m = s / 60, h = m / 60, d = h / 24, y = d / 365;
  if (s < 120) return cat(s, "s");
  if (m < 10) return pair(m, "m", s % 60, "s");
  if (h < 3) return cat(m, "m");
  if (h < 8) return pair(h, "h", m % 60, "m");
  if (h < 48) return cat(h, "h");
  if (d < 8) return pair(d, "d", h % 24, "h");
  if (y < 2) return cat(d, "d");
  if (y < 8) return pair(y, "y", d % 365, "d");
  return cat(y, "y");
}

std::string label_text(const Value& labels) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : labels.as_object()) parts.push_back(cat(key, "=", value.as_string()));
  return parts.empty() ? std::string(kNone) : join(parts, ",");
}

std::string selector_text(const Value& selector) {
  auto parsed = kube::LabelSelector::from(selector);
  if (!parsed.ok()) return cat(kUnknown);
  return parsed->empty() ? std::string(kNone) : parsed->text();
}

std::string joined(const Value& list, std::string_view member, std::string_view separator = ",") {
  std::vector<std::string> parts;
  for (const Value& element : list.as_array()) parts.emplace_back(member.empty() ? element.as_string() : element[member].as_string());
  return join(parts, separator);
}

std::string or_none(std::string value) { return value.empty() ? std::string(kNone) : value; }

std::string access_modes(const Value& modes) {
  std::vector<std::string> parts;
  const auto add = [&](std::string_view mode, std::string_view shown) {
    for (const Value& one : modes.as_array())
      if (one.as_string() == mode) return parts.emplace_back(shown), void();
  };
  add("ReadWriteOnce", "RWO");
  add("ReadOnlyMany", "ROX");
  add("ReadWriteMany", "RWX");
  add("ReadWriteOncePod", "RWOP");
  return join(parts, ",");
}

struct Row {
  const Value& object;
  Instant now;
  const Value& at(std::string_view a, std::string_view b) const { return object.at(a, b); }
  std::string age(const Value& time) const { return age_cell(time.as_string(), now); }
};

// ---- Pods

bool is_sidecar(const Value& spec, std::string_view container) {
  for (const Value& init : spec["initContainers"].as_array())
    if (init["name"].as_string() == container) return init["restartPolicy"].as_string() == "Always";
  return false;
}

std::string ended(const Value& terminated) {
  if (const std::string_view reason = terminated["reason"].as_string(); !reason.empty()) return std::string(reason);
  if (const std::int64_t signal = terminated["signal"].as_integer(); signal != 0) return cat("Signal:", signal);
  return cat("ExitCode:", terminated["exitCode"].as_integer());
}

struct PodCells {
  std::string ready, status, restarts;
};

PodCells pod_cells(const Row& row) {
  const Value &spec = row.object["spec"], &status = row.object["status"];
  const std::string phase(status["phase"].as_string());
  std::string reason = status["reason"].as_string().empty() ? phase : std::string(status["reason"].as_string());
  for (const Value& condition : status["conditions"].as_array())
    if (condition["type"].as_string() == "PodScheduled" && condition["reason"].as_string() == "SchedulingGated") reason = "SchedulingGated";

  std::int64_t total = static_cast<std::int64_t>(spec["containers"].as_array().size()), ready = 0, restarts = 0, sidecar_restarts = 0;
  std::string last_restart;
  const auto note_restart = [&](const Value& container) {
    const std::string_view finished = container.at("lastState", "terminated", "finishedAt").as_string();
    if (finished > last_restart) last_restart = finished;  // RFC 3339 in UTC sorts as text
  };

  bool initializing = false;
  const Array& inits = status["initContainerStatuses"].as_array();
  const std::size_t init_count = spec["initContainers"].as_array().size();
  for (const Value& init : spec["initContainers"].as_array()) total += init["restartPolicy"].as_string() == "Always" ? 1 : 0;
  for (std::size_t i = 0; i < inits.size(); ++i) {
    const Value &container = inits[i], &state = container["state"];
    const bool sidecar = is_sidecar(spec, container["name"].as_string());
    restarts += container["restartCount"].as_integer();
    note_restart(container);
    if (sidecar) {
      sidecar_restarts += container["restartCount"].as_integer();
      ready += container["ready"].as_bool() ? 1 : 0;
    }
    if (initializing) continue;
    const Value &terminated = state["terminated"], &waiting = state["waiting"];
    if (!terminated.is_null() && terminated["exitCode"].as_integer() == 0) continue;
    if (sidecar && container["started"].as_bool()) continue;
    if (!terminated.is_null()) reason = cat("Init:", ended(terminated));
    else if (const std::string_view why = waiting["reason"].as_string(); !why.empty() && why != "PodInitializing") reason = cat("Init:", why);
    else reason = cat("Init:", i, "/", init_count);
    initializing = true;
  }
  const Array& containers = status["containerStatuses"].as_array();
  bool initialized = false;
  for (const Value& condition : status["conditions"].as_array())
    initialized = initialized || (condition["type"].as_string() == "Initialized" && condition["status"].as_string() == "True");
  if (!initializing || initialized) {
    restarts = sidecar_restarts;
    bool running = false;
    for (std::size_t i = containers.size(); i-- > 0;) {
      const Value &container = containers[i], &state = container["state"];
      restarts += container["restartCount"].as_integer();
      note_restart(container);
      if (const std::string_view why = state.at("waiting", "reason").as_string(); !why.empty()) reason = why;
      else if (!state["terminated"].is_null()) reason = ended(state["terminated"]);
      else if (container["ready"].as_bool() && !state["running"].is_null()) running = true, ++ready;
    }
    if (reason == "Completed" && running) {
      bool pod_ready = false;
      for (const Value& condition : status["conditions"].as_array())
        pod_ready = pod_ready || (condition["type"].as_string() == "Ready" && condition["status"].as_string() == "True");
      reason = pod_ready ? "Running" : "NotReady";
    }
  }
  if (!row.at("metadata", "deletionTimestamp").is_null()) {
    if (status["reason"].as_string() == "NodeLost") reason = "Unknown";
    else if (phase != "Succeeded" && phase != "Failed") reason = "Terminating";
  }
  PodCells cells{cat(ready, "/", total), reason, cat(restarts)};
  if (restarts > 0 && !last_restart.empty()) cells.restarts = cat(restarts, " (", age_cell(last_restart, row.now), " ago)");
  return cells;
}

// ---- Tables

struct TableColumn {
  Column column;
  std::function<Value(const Row&)> cell;
};
using Table = std::vector<TableColumn>;

TableColumn column(std::string name, std::function<Value(const Row&)> cell, int priority = 0, std::string type = "string", std::string format = "") {
  return {{std::move(name), std::move(type), std::move(format), "", priority}, std::move(cell)};
}
TableColumn wide(std::string name, std::function<Value(const Row&)> cell) { return column(std::move(name), std::move(cell), 1); }
TableColumn number(std::string name, std::function<Value(const Row&)> cell) { return column(std::move(name), std::move(cell), 0, "integer"); }

TableColumn name_column() {
  TableColumn out = column("Name", [](const Row& row) { return row.at("metadata", "name"); }, 0, "string", "name");
  out.column.description = "Unique within the namespace.";
  return out;
}
TableColumn age_column() {
  return column("Age", [](const Row& row) { return Value(row.age(row.at("metadata", "creationTimestamp"))); });
}
TableColumn created_column() {
  return column("Created At", [](const Row& row) { return row.at("metadata", "creationTimestamp"); }, 0, "dateTime");
}
void add_images(Table& table) {
  const auto containers = [](const Row& row) -> const Value& { return row.object.at("spec", "template", "spec", "containers"); };
  table.push_back(wide("Containers", [containers](const Row& row) { return Value(joined(containers(row), "name")); }));
  table.push_back(wide("Images", [containers](const Row& row) { return Value(joined(containers(row), "image")); }));
}
void add_selector(Table& table) {
  table.push_back(wide("Selector", [](const Row& row) { return Value(selector_text(row.at("spec", "selector"))); }));
}

Table pod_table() {
  return {name_column(),
          column("Ready", [](const Row& row) { return Value(pod_cells(row).ready); }),
          column("Status", [](const Row& row) { return Value(pod_cells(row).status); }),
          column("Restarts", [](const Row& row) { return Value(pod_cells(row).restarts); }),
          age_column(),
          wide("IP", [](const Row& row) { return Value(text(row.at("status", "podIP"))); }),
          wide("Node", [](const Row& row) { return Value(text(row.at("spec", "nodeName"))); }),
          wide("Nominated Node", [](const Row& row) { return Value(text(row.at("status", "nominatedNodeName"))); }),
          wide("Readiness Gates", [](const Row&) { return Value(kNone); })};
}

Table service_table() {
  return {name_column(),
          column("Type", [](const Row& row) { return row.at("spec", "type"); }),
          column("Cluster-IP", [](const Row& row) { return Value(text(row.at("spec", "clusterIP"))); }),
          column("External-IP", [](const Row& row) {
            if (row.at("spec", "type").as_string() == "ExternalName") return row.at("spec", "externalName");
            return Value(or_none(joined(row.at("spec", "externalIPs"), "")));
          }),
          column("Port(s)", [](const Row& row) {
            std::vector<std::string> parts;
            for (const Value& port : row.at("spec", "ports").as_array())
              parts.push_back(cat(port["port"].as_integer(),
                                  port["nodePort"].as_integer() ? cat(":", port["nodePort"].as_integer()) : std::string(), "/",
                                  port["protocol"].as_string("TCP")));
            return Value(or_none(join(parts, ",")));
          }),
          age_column(),
          wide("Selector", [](const Row& row) { return Value(label_text(row.at("spec", "selector"))); })};
}

std::string node_status(const Row& row) {
  std::string status = "Unknown";
  for (const Value& condition : row.at("status", "conditions").as_array())
    if (condition["type"].as_string() == "Ready") status = condition["status"].as_string() == "True" ? "Ready" : "NotReady";
  return row.at("spec", "unschedulable").as_bool() ? cat(status, ",SchedulingDisabled") : status;
}

std::string node_roles(const Row& row) {
  std::vector<std::string> roles;
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  for (const auto& [key, value] : row.at("metadata", "labels").as_object()) {
    if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) roles.push_back(key.substr(kPrefix.size()));
    else if (key == "kubernetes.io/role" && !value.as_string().empty()) roles.emplace_back(value.as_string());
  }
  return or_none(join(roles, ","));
}

std::string node_address(const Row& row, std::string_view type) {
  for (const Value& address : row.at("status", "addresses").as_array())
    if (address["type"].as_string() == type) return std::string(address["address"].as_string());
  return std::string(kNone);
}

Table node_table() {
  const auto info = [](std::string_view key) { return [key](const Row& row) { return Value(text(row.at("status", "nodeInfo")[key], kUnknown)); }; };
  return {name_column(),
          column("Status", [](const Row& row) { return Value(node_status(row)); }),
          column("Roles", [](const Row& row) { return Value(node_roles(row)); }),
          age_column(),
          column("Version", [](const Row& row) { return row.object.at("status", "nodeInfo", "kubeletVersion"); }),
          wide("Internal-IP", [](const Row& row) { return Value(node_address(row, "InternalIP")); }),
          wide("External-IP", [](const Row& row) { return Value(node_address(row, "ExternalIP")); }),
          wide("OS-Image", info("osImage")),
          wide("Kernel-Version", info("kernelVersion")),
          wide("Container-Runtime", info("containerRuntimeVersion"))};
}

Value of_wanted(const Row& row, std::string_view count) {
  return Value(cat(row.at("status", count).as_integer(), "/", row.at("spec", "replicas").as_integer()));
}
std::function<Value(const Row&)> count_of(std::string_view part, std::string_view member) {
  return [part, member](const Row& row) { return Value(row.at(part, member).as_integer()); };
}

Table deployment_table() {
  Table table = {name_column(), column("Ready", [](const Row& row) { return of_wanted(row, "readyReplicas"); }),
                 number("Up-to-date", count_of("status", "updatedReplicas")), number("Available", count_of("status", "availableReplicas")),
                 age_column()};
  add_images(table);
  add_selector(table);
  return table;
}

Table replica_set_table() {
  Table table = {name_column(), number("Desired", count_of("spec", "replicas")), number("Current", count_of("status", "replicas")),
                 number("Ready", count_of("status", "readyReplicas")), age_column()};
  add_images(table);
  add_selector(table);
  return table;
}

Table stateful_set_table() {
  Table table = {name_column(), column("Ready", [](const Row& row) { return of_wanted(row, "readyReplicas"); }), age_column()};
  add_images(table);
  return table;
}

std::string job_status(const Row& row) {
  const auto is_true = [&](std::string_view type) {
    for (const Value& condition : row.at("status", "conditions").as_array())
      if (condition["type"].as_string() == type && condition["status"].as_string() == "True") return true;
    return false;
  };
  if (is_true("Complete")) return "Complete";
  if (is_true("Failed")) return "Failed";
  if (!row.at("metadata", "deletionTimestamp").is_null()) return "Terminating";
  if (is_true("Suspended")) return "Suspended";
  if (is_true("FailureTarget")) return "FailureTarget";
  if (is_true("SuccessCriteriaMet")) return "SuccessCriteriaMet";
  return "Running";
}

std::string job_duration(const Row& row) {
  auto start = parse_rfc3339(row.at("status", "startTime").as_string());
  if (!start.ok()) return "";
  auto end = parse_rfc3339(row.at("status", "completionTime").as_string());
  for (const Value& condition : row.at("status", "conditions").as_array())
    if (!end.ok() && condition["type"].as_string() == "Failed" && condition["status"].as_string() == "True")
      end = parse_rfc3339(condition["lastTransitionTime"].as_string());
  return human((end.ok() ? *end : row.now) - *start);
}

Table job_table() {
  Table table = {name_column(), column("Status", [](const Row& row) { return Value(job_status(row)); }),
                 column("Completions", [](const Row& row) {
                   const Value& wanted = row.at("spec", "completions");
                   const std::int64_t done = row.at("status", "succeeded").as_integer(), parallel = row.at("spec", "parallelism").as_integer();
                   if (!wanted.is_null()) return Value(cat(done, "/", wanted.as_integer()));
                   return Value(parallel > 1 ? cat(done, "/1 of ", parallel) : cat(done, "/1"));
                 }),
                 column("Duration", [](const Row& row) { return Value(job_duration(row)); }), age_column()};
  add_images(table);
  add_selector(table);
  return table;
}

std::string event_seen(const Row& row) {
  for (const Value* time : {&row.object.at("series", "lastObservedTime"), &row.object["lastTimestamp"], &row.object["eventTime"],
                            &row.object["firstTimestamp"]})
    if (!time->as_string().empty()) return row.age(*time);
  return row.age(row.at("metadata", "creationTimestamp"));
}

Table event_table() {
  return {
      column("Last Seen", [](const Row& row) { return Value(event_seen(row)); }),
      column("Type", [](const Row& row) { return row.object["type"]; }),
      column("Reason", [](const Row& row) { return row.object["reason"]; }),
      column("Object",
             [](const Row& row) {
               return Value(cat(lower(row.at("involvedObject", "kind").as_string()), "/", row.at("involvedObject", "name").as_string()));
             }),
      wide("Subobject", [](const Row& row) { return row.at("involvedObject", "fieldPath"); }),
      wide("Source",
           [](const Row& row) {
             const std::string_view component = row.at("source", "component").as_string(row.object["reportingComponent"].as_string()),
                                    host = row.at("source", "host").as_string();
             return Value(host.empty() ? std::string(component) : cat(component, ", ", host));
           }),
      column("Message", [](const Row& row) { return Value(trim(row.object["message"].as_string())); }),
      wide("First Seen",
           [](const Row& row) {
             const Value& first = row.object["firstTimestamp"];
             return Value(row.age(first.as_string().empty() ? row.at("metadata", "creationTimestamp") : first));
           }),
      wide("Count", [](const Row& row) { return Value(std::max<std::int64_t>(1, row.object["count"].as_integer())); }),
      wide("Name", [](const Row& row) { return row.at("metadata", "name"); })};
}

Table endpoints_table() {
  return {name_column(), column("Endpoints", [](const Row& row) {
            std::vector<std::string> parts;
            for (const Value& subset : row.object["subsets"].as_array())
              for (const Value& address : subset["addresses"].as_array()) {
                if (subset["ports"].as_array().empty()) parts.emplace_back(address["ip"].as_string());
                for (const Value& port : subset["ports"].as_array()) parts.push_back(cat(address["ip"].as_string(), ":", port["port"].as_integer()));
              }
            if (parts.size() > 3) {
              const std::size_t more = parts.size() - 3;
              parts.resize(3);
              return Value(cat(join(parts, ","), " + ", more, " more..."));
            }
            return Value(or_none(join(parts, ",")));
          }),
          age_column()};
}

Table claim_table() {
  return {name_column(),
          column("Status",
                 [](const Row& row) {
                   return row.at("metadata", "deletionTimestamp").is_null() ? row.at("status", "phase") : Value("Terminating");
                 }),
          column("Volume", [](const Row& row) { return Value(row.at("spec", "volumeName").as_string()); }),
          column("Capacity", [](const Row& row) { return Value(row.object.at("status", "capacity", "storage").as_string()); }),
          column("Access Modes", [](const Row& row) { return Value(access_modes(row.at("status", "accessModes"))); }),
          column("StorageClass", [](const Row& row) { return Value(row.at("spec", "storageClassName").as_string()); }),
          column("VolumeAttributesClass", [](const Row&) { return Value("<unset>"); }),
          age_column(),
          wide("VolumeMode", [](const Row& row) { return Value(text(row.at("spec", "volumeMode"), "<unset>")); })};
}

Table volume_table() {
  return {name_column(),
          column("Capacity", [](const Row& row) { return row.object.at("spec", "capacity", "storage"); }),
          column("Access Modes", [](const Row& row) { return Value(access_modes(row.at("spec", "accessModes"))); }),
          column("Reclaim Policy", [](const Row& row) { return row.at("spec", "persistentVolumeReclaimPolicy"); }),
          column("Status",
                 [](const Row& row) {
                   return row.at("metadata", "deletionTimestamp").is_null() ? row.at("status", "phase") : Value("Terminating");
                 }),
          column("Claim",
                 [](const Row& row) {
                   const Value& claim = row.at("spec", "claimRef");
                   return Value(claim.is_null() ? std::string() : cat(claim["namespace"].as_string(), "/", claim["name"].as_string()));
                 }),
          column("StorageClass", [](const Row& row) { return Value(row.at("spec", "storageClassName").as_string()); }),
          column("VolumeAttributesClass", [](const Row&) { return Value("<unset>"); }),
          column("Reason", [](const Row& row) { return Value(row.at("status", "reason").as_string()); }),
          age_column(),
          wide("VolumeMode", [](const Row& row) { return Value(text(row.at("spec", "volumeMode"), "<unset>")); })};
}

Table binding_table() {
  const auto subjects = [](std::string_view kind) {
    return [kind](const Row& row) {
      std::vector<std::string> names;
      for (const Value& subject : row.object["subjects"].as_array())
        if (subject["kind"].as_string() == kind)
          names.push_back(kind == "ServiceAccount" ? cat(subject["namespace"].as_string(), "/", subject["name"].as_string())
                                                   : std::string(subject["name"].as_string()));
      return Value(join(names, ", "));
    };
  };
  return {
      name_column(),
      column("Role",
             [](const Row& row) { return Value(cat(row.at("roleRef", "kind").as_string(), "/", row.at("roleRef", "name").as_string())); }),
      age_column(),
      wide("Users", subjects("User")),
      wide("Groups", subjects("Group")),
      wide("ServiceAccounts", subjects("ServiceAccount"))};
}

Table storage_class_table() {
  return {column("Name", [](const Row& row) {
            const std::string_view name = row.at("metadata", "name").as_string();
            return Value(is_default_class(row.object) ? cat(name, " (default)") : std::string(name));
          }, 0, "string", "name"),
          column("Provisioner", [](const Row& row) { return row.object["provisioner"]; }),
          column("ReclaimPolicy", [](const Row& row) { return row.object["reclaimPolicy"]; }),
          column("VolumeBindingMode", [](const Row& row) { return row.object["volumeBindingMode"]; }),
          column("AllowVolumeExpansion", [](const Row& row) { return Value(row.object["allowVolumeExpansion"].as_bool()); }, 0, "boolean"),
          age_column()};
}

Table plain_table() { return {name_column(), age_column()}; }

const std::map<std::string, Table, std::less<>>& tables() {
  static const std::map<std::string, Table, std::less<>> all = {
      {"core/v1.Pod", pod_table()},
      {"core/v1.Service", service_table()},
      {"core/v1.Node", node_table()},
      {"core/v1.Namespace", {name_column(), column("Status", [](const Row& row) { return row.at("status", "phase"); }), age_column()}},
      {"core/v1.ConfigMap",
       {name_column(),
        number("Data",
               [](const Row& row) { return Value(row.object["data"].as_object().size() + row.object["binaryData"].as_object().size()); }),
        age_column()}},
      {"core/v1.Secret",
       {name_column(), column("Type", [](const Row& row) { return row.object["type"]; }),
        number("Data", [](const Row& row) { return Value(row.object["data"].as_object().size()); }), age_column()}},
      {"core/v1.Event", event_table()},
      {"core/v1.Endpoints", endpoints_table()},
      {"core/v1.PersistentVolumeClaim", claim_table()},
      {"core/v1.PersistentVolume", volume_table()},
      {"apps/v1.Deployment", deployment_table()},
      {"apps/v1.ReplicaSet", replica_set_table()},
      {"apps/v1.StatefulSet", stateful_set_table()},
      {"batch/v1.Job", job_table()},
      {"coordination/v1.Lease",
       {name_column(), column("Holder", [](const Row& row) { return Value(row.at("spec", "holderIdentity").as_string()); }), age_column()}},
      {"rbac/v1.Role", {name_column(), created_column()}},
      {"rbac/v1.ClusterRole", {name_column(), created_column()}},
      {"rbac/v1.RoleBinding", binding_table()},
      {"rbac/v1.ClusterRoleBinding", binding_table()},
      {"apiextensions/v1.CustomResourceDefinition", {name_column(), created_column()}},
      {"storage/v1.StorageClass", storage_class_table()},
      {"scheduling/v1.PriorityClass",
       {name_column(), number("Value", [](const Row& row) { return row.object["value"]; }),
        column(
            "Global-Default", [](const Row& row) { return Value(row.object["globalDefault"].as_bool()); }, 0, "boolean"),
        age_column(), column("PreemptionPolicy", [](const Row& row) { return row.object["preemptionPolicy"]; })}},
  };
  return all;
}

const Table& table_of(const Kind& kind) {
  static const Table plain = plain_table();
  auto at = tables().find(kind.message);
  return at == tables().end() ? plain : at->second;
}

}  // namespace

std::string age_cell(std::string_view timestamp, Instant now) {
  auto time = parse_rfc3339(timestamp);
  return time.ok() ? human(now - *time) : std::string(kUnknown);
}

std::vector<Column> columns(const Kind& kind) {
  std::vector<Column> out;
  for (const TableColumn& one : table_of(kind)) out.push_back(one.column);
  return out;
}

std::vector<Value> cells(const Kind& kind, const Value& object, Instant now) {
  std::vector<Value> out;
  const Row row{object, now};
  for (const TableColumn& one : table_of(kind)) out.push_back(one.cell(row));
  return out;
}

Value row_conditions(const Kind& kind, const Value& object) {
  if (kind.message != "core/v1.Pod") return {};
  const std::string_view phase = object.at("status", "phase").as_string();
  if (phase == "Succeeded")
    return Value::array({Value::object(
        {{"type", "Completed"}, {"status", "True"}, {"reason", "Succeeded"}, {"message", "The pod has completed successfully."}})});
  if (phase == "Failed")
    return Value::array({Value::object({{"type", "Completed"}, {"status", "True"}, {"reason", "Failed"}, {"message", "The pod failed."}})});
  return {};
}

}  // namespace masu::apiserver::builtin
