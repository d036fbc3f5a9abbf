#include "training/packaging.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace masu::training {
namespace {

namespace fs = std::filesystem;

// ---------------------------------------------------------------- archives

void octal(char* field, std::size_t width, std::uint64_t number) {
  for (std::size_t i = width - 1; i-- > 0; number >>= 3) field[i] = static_cast<char>('0' + (number & 7));
}

/// One ustar header (POSIX.1-1988). Paths beyond 100 bytes are split at a slash; longer ones cannot be stored so.
Status append_header(std::string& tar, const TarEntry& entry) {
  char header[512] = {};
  std::string name = entry.path, prefix;
  if (name.size() > 100) {
    std::size_t cut = name.rfind('/', 155);
    while (cut != std::string::npos && cut > 155) cut = name.rfind('/', cut - 1);
    if (cut == std::string::npos || name.size() - cut - 1 > 100)
      return Error{Code::invalid, cat("packing ", quote(entry.path), ": the path is too long for an archive, shorten the file's name")};
    prefix = name.substr(0, cut);
    name = name.substr(cut + 1);
  }
  std::memcpy(header, name.data(), name.size());
  octal(header + 100, 8, entry.executable ? 0755 : 0644);
  octal(header + 108, 8, 0);
  octal(header + 116, 8, 0);
  octal(header + 124, 12, entry.bytes.size());
  octal(header + 136, 12, 315532800);  // 1980-01-01, the earliest that zip files know
  std::memset(header + 148, ' ', 8);
  header[156] = '0';
  std::memcpy(header + 257, "ustar\00000", 8);
  std::memcpy(header + 345, prefix.data(), prefix.size());
  std::uint64_t sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  octal(header + 148, 7, sum);
  tar.append(header, sizeof header);
  return {};
}

/// gzip with no name and no time.
Result<std::string> gzip(const std::string& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return Error{Code::internal, "starting the compressor"};
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return Error{Code::internal, "compressing the package"};
  return out;
}

// ---------------------------------------------------------------- what belongs to a package

bool left_out(const std::string& name) {
  static const std::set<std::string> names = {"__pycache__", ".git", ".hg", ".svn", ".ipynb_checkpoints", ".DS_Store", ".mypy_cache", ".pytest_cache", "node_modules"};
  return names.contains(name) || name.ends_with(".pyc") || name.ends_with(".pyo") || name.ends_with(".egg-info") || name.ends_with('~');
}

/// All files below `directory`, with paths below `to`; __pycache__ and their kin are left out.
Status collect(const fs::path& directory, const std::string& to, const PackageOptions& options, std::uint64_t& size, std::vector<TarEntry>& out) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (left_out(name)) continue;
    const std::string inside = cat(to, "/", name);
    if (it->is_directory(error)) {
      TRY_OK(collect(it->path(), inside, options, size, out));
      continue;
    }
    if (!it->is_regular_file(error)) continue;
    if (!options.include_data && !name.ends_with(".py")) continue;
    TRY(std::string bytes, read_file(it->path()));
    size += bytes.size();
    if (size > options.size_max)
      return Error{Code::exhausted, cat("packing ", quote(directory.string()), ": it holds more than ", options.size_max >> 20,
                                        " MiB; keep data in the bucket or on a volume, not in the package")};
    const auto mode = fs::status(it->path(), error).permissions();
    out.push_back({.path = inside, .bytes = std::move(bytes), .executable = (mode & fs::perms::owner_exec) != fs::perms::none});
  }
  if (error) return Error{Code::unavailable, cat("reading ", quote(directory.string()), ": ", error.message())};
  return {};
}

/// `trainer`, `trainer.models` ...: every directory with __init__.py whose parent is one.
void find_packages(const fs::path& directory, const std::string& dotted, std::vector<std::string>& out) {
  out.push_back(dotted);
  std::error_code error;
  std::vector<fs::path> below;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !left_out(it->path().filename())) below.push_back(it->path());
  }
  std::sort(below.begin(), below.end());
  for (const fs::path& child : below) {
    std::error_code ignored;
    if (fs::exists(child / "__init__.py", ignored)) find_packages(child, cat(dotted, ".", child.filename().string()), out);
  }
}

