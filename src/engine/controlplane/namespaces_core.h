#pragma once
/// What a namespace brings with it, and how it goes: account `default`, the authority's certificate; at its end its
/// content first, then its finalizer.

#include <optional>
#include <string>
#include <vector>

#include "controller/action.h"
#include "controlplane/objects.h"

namespace masu::controlplane {

inline constexpr const char* root_authority_name = "kube-root-ca.crt";

struct NamespaceContents {
  bool has_account = false;                // ServiceAccount "default"
  std::optional<std::string> authority;    // data of the ConfigMap, if there is one
};
/// What a living namespace lacks.
controller::Actions furnish(const Namespace& space, const NamespaceContents& has, const std::string& root_ca);

/// What is left of one resource in a namespace that is going.
struct Remainder {
  std::string resource;  // "pods", "jobs.batch"
  std::int64_t count = 0;
  std::vector<std::string> finalizers;  // of the objects, with repetitions
};
struct NamespaceEnd {
  bool finalize = false;         // nothing is left
  controller::Actions actions;   // its conditions, if they say something new
};
NamespaceEnd decide_end(const Namespace& space, const std::vector<Remainder>& left, Instant now);

}  // namespace masu::controlplane
