#include "base/result.h"

#include <cstdio>

namespace masu {

std::string_view name(Code code) {
  switch (code) {
    case Code::malformed: return "malformed";
    case Code::invalid: return "invalid";
    case Code::precondition: return "precondition";
    case Code::unauthenticated: return "unauthenticated";
    case Code::denied: return "denied";
    case Code::not_found: return "not_found";
    case Code::already_exists: return "already_exists";
    case Code::conflict: return "conflict";
    case Code::gone: return "gone";
    case Code::exhausted: return "exhausted";
    case Code::unavailable: return "unavailable";
    case Code::timeout: return "timeout";
    case Code::cancelled: return "cancelled";
    case Code::unsupported: return "unsupported";
    case Code::internal: return "internal";
  }
  return "internal";
}

Error Error::context(std::string_view doing) && {
  message = std::string(doing) + ": " + message;
  return std::move(*this);
}

void check_failed(const char* file, int line, const char* condition, const char* sentence) {
  std::fprintf(stderr, "masu: bug: %s (%s, at %s:%d)\n", sentence, condition, file, line);
  std::abort();
}

}  // namespace masu
