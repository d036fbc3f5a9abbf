/// Archives and registries. skopeo brings any of them into an OCI folder, umoci unpacks that; a root file system is unpacked
/// by tar. The result is one layer: images on one machine share little, and one folder is simple to see.

#include <algorithm>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "images/build.h"
#include "value/json.h"

namespace masu::images {
namespace {

namespace fs = std::filesystem;

enum class Kind { oci_archive, oci_folder, docker_archive, root_archive, root_folder };

Result<Kind> kind_of(const fs::path& file, Deadline deadline) {
  if (!fs::exists(file)) return Error{Code::not_found, cat("there is no file ", quote(file.native()))};
  if (fs::is_directory(file)) return fs::exists(file / "oci-layout") ? Kind::oci_folder : Kind::root_folder;
  TRY(const std::string names, run_checked({.argv = {"tar", "-tf", file.native()}}, deadline).context(cat("reading archive ", quote(file.native()))));
  for (const std::string& line : split(names, '\n')) {
    const std::string name = line.starts_with("./") ? line.substr(2) : line;
    if (name == "oci-layout") return Kind::oci_archive;
    if (name == "manifest.json") return Kind::docker_archive;
  }
  return Kind::root_archive;
}

Config config_from(const Value& oci) {
  const Value& from = oci["config"];
  const auto words = [](const Value& list) {
    std::vector<std::string> out;
    for (const Value& word : list.as_array()) out.emplace_back(word.as_string());
    return out;
  };
  Config out;
  out.entrypoint = words(from["Entrypoint"]);
  out.command = words(from["Cmd"]);
  for (const std::string& entry : words(from["Env"])) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos) out.environment[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  out.working_directory = from["WorkingDir"].as_string();
  out.user = from["User"].as_string();
  return out;
}

Status need(const char* program) {
  if (find_program(program)) return {};
  return Error{Code::unsupported, cat("this needs the program ", quote(program), "; apt-get install ", program)};
}

/// One image as skopeo names it ("docker-archive:/x.tar") becomes a root file system in work/bundle/rootfs and its configuration.
Result<Config> unpack_by_skopeo(const std::string& source, const std::string& auth, const fs::path& work, Deadline deadline) {
  TRY_OK(need("skopeo"));
  TRY_OK(need("umoci"));
  const std::string folder = cat("oci:", (work / "oci").native(), ":image");
  std::vector<std::string> copy{"skopeo", "--insecure-policy", "copy", "-q"};
  if (!auth.empty()) {
    TRY_OK(write_file(work / "auth.json", auth, 0600));
    copy.insert(copy.end(), {"--authfile", (work / "auth.json").native()});
  }
  copy.insert(copy.end(), {source, folder});
  TRY_OK(run_checked({.argv = copy}, deadline));
  TRY(const std::string text, run_checked({.argv = {"skopeo", "inspect", "--config", folder}}, deadline));
  TRY(const Value config, parse_json(text));
  TRY_OK(run_checked({.argv = {"umoci", "unpack", "--image", cat((work / "oci").native(), ":image"), (work / "bundle").native()}}, deadline));
  return config_from(config);
}

Result<Image> keep(Store& store, const std::string& name, const fs::path& root, Config config, const Clock& clock) {
  Image image;
  image.name = name;
  image.created = clock.now();
  image.id = cat("sha256:", crypto::sha256_hex(cat(name, "\n", to_rfc3339_micro(image.created))));
  image.config = std::move(config);
  TRY(const fs::path layer, store.keep_layer(root, image.id.substr(7, 24)));
  image.layers = {layer};
  TRY_OK(store.put(image));
  return image;
}

/// skopeo's words as one of our codes.
Error registry_error(Error error, const std::string& name) {
  const std::string said = lower(error.message);
  const auto has = [&](std::string_view word) { return said.find(word) != std::string::npos; };
  const std::string about = cat("image ", quote(name));
  if (error.code == Code::unsupported || error.code == Code::timeout) return std::move(error).context(about);
  if (has("manifest unknown") || has("name unknown") || has("not found"))
    return {Code::not_found, cat(about, " is not in its registry. Check name and tag, or import it with \"masu image import\".")};
  if (has("unauthorized") || has("authentication required") || has("denied"))
    return {Code::denied, cat(about, ": the registry refuses to give it. Name a secret of type kubernetes.io/dockerconfigjson in imagePullSecrets.")};
  return {Code::unavailable, cat(about, " cannot be fetched: ", error.message)};
}

}  // namespace

Result<Image> import_archive(Store& store, const fs::path& file, const std::string& wanted, const Clock& clock, const Say& say, Deadline deadline) {
  TRY(const std::string name, normal_name(wanted));
  TRY(const Kind kind, kind_of(file, deadline));
  TRY(const Store::Work scratch, store.work());
  const fs::path& work = scratch.path();
  const fs::path root = work / "bundle" / "rootfs";
  say(cat("importing ", file.native(), " as ", name));
  Config config;
  if (kind == Kind::root_archive || kind == Kind::root_folder) {
    TRY_OK(make_directories(root));
    const std::vector<std::string> argv = kind == Kind::root_archive ? std::vector<std::string>{"tar", "-xf", file.native(), "-C", root.native(), "--numeric-owner"}
                                                                     : std::vector<std::string>{"cp", "-a", cat(file.native(), "/."), root.native()};
    TRY_OK(run_checked({.argv = argv}, deadline).context(cat("unpacking ", quote(file.native()))));
    config.command = {"/bin/sh"};
  } else {
    const char* prefix = kind == Kind::docker_archive ? "docker-archive:" : kind == Kind::oci_archive ? "oci-archive:" : "oci:";
    TRY(auto unpacked, unpack_by_skopeo(prefix + file.native(), "", work, deadline).context(cat("importing ", quote(file.native()))));
    config = std::move(unpacked);
  }
  return keep(store, name, root, std::move(config), clock);
}

Result<Image> pull(Store& store, const std::string& wanted, const std::string& auth, const Clock& clock, Deadline deadline) {
  TRY(const std::string name, normal_name(wanted));
  TRY(const Store::Work scratch, store.work());
  const fs::path& work = scratch.path();
  auto config = unpack_by_skopeo("docker://" + wanted, auth, work, deadline);
  if (!config.ok()) return registry_error(std::move(config).error(), wanted);
  return keep(store, name, work / "bundle" / "rootfs", std::move(*config), clock);
}

}  // namespace masu::images
