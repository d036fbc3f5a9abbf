#pragma once
/// A Python package directory -> the archive that pip installs, and the object names it is uploaded under (spec 3).
///
/// Reproducible: entries sorted, times, owners and modes fixed, so the same code is the same bytes, the same hash, the same
/// object, and a repeated submission uploads nothing.

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace masu::training {

/// A file to be uploaded: its base name and its bytes.
struct PackageFile {
  std::string name;   // trainer-0.0.0.tar.gz
  std::string bytes;
  bool operator==(const PackageFile&) const = default;
};

struct TarEntry {
  std::string path;  // relative, with '/'
  std::string bytes;
  bool executable = false;
};
/// A gzipped tar of the entries in order of their paths, with fixed times and owners.
Result<std::string> make_tar_gz(std::vector<TarEntry> entries);
/// The regular files of a .tar.gz, .tar or .zip archive. malformed if it cannot be read.
Result<std::vector<TarEntry>> read_archive(const std::string& bytes);

struct PackageOptions {
  std::string python = "python3";    // runs setup.py, where there is one
  bool include_data = true;          // files beside the modules (PKG-6)
  std::uint64_t size_max = std::uint64_t{2} << 30;
};

/// Builds what --package-path names: a directory with __init__.py. With a setup.py beside it that is run and its archive
/// packed again reproducibly; without one the archive is written here (name-0.0.0, subpackages included).
Result<std::vector<PackageFile>> build_package(const std::filesystem::path& package, const PackageOptions& options, Deadline deadline);

/// SHA-256 over the contents of all files, in upload order (PKG-20).
std::string upload_hash(const std::vector<PackageFile>& files);

/// Where uploads go: `staging` is "gs://B" or empty, `job_dir` "gs://B/PATH" or empty (PKG-21 to 23). Bucket and prefix that
/// end in '/'; precondition if both are empty, naming both flags.
struct UploadPlace {
  std::string bucket, prefix;
  std::string url(const std::string& base_name) const;
};
Result<UploadPlace> upload_place(const std::string& staging, const std::string& job_dir, const std::string& job, const std::string& hash);

}  // namespace masu::training
