#pragma once
/// What the node does with one pod, decided from what it sees. Pure: no clock, no files, no API.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "node/pod.h"
#include "node/shim_protocol.h"
#include "value/value.h"

namespace masu::node {

/// Why something could not be done just now, in Kubernetes' words.
struct Trouble {
  std::string reason, message;  // "ErrImagePull", "CreateContainerConfigError", "FailedMount"
  Instant retry_at{};
  int attempts = 1;
  bool operator==(const Trouble&) const = default;
};

/// One container as it is found.
struct ContainerView {
  int attempt = -1;                          // number of the last attempt; -1: never started
  std::optional<ContainerRecord> last, previous;
  std::string last_words, previous_words;    // termination messages
  std::string image_id;
  std::optional<Trouble> trouble;            // of the start that was tried last
  // By probes; the defaults are those of a container without.
  bool ready = true, startup_done = true, liveness_failed = false;

  bool running() const { return last && last->running(); }
};

struct World {
  Pod pod;
  bool gone = false;              // no longer in the API
  bool prepared = false;          // folder, volumes and shim are there
  bool shim_lives = false;
  bool anything_left = false;     // something of it is on this machine
  std::optional<Trouble> trouble; // of the preparation that was tried last
  std::map<std::string, ContainerView> containers;
  std::string node_ip, pod_ip;
  std::string isolation_reason, isolation_message;  // how far it is not isolated; empty if it is
  Instant now;
};

struct Action {
  enum class Kind {
    prepare,        // folder, volumes, shim
    start,          // container, attempt, backoff_level
    stop,           // container, grace: the program is asked to end, and killed after the grace
    delete_object,  // grace 0, of this very pod
    end_shim,       // nothing runs any more and nothing will
    clean,          // everything of it on this machine
  } kind;
  std::string container = {};
  int attempt = 0, backoff_level = 0;
  Duration grace = {};
  std::string why = {};
  bool operator==(const Action&) const = default;
};

struct Decision {
  std::vector<Action> actions;
  std::optional<Value> status;         // the whole status as it should be; no value: leave it
  std::optional<Duration> look_again;  // no value: wait for an event
};

Decision decide(const World& world);

/// How long to wait before the start that follows an attempt of this level: none, 10 s, 20 s ... 5 min.
Duration restart_delay(int level);

}  // namespace masu::node
