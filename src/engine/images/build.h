#pragma once
/// Making images: a layer of packages on another image, or the content of an archive.

#include <functional>
#include <string>
#include <vector>

#include "images/store.h"

namespace masu::images {

/// Lines for a person who waits.
using Say = std::function<void(std::string_view line)>;

struct Recipe {
  std::string name;
  std::string base = std::string(host_image);
  std::vector<std::string> apt;                     // Debian packages
  std::vector<std::string> pip;                     // PyPI requirements
  std::vector<std::filesystem::path> requirements;  // files of requirements
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> copies;  // {file or folder here, path in the image}
  bool again = false;                               // build even if it is there
};

/// Installs the packages into a new layer on the base and copies files into it; a folder's content goes into the folder
/// that is named. An image of the same name, recipe and base is left as it is, so a
/// repeated build needs no network. Needs root and overlay (unsupported says so); nothing is left of a build that fails.
Result<Image> build(Store& store, const Recipe& recipe, const Clock& clock, const Say& say, Deadline deadline);

/// An OCI or docker archive (file or OCI folder), or a root file system (tar, or a folder that is copied).
Result<Image> import_archive(Store& store, const std::filesystem::path& file, const std::string& name, const Clock& clock, const Say& say, Deadline deadline);

/// Fetches an image from its registry. `auth` is the text of a containers-auth file, or empty.
Result<Image> pull(Store& store, const std::string& name, const std::string& auth, const Clock& clock, Deadline deadline);

}  // namespace masu::images
