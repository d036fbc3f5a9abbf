#pragma once
/// The controllers of TFJobs and PyTorchJobs: caches, observe, perform.

#include <memory>
#include <string>
#include <vector>

#include "controller/controller.h"
#include "kube/informer.h"

namespace masu::training {

class OperatorControllers {
 public:
  OperatorControllers(const kube::Client& client, const Clock& clock, const std::string& name_space);
  ~OperatorControllers();
  std::vector<kube::InformerBase*> informers();
  std::vector<controller::Controller*> controllers();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace masu::training
