#pragma once
/// What exists in every cluster from the first second: namespaces, roles, bindings. Pure.

#include <vector>

#include "value/value.h"

namespace masu::apiserver {

/// Objects to be made where they are absent, in order. Roles among them are brought up to date at every start.
std::vector<Value> bootstrap_objects();

}  // namespace masu::apiserver
