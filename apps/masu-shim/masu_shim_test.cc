#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "masu-shim/log_writer.h"
#include "node/shim_protocol.h"
#include "value/json.h"

namespace masu::shim {
namespace {

using testing::HasSubstr;

constexpr Instant noon{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 12h + 5ns};

TEST(LogWriter, WritesWholeLinesWithTimeAndStream) {
  TemporaryDirectory directory;
  const std::string path = directory.path() / "log";
  LogWriter log(path, {});
  log.take(LogWriter::Source::output, "one\ntw", noon);
  log.take(LogWriter::Source::errors, "bad\n", noon);
  log.take(LogWriter::Source::output, "o\n", noon);
  log.take(LogWriter::Source::output, "tail", noon);
  log.finish(LogWriter::Source::output, noon);
  const std::string t = "2026-01-02T12:00:00.000000005Z ";
  EXPECT_EQ(read_file(path).value_or(""), t + "stdout F one\n" + t + "stderr F bad\n" + t + "stdout F two\n" + t + "stdout P tail\n");
}

TEST(LogWriter, CutsLongLinesAndRotates) {
  TemporaryDirectory directory;
  const std::string path = directory.path() / "log";
  LogWriter log(path, {.line_bytes = 4, .file_bytes = 200, .old_files = 2});
  log.take(LogWriter::Source::output, "abcdefgh\n", noon);
  const std::string content = read_file(path).value_or("");
  EXPECT_THAT(content, HasSubstr("stdout P abcd\n"));
  EXPECT_THAT(content, HasSubstr("stdout F efgh\n"));
  for (int i = 0; i < 30; ++i) log.take(LogWriter::Source::output, "x\n", noon);
  EXPECT_TRUE(read_file(path + ".1").ok());
  EXPECT_TRUE(read_file(path + ".2").ok());
  EXPECT_FALSE(read_file(path + ".3").ok());
}

TEST(Protocol, RequestsAndRecordsReadBackAsTheyWere) {
  node::ContainerRecord record{
      .id = "a.0", .pid = 7, .pid_start = 99, .started = noon, .exit_code = 3, .oom = true, .reason = "r", .message = {}, .stop_by = noon};
  EXPECT_EQ(node::ContainerRecord::decode(record.encode()), record);
  node::StartRequest request{.id = "a.0",
      .mode = "process",
      .mounts = {{.type = "bind", .source = "/a", .target = "/b", .read_only = true}},
      .argv = {"x", "y"},
      .environment = {{"A", "1"}}};
  EXPECT_EQ(node::StartRequest::decode(request.encode()).encode(), request.encode());
}

/// A shim in a folder of its own; ended with the test.
class ShimProcess : public testing::Test {
 protected:
  void SetUp() override { launch(); }
  void TearDown() override {
    for (const node::ContainerRecord& record : records()) {
      if (record.running()) ask({{"op", "stop"}, {"id", record.id}, {"grace_ms", 0}});
    }
    until([&] {
      for (const node::ContainerRecord& record : records())
        if (record.running()) return false;
      return true;
    });
    ask({{"op", "shutdown"}});
  }
  void launch() {
    const auto said = run_checked({.argv = {MASU_SHIM, "--dir", directory_.path()}}, Deadline::after(10s));
    ASSERT_TRUE(said.ok()) << said.error().message;
    ASSERT_EQ(*said, "ready\n");
    connect();
  }
  void connect() {
    socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s/shim.sock", directory_.path().c_str());
    ASSERT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Value ask(Object request) {
    if (!write_all(socket_.get(), to_json(Value(std::move(request))) + "\n").ok()) return {};
    std::string line;
    for (char c = 0; ::read(socket_.get(), &c, 1) == 1 && c != '\n';) line += c;
    return parse_json(line).value_or(Value{});
  }
  std::vector<node::ContainerRecord> records() { return node::decode_records(ask({{"op", "state"}})["records"]); }
  node::ContainerRecord record(const std::string& id) {
    for (const node::ContainerRecord& entry : records())
      if (entry.id == id) return entry;
    return {};
  }
  template <class Condition>
  void until(Condition condition) {
    const Deadline deadline = Deadline::after(10s);
    while (!condition()) {
      ASSERT_FALSE(deadline.expired()) << "condition never held";
      pause(2ms, {});
    }
  }
  Value start(const std::string& id, const std::string& script, std::vector<node::ShimMount> mounts = {}) {
    const std::string place = directory_.path() / id;
    EXPECT_TRUE(make_directories(place).ok());
    node::StartRequest request{.id = id, .mode = "process", .directory = place, .log = place + "/log", .mounts = std::move(mounts),
                               .argv = {"sh", "-c", script}, .environment = {{"PATH", "/usr/bin:/bin"}}};
    return ask({{"op", "start"}, {"start", request.encode()}});
  }
  std::string log_of(const std::string& id) { return read_file(directory_.path() / id / "log").value_or(""); }
  pid_t shim_pid() {
    // Whoever holds the lock: found by the working directory.
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::error_code ignored;
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid > 0 && std::filesystem::read_symlink(entry.path() / "cwd", ignored) == directory_.path() &&
          read_file(entry.path() / "comm").value_or("") == "masu-shim\n")
        return pid;
    }
    return -1;
  }

