#pragma once
/// A file system view for a plain process: the machine's own root with a few folders in other places. Needs no overlay
/// and no root user, only a mount namespace (within a user namespace for ordinary users).

#include <string>
#include <vector>

#include "base/result.h"
#include "node/shim_protocol.h"

namespace masu::shim {

/// Moves the calling process into such a view. `work` is a folder of ours where it is put together; targets of bind
/// mounts need not exist on the machine. For a child between fork and exec, single-threaded.
/// denied: the machine allows no mount namespaces.
Status enter_private_root(const std::string& work, const std::vector<node::ShimMount>& mounts);

}  // namespace masu::shim
