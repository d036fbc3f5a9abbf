#pragma once
/// Names of images to folders that an overlay can stack.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"
#include "value/value.h"

namespace masu::images {

/// What an image says about how to start (OCI image configuration).
struct Config {
  std::vector<std::string> entrypoint, command;
  std::map<std::string, std::string> environment;
  std::string working_directory;
  std::string user;  // "", "1000", "1000:1000"
  bool operator==(const Config&) const = default;
};

struct Image {
  std::string name;                           // normalised: "digits", "registry.example/a/b:1.0"
  std::string id;                             // "sha256:..." of recipe or content; of the built-in ones their name
  std::vector<std::filesystem::path> layers;  // topmost first; "/" is the machine's own root
  Config config;
  std::string recipe;                         // what build() was asked for; empty for imported ones
  Instant created{};
  /// Folders of the machine that are shown inside, read-only: {on the machine, in the container}.
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> binds;
};

/// The image of the machine's own root, and masu's own (the same with masu's programs at /opt/masu/bin).
inline constexpr std::string_view host_image = "host";
inline constexpr std::string_view runtime_image = "masu.dev/runtime";

/// One form for each way to write a name: "digits", "digits:latest", "localhost/digits" are one; a digest stays.
/// invalid for what is no image name.
Result<std::string> normal_name(std::string_view name);

/// Thread-safe. Each change is one renamed file: a crash leaves the old or the new image, and layers nobody names are
/// removed when nobody makes an image.
class Store {
 public:
  struct Options {
    std::filesystem::path root;
    std::filesystem::path programs;  // masu's own programs, for masu.dev/runtime
  };
  static Result<std::unique_ptr<Store>> open(Options options);

  /// not_found says how to build or import it, and which names there are.
  Result<Image> resolve(std::string_view name) const;
  /// All but the built-in ones, by name.
  Result<std::vector<Image>> list() const;
  /// Records an image whose layer folders are in place. Replaces one of the same name.
  Status put(const Image& image);
  /// not_found; precondition for a built-in one. Layers that no other image uses go too.
  Status remove(std::string_view name);

  /// A fresh folder below work/, for what is being made. Gone, with what is left in it, at the end of its life.
  class Work {
   public:
    Work(std::filesystem::path path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    Work(Work&& other) noexcept : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
    Work& operator=(Work&&) = delete;
    ~Work();
    const std::filesystem::path& path() const { return path_; }

   private:
    std::filesystem::path path_;
    FileDescriptor lock_;  // shared: nobody, in any process, cleans up meanwhile
  };
  Result<Work> work() const;
  /// Moves a finished folder to layers/<id>; one that is already there stays.
  Result<std::filesystem::path> keep_layer(const std::filesystem::path& made, const std::string& id);
  const std::filesystem::path& root() const { return options_.root; }

 private:
  explicit Store(Options options) : options_(std::move(options)) {}
  std::filesystem::path file_of(std::string_view name) const;
  /// Empties work/ and removes layers that no image names; does nothing while any process makes an image.
  Status clean() const;

  const Options options_;
  mutable std::mutex mutex_;
};

}  // namespace masu::images
