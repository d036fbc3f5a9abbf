/// The rules of the house that a program can check: who includes whom, how big a room is, what is never written.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"

namespace masu {
namespace {

namespace fs = std::filesystem;
const fs::path root = MASU_SOURCE_DIR;

struct Source {
  std::string path;  // from the root, "src/services/tuning/trial_core.h"
  std::vector<std::string> lines;
  bool is_test() const { return path.find("_test.") != std::string::npos || path.find("_bench.") != std::string::npos || path.find("_fuzz.") != std::string::npos; }
};

std::vector<Source> sources() {
  std::vector<Source> out;
  for (const char* top : {"src", "apps", "tests"}) {
    if (!fs::exists(root / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      Source source{fs::relative(entry.path(), root), {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) source.lines.push_back(line);
      out.push_back(std::move(source));
    }
  }
  std::sort(out.begin(), out.end(), [](const Source& a, const Source& b) { return a.path < b.path; });
  return out;
}

/// "src/services/tuning/x.h" -> {"services", "tuning"}; {"apps", ...} and {"tests", ...} for the rest.
std::pair<std::string, std::string> room_of(const std::string& path) {
  const auto parts = split(path, '/');
  if (parts[0] == "src") return {parts[1], parts[2]};
  return {parts[0], parts.size() > 2 ? parts[1] : std::string()};
}

/// Room name -> ring, from the folders.
std::map<std::string, std::string> rings() {
  std::map<std::string, std::string> out;
  for (const auto& ring : fs::directory_iterator(root / "src"))
    for (const auto& room : fs::directory_iterator(ring.path())) out[room.path().filename()] = ring.path().filename();
  return out;
}

const std::map<std::string, std::set<std::string>> may_enter{
    {"foundation", {"foundation"}},
    {"kubernetes", {"kubernetes", "foundation"}},
    {"engine", {"kubernetes", "foundation"}},
    {"services", {"kubernetes", "foundation"}},
    {"gateways", {"services", "kubernetes", "foundation"}},
    {"apps", {"gateways", "services", "engine", "kubernetes", "foundation", "apps"}},
    {"tests", {"gateways", "services", "engine", "kubernetes", "foundation", "tests", "apps"}},
};

TEST(Tidy, ArrowsPointInwards) {
  const auto ring_of = rings();
  const std::regex include("^#include \"([^\"/]+)/([^\"]+)\"");
  for (const Source& source : sources()) {
    const auto [ring, room] = room_of(source.path);
    for (const std::string& line : source.lines) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      const std::string target = match[1];
      if (target == room || !ring_of.contains(target)) continue;
      const std::string& target_ring = ring_of.at(target);
      EXPECT_TRUE(may_enter.at(ring).contains(target_ring)) << source.path << " (" << ring << ") may not include " << match[0];
      const bool into_service = ring == "gateways" && target_ring == "services";
      EXPECT_TRUE(!into_service || std::regex_search(std::string(match[2]), std::regex("_core\\.h$|_types\\.h$")))
          << source.path << ": a gateway uses only the pure parts of services, not " << match[0];
    }
  }
}

TEST(Tidy, HeavyHeadersStayInTheirRooms) {
  const std::map<std::string, std::string> home{
      {"boost/asio", "src/foundation/net/"}, {"boost/beast", "src/foundation/net/"}, {"boost/json", "src/foundation/value/json.cc"},
      {"yaml-cpp/", "src/foundation/value/"}, {"sqlite3.h", "src/foundation/sqlite/"}, {"Eigen/", "src/services/tuning/optimise/"},
      {"CLI/", "apps/"}};
  const std::regex openssl("^#include <openssl/");
  for (const Source& source : sources()) {
    for (const std::string& line : source.lines) {
      if (!line.starts_with("#include <")) continue;
      for (const auto& [header, where] : home)
        EXPECT_TRUE(line.find(header) == std::string::npos || source.path.starts_with(where)) << source.path << ": " << line;
      if (!std::regex_search(line, openssl) || source.is_test()) continue;
      EXPECT_TRUE(source.path.starts_with("src/foundation/crypto/") || source.path.starts_with("src/foundation/net/"))
          << source.path << ": " << line;
    }
  }
}

TEST(Tidy, OnlyTheClockAsksForTheTime) {
  const std::regex now("(system_clock|steady_clock|high_resolution_clock)::now\\(");
  for (const Source& source : sources()) {
    if (source.path.starts_with("src/foundation/base/clock") || source.is_test() || source.path.starts_with("apps/masu-")) continue;
    const bool waits = source.path.starts_with("src/foundation/net/");  // deadlines of sockets are the network's own
    for (std::size_t i = 0; i < source.lines.size(); ++i)
      EXPECT_TRUE(waits || !std::regex_search(source.lines[i], now)) << source.path << ":" << i + 1 << ": " << source.lines[i];
  }
}

TEST(Tidy, NothingIsDetachedOrPutOff) {
  const std::regex refused(cat("asio::det", "ached|\\.det", "ach\\(\\)|\\bTO", "DO\\b|\\bFIX", "ME\\b|sleep_", "for\\("));
  for (const Source& source : sources()) {
    if (source.path == "tests/tidy_test.cc") continue;
    for (std::size_t i = 0; i < source.lines.size(); ++i)
      EXPECT_FALSE(std::regex_search(source.lines[i], refused)) << source.path << ":" << i + 1 << ": " << source.lines[i];
  }
}

/// style.md: co_await stands as a bare statement or as `auto x = co_await f(named, named);` (GCC 12 compiles other shapes
/// wrongly). Conditions, conditional expressions, braces and temporaries in the operand are refused line by line.
TEST(Tidy, CoAwaitStandsInTwoShapes) {
  const std::regex refused("(if|while|for|switch) ?\\([^)]*co_await|\\?.*co_await|co_await[^;]*[({,] ?\\{|co_await[^;]*\\[[=&\\w]");
  for (const Source& source : sources()) {
    if (source.path == "tests/tidy_test.cc") continue;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      const std::string line = source.lines[i].substr(0, source.lines[i].find("//"));
      if (line.find("co_await") == std::string::npos || line.find("#define") != std::string::npos) continue;
      EXPECT_FALSE(std::regex_search(line, refused)) << source.path << ":" << i + 1 << ": " << line;
    }
  }
}

TEST(Tidy, RoomsStaySmall) {
  for (const Source& source : sources()) EXPECT_LE(source.lines.size(), 650u) << source.path << ": split by idea";
}

TEST(Tidy, EveryRoomSaysWhatItIsFor) {
  for (const auto& [room, ring] : rings()) EXPECT_TRUE(fs::exists(root / "src" / ring / room / "README.md")) << ring << "/" << room;
}

TEST(Tidy, HeadersAreIncludedOnce) {
  for (const Source& source : sources()) {
    if (!source.path.ends_with(".h")) continue;
    EXPECT_TRUE(!source.lines.empty() && source.lines[0] == "#pragma once") << source.path;
  }
}

TEST(Tidy, NoNameThatSaysNothing) {
  const std::set<std::string> refused{"utils", "util", "helpers", "helper", "common", "misc", "manager"};
  for (const Source& source : sources())
    for (const fs::path& part : fs::path(source.path)) EXPECT_FALSE(refused.contains(part.stem())) << source.path;
}

}  // namespace
}  // namespace masu
