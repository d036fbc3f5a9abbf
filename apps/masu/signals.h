#pragma once
/// Ending in order: signals are blocked in all threads and waited for by the main one.

#include <vector>

#include "base/clock.h"

namespace masu::app {

/// Before the first thread starts.
void block_signals(const std::vector<int>& signals);
/// The first of them that comes.
int wait_for_signal(const std::vector<int>& signals);

}  // namespace masu::app
