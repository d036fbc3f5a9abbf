#include "node/pod_core.h"

#include <algorithm>

#include "base/text.h"
#include "node/pod_status.h"

namespace masu::node {
namespace {

constexpr Duration settled_after = 10min;  // a program that ran this long is no longer in a crash loop

const ContainerView& view_of(const World& world, const std::string& name) {
  static const ContainerView never;
  const auto found = world.containers.find(name);
  return found != world.containers.end() ? found->second : never;
}

bool succeeded(const ContainerView& view) {
  return view.last && !view.last->running() && view.last->exit_code == 0 && !view.last->start_failed;
}

/// Whether an ended container is started again, and when.
std::optional<Instant> restart_time(const Pod& pod, const Container& container, const ContainerView& view) {
  const std::string& policy = container.sidecar ? "Always" : pod.restart_policy;
  const bool init = !container.sidecar && std::any_of(pod.init_containers.begin(), pod.init_containers.end(),
                                              [&](const Container& c) { return c.name == container.name; });
  if (policy == "Never") return std::nullopt;
  if (succeeded(view) && (init || policy == "OnFailure")) return std::nullopt;
  return view.last->finished + restart_delay(view.last->backoff_level);
}

class Round {
 public:
  explicit Round(const World& world) : world_(world), pod_(world.pod) {}

  Decision decide() {
    if (world_.gone) return leave();
    started_at_ = parse_rfc3339(pod_.status["startTime"].as_string()).value_or(world_.now);
    const bool late = pod_.active_deadline_s && world_.now >= started_at_ + std::chrono::seconds(*pod_.active_deadline_s);
    const bool was_late = pod_.status["reason"].as_string() == "DeadlineExceeded";
    if (pod_.meta.deleted || late || was_late || pod_.finished()) {
      if ((late || was_late) && !(pod_.finished() && !was_late)) {
        judgement_.reason = "DeadlineExceeded";
        judgement_.message = "Pod was active on the node longer than the specified deadline";
      }
      return finish();
    }
    if (pod_.active_deadline_s) look_at(started_at_ + std::chrono::seconds(*pod_.active_deadline_s));
    return go_on();
  }

 private:
  /// The object is gone: whatever is left here goes too.
  Decision leave() {
    bool any = false;
    for (const auto& [name, view] : world_.containers) {
      if (!view.running()) continue;
      any = true;
      if (!view.last->stop_by) act({.kind = Action::Kind::stop, .container = name, .grace = 0s, .why = "the pod is gone"});
    }
    if (!any && world_.anything_left) act({.kind = Action::Kind::clean});
    return std::move(decision_);
  }

  /// Nothing is started any more; what runs is stopped: first the containers, then the sidecars from the last to the first.
  Decision finish() {
    judgement_.initialized = initialized_before();
    const Duration grace = remaining_grace();
    bool running = false;
    for (const auto* list : {&pod_.containers, &pod_.init_containers}) {
      for (const Container& container : *list) {
        judgement_.containers[container.name].finished = true;
        const ContainerView& view = view_of(world_, container.name);
        if (container.sidecar || !view.running()) continue;
        running = true;
        stop(container, view, grace, "the pod ends");
      }
    }
    if (!running) running = stop_sidecars(grace);
    if (running) {
      judgement_.phase = std::string(pod_.status["phase"].as_string("Running"));
      decision_.status = status_of(world_, judgement_);
      return std::move(decision_);
    }
    if (pod_.finished()) {
      judgement_.phase = std::string(pod_.status["phase"].as_string());
    } else {
      judgement_.phase = !judgement_.reason.empty() || !all_succeeded() ? "Failed" : "Succeeded";
    }
    if (world_.shim_lives) act({.kind = Action::Kind::end_shim});
    if (!pod_.finished() || pod_.meta.deleted || pod_.status["containerStatuses"].is_null())
      decision_.status = status_of(world_, judgement_);
    if (pod_.meta.deleted) act({.kind = Action::Kind::delete_object});
    return std::move(decision_);
  }

  Decision go_on() {
    judgement_.phase = "Pending";
    judgement_.initialized = initialized_before() || pod_.init_containers.empty();
    if (!world_.prepared) {
      if (!world_.trouble || world_.trouble->retry_at <= world_.now) act({.kind = Action::Kind::prepare});
      else look_at(world_.trouble->retry_at);
      return done();
    }
    bool failed = false, waiting = false;
    const bool before = initialized_before();
    for (const Container& container : pod_.init_containers) {
      if (before && (!container.sidecar || mains_over())) continue;
      const ContainerView& view = view_of(world_, container.name);
      check_liveness(container, view);
      if (view.running() && container.sidecar && view.startup_done) continue;
      if (!view.running() && succeeded(view) && !container.sidecar) {
        judgement_.containers[container.name].finished = true;
        continue;
      }
      if (!view.running() && !start_when_due(container, view)) failed = true;
      if (before) continue;  // a sidecar that comes up again holds nobody up
      waiting = true;
      break;
    }
    if (failed) return failed_to_initialize();
    if (waiting) return done();
    judgement_.initialized = true;

    bool all_finished = true, all_started = true;
    for (const Container& container : pod_.containers) {
      const ContainerView& view = view_of(world_, container.name);
      check_liveness(container, view);
      if (view.running()) {
        all_finished = false;
        continue;
      }
      if (view.attempt < 0) all_started = false;
      if (start_when_due(container, view)) all_finished = false;
    }
    judgement_.phase = all_started ? "Running" : "Pending";
    if (!all_finished) return done();
    if (stop_sidecars(std::chrono::seconds(pod_.grace_s))) return done();
    judgement_.phase = all_succeeded() ? "Succeeded" : "Failed";
    for (const Container& container : pod_.init_containers) judgement_.containers[container.name].finished = true;
    act({.kind = Action::Kind::end_shim});
    return done();
  }

