#pragma once
/// What the installation offers to jobs: machine types, images, defaults. Gathered by whoever converts; plain values.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/object.h"
#include "value/quantity.h"
#include "value/value.h"

namespace masu::training {

/// MachineType (masu.dev/v1alpha1): what n1-standard-16, standard_gpu, a T4 or a slice of a GPU mean here.
struct MachineType {
  std::vector<std::string> names;                // spec.names, or the object's name
  bool accelerator = false;                      // spec.accelerator: its resources count for each accelerator, not for each machine
  std::map<std::string, std::string> resources;  // spec.resources: requests and, but for cpu and memory, limits
  std::map<std::string, std::string> node_selector;
  Value tolerations;                             // spec.tolerations, as in a pod
  std::string note;                              // spec.note: said to whoever uses it
  bool built_in = false;

  static Result<MachineType> decode(const Value& object);
};

/// CatalogImage (masu.dev/v1alpha1): an image offered for notebooks, training or shells.
struct CatalogImage {
  std::string name, image;
  std::vector<std::string> purposes;          // training, notebook, shell; none: all
  std::vector<std::string> runtime_versions;  // it stands for these
  std::string pull_policy;
  std::string python;                         // its interpreter; empty: python3

  static Result<CatalogImage> decode(const Value& object);
  bool for_training() const;
};

/// What one node could give a pod (status.allocatable), for saying that a job can never run here.
struct NodeRoom {
  std::string name;
  std::map<std::string, Quantity> allocatable;
  kube::Labels labels;
  static NodeRoom decode(const Value& node);
};

struct Site {
  std::vector<MachineType> machines;  // of the installation; the built-in ones stand behind them
  std::vector<CatalogImage> images;
  std::optional<std::vector<NodeRoom>> nodes;  // no value: unknown (nothing is refused for lack of room)
  std::string default_machine = "n1-standard-4";
  std::string host_image = "host";               // where the catalogue has nothing for training
  std::string runtime_image = "masu.dev/runtime";
  std::string service_account = "ai-platform";   // empty: the namespace's default
  std::string storage_class;                     // of the jobs' claims; empty: the cluster's default
  std::string volume_size = "10Gi";
  std::string volume_mode = "ReadWriteOnce";
  std::string hub, ledger;                         // URLs that pods can reach; empty: none
  std::map<std::string, std::string> environment;  // for every program: package index, proxies
};

/// The entry for a name: the installation's, else the built-in one (spec gcp-ai-platform 12), else none.
const MachineType* find_machine(const Site& site, std::string_view name);
/// Every name there is, the installation's first.
std::vector<std::string> machine_names(const Site& site, bool accelerators);

struct ImageChoice {
  std::string image, python, pull_policy;
  std::string note;  // why another than the wanted version, if so
};
/// The image for a runtime version: the one that stands for it; else the nearest newer one of the same major; with a
/// catalogue that has nothing for training at all: the machine's own root. invalid with the list otherwise.
Result<ImageChoice> choose_image(const Site& site, std::string_view runtime_version, bool strict = false);

}  // namespace masu::training
