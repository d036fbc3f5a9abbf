#pragma once
/// The object store as commands reach it: from the environment that `masu env` sets, or that a job's pod has.

#include <memory>
#include <string>

#include "base/result.h"
#include "net/client.h"
#include "objectstore/gcs_store.h"

namespace masu::app {

struct StorageClient {
  std::unique_ptr<net::Client> client;
  std::unique_ptr<objectstore::GcsStore> store;
};

/// STORAGE_EMULATOR_HOST (it may hold the token in its path), as storage libraries read it; else MASU_HUB with the pod's
/// service account token; else Google's own address without a token (public objects).
Result<StorageClient> open_storage();

}  // namespace masu::app