  Decision failed_to_initialize() {
    for (const auto* list : {&pod_.containers, &pod_.init_containers})
      for (const Container& container : *list) judgement_.containers[container.name].finished = true;
    if (stop_sidecars(std::chrono::seconds(pod_.grace_s))) return done();
    judgement_.phase = "Failed";
    act({.kind = Action::Kind::end_shim});
    return done();
  }

  Decision done() {
    decision_.status = status_of(world_, judgement_);
    return std::move(decision_);
  }

  /// True if the container is started now or later; false if it has ended for good.
  bool start_when_due(const Container& container, const ContainerView& view) {
    if (view.trouble && view.trouble->retry_at > world_.now) {
      look_at(view.trouble->retry_at);
      return true;
    }
    int level = 0;
    if (view.last) {
      Judged& judged = judgement_.containers[container.name];
      const auto at = restart_time(pod_, container, view);
      if (!at) {
        judged.finished = true;
        return false;
      }
      if (*at > world_.now) {
        judged.restart_at = at;
        look_at(*at);
        return true;
      }
      const bool settled = view.last->finished - view.last->started >= settled_after;
      level = settled ? 1 : view.last->backoff_level + 1;
    }
    act({.kind = Action::Kind::start, .container = container.name, .attempt = view.attempt + 1, .backoff_level = level});
    return true;
  }

  void check_liveness(const Container& container, const ContainerView& view) {
    if (!view.running() || !view.liveness_failed) return;
    const auto own = container.liveness ? container.liveness->grace_s : std::nullopt;
    stop(container, view, std::chrono::seconds(own.value_or(pod_.grace_s)), "a probe failed");
  }

  void stop(const Container& container, const ContainerView& view, Duration grace, std::string why) {
    // Asked once; again only if there is less time now than it was told.
    if (view.last->stop_by && *view.last->stop_by <= world_.now + grace + 1s) return;
    act({.kind = Action::Kind::stop, .container = container.name, .grace = grace, .why = std::move(why)});
  }

  /// True while a sidecar runs.
  bool stop_sidecars(Duration grace) {
    for (auto container = pod_.init_containers.rbegin(); container != pod_.init_containers.rend(); ++container) {
      const ContainerView& view = view_of(world_, container->name);
      if (!view.running()) continue;
      stop(*container, view, grace, "the pod's containers have ended");
      return true;
    }
    return false;
  }

  Duration remaining_grace() const {
    if (!pod_.meta.deleted) return std::chrono::seconds(pod_.grace_s);
    const Duration whole = std::chrono::seconds(pod_.meta.deletion_grace_s.value_or(pod_.grace_s));
    // deletionTimestamp is when the grace is over; whole seconds, so what is left is never taken for more than the grace.
    return std::clamp<Duration>(*pod_.meta.deleted - world_.now, 0s, whole);
  }

  /// Once a main container was started, the plain init containers are history.
  bool initialized_before() const {
    return std::any_of(
        pod_.containers.begin(), pod_.containers.end(), [&](const Container& c) { return view_of(world_, c.name).attempt >= 0; });
  }

  /// The containers have ended for good: sidecars have nobody to help any more.
  bool mains_over() const {
    return std::all_of(pod_.containers.begin(), pod_.containers.end(), [&](const Container& c) {
      const ContainerView& view = view_of(world_, c.name);
      return view.last && !view.running() && !restart_time(pod_, c, view);
    });
  }

  bool all_succeeded() const {
    return std::all_of(
        pod_.containers.begin(), pod_.containers.end(), [&](const Container& c) { return succeeded(view_of(world_, c.name)); });
  }

  void act(Action action) { decision_.actions.push_back(std::move(action)); }
  void look_at(Instant when) {
    const Duration wait = std::max<Duration>(when - world_.now, 1ms);
    decision_.look_again = decision_.look_again ? std::min(*decision_.look_again, wait) : wait;
  }

  const World& world_;
  const Pod& pod_;
  Instant started_at_{};
  PodJudgement judgement_;
  Decision decision_;
};

}  // namespace

Duration restart_delay(int level) { return level <= 0 ? Duration{} : backoff(level - 1, 10s, 300s); }

Decision decide(const World& world) { return Round(world).decide(); }

}  // namespace masu::node
