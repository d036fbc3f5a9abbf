#include "kube/informer.h"

#include <algorithm>

#include "base/text.h"

namespace masu::kube {

InformerBase::InformerBase(const Client& client, Resource resource, std::string name_space, ListOptions options)
    : client_(client), resource_(std::move(resource)), name_space_(std::move(name_space)), options_(std::move(options)) {}

bool InformerBase::synced() const {
  const std::scoped_lock lock(mutex_);
  return synced_;
}

void InformerBase::drop_watch() {
  watch_.reset();
  version_.clear();
}

Status InformerBase::list_and_watch() {
  if (version_.empty()) {
    TRY(List all, client_.list(resource_, name_space_, options_, Deadline::after(60s)));
    version_ = all.resource_version;
    replace(std::move(all.items));
    const std::scoped_lock lock(mutex_);
    synced_ = true;
  }
  ListOptions from = options_;
  from.resource_version = version_;
  TRY(auto watch, client_.watch(resource_, name_space_, from, Deadline::after(30s)));
  watch_ = std::move(watch);
  return {};
}

Result<bool> InformerBase::take(Deadline deadline, const std::stop_token& stop) {
  if (!watch_) {
    TRY_OK(list_and_watch());
    return true;
  }
  auto event = watch_->next(deadline, stop);
  if (!event.ok()) {
    watch_.reset();
    if (event.error().code == Code::gone) version_.clear();
    return std::move(event).error();
  }
  if (!*event) return false;
  version_ = (*event)->object.at("metadata", "resourceVersion").as_string();
  if ((*event)->type != WatchEvent::Type::bookmark) apply(**event);
  return true;
}

bool InformerBase::pump() {
  auto taken = take(Deadline::after(Duration{0}), {});
  // An ended watch is opened again by the next step; that is progress too.
  return taken.ok() ? *taken : true;
}

void InformerBase::run(const std::stop_token& stop) {
  int failures = 0;
  while (!stop.stop_requested()) {
    const auto taken = take(Deadline::after(60s), stop);
    if (taken.ok()) {
      failures = 0;
      continue;
    }
    // A watch that merely ended after it had worked is no failure; the first retry comes at once.
    if (failures > 0 && taken.error().code != Code::gone)
      log::warn("watching failed", {{"resource", resource_.qualified()}, {"error", taken.error().message}});
    if (failures > 0 && !pause(backoff(failures - 1, 100ms, 30s), stop)) return;
    ++failures;
  }
}

void Informers::start(InformerBase& informer) {
  started_.push_back(&informer);
  threads_.emplace_back([&informer](const std::stop_token& stop) { informer.run(stop); });
}

Status Informers::wait_synced(Deadline deadline) const {
  for (const InformerBase* informer : started_)
    for (Duration step = 1ms; !informer->synced(); step = std::min<Duration>(step * 2, 50ms)) {
      if (deadline.expired())
        return Error{Code::timeout, cat("the cache of ", informer->resource().qualified(), " was not filled in time; is the kind served and may we list it?")};
      pause(step, {});
    }
  return {};
}

void Informers::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();  // joins
}

}  // namespace masu::kube
