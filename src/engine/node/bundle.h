#pragma once
/// From a container to what its shim is told: the runtime's config.json, or a plain process. Pure.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "node/image_store.h"
#include "node/pod.h"
#include "node/shim_protocol.h"
#include "node/volumes.h"

namespace masu::node {

/// How containers are run here.
enum class Mode { runc, process };

/// What cgroups this machine lets us use.
struct CgroupFacts {
  enum class Version { none, v1, v2 } version = Version::none;
  std::string memory_root;  // "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
};

struct BundleInput {
  const Pod& pod;
  const Container& container;
  const Image& image;
  const std::map<std::string, std::string>& environment;
  const std::vector<std::string>& words;
  const PlacedVolumes& volumes;
  std::filesystem::path directory;       // of this attempt: upper, work, rootfs, tmp, var-tmp, termination, hosts
  std::filesystem::path pod_directory;   // hosts, hostname, resolv.conf
  std::filesystem::path log;
  std::vector<std::filesystem::path> hidden;  // folders of the machine that no container sees
  Mode mode = Mode::runc;
  CgroupFacts cgroups;
  std::string runc_root;
  int attempt = 0, backoff_level = 0;
};

struct Bundle {
  Value config;           // config.json, for runc
  StartRequest request;
};

/// invalid: the pod asks for something that cannot be (a mount of a volume it does not have, a program without words).
Result<Bundle> make_bundle(const BundleInput& input);

/// The pod's part of cgroup paths: "/masu/<uid>".
std::string cgroup_of(const Pod& pod);

}  // namespace masu::node
