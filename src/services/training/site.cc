#include "training/site.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "value/reader.h"

namespace masu::training {
namespace {

MachineType machine(std::string_view name, std::string_view cpu, std::string_view memory, int gpus = 0) {
  MachineType type{.names = {std::string(name)}, .resources = {{"cpu", std::string(cpu)}, {"memory", std::string(memory)}}, .built_in = true};
  if (gpus > 0) type.resources["nvidia.com/gpu"] = std::to_string(gpus);
  return type;
}

/// GB of the n1 family as whole Mi, so that many fit on the machine of that size.
std::string gigabytes(double amount) { return cat(static_cast<std::int64_t>(amount * 1e9 / (1 << 20)), "Mi"); }

/// The names of spec 12.2 to 12.3, so that old files run without configuration.
const std::vector<MachineType>& built_in() {
  static const std::vector<MachineType> types = [] {
    std::vector<MachineType> out;
    const auto family = [&](std::string_view prefix, double gigabytes_each, std::initializer_list<int> sizes) {
      for (const int size : sizes) out.push_back(machine(cat(prefix, size), std::to_string(size), gigabytes(gigabytes_each * size)));
    };
    family("n1-standard-", 3.75, {1, 2, 4, 8, 16, 32, 64, 96});
    family("n1-highmem-", 6.5, {2, 4, 8, 16, 32, 64, 96});
    family("n1-highcpu-", 0.9, {2, 4, 8, 16, 32, 64, 96});
    family("e2-standard-", 4, {2, 4, 8, 16, 32});
    family("e2-highmem-", 8, {2, 4, 8, 16});
    family("e2-highcpu-", 1, {2, 4, 8, 16, 32});
    family("n2-standard-", 4, {2, 4, 8, 16, 32, 48, 64, 80});
    family("n2-highmem-", 8, {2, 4, 8, 16, 32, 48, 64, 80});
    family("c2-standard-", 4, {4, 8, 16, 30, 60});
    for (const int gpus : {1, 2, 4, 8}) out.push_back(machine(cat("a2-highgpu-", gpus, "g"), std::to_string(12 * gpus), gigabytes(85.0 * gpus), gpus));
    out.push_back(machine("a2-megagpu-16g", "96", gigabytes(1360), 16));
    // Legacy names.
    out.push_back(machine("standard", "4", gigabytes(15)));
    out.push_back(machine("large_model", "8", gigabytes(52)));
    out.push_back(machine("complex_model_s", "8", gigabytes(7.2)));
    out.push_back(machine("complex_model_m", "16", gigabytes(14.4)));
    out.push_back(machine("complex_model_l", "32", gigabytes(28.8)));
    for (const auto& [suffix, small, large] : {std::tuple{"gpu", 4, 8}, std::tuple{"p100", 4, 0}, std::tuple{"v100", 4, 8}}) {
      out.push_back(machine(cat("standard_", suffix), "8", gigabytes(30), 1));
      out.push_back(machine(cat("complex_model_m_", suffix), "16", gigabytes(60), small));
      if (large > 0) out.push_back(machine(cat("complex_model_l_", suffix), "32", gigabytes(120), large));
    }
    out.push_back(machine("large_model_v100", "8", gigabytes(52), 1));
    MachineType tpu = machine("cloud_tpu", "4", gigabytes(15));
    tpu.resources["google.com/tpu"] = "8";
    out.push_back(tpu);
    for (const std::string_view gpu : {"K80", "P100", "V100", "P4", "T4", "A100"})
      out.push_back({.names = {cat("NVIDIA_TESLA_", gpu)}, .accelerator = true, .resources = {{"nvidia.com/gpu", "1"}}, .built_in = true});
    for (const std::string_view tpu_type : {"TPU_V2", "TPU_V3", "TPU_V2_POD", "TPU_V3_POD", "TPU_V4_POD"})
      out.push_back({.names = {std::string(tpu_type)}, .accelerator = true, .resources = {{"google.com/tpu", "1"}}, .built_in = true});
    return out;
  }();
  return types;
}

/// As written in files: NVIDIA_TESLA_T4, nvidia-tesla-t4 and "t4"-like names compare without regard to case, - and _.
std::string normal(std::string_view name) { return replace_all(lower(name), "_", "-"); }

const MachineType* find_in(const std::vector<MachineType>& types, std::string_view name) {
  for (const MachineType& type : types) {
    for (const std::string& candidate : type.names) {
      if (normal(candidate) == normal(name)) return &type;
    }
  }
  return nullptr;
}

/// MAJOR.MINOR as numbers; nothing for other texts.
std::optional<std::pair<int, int>> version(std::string_view text) {
  const auto parts = split(text, '.');
  std::pair<int, int> out{0, 0};
  int* const numbers[] = {&out.first, &out.second};
  for (std::size_t i = 0; i < 2; ++i) {
    if (i >= parts.size()) return i == 0 ? std::nullopt : std::optional(out);
    const auto [end, error] = std::from_chars(parts[i].data(), parts[i].data() + parts[i].size(), *numbers[i]);
    if (error != std::errc{} || end != parts[i].data() + parts[i].size()) return std::nullopt;
  }
  return out;
}

ImageChoice choice(const CatalogImage& image, std::string note = {}) {
  return {.image = image.image, .python = image.python, .pull_policy = image.pull_policy, .note = std::move(note)};
}

}  // namespace

Result<MachineType> MachineType::decode(const Value& object) {
  const Value& spec = object["spec"];
  const Reader read(spec, "spec");
  MachineType type;
  type.names = read.strings("names");
  if (type.names.empty()) type.names = {std::string(object.at("metadata", "name").as_string())};
  type.accelerator = read.boolean("accelerator").value_or(false);
  for (const auto& [resource, amount] : spec["resources"].as_object()) {
    const auto quantity = Quantity::from(amount);
    if (!quantity.ok()) {
      read.wrong("resources", cat(resource, ": ", quantity.error().message));
      continue;
    }
    type.resources[resource] = amount.is_string() ? std::string(amount.as_string()) : quantity->text();
  }
  type.node_selector = read.string_map("nodeSelector");
  type.tolerations = spec["tolerations"];
  type.note = read.string("note").value_or("");
  TRY_OK(read.finish());
  return type;
}

Result<CatalogImage> CatalogImage::decode(const Value& object) {
  const Value& spec = object["spec"];
  const Reader read(spec, "spec");
  CatalogImage image;
  image.name = object.at("metadata", "name").as_string();
  image.image = read.string("image").value_or("");
  if (image.image.empty()) read.required("image");
  image.purposes = read.strings("purposes");
  image.runtime_versions = read.strings("runtimeVersions");
  image.pull_policy = read.string("imagePullPolicy").value_or("");
  image.python = read.string("python").value_or("");
  TRY_OK(read.finish());
  return image;
}

bool CatalogImage::for_training() const {
  return purposes.empty() || std::find(purposes.begin(), purposes.end(), "training") != purposes.end();
}

NodeRoom NodeRoom::decode(const Value& node) {
  NodeRoom room;
  room.name = node.at("metadata", "name").as_string();
  for (const auto& [resource, amount] : node.at("status", "allocatable").as_object()) {
    if (auto quantity = Quantity::from(amount); quantity.ok()) room.allocatable[resource] = *quantity;
  }
  for (const auto& [key, value] : node.at("metadata", "labels").as_object()) room.labels[key] = value.as_string();
  return room;
}

const MachineType* find_machine(const Site& site, std::string_view name) {
  if (const MachineType* found = find_in(site.machines, name)) return found;
  return find_in(built_in(), name);
}

std::vector<std::string> machine_names(const Site& site, bool accelerators) {
  std::vector<std::string> out;
  for (const auto* types : {&site.machines, &built_in()}) {
    for (const MachineType& type : *types) {
      if (type.accelerator != accelerators) continue;
      for (const std::string& name : type.names) {
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
      }
    }
  }
  return out;
}

Result<ImageChoice> choose_image(const Site& site, std::string_view runtime_version, bool strict) {
  std::vector<const CatalogImage*> offered;
  for (const CatalogImage& image : site.images) {
    if (image.for_training() && !image.runtime_versions.empty()) offered.push_back(&image);
  }
  if (offered.empty()) {
    const std::string wanted = runtime_version.empty() ? std::string("no runtime version") : cat("runtime version ", runtime_version);
    return ImageChoice{.image = site.host_image,
                       .note = cat(wanted, ": the catalogue has no image for training, the program runs in image ", quote(site.host_image))};
  }
  const CatalogImage* newest = nullptr;
  const CatalogImage* nearest_newer = nullptr;
  std::pair<int, int> newest_version{-1, -1}, nearer{1 << 20, 0};
  std::vector<std::string> known;
  const auto wanted = version(runtime_version);
  for (const CatalogImage* image : offered) {
    for (const std::string& text : image->runtime_versions) {
      known.push_back(text);
      if (!runtime_version.empty() && text == runtime_version) return choice(*image);
      const auto has = version(text);
      if (!has) continue;
      if (*has > newest_version) {
        newest_version = *has;
        newest = image;
      }
      if (wanted && has->first == wanted->first && *has > *wanted && *has < nearer) {
        nearer = *has;
        nearest_newer = image;
      }
    }
  }
  if (runtime_version.empty() && newest)
    return choice(*newest, cat("no runtime version given: the newest, ", newest_version.first, ".", newest_version.second, " (", newest->image, ")"));
  if (nearest_newer && !strict)
    return choice(*nearest_newer, cat("runtime version ", runtime_version, " is not offered: the nearest newer one, ", nearer.first, ".", nearer.second, " (",
                                      nearest_newer->image, ")"));
  std::sort(known.begin(), known.end());
  return Error{Code::invalid, cat("runtime version ", quote(runtime_version), " is not offered here; there are ", join(known, ", "),
                                  ". Ask for one of them, or have a CatalogImage stand for ", runtime_version, " (spec.runtimeVersions)"),
               {{"trainingInput.runtimeVersion", "FieldValueNotSupported", "unknown runtime version"}}};
}

}  // namespace masu::training
