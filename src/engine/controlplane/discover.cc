#include "controlplane/shells.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

Result<Value> read(const kube::Client& client, const std::string& path, Deadline deadline) {
  net::Request request;
  request.method = "GET";
  request.path = path;
  request.headers.set("Accept", "application/json");
  TRY(const net::Reply reply, client.raw(std::move(request), deadline));
  return parse_json(reply.body);
}

Status add_version(const kube::Client& client, const std::string& group, const std::string& version, std::set<std::string>& seen,
                   std::vector<Discovered>& out, Deadline deadline) {
  TRY(const Value list, read(client, group.empty() ? "/api/" + version : "/apis/" + group + "/" + version, deadline));
  for (const Value& entry : list["resources"].as_array()) {
    const std::string plural(entry["name"].as_string());
    if (plural.find('/') != std::string::npos || !seen.insert(group + "/" + plural).second) continue;
    Discovered found{{group, version, plural, std::string(entry["kind"].as_string()), entry["namespaced"].as_bool()}, {}};
    for (const Value& verb : entry["verbs"].as_array()) found.verbs.emplace(verb.as_string());
    out.push_back(std::move(found));
  }
  return {};
}

}  // namespace

Result<std::vector<Discovered>> discover(const kube::Client& client, Deadline deadline) {
  std::vector<Discovered> out;
  std::set<std::string> seen;
  TRY_OK(add_version(client, "", "v1", seen, out, deadline));
  TRY(const Value groups, read(client, "/apis", deadline));
  for (const Value& group : groups["groups"].as_array()) {
    const std::string name(group["name"].as_string());
    for (const Value& version : group["versions"].as_array())
      TRY_OK(add_version(client, name, std::string(version["version"].as_string()), seen, out, deadline));
  }
  return out;
}

}  // namespace masu::controlplane