Result<std::vector<PackageFile>> write_package(const fs::path& package, const PackageOptions& options) {
  const std::string name = package.filename();
  // Old tools write the name as it is, newer ones with underscores; this is the newer form, which pip knows.
  const std::string file_name = replace_all(replace_all(name, "-", "_"), ".", "_");
  const std::string top = cat(file_name, "-0.0.0");
  std::vector<TarEntry> entries;
  std::uint64_t size = 0;
  TRY_OK(collect(package, cat(top, "/", name), options, size, entries));
  std::vector<std::string> packages;
  find_packages(package, name, packages);
  std::string setup = cat("from setuptools import setup\n\nsetup(\n    name=", quote(name), ",\n    version=\"0.0.0\",\n    packages=[");
  for (std::size_t i = 0; i < packages.size(); ++i) setup += cat(i == 0 ? "" : ", ", quote(packages[i]));
  setup += "],\n    package_data={\"\": [\"*\"]},\n)\n";
  entries.push_back({.path = cat(top, "/setup.py"), .bytes = std::move(setup)});
  entries.push_back({.path = cat(top, "/PKG-INFO"), .bytes = cat("Metadata-Version: 2.1\nName: ", name, "\nVersion: 0.0.0\n")});
  entries.push_back({.path = cat(top, "/setup.cfg"), .bytes = "[egg_info]\ntag_build = \ntag_date = 0\n"});
  TRY(std::string bytes, make_tar_gz(std::move(entries)));
  return std::vector<PackageFile>{{.name = cat(top, ".tar.gz"), .bytes = std::move(bytes)}};
}

// ---------------------------------------------------------------- a setup.py of the user's own

Status copy_tree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to, error);
  for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (left_out(name)) continue;
    if (it->is_directory(error)) {
      TRY_OK(copy_tree(it->path(), to / name));
    } else if (it->is_regular_file(error)) {
      fs::copy_file(it->path(), to / name, fs::copy_options::overwrite_existing, error);
    }
    if (error) break;
  }
  if (error) return Error{Code::unavailable, cat("copying ", quote(from.string()), ": ", error.message())};
  return {};
}

/// The archive that a tool wrote, packed again with fixed times and order.
Result<PackageFile> repack(const fs::path& path) {
  TRY(const std::string bytes, read_file(path));
  const std::string name = path.filename();
  if (!name.ends_with(".tar.gz") && !name.ends_with(".tgz")) return PackageFile{.name = name, .bytes = bytes};
  TRY(std::vector<TarEntry> entries, read_archive(bytes).context(cat("packing ", name, " again")));
  TRY(std::string packed, make_tar_gz(std::move(entries)));
  return PackageFile{.name = name, .bytes = std::move(packed)};
}

/// Runs setup.py on a copy of the build root, so that the user's folder stays as it is (PKG-7, PKG-8).
Result<std::vector<PackageFile>> run_setup(const fs::path& root, const PackageOptions& options, Deadline deadline) {
  const TemporaryDirectory work;
  const fs::path copy = work.path() / "root", output = work.path() / "output";
  TRY_OK(copy_tree(root, copy));
  const std::vector<std::vector<std::string>> attempts = {
      {"egg_info", "--egg-base", work.path().string(), "build", "--build-base", work.path().string(), "--build-temp", work.path().string(), "sdist", "--dist-dir",
       output.string()},
      {"sdist", "--dist-dir", output.string()},
  };
  std::string said;
  for (const auto& words : attempts) {
    Command command{.argv = {options.python, "setup.py"}, .directory = copy};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    TRY(const Completed done, run(command, deadline).context(cat("running ", quote((root / "setup.py").string()))));
    said = cat(done.output, done.errors);
    if (done.exit_code != 0) continue;
    std::vector<fs::path> built;
    std::error_code error;
    for (fs::directory_iterator it(output, error), end; !error && it != end; it.increment(error)) built.push_back(it->path());
    std::sort(built.begin(), built.end());
    std::vector<PackageFile> files;
    for (const fs::path& path : built) {
      TRY(PackageFile file, repack(path));
      files.push_back(std::move(file));
    }
    if (!files.empty()) return files;
  }
  return Error{Code::invalid, cat("building a package with ", quote((root / "setup.py").string()), " failed:\n", trim(said),
                                  "\nMend setup.py, or build the archive by hand and name it with --packages")};
}

}  // namespace

