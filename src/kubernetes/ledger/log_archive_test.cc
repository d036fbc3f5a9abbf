#include "ledger/log_archive.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/text.h"

namespace masu::ledger {
namespace {

const Deadline soon = Deadline::after(60s);
Instant at(long long seconds) { return Instant{std::chrono::seconds{seconds}}; }
const kube::Key job{"ml", "digits"};

LogSource source(std::string pod, std::string trial = "") {
  return {.job = job, .pod = pod, .pod_uid = cat("uid-", pod), .container = "training", .task = cat("task-", pod), .trial = std::move(trial)};
}

/// The messages of JSON lines, joined by blanks.
std::string messages(std::string_view lines) {
  std::vector<std::string> out;
  for (const std::string& line : split(lines, '\n')) {
    if (!line.empty()) out.push_back(decode_entry(line).value().message);
  }
  return join(out, " ");
}

class LogArchiveTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open(LogArchive::Feeding feeding = LogArchive::Feeding::by_hand) {
    archive_.reset();
    ledger_.reset();
    ledger_ = Ledger::open(directory_.path() / "ledger.db", {.mode = sqlite::Writer::Mode::inline_, .durability = sqlite::Durability::none}).value();
    archive_ = LogArchive::open(*ledger_, directory_.path() / "logs", feeding).value();
  }
  void append(const LogSource& from, long long second, std::string text) {
    ASSERT_TRUE(archive_->append(from, std::vector<LogLine>{{at(second), Output::standard, std::move(text)}}, soon).ok());
  }
  std::string all(const LogQuery& query = {}) { return messages(archive_->page(job, query).value().lines); }
  std::string taken(const net::Subscription& subscription) {
    std::string lines;
    subscription.stream->take(lines);
    return messages(lines);
  }
  std::filesystem::path file() const { return directory_.path() / "logs/ml/digits/a.uid-a.training.log"; }

