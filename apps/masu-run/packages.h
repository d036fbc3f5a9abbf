#pragma once
/// Installing the user's packages into the user site, as the cloud's runtime does.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace masu::runner {

/// The archives of a folder (.tar.gz, .tgz, .zip, .whl, .tar.bz2) in the order of their names.
std::vector<std::string> packages_in(const std::filesystem::path& directory);

/// Installs one package: first itself, whatever is there already, then the dependencies it misses. What the installer
/// says goes to our standard output and error. The error names the package.
///
/// A plain source distribution (setup.py, no pyproject.toml) is installed by its own setup.py in one process, as pip's
/// legacy way does; pip is asked for everything else, and for the dependencies if there are any.
Status install_package(const std::string& python, const std::string& package, const std::map<std::string, std::string>& environment);

}  // namespace masu::runner
