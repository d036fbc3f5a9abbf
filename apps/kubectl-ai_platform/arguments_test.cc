#include "arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace masu::plugin {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

const CommandGrammar grammar{.usage = "x JOB [flags]",
                             .flags = {{"--region", FlagKind::text}, {"--count", FlagKind::integer}, {"--stream-logs", FlagKind::boolean}, {"--labels", FlagKind::dictionary},
                                       {"--packages", FlagKind::list}, {"--scale-tier", FlagKind::choice, "", {"basic", "basic-gpu"}}, {"--volume", FlagKind::repeated},
                                       {"--namespace", FlagKind::text, "", {}, 'n'}},
                             .positionals_min = 1,
                             .positionals_max = 1,
                             .rest = true};

TEST(Arguments, TheGrammar) {
  const auto parsed = Arguments::parse(grammar, {"--region=a", "job", "--region", "b", "--stream-logs", "--labels", "x=1", "--labels=y=2", "--packages", "^:^a,1:b", "-n", "ml",
                                                 "--scale-tier", "BASIC_GPU", "--volume=a:/x", "--volume", "b:/y", "--", "--lr", "--", "x y"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->text("--region"), "b") << "the last one counts";
  EXPECT_EQ(parsed->positionals(), Words{"job"});
  EXPECT_TRUE(parsed->is_set("--stream-logs"));
  EXPECT_EQ(parsed->dictionary("--labels"), (std::map<std::string, std::string>{{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(parsed->list("--packages"), (Words{"a,1", "b"}));
  EXPECT_EQ(parsed->text("--scale-tier"), "basic-gpu");
  EXPECT_EQ(parsed->list("--volume"), (Words{"a:/x", "b:/y"}));
  EXPECT_EQ(parsed->text("--namespace"), "ml");
  EXPECT_EQ(parsed->rest(), (Words{"--lr", "--", "x y"}));
}

TEST(Arguments, Booleans) {
  EXPECT_FALSE(Arguments::parse(grammar, {"j", "--no-stream-logs"})->is_set("--stream-logs"));
  EXPECT_TRUE(Arguments::parse(grammar, {"j", "--stream-logs=true"})->is_set("--stream-logs"));
  const auto beside = Arguments::parse(grammar, {"--stream-logs", "false", "j"});
  ASSERT_TRUE(beside.ok());
  EXPECT_FALSE(beside->is_set("--stream-logs"));
}

TEST(Arguments, WrongUse) {
  struct Row {
    Words words;
    const char* said;
  };
  for (const Row& row : {Row{{}, "JOB: Must be specified"}, Row{{"a", "b"}, "unrecognized arguments: b"}, Row{{"j", "--reg", "x"}, "unrecognized arguments: --reg"},
                         Row{{"j", "--regoin=x"}, "did you mean '--region'?"}, Row{{"j", "--region"}, "expected one argument"}, Row{{"j", "--region", "--count", "1"}, "expected one argument"},
                         Row{{"j", "--count", "x"}, "is no whole number"}, Row{{"j", "--scale-tier", "huge"}, "invalid choice"}, Row{{"j", "--labels", "x"}, "Bad syntax for dict arg"},
                         Row{{"j", "--labels", "x=1,x=2"}, "multiple times"}, Row{{"j", "--labels", "x=1", "--labels", "x=2"}, "multiple times"}, Row{{"j", "-z"}, "unrecognized"}}) {
    const auto parsed = Arguments::parse(grammar, row.words);
    ASSERT_FALSE(parsed.ok()) << row.said;
    EXPECT_THAT(parsed.error().message, HasSubstr(row.said));
    EXPECT_THAT(parsed.error().message, HasSubstr("Usage: x JOB [flags]"));
  }
}

}  // namespace
}  // namespace masu::plugin
