#pragma once
/// The API server: one function from requests to answers. Usable from one thread (a simulation) and from many at once.
///
///   auto server = ApiServer::open({.clock = &clock, .data = "/var/lib/masu/api"});
///   net::Handler handler = [&](const net::Request& request) { return (*server)->handle(request); };
///   every second: (*server)->tick();

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "apiserver/authenticate.h"
#include "apiserver/call.h"
#include "apiserver/store.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/message.h"

namespace masu::apiserver {

class ApiServer {
 public:
  struct Options {
    const Clock* clock = &system_clock();
    /// Holds state.db (objects), sa.key (signs tokens of service accounts; made if absent) and tokens.csv (people's
    /// tokens, read again when it changes). Empty: everything in memory.
    std::filesystem::path data = {};
    std::vector<StaticToken> tokens = {};                // beside those of the file
    std::shared_ptr<const TokenKeys> keys = nullptr;     // null: from data, or fresh
    Store::Limits limits = {};
    Randomness randomness = system_randomness();
  };
  static Result<std::unique_ptr<ApiServer>> open(Options options);
  ~ApiServer();

  net::Answer handle(const net::Request& request);
  /// Time has passed: ends and bookmarks of watches, changed token file, definitions on their way out, old events.
  void tick();
  /// The server goes away: ends all watches.
  void stop();

  const Store& store() const;
  /// The public keys of service account tokens, and their issuer.
  const TokenKeys& keys() const;

 private:
  struct Parts;
  explicit ApiServer(std::unique_ptr<Parts> parts);
  Outcome<net::Answer> serve(Call& call);
  Outcome<net::Answer> serve_resource(Call& call);
  Outcome<net::Answer> serve_path(Call& call);
  Check impersonate(Call& call) const;
  Check authorize(const Call& call) const;
  std::shared_ptr<const Catalog> catalog();
  Status bootstrap();
  Status load_tokens();
  void after_write(const Type& type, const Value& object);
  void aggregate_roles();
  void finish_definitions();
  void expire_events();
  /// A request of the server to itself, as system:masters.
  net::Reply call_itself(std::string method, std::string path, const Value& body, std::string_view media = "application/json");

  std::unique_ptr<Parts> parts_;
};

}  // namespace masu::apiserver
