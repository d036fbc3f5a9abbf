#include "signals.h"

#include <signal.h>

namespace masu::app {
namespace {

sigset_t set_of(const std::vector<int>& signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : signals) ::sigaddset(&set, number);
  return set;
}

}  // namespace

void block_signals(const std::vector<int>& signals) {
  const sigset_t set = set_of(signals);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int wait_for_signal(const std::vector<int>& signals) {
  const sigset_t set = set_of(signals);
  int number = 0;
  while (::sigwait(&set, &number) != 0) {
  }
  return number;
}

}  // namespace masu::app
