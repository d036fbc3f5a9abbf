/// A request or response in pieces is read exactly as in one piece, and never goes wrong otherwise. The first byte picks
/// the kind and the size of the pieces.

#include <cstdlib>

#include "net/client.h"
#include "net/wire.h"

using namespace masu;
using namespace masu::net;

namespace {

struct Outcome {
  bool ok = false;
  std::string body;
  int status = 0;
  std::size_t used = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome read(MessageParser::Kind kind, std::string_view bytes, std::size_t piece) {
  MessageParser parser(kind, 4096);
  Outcome outcome;
  std::string waiting;
  while (!bytes.empty() && !parser.done()) {
    const auto taken = bytes.substr(0, piece);
    bytes.remove_prefix(taken.size());
    waiting += taken;
    while (!waiting.empty() && !parser.done()) {
      const auto used = parser.feed(waiting);
      if (!used.ok()) return {};
      if (*used > waiting.size()) std::abort();
      waiting.erase(0, *used);
      outcome.used += *used;
      if (*used == 0) break;
    }
  }
  outcome.ok = parser.done();
  if (!outcome.ok) return {};
  outcome.body = parser.body();
  outcome.status = parser.status();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto kind = data[0] & 1 ? MessageParser::Kind::request : MessageParser::Kind::response;
  const Outcome whole = read(kind, bytes, bytes.size() + 1);
  const Outcome pieces = read(kind, bytes, 1 + (data[0] >> 1));
  if (whole.ok && !(whole == pieces)) std::abort();
  const auto url = parse_url(bytes);
  if (url.ok() && url->scheme != "unix" && !parse_url(to_text(endpoint_of(*url))).ok()) std::abort();
  if (Query::parse(Query::parse(bytes).text()).fields() != Query::parse(bytes).fields()) std::abort();
  return 0;
}
