#include "node/volumes.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"
#include "value/quantity.h"

namespace masu::node {
namespace {

namespace fs = std::filesystem;
using Kind = VolumeSource::Kind;

/// "a/../../etc" must not lead out of the volume.
Status check_inside(const std::string& path) {
  if (path.empty() || path.front() == '/') return Error{Code::invalid, cat("path ", quote(path), " of a volume's file is not relative")};
  for (const std::string& part : split(path, '/'))
    if (part == "..") return Error{Code::invalid, cat("path ", quote(path), " of a volume's file leads out of it")};
  return {};
}

Status add_data(std::vector<VolumeFile>& out, const VolumeSource& source,
    const std::map<std::string, std::map<std::string, std::string>>& all, std::string_view word, int mode) {
  const auto data = all.find(source.name);
  if (data == all.end()) {
    if (source.optional) return {};
    return Error{Code::not_found, cat(word, " ", quote(source.name), " not found")};
  }
  if (source.items.empty()) {
    for (const auto& [key, value] : data->second) out.push_back({.path = key, .content = value, .mode = mode});
    return {};
  }
  for (const VolumeItem& item : source.items) {
    const auto value = data->second.find(item.key);
    if (value == data->second.end()) {
      if (source.optional) continue;
      return Error{Code::not_found, cat(word, " ", quote(source.name), " has no key ", quote(item.key))};
    }
    out.push_back({.path = item.path, .content = value->second, .mode = item.mode.value_or(mode)});
  }
  return {};
}

Status add_downward(std::vector<VolumeFile>& out, const Pod& pod, const VolumeSource& source, const NodeFacts& facts, int mode) {
  for (const VolumeItem& item : source.items) {
    std::string content;
    if (item.field) {
      TRY(content, field_value(pod, *item.field, facts));
    } else if (item.resource) {
      const Container* self = pod.container(item.resource->container);
      if (self == nullptr)
        return Error{Code::invalid, cat("resourceFieldRef of file ", quote(item.path), " names no container of the pod")};
      TRY(content, resource_value(pod, *self, *item.resource, facts));
    }
    out.push_back({.path = item.path, .content = std::move(content), .mode = item.mode.value_or(mode)});
  }
  return {};
}

Status place_files(const std::vector<VolumeFile>& files, const fs::path& directory, const std::optional<std::int64_t>& group) {
  TRY_OK(make_directories(directory, 0755));
  for (const VolumeFile& file : files) {
    const fs::path path = directory / file.path;
    TRY_OK(make_directories(path.parent_path()));
    const int mode = group ? file.mode | 0040 : file.mode;
    if (const auto before = read_file(path); !before.ok() || *before != file.content) {
      // Renamed into place, so that a program never reads half a token.
      const fs::path fresh = directory / ".masu-new";
      ::unlink(fresh.c_str());
      TRY_OK(append_file(fresh, file.content));
      ::chmod(fresh.c_str(), static_cast<mode_t>(mode));
      if (group && ::chown(fresh.c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(*group)) != 0)
        return errno_error("giving to the pod's group", fresh);
      if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error("writing", path);
    }
  }
  return {};
}

Result<PlacedVolume> place_host_path(const VolumeSource& source) {
  const fs::path path = source.name;
  std::error_code ignored;
  const bool there = fs::exists(path, ignored), directory = fs::is_directory(path, ignored);
  const std::string& type = source.host_type;
  if (type == "DirectoryOrCreate" && !there) TRY_OK(make_directories(path, 0755));
  else if (type == "FileOrCreate" && !there) TRY_OK(append_file(path, ""));
  else if (!there && !type.empty()) return Error{Code::precondition, cat("hostPath type check failed: ", path.native(), " is not there")};
  else if (!there) TRY_OK(make_directories(path, 0755));
  else if ((type == "Directory" || type == "DirectoryOrCreate") && !directory)
    return Error{Code::precondition, cat("hostPath type check failed: ", path.native(), " is not a directory")};
  else if ((type == "File" || type == "FileOrCreate") && directory)
    return Error{Code::precondition, cat("hostPath type check failed: ", path.native(), " is not a file")};
  return PlacedVolume{.path = path, .read_only = source.read_only};
}

}  // namespace

bool holds_files(const Volume& volume) {
  if (volume.projected) return true;
  const Kind kind = volume.sources.at(0).kind;
  return kind == Kind::config_map || kind == Kind::secret || kind == Kind::downward;
}

Result<std::vector<VolumeFile>> files_of(const Pod& pod, const Volume& volume, const References& references, const NodeFacts& facts,
                                         const std::map<std::string, std::string>& tokens) {
  std::vector<VolumeFile> out;
  for (const VolumeSource& source : volume.sources) {
    switch (source.kind) {
      case Kind::config_map: TRY_OK(add_data(out, source, references.config_maps, "configmap", volume.mode)); break;
      case Kind::secret: TRY_OK(add_data(out, source, references.secrets, "secret", volume.mode)); break;
      case Kind::downward: TRY_OK(add_downward(out, pod, source, facts, volume.mode)); break;
      case Kind::token: {
        const auto token = tokens.find(source.audience);
        if (token == tokens.end())
          return Error{Code::unavailable, cat("no token for service account ", quote(pod.service_account), " yet")};
        out.push_back({.path = source.token_path, .content = token->second, .mode = volume.mode & ~0077 ? volume.mode : 0600});
        break;
      }
      default:
        return Error{Code::unsupported, cat("volume ", quote(volume.name), ": source ", quote(source.name), " is not served on this node")};
    }
  }
  for (const VolumeFile& file : out) TRY_OK(check_inside(file.path));
  return out;
}

Result<PlacedVolumes> place_volumes(const Pod& pod, const fs::path& directory, const VolumeInputs& inputs) {
  PlacedVolumes out;
  for (const Volume& volume : pod.volumes) {
    const fs::path own = directory / volume.name;
    const VolumeSource& source = volume.sources.empty() ? VolumeSource{} : volume.sources[0];
    if (holds_files(volume)) {
      auto files = files_of(pod, volume, inputs.references, inputs.facts, inputs.tokens)
                       .context(cat("MountVolume.SetUp failed for volume ", quote(volume.name)));
      TRY(const std::vector<VolumeFile> wanted, std::move(files));
      TRY_OK(place_files(wanted, own, pod.fs_group));
      out[volume.name] = {.path = own, .read_only = true};
    } else if (source.kind == Kind::empty_dir) {
      TRY_OK(make_directories(own, 0777));
      ::chmod(own.c_str(), 0777);
      if (pod.fs_group && ::chown(own.c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(*pod.fs_group)) == 0) ::chmod(own.c_str(), 02777);
      out[volume.name] = {.path = own};
    } else if (source.kind == Kind::host_path) {
      TRY(out[volume.name], place_host_path(source).context(cat("MountVolume.SetUp failed for volume ", quote(volume.name))));
    } else if (source.kind == Kind::claim) {
      const auto claim = inputs.claims.find(source.name);
      if (claim == inputs.claims.end())
        return Error{Code::precondition, cat("persistentvolumeclaim ", quote(source.name), " is not bound to a volume of this node")};
      out[volume.name] = claim->second;
      out[volume.name].read_only |= source.read_only;
    } else {
      return Error{Code::unsupported,
          cat("volume ", quote(volume.name), ": source ", quote(source.name),
              " is not served on this node; use emptyDir, hostPath, configMap, secret, projected, downwardAPI or persistentVolumeClaim")};
    }
  }
  return out;
}

std::vector<ShimMount> memory_mounts(const Pod& pod, const fs::path& directory) {
  std::vector<ShimMount> out;
  for (const Volume& volume : pod.volumes) {
    if (holds_files(volume) || volume.sources.at(0).kind != Kind::empty_dir || !volume.sources[0].memory) continue;
    std::string options = "mode=1777";
    if (const auto size = Quantity::parse(volume.sources[0].size_limit); size.ok() && size->milli > 0)
      options += cat(",size=", size->units());
    out.push_back({.type = "tmpfs", .target = (directory / volume.name).native(), .options = options});
  }
  return out;
}

}  // namespace masu::node
