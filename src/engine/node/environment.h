#pragma once
/// The variables and words a container starts with. Pure: what must be read elsewhere comes in as References.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "node/image_store.h"
#include "node/pod.h"

namespace masu::node {

/// Data of the ConfigMaps and Secrets (decoded) of the pod's namespace that were asked for. One that does not exist is
/// not in the map.
struct References {
  std::map<std::string, std::map<std::string, std::string>> config_maps, secrets;
};
struct Needed {
  std::set<std::string> config_maps, secrets;
};
/// What must be read for the containers' variables and for the pod's volumes.
Needed needed_by(const Container& container);
Needed needed_by(const Volume& volume);

/// What the node knows and fields may ask for.
struct NodeFacts {
  std::string node_name, node_ip, pod_ip;
  std::int64_t cpu_milli = 0, memory_bytes = 0;  // allocatable: the limit of a container that has none
  std::map<std::string, std::string> service_variables;  // KUBERNETES_SERVICE_HOST ...
};

/// `$(NAME)` from the variables, `$$` for a dollar; an unknown name stays as it is written.
std::string expand(std::string_view text, const std::map<std::string, std::string>& variables);

/// The value of a fieldRef: "metadata.name", "metadata.labels['a']", "status.podIP", "spec.nodeName" ...
/// invalid for a path that is none.
Result<std::string> field_value(const Pod& pod, std::string_view path, const NodeFacts& facts);
Result<std::string> resource_value(const Pod& pod, const Container& self, const ResourceRef& ref, const NodeFacts& facts);

/// All variables of a container. not_found names a ConfigMap, Secret or key that is missing (and not optional).
Result<std::map<std::string, std::string>> environment_of(const Pod& pod, const Container& container, const ImageConfig& image,
                                                          const References& references, const NodeFacts& facts);
/// The program and its arguments: command replaces the image's entry point and drops its command; args replace that.
std::vector<std::string> words_of(
    const Container& container, const ImageConfig& image, const std::map<std::string, std::string>& variables);

}  // namespace masu::node
