#pragma once
/// One pod on this machine: its folder, its shim, what was tried for it. Does what the core decided. Used by one thread
/// at a time (its key is in work at most once); the HTTP side only reads files.

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kube/client.h"
#include "node/bundle.h"
#include "node/environment.h"
#include "node/image_store.h"
#include "node/machine.h"
#include "node/pod_core.h"
#include "node/shim_client.h"

namespace masu::node {

/// What all pods of a node share. Outlives them.
struct NodeContext {
  const kube::Client& client;
  ImageStore& images;
  const Clock& clock;
  std::filesystem::path data, shim_program;
  std::vector<std::filesystem::path> hidden;
  Machine machine;
  Mode mode = Mode::runc;
  NodeFacts facts;
};

/// Folders of a pod.
struct PodFolders {
  std::filesystem::path root;
  std::filesystem::path volumes() const { return root / "volumes"; }
  std::filesystem::path attempt(const std::string& container, int number) const {
    return root / "containers" / container / std::to_string(number);
  }
  std::filesystem::path log(const std::string& container, int number) const {
    return root / "logs" / container / (std::to_string(number) + ".log");
  }
};

class PodRuntime {
 public:
  PodRuntime(const NodeContext& node, std::string uid, kube::Key key);

  const std::string& uid() const { return uid_; }
  const kube::Key& key() const { return key_; }
  const PodFolders& folders() const { return folders_; }

  /// Looks at the machine. `pod` is null if the object is gone.
  Result<World> observe(const Pod* pod, const std::string& hosts, Deadline deadline);
  // Each does one kind of action; troubles are kept and seen by the next observe.
  void prepare(const Pod& pod, const std::string& hosts, Deadline deadline);
  void start(const Pod& pod, const Container& container, int attempt, int backoff_level, Deadline deadline);
  Status stop(const Pod* pod, const std::string& container, Duration grace, Deadline deadline);
  Status end_shim(Deadline deadline);
  Status clean(Deadline deadline);
  /// Writes tokens anew that will not be good for long. No value: none needs it.
  std::optional<Instant> refresh(const Pod& pod, Deadline deadline);
  void write_hosts(const std::string& text) const;
  /// Runs a program in a running container (probes): exit code and output.
  Result<std::pair<int, std::string>> exec(const std::string& container, const std::vector<std::string>& argv, Duration limit) const;

  bool prepared() const { return prepared_; }
  bool shim_lives() const { return shim_lives_; }

  // What probes found.
  struct ProbeTimer {
    Instant next{};
    int in_a_row = 0;
    bool last = false;
  };
  struct Probed {
    int attempt = -1;
    std::map<std::string, ProbeTimer> timers;  // by kind of probe
    bool ready = true, startup_done = true, liveness_failed = false;
  };
  std::map<std::string, Probed> probed;
  Value sent_status;               // the newest status known: ours as it was answered, or the cache's
  std::uint64_t sent_version = 0;

 private:
  Result<References> fetch(const Needed& needed, Deadline deadline) const;
  Result<std::string> token(const Pod& pod, const VolumeSource& source, Deadline deadline);
  Status place(const Pod& pod, Deadline deadline);
  Result<PlacedVolume> claim(const std::string& name, Deadline deadline) const;
  Result<Image> image(const Pod& pod, const Container& container, Trouble& trouble, Deadline deadline) const;
  Status launch(
      const Pod& pod, const Container& container, const Image& image, int attempt, int level, Trouble& trouble, Deadline deadline);
  NodeFacts facts() const;
  std::string last_words(const Container* container, const std::string& name, int attempt, const ContainerRecord& record) const;

  const NodeContext& node_;
  const std::string uid_;
  const kube::Key key_;
  const PodFolders folders_;
  bool prepared_ = false, shim_lives_ = false;
  PlacedVolumes volumes_;
  std::optional<Trouble> trouble_;
  std::map<std::string, Trouble> container_troubles_;
  std::map<std::string, std::string> image_ids_;
  std::map<std::string, int> attempts_;  // newest number by container
  std::optional<Instant> tokens_due_;
};

}  // namespace masu::node
