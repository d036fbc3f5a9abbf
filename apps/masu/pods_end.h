#pragma once
/// Ending the pods of this machine when masu goes down for good.

#include <filesystem>

#include "base/clock.h"
#include "base/result.h"

namespace masu::app {

/// Ends the processes of all pods, by their shims; nothing is deleted from the API. Call it when the node agent has ended:
/// it would start some of them again.
Status end_all_pods(const std::filesystem::path& node_folder, Deadline deadline);

}  // namespace masu::app
