#pragma once
/// A pod's volumes as folders of this machine.

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "node/environment.h"
#include "node/pod.h"
#include "node/shim_protocol.h"

namespace masu::node {

/// One file of a configMap, secret, downwardAPI or projected volume.
struct VolumeFile {
  std::string path;  // within the volume
  std::string content;
  int mode = 0644;
  bool operator==(const VolumeFile&) const = default;
};

/// The files of such a volume. `tokens` by audience. Pure. not_found names what is missing; invalid a path that leads out.
Result<std::vector<VolumeFile>> files_of(const Pod& pod, const Volume& volume, const References& references, const NodeFacts& facts,
                                         const std::map<std::string, std::string>& tokens);
bool holds_files(const Volume& volume);

/// Where the bytes of a volume are.
struct PlacedVolume {
  std::filesystem::path path;
  bool read_only = false;
};
using PlacedVolumes = std::map<std::string, PlacedVolume>;

struct VolumeInputs {
  const References& references;
  const NodeFacts& facts;
  const std::map<std::string, std::string>& tokens;
  const PlacedVolumes& claims;  // by claim name
};

/// Makes what can be made (folders, files) below `directory` and says where each volume is. Safe to run again: files
/// are replaced one by one, emptyDirs keep their content. precondition, unsupported, not_found in words for the user.
Result<PlacedVolumes> place_volumes(const Pod& pod, const std::filesystem::path& directory, const VolumeInputs& inputs);

/// emptyDirs in memory: mounts for the shim to make before the first container.
std::vector<ShimMount> memory_mounts(const Pod& pod, const std::filesystem::path& directory);

}  // namespace masu::node
