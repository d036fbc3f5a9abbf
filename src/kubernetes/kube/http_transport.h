#pragma once
/// Requests to an API server over HTTP or HTTPS.

#include <memory>

#include "base/clock.h"
#include "kube/kubeconfig.h"
#include "kube/transport.h"

namespace masu::kube {

/// Adds credentials to each request and keeps them fresh: token files are read again when a minute has passed, plugins
/// run again when what they gave has expired; both also once more when the server says 401. Connections are kept
/// between calls. Thread-safe; `clock` outlives it. malformed: the server's address.
Result<std::unique_ptr<Transport>> http_transport(Access access, const Clock& clock = system_clock());

}  // namespace masu::kube
