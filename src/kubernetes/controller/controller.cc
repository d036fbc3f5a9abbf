#include "controller/controller.h"

#include <algorithm>

#include "base/log.h"

namespace masu::controller {

Controller::Controller(Reconciler& reconciler, const Clock& clock, Options options)
    : reconciler_(reconciler), clock_(clock), options_(options) {}

bool Controller::step() {
  const auto key = queue_.take(clock_.now());
  if (!key) return false;
  const auto outcome = reconciler_.reconcile(*key, Deadline::after(options_.deadline));
  queue_.done(*key);
  if (outcome.ok()) {
    queue_.succeeded(*key);
    if (outcome->look_again) queue_.add_at(*key, clock_.now() + *outcome->look_again);
    return true;
  }
  const Error& error = outcome.error();
  const int failures = queue_.failed(*key);
  const bool stale = error.code == Code::conflict || error.code == Code::already_exists;  // our cache is behind: normal
  if (stale && failures <= 3) log::debug("reconciling again", {{"controller", name()}, {"object", key->text()}, {"error", error.message}});
  else log::warn("reconciling failed", {{"controller", name()}, {"object", key->text()}, {"error", error.message}, {"attempt", failures}});
  if (error.code == Code::invalid || error.code == Code::unsupported) return true;  // until the object changes
  const Duration wait = error.retry_after.value_or(backoff(failures - 1, options_.retry_first, options_.retry_most));
  queue_.add_at(*key, clock_.now() + wait);
  return true;
}

void Runner::add(Controller& controller) {
  controller.queue().on_add([this] { ring(); });
  controllers_.push_back(&controller);
}

void Runner::ring() {
  {
    const std::scoped_lock lock(mutex_);
    ++rung_;
  }
  bell_.notify_one();
}

void Runner::start(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

void Runner::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();  // joins
}

void Runner::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::uint64_t seen = 0;
    {
      const std::scoped_lock lock(mutex_);
      seen = rung_;
    }
    bool worked = false;
    for (Controller* controller : controllers_) worked = controller->step() || worked;
    if (worked) continue;
    Duration wait = 1h;
    for (const Controller* controller : controllers_)
      if (const auto due = controller->queue().next_due()) wait = std::min(wait, *due - clock_.now());
    std::unique_lock lock(mutex_);
    bell_.wait_for(lock, stop, std::max<Duration>(wait, 1ms), [&] { return rung_ != seen; });
  }
}

}  // namespace masu::controller
