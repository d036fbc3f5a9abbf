#include "controller/leader.h"

#include "base/log.h"

namespace masu::controller {

LeaderElection::LeaderElection(const kube::Client& client, const Clock& clock, Options options)
    : client_(client), clock_(clock), options_(std::move(options)) {}

Value LeaderElection::spec(Instant acquired, std::int64_t transitions) const {
  return Value::object({{"holderIdentity", options_.identity},
                        {"leaseDurationSeconds", std::chrono::duration_cast<std::chrono::seconds>(options_.duration).count()},
                        {"acquireTime", to_rfc3339_micro(acquired)},
                        {"renewTime", to_rfc3339_micro(clock_.now())},
                        {"leaseTransitions", transitions}});
}

Result<bool> LeaderElection::try_once(Deadline deadline) {
  const auto lost_race = [](const Error& error) { return error.code == Code::conflict || error.code == Code::already_exists; };
  auto found = client_.get(kube::resources::leases, options_.lease, deadline);
  if (!found.ok() && found.error().code == Code::not_found) {
    const Value lease = Value::object({{"apiVersion", "coordination.k8s.io/v1"},
                                       {"kind", "Lease"},
                                       {"metadata", Value::object({{"name", options_.lease.name}, {"namespace", options_.lease.name_space}})},
                                       {"spec", spec(clock_.now(), 0)}});
    const auto made = client_.create(kube::resources::leases, lease, deadline);
    if (made.ok()) return true;
    if (lost_race(made.error())) return false;
    return made.error();
  }
  TRY(Value lease, std::move(found));
  const std::string version(lease.at("metadata", "resourceVersion").as_string());
  if (version != seen_version_) {
    seen_version_ = version;
    seen_at_ = clock_.now();
  }
  const std::string_view holder = lease.at("spec", "holderIdentity").as_string();
  const Duration valid = std::chrono::seconds(lease.at("spec", "leaseDurationSeconds").as_integer(15));
  const bool ours = holder == options_.identity;
  if (!ours && !holder.empty() && clock_.now() < seen_at_ + valid) return false;

  const std::int64_t transitions = lease.at("spec", "leaseTransitions").as_integer() + (ours ? 0 : 1);
  const auto since = ours ? parse_rfc3339(lease.at("spec", "acquireTime").as_string()) : Result<Instant>(clock_.now());
  lease["spec"] = spec(since.value_or(clock_.now()), transitions);
  const auto written = client_.replace(kube::resources::leases, lease, deadline);
  if (written.ok()) return true;
  if (lost_race(written.error())) return false;
  return written.error();
}

bool LeaderElection::acquire(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto leading = try_once(Deadline::after(options_.give_up));
    if (leading.ok() && *leading) return true;
    if (!leading.ok()) log::warn("leader election failed", {{"lease", options_.lease.text()}, {"error", leading.error().message}});
    if (!pause(options_.retry, stop)) return false;
  }
  return false;
}

bool LeaderElection::hold(const std::stop_token& stop) {
  Instant renewed = clock_.now();
  while (pause(options_.retry, stop)) {
    const auto leading = try_once(Deadline::after(options_.give_up));
    if (leading.ok() && *leading) renewed = clock_.now();
    else if (leading.ok() || clock_.now() - renewed > options_.give_up) return false;
  }
  static_cast<void>(release(Deadline::after(5s)));
  return true;
}

Status LeaderElection::release(Deadline deadline) {
  TRY(Value lease, client_.get(kube::resources::leases, options_.lease, deadline));
  if (lease.at("spec", "holderIdentity").as_string() != options_.identity) return {};
  lease["spec"]["holderIdentity"] = "";
  lease["spec"]["leaseDurationSeconds"] = 1;
  TRY_OK(client_.replace(kube::resources::leases, lease, deadline));
  return {};
}

}  // namespace masu::controller