  TemporaryDirectory directory_;
  FileDescriptor socket_;
};

TEST_F(ShimProcess, RunsAContainerAndKeepsItsLogAndExitCode) {
  start("main.0", "echo hello; echo oops >&2; exit 3");
  until([&] { return !record("main.0").running(); });
  const node::ContainerRecord done = record("main.0");
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_EQ(done.signal, 0);
  EXPECT_GT(done.finished, done.started);
  EXPECT_THAT(log_of("main.0"), HasSubstr(" stdout F hello\n"));
  EXPECT_THAT(log_of("main.0"), HasSubstr(" stderr F oops\n"));
}

TEST_F(ShimProcess, StopsWithTermAndThenKillsAfterTheGrace) {
  start("polite.0", "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
  start("stubborn.0", "trap '' TERM; echo up; while :; do sleep 0.01; done");
  until([&] { return log_of("polite.0").find("up") != std::string::npos && log_of("stubborn.0").find("up") != std::string::npos; });
  ask({{"op", "stop"}, {"id", "polite.0"}, {"grace_ms", 30000}});
  ask({{"op", "stop"}, {"id", "stubborn.0"}, {"grace_ms", 50}});
  until([&] { return !record("polite.0").running() && !record("stubborn.0").running(); });
  EXPECT_EQ(record("polite.0").exit_code, 0);
  EXPECT_EQ(record("stubborn.0").exit_code, 137);
}

TEST_F(ShimProcess, AProgramThatCannotRunIsAStartError) {
  const std::string place = directory_.path() / "x.0";
  ASSERT_TRUE(make_directories(place).ok());
  node::StartRequest request{.id = "x.0", .mode = "process", .directory = place, .log = place + "/log", .argv = {"no-such-program"}};
  ask({{"op", "start"}, {"start", request.encode()}});
  EXPECT_TRUE(record("x.0").start_failed);
  EXPECT_EQ(record("x.0").exit_code, 128);
  EXPECT_THAT(record("x.0").message, HasSubstr("no-such-program"));
}

TEST_F(ShimProcess, ShowsVolumesWherethePodWantsThem) {
  if (::geteuid() != 0 && run_checked({.argv = {"unshare", "-Um", "true"}}, Deadline::after(5s)).ok() == false)
    GTEST_SKIP() << "no mount namespaces here";
  const std::string volume = directory_.path() / "volume";
  ASSERT_TRUE(make_directories(volume).ok());
  ASSERT_TRUE(write_file(volume + "/in", "content").ok());
  start("v.0", "cat /masu/deep/in && echo out > /masu/deep/out && ls -d /usr/bin",
      {{.type = "bind", .source = volume, .target = "/masu/deep"}});
  until([&] { return !record("v.0").running(); });
  EXPECT_EQ(record("v.0").exit_code, 0) << record("v.0").message << log_of("v.0");
  EXPECT_THAT(log_of("v.0"), HasSubstr("content"));
  EXPECT_EQ(read_file(volume + "/out").value_or(""), "out\n");
  EXPECT_FALSE(std::filesystem::exists("/masu/deep"));
}

TEST_F(ShimProcess, ExecAnswersOutputAndExitCode) {
  start("e.0", "while :; do sleep 0.01; done");
  const Value answer = ask({{"op", "exec"}, {"id", "e.0"}, {"argv", Value::strings({"sh", "-c", "echo in; exit 4"})}});
  EXPECT_EQ(answer["exit_code"].as_integer(), 4) << to_json(answer);
  EXPECT_EQ(answer["output"].as_string(), "in\n");
}

TEST_F(ShimProcess, AContainerOutlivesItsShimAndIsFoundByTheNextOne) {
  start("long.0", "trap 'exit 0' TERM; echo before; while :; do sleep 0.01; done");
  until([&] { return log_of("long.0").find("before") != std::string::npos; });
  const pid_t first = shim_pid();
  ASSERT_GT(first, 0);
  ::kill(first, SIGKILL);
  const std::string lock = directory_.path() / "shim.lock";
  until([&] {
    const FileDescriptor probe(::open(lock.c_str(), O_RDWR | O_CLOEXEC));
    return ::flock(probe.get(), LOCK_EX | LOCK_NB) == 0;
  });
  launch();
  EXPECT_TRUE(record("long.0").running());
  ask({{"op", "stop"}, {"id", "long.0"}, {"grace_ms", 5000}});
  until([&] { return !record("long.0").running(); });
  EXPECT_EQ(record("long.0").reason, "ContainerStatusUnknown");
}

}  // namespace
}  // namespace masu::shim
