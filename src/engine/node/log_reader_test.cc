#include "node/log_reader.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"

namespace masu::node {
namespace {

constexpr std::string_view log_text =
    "2026-01-02T00:00:00.000000000Z stdout F one\n"
    "2026-01-02T00:00:01.000000000Z stderr P two,\n"
    "2026-01-02T00:00:01.000000000Z stderr F still two\n"
    "2026-01-02T00:00:02.000000000Z stdout F three\n";
constexpr Instant start{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}};

std::string shown(const LogOptions& options) {
  TemporaryDirectory directory;
  const auto path = directory.path() / "0.log";
  EXPECT_TRUE(append_file(path, log_text).ok());
  return read_log(path, options);
}

TEST(LogReader, ShowsWhatKubectlAsksFor) {
  struct Row {
    const char* sentence;
    LogOptions options;
    const char* text;
  };
  const Row rows[] = {
      {"everything, pieces joined", {}, "one\ntwo,still two\nthree\n"},
      {"the last line", {.tail_lines = 1}, "three\n"},
      {"the last two lines, one of two pieces", {.tail_lines = 2}, "two,still two\nthree\n"},
      {"more lines than there are", {.tail_lines = 10}, "one\ntwo,still two\nthree\n"},
      {"no lines", {.tail_lines = 0}, ""},
      {"since a time", {.since = start + 2s}, "three\n"},
      {"so many bytes", {.limit_bytes = 5}, "one\nt"},
      {"with times, once a line", {.timestamps = true, .tail_lines = 2},
          "2026-01-02T00:00:01.000000000Z two,still two\n2026-01-02T00:00:02.000000000Z three\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.sentence);
    EXPECT_EQ(shown(row.options), row.text);
  }
}

TEST(LogReader, BytesMayComeInAnyPieces) {
  for (std::size_t cut = 0; cut < log_text.size(); ++cut) {
    LogFilter filter({});
    const std::string first = filter.take(log_text.substr(0, cut));
    EXPECT_EQ(first + filter.take(log_text.substr(cut)), "one\ntwo,still two\nthree\n");
  }
}

TEST(LogReader, ReadsRotatedFilesFirst) {
  TemporaryDirectory directory;
  const auto path = directory.path() / "0.log";
  ASSERT_TRUE(append_file(path.native() + ".1", "2026-01-02T00:00:00Z stdout F old\n").ok());
  ASSERT_TRUE(append_file(path, "2026-01-02T00:00:01Z stdout F new\n").ok());
  EXPECT_EQ(read_log(path, {}), "old\nnew\n");
}

TEST(LogReader, ReadsTheQuery) {
  const auto options = log_options({{"follow", "true"}, {"tailLines", "5"}, {"sinceSeconds", "60"}, {"timestamps", "true"}}, start);
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->follow && options->timestamps);
  EXPECT_EQ(options->since, start - 60s);
  EXPECT_EQ(log_options({{"tailLines", "-1"}}, start).error().code, Code::malformed);
}

TEST(LogReader, FollowsUntilTheContainerHasEnded) {
  TemporaryDirectory directory;
  const auto path = directory.path() / "0.log";
  net::Stream stream;
  int asked = 0;
  // What is written before the end is said is read; the follower asks first and reads then.
  follow_log(path, {.follow = true}, stream, [&] {
    if (++asked <= 2) {
      EXPECT_TRUE(append_file(path, cat("2026-01-02T00:00:00Z stdout F ", asked == 1 ? "a" : "b", "\n")).ok());
    }
    return asked >= 2;
  }, {});
  std::string out;
  stream.take(out);
  EXPECT_EQ(out, "a\nb\n");
}

}  // namespace
}  // namespace masu::node
