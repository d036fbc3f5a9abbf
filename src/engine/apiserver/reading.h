#pragma once
/// get, list and watch of one kind.

#include <string>

#include "apiserver/render.h"
#include "apiserver/route.h"
#include "apiserver/store.h"
#include "apiserver/types.h"
#include "base/clock.h"
#include "net/message.h"

namespace masu::apiserver {

/// The objects that a request's selectors choose.
struct Selection {
  std::string name;                                 // a field selector on metadata.name, or empty
  std::string ns;                                   // likewise
  std::function<bool(const Record&)> matches = {};  // null: all
};
Outcome<Selection> selection(const TypePtr& type, const net::Query& query);

class Reading {
 public:
  Reading(Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  Outcome<net::Answer> get(const net::Request& request, const Route& route, const TypePtr& type) const;
  Outcome<net::Answer> list(const net::Request& request, const Route& route, const TypePtr& type) const;
  Outcome<net::Answer> watch(const net::Request& request, const Route& route, const TypePtr& type) const;
  Outcome<Rendering> rendering(const net::Request& request, const TypePtr& type) const;

 private:
  /// The revision a list is to be read at; no value: the newest.
  Outcome<std::optional<std::uint64_t>> list_revision(const net::Query& query, bool continued) const;
  Store& store_;
  const Clock& clock_;
};

}  // namespace masu::apiserver
