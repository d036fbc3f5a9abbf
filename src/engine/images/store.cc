#include "images/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"
#include "value/json.h"

namespace masu::images {
namespace {

namespace fs = std::filesystem;

/// A name as a file name: '/' and ':' and '@' are written as %2F and so on.
std::string encoded(std::string_view name) {
  std::string out;
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

Value encode(const Image& image) {
  Value layers = Value::array({}), environment{Object{}};
  for (const fs::path& layer : image.layers) layers.push_back(layer.native());
  for (const auto& [key, value] : image.config.environment) environment[key] = value;
  return Value::object({{"name", image.name},
                        {"id", image.id},
                        {"layers", std::move(layers)},
                        {"recipe", image.recipe},
                        {"created", to_rfc3339(image.created)},
                        {"config", Value::object({{"entrypoint", Value::strings(image.config.entrypoint)},
                                                  {"command", Value::strings(image.config.command)},
                                                  {"environment", std::move(environment)},
                                                  {"workingDirectory", image.config.working_directory},
                                                  {"user", image.config.user}})}});
}

std::vector<std::string> words(const Value& list) {
  std::vector<std::string> out;
  for (const Value& word : list.as_array()) out.emplace_back(word.as_string());
  return out;
}

Image decode(const Value& from) {
  Image out;
  out.name = from["name"].as_string();
  out.id = from["id"].as_string();
  for (const Value& layer : from["layers"].as_array()) out.layers.emplace_back(layer.as_string());
  out.recipe = from["recipe"].as_string();
  out.created = parse_rfc3339(from["created"].as_string()).value_or({});
  const Value& config = from["config"];
  out.config.entrypoint = words(config["entrypoint"]);
  out.config.command = words(config["command"]);
  for (const auto& [key, value] : config["environment"].as_object()) out.config.environment.emplace(key, value.as_string());
  out.config.working_directory = config["workingDirectory"].as_string();
  out.config.user = config["user"].as_string();
  return out;
}

bool built_in(std::string_view name) { return name == host_image || name == runtime_image; }

}  // namespace

Result<std::string> normal_name(std::string_view name) {
  std::string out(name);
  if (out.starts_with("docker://")) out = out.substr(9);
  for (const std::string_view prefix : {"localhost/", "docker.io/library/"})
    if (out.starts_with(prefix)) out = out.substr(prefix.size());
  if (out.ends_with(":latest")) out.resize(out.size() - 7);
  const bool good = !out.empty() && out.size() <= 255 && std::all_of(out.begin(), out.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-_./:@").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!good || out.front() == '/' || out.find("..") != std::string::npos)
    return Error{Code::invalid, cat(quote(name), " is no image name; it is like \"digits\", \"team/digits:2\" or \"registry.example/a/b:1.0\"")};
  return out;
}

Result<std::unique_ptr<Store>> Store::open(Options options) {
  auto store = std::unique_ptr<Store>(new Store(std::move(options)));
  const fs::path& root = store->options_.root;
  for (const char* folder : {"names", "layers", "work"}) TRY_OK(make_directories(root / folder, 0755));
  TRY_OK(store->clean());
  return store;
}

fs::path Store::file_of(std::string_view name) const { return options_.root / "names" / (encoded(name) + ".json"); }

Result<Image> Store::resolve(std::string_view wanted) const {
  TRY(const std::string name, normal_name(wanted));
  if (built_in(name)) {
    Image image;
    image.name = image.id = name;
    image.layers = {"/"};
    if (name == runtime_image) image.binds = {{options_.programs, "/opt/masu/bin"}};
    return image;
  }
  const std::scoped_lock lock(mutex_);
  auto text = read_file(file_of(name));
  if (!text.ok() && text.error().code != Code::not_found) return std::move(text).error();
  if (text.ok()) {
    TRY(const Value value, parse_json(*text).context(cat("reading image ", quote(name))));
    return decode(value);
  }
  return Error{Code::not_found, cat("image ", quote(wanted), " is not on this machine. Build it (\"masu image build ", name,
                                    " --from host --pip PACKAGE\"), import it (\"masu image import FILE --name ", name, "\"), or see \"masu image ls\".")};
}

Result<std::vector<Image>> Store::list() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Image> out;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(options_.root / "names", failed)) {
    if (entry.path().extension() != ".json") continue;  // a temporary file of a write in progress
    TRY(const std::string text, read_file(entry.path()));
    TRY(const Value value, parse_json(text).context(cat("reading ", entry.path().native())));
    out.push_back(decode(value));
  }
  std::sort(out.begin(), out.end(), [](const Image& a, const Image& b) { return a.name < b.name; });
  return out;
}

Status Store::put(const Image& image) {
  if (built_in(image.name)) return Error{Code::precondition, cat("image ", quote(image.name), " is built in and cannot be replaced; choose another name")};
  const std::scoped_lock lock(mutex_);
  return write_file(file_of(image.name), to_json_pretty(encode(image)));
}

Status Store::remove(std::string_view wanted) {
  TRY(const std::string name, normal_name(wanted));
  if (built_in(name)) return Error{Code::precondition, cat("image ", quote(name), " is built in and cannot be removed")};
  TRY_OK(resolve(name));
  {
    const std::scoped_lock lock(mutex_);
    std::error_code failed;
    fs::remove(file_of(name), failed);
    if (failed) return Error{Code::unavailable, cat("removing image ", quote(name), ": ", failed.message())};
  }
  return clean();
}

namespace {

/// The lock that makers of images share and that cleaning has alone. Not valid: it is held otherwise.
FileDescriptor take_lock(const fs::path& root, int how) {
  FileDescriptor fd(::open((root / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.valid() && ::flock(fd.get(), how) != 0) fd.reset();
  return fd;
}

}  // namespace

Status Store::clean() const {
  const FileDescriptor alone = take_lock(options_.root, LOCK_EX | LOCK_NB);
  if (!alone.valid()) return {};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(options_.root / "work", none)) TRY_OK(remove_tree(entry.path()));
  TRY(const std::vector<Image> images, list());
  std::set<fs::path> used;
  for (const Image& image : images) used.insert(image.layers.begin(), image.layers.end());
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(options_.root / "layers", failed)) {
    if (used.contains(entry.path())) continue;
    // A running container may still stand on it; its mount keeps the files alive until it ends.
    if (const Status removed = remove_tree(entry.path()); !removed.ok()) log::warn("layer not removed", {{"layer", entry.path().native()}, {"error", removed.error().message}});
  }
  return {};
}

Result<Store::Work> Store::work() const {
  FileDescriptor shared = take_lock(options_.root, LOCK_SH);
  if (!shared.valid()) return errno_error("locking", options_.root / "lock");
  const fs::path folder = options_.root / "work" / crypto::name_suffix(12);
  TRY_OK(make_directories(folder, 0755));
  return Work(folder, std::move(shared));
}

Store::Work::~Work() {
  if (!path_.empty()) static_cast<void>(remove_tree(path_));
}

Result<fs::path> Store::keep_layer(const fs::path& made, const std::string& id) {
  const fs::path kept = options_.root / "layers" / id;
  if (fs::exists(kept)) {
    TRY_OK(remove_tree(made));
    return kept;
  }
  std::error_code failed;
  fs::rename(made, kept, failed);
  if (failed) return Error{Code::unavailable, cat("keeping layer ", quote(kept.native()), ": ", failed.message())};
  return kept;
}

}  // namespace masu::images
