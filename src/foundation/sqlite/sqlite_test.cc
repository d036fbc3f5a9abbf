#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/files.h"
#include "sqlite/connection.h"
#include "sqlite/format.h"
#include "sqlite/writer.h"

namespace masu::sqlite {
namespace {

const Format numbers{.name = "numbers", .steps = {script("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")}};

class Sqlite : public testing::Test {
 protected:
  std::filesystem::path file(const char* name = "test.db") const { return directory_.path() / name; }
  TemporaryDirectory directory_;
};

TEST_F(Sqlite, BindsAndReadsEachType) {
  const auto db = Connection::open(":memory:").value();
  ASSERT_TRUE(db->execute("CREATE TABLE t (a, b, c, d, e)").ok());
  const std::string bytes("\0\x01x", 3);
  ASSERT_TRUE(db->run("INSERT INTO t VALUES (?, ?, ?, ?, ?)", 42, 1.5, "text", Blob{bytes}, nullptr).ok());
  ASSERT_TRUE(db->run("INSERT INTO t VALUES (?, ?, ?, ?, ?)", true, std::optional<double>(), std::string(), std::string_view("x"), Blob{""}).ok());
  auto select = db->prepare("SELECT * FROM t ORDER BY rowid").value();
  ASSERT_TRUE(select.step().value());
  EXPECT_EQ(select.integer(0), 42);
  EXPECT_EQ(select.number(1), 1.5);
  EXPECT_EQ(select.text(2), "text");
  EXPECT_EQ(select.blob(3), bytes);
  EXPECT_TRUE(select.is_null(4));
  EXPECT_EQ(select.maybe_integer(4), std::nullopt);
  ASSERT_TRUE(select.step().value());
  EXPECT_EQ(select.maybe_integer(0), 1);
  EXPECT_TRUE(select.is_null(1));
  EXPECT_EQ(select.maybe_text(2), "");
  EXPECT_FALSE(select.step().value());
}

TEST_F(Sqlite, NestedUseOfOneTextGetsTwoStatements) {
  const auto db = open_database(":memory:", numbers).value();
  for (int n : {1, 2}) ASSERT_TRUE(db->run("INSERT INTO numbers VALUES (?)", n).ok());
  int pairs = 0;
  auto outer = db->prepare("SELECT n FROM numbers").value();
  ASSERT_TRUE(outer.each([&](const Statement&) {
    auto inner = db->prepare("SELECT n FROM numbers").value();
    ASSERT_TRUE(inner.each([&](const Statement&) { ++pairs; }).ok());
  }).ok());
  EXPECT_EQ(pairs, 4);
}

TEST_F(Sqlite, ErrorsHaveCodesThatCallersActOn) {
  const auto db = open_database(file(), numbers).value();
  ASSERT_TRUE(db->run("INSERT INTO numbers VALUES (1)").ok());
  EXPECT_EQ(db->run("INSERT INTO numbers VALUES (1)").error().code, Code::already_exists);
  EXPECT_EQ(db->integer("SELECT n FROM numbers WHERE n = 7").error().code, Code::not_found);
  EXPECT_EQ(db->prepare("SELEKT").error().code, Code::internal);
  EXPECT_EQ(Connection::open(file("absent"), {.access = Access::read_only}).error().code, Code::not_found);
  EXPECT_EQ(Connection::open(file("no-folder") / "x").error().code, Code::not_found);
  std::ofstream(file("text")) << "this is a text and no database, as anybody can see who reads it: it is long enough for a header";
  EXPECT_EQ(Connection::open(file("text")).error().code, Code::malformed);
}

TEST_F(Sqlite, AnotherWriterMakesUsUnavailableNotStuck) {
  const auto one = open_database(file(), numbers).value();
  const auto two = Connection::open(file(), {.busy_timeout = 1ms}).value();
  auto transaction = Transaction::begin(*one).value();
  ASSERT_TRUE(one->run("INSERT INTO numbers VALUES (1)").ok());
  EXPECT_EQ(two->run("INSERT INTO numbers VALUES (2)").error().code, Code::unavailable);
  EXPECT_EQ(two->integer("SELECT count(*) FROM numbers").value(), 0);  // WAL: readers go on
  ASSERT_TRUE(transaction.commit().ok());
  EXPECT_EQ(two->integer("SELECT count(*) FROM numbers").value(), 1);
}

TEST_F(Sqlite, TransactionRollsBackUnlessCommitted) {
  const auto db = open_database(file(), numbers).value();
  {
    auto transaction = Transaction::begin(*db).value();
    ASSERT_TRUE(db->run("INSERT INTO numbers VALUES (1)").ok());
  }
  EXPECT_FALSE(db->in_transaction());
  EXPECT_EQ(db->integer("SELECT count(*) FROM numbers").value(), 0);
}

TEST_F(Sqlite, MigratesForwardAfterACopyAndOlderProgramsRefuse) {
  Format two = numbers;
  two.steps.push_back(script("ALTER TABLE numbers ADD COLUMN name TEXT"));
  {
    const auto db = open_database(file(), numbers).value();
    ASSERT_TRUE(db->run("INSERT INTO numbers VALUES (5)").ok());
    EXPECT_FALSE(std::filesystem::exists(file("test.db.v0.copy")));  // nothing to lose yet
  }
  {
    const auto db = open_database(file(), two).value();
    EXPECT_EQ(format_version(*db, "numbers").value(), 2);
    EXPECT_EQ(db->integer("SELECT count(*) FROM numbers WHERE name IS NULL").value(), 1);
  }
  const auto copy = open_database(file("test.db.v1.copy"), numbers).value();
  EXPECT_EQ(copy->integer("SELECT n FROM numbers").value(), 5);

  const auto older = open_database(file(), numbers);
  ASSERT_FALSE(older.ok());
  EXPECT_EQ(older.error().code, Code::precondition);
  EXPECT_NE(older.error().message.find("it has format 2 of a newer masu, this one knows formats up to 1"), std::string::npos) << older.error().message;
  EXPECT_EQ(open_database(file(), {.name = "letters", .steps = numbers.steps}).error().code, Code::precondition);
}

TEST_F(Sqlite, AFailedStepChangesNothing) {
  Format broken = numbers;
  broken.steps.push_back([](Connection& db) -> Status {
    TRY_OK(db.execute("DROP TABLE numbers"));
    return Error{Code::unavailable, "the power fails"};
  });
  open_database(file(), numbers).value()->run("INSERT INTO numbers VALUES (5)").ok();
  EXPECT_EQ(open_database(file(), broken).error().message, "migrating numbers from format 1 to 2: the power fails");
  EXPECT_EQ(open_database(file(), numbers).value()->integer("SELECT n FROM numbers").value(), 5);
}

TEST_F(Sqlite, ForeignDatabasesAreRefused) {
  { ASSERT_TRUE(Connection::open(file()).value()->execute("CREATE TABLE other (x)").ok()); }
  EXPECT_EQ(open_database(file(), numbers).error().code, Code::precondition);
}

class WriterModes : public Sqlite, public testing::WithParamInterface<Writer::Mode> {};

TEST_P(WriterModes, AnswersAfterTheCommitAndUndoesOnlyWhatFailed) {
  const auto reader = open_database(file(), numbers).value();
  Writer writer(Connection::open(file()).value(), GetParam());
  const auto insert = [](int n) {
    return [n](Connection& db) -> Result<std::int64_t> {
      TRY_OK(db.run("INSERT INTO numbers VALUES (?)", n));
      return db.last_insert_id();
    };
  };
  const Deadline deadline = Deadline::after(30s);
  EXPECT_EQ(writer.write(insert(7), deadline).value(), 7);
  EXPECT_EQ(reader->integer("SELECT count(*) FROM numbers").value(), 1);
  const auto twice = writer.write(
      [&](Connection& db) -> Status {
        TRY_OK(db.run("INSERT INTO numbers VALUES (8)"));
        return db.run("INSERT INTO numbers VALUES (7)");
      },
      deadline);
  EXPECT_EQ(twice.error().code, Code::already_exists);
  EXPECT_EQ(writer.write([](Connection&) -> Status { throw std::runtime_error("thrown"); }, deadline).error().code, Code::internal);
  EXPECT_EQ(writer.write(insert(9), deadline).value(), 9);
  EXPECT_EQ(reader->integer("SELECT sum(n) FROM numbers").value(), 16);
}

TEST_P(WriterModes, CallsBackInOrderAndFinishesWhatItAccepted) {
  std::vector<int> order;
  {
    Writer writer(open_database(file(), numbers, {.durability = Durability::none}).value(), GetParam());
    for (int n = 0; n < 2000; ++n) {
      ASSERT_TRUE(writer.submit([n](Connection& db) { return db.run("INSERT INTO numbers VALUES (?)", n); },
                                [n, &order](const Status& status) {
                                  EXPECT_TRUE(status.ok());
                                  order.push_back(n);
                                }).ok());
    }
  }
  ASSERT_EQ(order.size(), 2000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(open_database(file(), numbers).value()->integer("SELECT count(*) FROM numbers").value(), 2000);
}

TEST_P(WriterModes, ManyThreadsWriteTogether) {
  Writer writer(open_database(file(), numbers).value(), GetParam());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&writer, t] {
        for (int n = 0; n < 50; ++n) {
          EXPECT_TRUE(writer.write([&](Connection& db) { return db.run("INSERT INTO numbers VALUES (?)", t * 1000 + n); }, Deadline::after(60s)).ok());
        }
      });
    }
  }
  EXPECT_EQ(writer.write([](Connection& db) { return db.integer("SELECT count(*) FROM numbers"); }, Deadline::after(60s)).value(), 200);
  EXPECT_EQ(writer.queued(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Both, WriterModes, testing::Values(Writer::Mode::thread, Writer::Mode::inline_));

/// What a killed program had been told is committed is there when the file is opened again.
TEST_F(Sqlite, CommittedWritesSurviveAKill) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(pipe_ends[0]);
    Writer writer(open_database(file(), numbers).value(), Writer::Mode::thread);
    for (int n = 0;; ++n) {
      // At most 20000 wait; an answer of exhausted skips a number, which the parent then never hears of.
      static_cast<void>(writer.submit([n](Connection& db) { return db.run("INSERT INTO numbers VALUES (?)", n); },
                                      [n, fd = pipe_ends[1]](const Status& status) {
                                        if (status.ok() && write(fd, &n, sizeof n) != sizeof n) _exit(1);
                                      }).ok());
    }
  }
  close(pipe_ends[1]);
  std::vector<int> told;
  for (int n = 0; read(pipe_ends[0], &n, sizeof n) == sizeof n;) {
    told.push_back(n);
    if (told.size() == 3000) kill(child, SIGKILL);
  }
  close(pipe_ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  const auto db = open_database(file(), numbers).value();
  auto check = db->prepare("PRAGMA integrity_check").value();
  ASSERT_TRUE(check.step().value());
  EXPECT_EQ(check.text(0), "ok");
  for (const int n : told) ASSERT_EQ(db->integer("SELECT count(*) FROM numbers WHERE n = ?", n).value(), 1) << n;
}

}  // namespace
}  // namespace masu::sqlite