Result<std::string> make_tar_gz(std::vector<TarEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const TarEntry& a, const TarEntry& b) { return a.path < b.path; });
  std::string tar;
  for (const TarEntry& entry : entries) {
    TRY_OK(append_header(tar, entry));
    tar += entry.bytes;
    tar.resize((tar.size() + 511) / 512 * 512, '\0');
  }
  tar.append(1024, '\0');
  if (tar.size() > (std::uint64_t{4} << 30) - 1) return Error{Code::exhausted, "a package of more than 4 GiB cannot be packed"};
  return gzip(tar);
}

Result<std::vector<TarEntry>> read_archive(const std::string& bytes) {
  struct Closer {
    void operator()(archive* handle) const { archive_read_free(handle); }
  };
  const std::unique_ptr<archive, Closer> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip(reader.get());
  const auto broken = [&] {
    const char* words = archive_error_string(reader.get());
    return Error{Code::malformed, cat("the archive cannot be read: ", words ? std::string(words) : std::string("unknown format"))};
  };
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) return broken();
  std::vector<TarEntry> entries;
  archive_entry* entry = nullptr;
  for (int state; (state = archive_read_next_header(reader.get(), &entry)) != ARCHIVE_EOF;) {
    if (state < ARCHIVE_WARN) return broken();
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    TarEntry out{.path = archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "", .executable = (archive_entry_perm(entry) & 0100) != 0};
    char buffer[65536];
    la_ssize_t got = 0;
    while ((got = archive_read_data(reader.get(), buffer, sizeof buffer)) > 0) out.bytes.append(buffer, static_cast<std::size_t>(got));
    if (got < 0) return broken();
    entries.push_back(std::move(out));
  }
  return entries;
}

Result<std::vector<PackageFile>> build_package(const fs::path& given, const PackageOptions& options, Deadline deadline) {
  std::error_code error;
  fs::path package = fs::absolute(given, error).lexically_normal();
  if (!package.has_filename()) package = package.parent_path();
  if (!fs::is_directory(package, error))
    return Error{Code::not_found, cat("--package-path ", quote(given.string()), ": there is no such directory (", package.string(), ")")};
  if (!fs::exists(package / "__init__.py", error))
    return Error{Code::invalid, cat("--package-path ", quote(given.string()), ": ", package.string(),
                                    " is no Python package: it has no __init__.py. Name the folder with your modules, or make an empty __init__.py in it")};
  const fs::path root = package.parent_path();
  if (fs::exists(root / "setup.py", error)) return run_setup(root, options, deadline);
  return write_package(package, options);
}

std::string upload_hash(const std::vector<PackageFile>& files) {
  crypto::Hash hash;
  for (const PackageFile& file : files) hash.update(file.bytes);
  return hash.finish_hex();
}

std::string UploadPlace::url(const std::string& base_name) const { return cat("gs://", bucket, "/", prefix, base_name); }

Result<UploadPlace> upload_place(const std::string& staging, const std::string& job_dir, const std::string& job, const std::string& hash) {
  const std::string& chosen = staging.empty() ? job_dir : staging;
  if (chosen.empty())
    return Error{Code::precondition, "local packages need a place to be uploaded to: give --staging-bucket gs://BUCKET or --job-dir gs://BUCKET/PATH"};
  std::string rest = chosen.substr(std::string_view("gs://").size());
  while (rest.ends_with('/')) rest.pop_back();
  const std::size_t slash = rest.find('/');
  UploadPlace place{.bucket = rest.substr(0, slash), .prefix = {}};
  if (!staging.empty()) {
    place.prefix = cat(job, "/", hash, "/");
  } else {
    const std::string path = slash == std::string::npos ? std::string() : cat(rest.substr(slash + 1), "/");
    place.prefix = cat(path, "packages/", hash, "/");
  }
  return place;
}

}  // namespace masu::training
