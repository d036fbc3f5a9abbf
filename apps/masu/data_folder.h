#pragma once
/// Where one installation keeps everything, and who runs on it.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/result.h"
#include "crypto/jwt.h"
#include "crypto/x509.h"

namespace masu::app {

/// Folders below the data directory. All are made with mode 0700 by prepare().
struct DataFolder {
  std::filesystem::path root;

  /// `--data`, else $MASU_DATA, else /var/lib/masu for root and $XDG_DATA_HOME/masu (~/.local/share/masu) for others.
  static DataFolder choose(const std::string& wanted);
  std::filesystem::path api() const { return root / "api"; }          // the API server's store
  std::filesystem::path pki() const { return root / "pki"; }          // authority, certificates, signing keys
  std::filesystem::path users() const { return root / "users"; }      // one kubeconfig a person
  std::filesystem::path hub() const { return root / "hub"; }          // buckets
  std::filesystem::path ledger() const { return root / "ledger"; }    // what was observed; archived logs
  std::filesystem::path images() const { return root / "images"; }
  std::filesystem::path node() const { return root / "node"; }        // pods, shims, logs
  std::filesystem::path volumes() const { return root / "volumes"; }  // persistent volumes
  std::filesystem::path log_file() const { return root / "masu.log"; }
  Status prepare() const;
};

/// The one process that may use a data folder: a lock that ends with the process.
class FolderLock {
 public:
  /// precondition: another masu runs on the folder; the message names its process.
  static Result<FolderLock> take(const DataFolder& folder);

 private:
  explicit FolderLock(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

/// What a running installation tells about itself in `instance.json`.
struct Instance {
  int pid = 0;
  std::string api;      // https://127.0.0.1:7443
  std::string hub;      // http://127.0.0.1:7444
  Instant started;
  std::string version;
};
Status write_instance(const DataFolder& folder, const Instance& instance);
/// No value: nothing runs on the folder (no file, or its lock is free).
Result<std::optional<Instance>> running_instance(const DataFolder& folder);

/// Keys and certificates, made at the first start.
struct Identity {
  crypto::KeyPair authority;
  crypto::KeyPair server;                   // for the API's address, localhost and kubernetes.default.svc
  static Result<Identity> load_or_make(const DataFolder& folder, const std::string& host, Instant now);
};

/// A person with one token that is good for all doors. Kept in the API server's token file (`api/tokens.csv`), which the
/// server reads again when it changes.
struct Person {
  std::string name;
  std::vector<std::string> groups;
  std::string token;
};
Result<std::vector<Person>> load_people(const DataFolder& folder);
/// Adds a person, or gives an existing one further groups. The token of an existing person stays.
Result<Person> add_person(const DataFolder& folder, const std::string& name, const std::vector<std::string>& groups);
/// The identity of the node agent of this machine.
Result<Person> add_node_agent(const DataFolder& folder);
/// Writes `users/NAME.kubeconfig` (0600).
Status write_kubeconfig(const DataFolder& folder, const Person& person, const std::string& api_url, const std::string& authority_pem);

}  // namespace masu::app
