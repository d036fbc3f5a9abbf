#include <cstdio>

#include "commands.h"

namespace masu::app {

int report(const Error& error) {
  std::fprintf(stderr, "masu: %s\n", error.message.c_str());
  for (const Cause& cause : error.causes) std::fprintf(stderr, "  %s: %s\n", cause.field.c_str(), cause.message.c_str());
  return error.code == Code::invalid && error.message.find("\nusage: ") != std::string::npos ? 2 : 1;
}

}  // namespace masu::app
