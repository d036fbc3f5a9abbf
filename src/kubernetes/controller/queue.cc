#include "controller/queue.h"

#include <algorithm>

namespace masu::controller {

void WorkQueue::add(const kube::Key& key) {
  {
    const std::scoped_lock lock(mutex_);
    if (in_work_.contains(key)) {
      dirty_.insert(key);
      return;  // done() queues and wakes
    }
    if (!queued_.insert(key).second) return;
    order_.push_back(key);
  }
  if (wake_) wake_();
}

void WorkQueue::add_at(const kube::Key& key, Instant due) {
  {
    const std::scoped_lock lock(mutex_);
    const auto [at, fresh] = later_.emplace(key, due);
    if (!fresh) at->second = std::min(at->second, due);
  }
  if (wake_) wake_();
}

void WorkQueue::move_due(Instant now) {
  for (auto it = later_.begin(); it != later_.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    if (in_work_.contains(it->first)) dirty_.insert(it->first);
    else if (queued_.insert(it->first).second) order_.push_back(it->first);
    it = later_.erase(it);
  }
}

std::optional<kube::Key> WorkQueue::take(Instant now) {
  const std::scoped_lock lock(mutex_);
  move_due(now);
  if (order_.empty()) return std::nullopt;
  kube::Key key = std::move(order_.front());
  order_.erase(order_.begin());
  queued_.erase(key);
  in_work_.insert(key);
  return key;
}

void WorkQueue::done(const kube::Key& key) {
  bool again = false;
  {
    const std::scoped_lock lock(mutex_);
    in_work_.erase(key);
    if (dirty_.erase(key) > 0 && queued_.insert(key).second) {
      order_.push_back(key);
      again = true;
    }
  }
  if (again && wake_) wake_();
}

int WorkQueue::failed(const kube::Key& key) {
  const std::scoped_lock lock(mutex_);
  return ++failures_[key];
}

void WorkQueue::succeeded(const kube::Key& key) {
  const std::scoped_lock lock(mutex_);
  failures_.erase(key);
}

std::optional<Instant> WorkQueue::next_due() const {
  const std::scoped_lock lock(mutex_);
  std::optional<Instant> first;
  for (const auto& [key, due] : later_) first = first ? std::min(*first, due) : due;
  return first;
}

bool WorkQueue::ready(Instant now) const {
  const std::scoped_lock lock(mutex_);
  return !order_.empty() || std::any_of(later_.begin(), later_.end(), [&](const auto& entry) { return entry.second <= now; });
}

std::size_t WorkQueue::depth() const {
  const std::scoped_lock lock(mutex_);
  return order_.size();
}

}  // namespace masu::controller
