#include <gtest/gtest.h>

#include "apiserver/server.h"
#include "arguments.h"
#include "base/files.h"
#include "base/text.h"
#include "bootstrap.h"
#include "data_folder.h"

namespace masu::app {
namespace {

const Grammar grammar{.usage = "masu x NAME [--data DIR] [--group G]... [--detach]", .switches = {"--detach"}, .options = {"--data", "--group"}, .words_min = 1, .words_max = 2};

TEST(Arguments, ValuesInBothForms) {
  const auto args = Arguments::parse({"name", "--data=/a", "--group", "g1", "--group=g2", "--detach"}, grammar);
  ASSERT_TRUE(args.ok()) << args.error().message;
  EXPECT_EQ(args->word(0), "name");
  EXPECT_EQ(args->get("--data"), "/a");
  EXPECT_EQ(args->all("--group"), (std::vector<std::string>{"g1", "g2"}));
  EXPECT_TRUE(args->has("--detach"));
}

TEST(Arguments, WhatIsWrongIsNamedWithTheUsage) {
  struct Row {
    std::vector<std::string> words;
    const char* message;
  };
  const Row rows[] = {
      {{}, "something is missing\nusage: "},
      {{"a", "b", "c"}, "unexpected word \"c\"\nusage: "},
      {{"a", "--dta", "x"}, "unknown option --dta; did you mean --data?\nusage: "},
      {{"a", "--data"}, "option --data needs a value\nusage: "},
      {{"a", "--detach=yes"}, "option --detach takes no value\nusage: "},
  };
  for (const Row& row : rows) {
    const auto args = Arguments::parse(row.words, grammar);
    ASSERT_FALSE(args.ok()) << join(row.words, " ");
    EXPECT_EQ(args.error().message, cat(row.message, grammar.usage));
  }
}

TEST(People, KeepTheirTokenAndGainGroups) {
  TemporaryDirectory folder;
  const DataFolder data{folder.path()};
  ASSERT_TRUE(data.prepare().ok());
  const auto first = add_person(data, "hanako", {"ml"});
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto again = add_person(data, "hanako", {"ml", "infra"});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->token, first->token);
  EXPECT_EQ(again->groups, (std::vector<std::string>{"ml", "infra"}));
  EXPECT_EQ(load_people(data)->size(), 1u);
  for (const char* bad : {"", "system:masters", "a b", "a:b", "a,b", "a/b"}) EXPECT_FALSE(add_person(data, bad, {}).ok()) << bad;
}

TEST(FolderLock, OneMasuForEachFolder) {
  TemporaryDirectory folder;
  const DataFolder data{folder.path()};
  ASSERT_TRUE(data.prepare().ok());
  const auto first = FolderLock::take(data);
  ASSERT_TRUE(first.ok());
  const auto second = FolderLock::take(data);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message, cat("another masu runs on the data folder ", quote(folder.path().native()),
                                        ". Stop it with \"masu down\", or choose another folder with --data."));
}

TEST(Ensure, MakesWhatIsMissingAndThenWritesNothing) {
  SimClock clock;
  const auto server = apiserver::ApiServer::open({.clock = &clock}).value();
  const auto transport = kube::in_process_transport([&](const net::Request& request) { return server->handle(request); }, "system:masu", {"system:masters"});
  const kube::Client client(*transport);
  const auto objects = objects_of_masu({.hub = "http://127.0.0.1:1", .ledger = "http://127.0.0.1:1"});
  ASSERT_TRUE(objects.ok()) << objects.error().message;
  const Status first = ensure(client, *objects, Deadline::after(10s));
  ASSERT_TRUE(first.ok()) << first.error().message;
  const std::uint64_t before = server->store().revision();
  ASSERT_TRUE(ensure(client, *objects, Deadline::after(10s)).ok());
  EXPECT_EQ(server->store().revision(), before);
  const auto moved = objects_of_masu({.hub = "http://127.0.0.1:2", .ledger = "http://127.0.0.1:2"});
  ASSERT_TRUE(ensure(client, *moved, Deadline::after(10s)).ok());
  EXPECT_EQ(server->store().revision(), before + 1) << "only the ConfigMap changed";
}

}  // namespace
}  // namespace masu::app
