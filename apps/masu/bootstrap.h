#pragma once
/// The objects that masu needs before anything else: its kinds, its namespace, its roles, where hub and ledger are.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"
#include "value/value.h"

namespace masu::app {

struct Places {
  std::string hub;     // http://HOST:PORT as pods and users reach it
  std::string ledger;
  std::string runtime_image;  // of preparation and collector; empty: masu.dev/runtime, built into our own nodes
  std::string default_image;  // of programs that the catalogue has no image for; empty: the machine's own root
};

/// On any Kubernetes, in the order in which they are to be made. Reads the CRDs that are built into the program.
Result<std::vector<Value>> objects_of_masu(const Places& places);
/// What the embedded engine has beside them: namespaces that a cluster brings, a storage class.
std::vector<Value> objects_of_the_engine();

/// Creates what is missing and patches what differs; objects that are as wanted are not written. A kind of another project
/// (TFJob, Experiment) that somebody else has installed is left as it is. CRDs are waited for until they are served.
Status ensure(const kube::Client& client, const std::vector<Value>& objects, Deadline deadline);

}  // namespace masu::app