  TemporaryDirectory directory_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<LogArchive> archive_;
};

TEST_F(LogArchiveTest, MergesTheFilesOfAJobByTime) {
  append(source("a"), 1, "a1");
  append(source("b", "2"), 2, "b2");
  append(source("a"), 3, "a3");
  append(source("b", "2"), 4, "b4");
  EXPECT_EQ(all(), "a1 b2 a3 b4");
  EXPECT_EQ(all({.since = at(3)}), "a3 b4");
  EXPECT_EQ(all({.task = "task-a"}), "a1 a3");
  EXPECT_EQ(all({.trial = "2"}), "b2 b4");
  EXPECT_EQ(messages(archive_->page({"ml", "other"}, {}).value().lines), "");
}

TEST_F(LogArchiveTest, PagesLoseNothingAndRepeatNothing) {
  for (int n = 0; n < 500; ++n) append(source(n % 3 == 0 ? "a" : "b"), 7, cat(n));  // all at one time
  std::string seen;
  LogQuery query;
  for (int pages = 0;; ++pages) {
    ASSERT_LT(pages, 1000);
    const LogPage page = archive_->page(job, query, 1000).value();
    seen += page.lines;
    query.after = page.next;
    if (page.at_end) break;
  }
  EXPECT_EQ(split(messages(seen), ' ').size(), 500u);
  append(source("a"), 8, "later");
  EXPECT_EQ(messages(archive_->page(job, query).value().lines), "later");
  EXPECT_EQ(archive_->page(job, {.after = "x:y"}).error().code, Code::malformed);
}

TEST_F(LogArchiveTest, ALineLongerThanAPieceAndThanAPageComesWhole) {
  const std::string text(200000, 'x');
  append(source("a"), 1, text);
  append(source("a"), 2, "after");
  const LogPage page = archive_->page(job, {}, 10).value();
  EXPECT_EQ(messages(page.lines), text);
  EXPECT_EQ(messages(archive_->page(job, {.after = page.next}).value().lines), "after");
}

TEST_F(LogArchiveTest, PositionOutlivesARestartAndACutLine) {
  EXPECT_EQ(archive_->position(source("a"), soon).value(), std::nullopt);
  append(source("a"), 1, "one");
  append(source("a"), 2, "two");
  append(source("a"), 2, "three");
  EXPECT_EQ(archive_->position(source("a"), soon).value(), (LogPosition{at(2), 2}));
  archive_.reset();
  { std::ofstream(file(), std::ios::app) << R"({"time":"2026-01)"; }  // the crash came in the middle of a line
  open();
  EXPECT_EQ(archive_->position(source("a"), soon).value(), (LogPosition{at(2), 2}));
  append(source("a"), 3, "four");
  EXPECT_EQ(all(), "one two three four");
}

TEST_F(LogArchiveTest, WhoFollowsSeesWhatComesUntilTheJobIsClosed) {
  append(source("a"), 1, "before");
  const auto following = archive_->follow(job, {.follow = true}).value();
  archive_->pump();
  EXPECT_EQ(taken(following), "before");
  append(source("b"), 2, "another-pod");
  append(source("a"), 3, "more");
  archive_->pump();
  EXPECT_EQ(taken(following), "another-pod more");
  ASSERT_TRUE(archive_->finish(source("a"), soon).ok());
  EXPECT_TRUE(archive_->finished(source("a"), soon).value());
  EXPECT_FALSE(archive_->finished(source("b"), soon).value());
  append(source("b"), 4, "last");
  ASSERT_TRUE(archive_->close_job(job, soon).ok());
  while (archive_->pump()) {
  }
  std::string lines;
  EXPECT_EQ(following.stream->take(lines), net::Stream::State::data);
  EXPECT_EQ(messages(lines), "last");
  EXPECT_EQ(following.stream->take(lines), net::Stream::State::finished);
}

TEST_F(LogArchiveTest, WithoutFollowTheStreamEndsWithTheLog) {
  append(source("a"), 1, "one");
  const auto reading = archive_->follow(job, {}).value();
  const auto nothing = archive_->follow({"ml", "other"}, {}).value();
  while (archive_->pump()) {
  }
  archive_->pump();
  EXPECT_EQ(taken(reading), "one");
  std::string lines;
  EXPECT_EQ(reading.stream->take(lines), net::Stream::State::finished);
  EXPECT_EQ(nothing.stream->take(lines), net::Stream::State::finished);
}

TEST_F(LogArchiveTest, ASlowReaderWaitsAndIsNeverDropped) {
  const std::string text(100000, 'x');
  for (int n = 0; n < 150; ++n) append(source("a"), n, text);  // 15 MB: more than a stream holds
  const auto reading = archive_->follow(job, {}).value();
  std::size_t count = 0;
  for (int turns = 0; turns < 1000; ++turns) {
    while (archive_->pump()) {
    }
    std::string lines;
    const auto state = reading.stream->take(lines);
    count += static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    if (state == net::Stream::State::finished) break;
  }
  EXPECT_EQ(count, 150u);
}

TEST_F(LogArchiveTest, ItsOwnThreadFeedsFollowers) {
  open(LogArchive::Feeding::thread);
  const auto following = archive_->follow(job, {.follow = true}).value();
  std::string seen;
  for (int n = 0; n < 20; ++n) {
    append(source("a"), n, cat(n));
    std::string lines;
    ASSERT_EQ(following.stream->wait(lines, soon), net::Stream::State::data);
    seen += lines;
  }
  EXPECT_EQ(split(messages(seen), ' ').size(), 20u);
  following.stream->close();
  append(source("a"), 30, "nobody listens");
  archive_.reset();  // ends, although a follower went away
}

TEST_F(LogArchiveTest, AJobThatIsGoneTakesItsLogsAlong) {
  append(source("a"), 1, "one");
  const auto following = archive_->follow(job, {.follow = true}).value();
  ASSERT_TRUE(std::filesystem::exists(file()));
  EXPECT_EQ(archive_->jobs().value(), std::vector<kube::Key>{job});
  ASSERT_TRUE(archive_->forget_job(job, soon).ok());
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_TRUE(archive_->jobs().value().empty());
  while (archive_->pump()) {
  }
  std::string lines;
  EXPECT_EQ(following.stream->take(lines), net::Stream::State::finished);
  append(source("a"), 2, "again");  // a job of the same name, submitted anew
  EXPECT_EQ(all(), "again");
  EXPECT_TRUE(archive_->forget_job({"ml", "never"}, soon).ok());
}

TEST_F(LogArchiveTest, NoNameLeadsOutOfTheDirectory) {
  for (const char* pod : {"../x", "a/b", "", "..", "A"}) {
    LogSource from = source("a");
    from.pod = pod;
    EXPECT_EQ(archive_->append(from, std::vector<LogLine>{{at(1), Output::standard, "x"}}, soon).error().code, Code::invalid) << pod;
  }
  LogSource from = source("a");
  from.pod_uid = "../..";
  EXPECT_EQ(archive_->position(from, soon).error().code, Code::invalid);
}

}  // namespace
}  // namespace masu::ledger
