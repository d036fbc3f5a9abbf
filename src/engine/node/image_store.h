#pragma once
/// What the node agent asks about images. Implemented in the program over the images room; a fake stands in tests.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace masu::node {

struct ImageConfig {
  std::vector<std::string> entrypoint, command;
  std::map<std::string, std::string> environment;
  std::string working_directory;
  std::string user;  // "", "1000", "1000:1000"; names are resolved by the store
};

/// An image that is here, ready to be used.
struct Image {
  std::string name;  // as asked for
  std::string id;    // "masu.dev/runtime", "sha256:...": status.containerStatuses[].imageID
  /// Folders of the root file system, topmost first, for an overlay. The built-in image `host` has one: "/".
  std::vector<std::filesystem::path> layers;
  ImageConfig config;
  /// Folders of the machine shown inside, read-only: {path on the machine, path in the container}.
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> binds;

  /// True if the machine's own root is a layer: then what is the machine's alone is hidden.
  bool shows_host() const {
    for (const auto& layer : layers)
      if (layer == "/") return true;
    return false;
  }
};

class ImageStore {
 public:
  virtual ~ImageStore() = default;
  /// An image that is here. not_found if it is not; never waits for a network.
  virtual Result<Image> resolve(std::string_view name) = 0;
  /// Fetches the image if it can be had. `auth` is the text of an auth file (imagePullSecrets), or empty.
  /// not_found, denied, unavailable (no way to the registry), unsupported (pulling is not possible here).
  virtual Result<Image> pull(std::string_view name, std::string_view auth, Deadline deadline) = 0;
};

}  // namespace masu::node
