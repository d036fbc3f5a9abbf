#pragma once
/// The parts of objects with paths of their own (spec kubernetes-api 14): scale, binding, eviction, token, finalize, and
/// what the node answers: log, exec, attach, portforward.

#include "apiserver/authenticate.h"
#include "apiserver/call.h"
#include "apiserver/reading.h"
#include "apiserver/writing.h"

namespace masu::apiserver {

/// The node agent's address, "unix:/run/masu/agent.sock" or "127.0.0.1:10250".
inline constexpr std::string_view node_address_annotation = "node.masu.dev/address";

class Subresources {
 public:
  Subresources(const Store& store, const Reading& reading, const Writing& writing, const Authenticator& authenticator)
      : store_(store), reading_(reading), writing_(writing), authenticator_(authenticator) {}

  /// The call names a subresource that its kind has, with a verb that it allows.
  Outcome<net::Answer> serve(Call& call) const;
  /// POST of a Binding, to pods/<name>/binding or to bindings.
  Outcome<net::Answer> bind(Call& call, const Type& pods, std::string name) const;

 private:
  Outcome<net::Answer> scale(Call& call) const;
  Outcome<net::Answer> evict(Call& call) const;
  Outcome<net::Answer> token(Call& call) const;
  Outcome<net::Answer> finalize(Call& call) const;
  Outcome<net::Answer> log(Call& call) const;
  Outcome<Value> present(const Call& call) const;

  const Store& store_;
  const Reading& reading_;
  const Writing& writing_;
  const Authenticator& authenticator_;
};

/// The container that a request for a pod's logs or a shell means: the one named, or the only one. 400 otherwise.
Outcome<std::string> chosen_container(const Value& pod, std::string_view named);

}  // namespace masu::apiserver
