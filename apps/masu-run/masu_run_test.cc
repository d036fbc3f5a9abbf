#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "masu-run/options.h"
#include "masu-run/packages.h"
#include "masu-run/storage.h"

namespace masu::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Options, TakesPackagesInOrderAndTheProgramAfterTwoDashes) {
  const auto options = parse_options({"--package", "a.tar.gz", "--package=b.whl", "--done", "/d", "--", "python3", "-m", "x", "--", "y"});
  ASSERT_TRUE(options.ok());
  EXPECT_THAT(options->packages, ElementsAre("a.tar.gz", "b.whl"));
  EXPECT_THAT(options->program, ElementsAre("python3", "-m", "x", "--", "y"));
  EXPECT_EQ(options->done_file, "/d");
}

TEST(Options, NamesTheWrongWord) {
  EXPECT_THAT(parse_options({"--pakage", "x", "--", "true"}).error().message, HasSubstr("did you mean --package?"));
  EXPECT_THAT(parse_options({"--done", "x"}).error().message, HasSubstr("no program to run"));
  EXPECT_THAT(parse_options({"--done"}).error().message, HasSubstr("needs a value"));
}

TEST(Storage, PutsTheTokenIntoThePathAndLeavesTheUsersVariablesAlone) {
  const auto out = storage_environment("http://h:1/", "tok\n", "/t", {{"GOOGLE_CLOUD_PROJECT", "mine"}});
  EXPECT_EQ(out.at("STORAGE_EMULATOR_HOST"), "http://h:1/t/tok");
  EXPECT_EQ(out.at("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"), "http://h:1/storage/v1/");
  EXPECT_FALSE(out.contains("GOOGLE_CLOUD_PROJECT"));
  EXPECT_EQ(out.at("AWS_ENDPOINT_URL_S3"), "http://h:1/t/tok");
  EXPECT_FALSE(storage_environment("http://h:1/", "tok", "/t", {{"AWS_ACCESS_KEY_ID", "mine"}}).contains("AWS_ENDPOINT_URL_S3"));
  EXPECT_TRUE(storage_environment("", "tok", "/t", {}).empty());
  EXPECT_TRUE(storage_environment("http://h:1", "", "/t", {}).empty());
}

class MasuRun : public testing::Test {
 protected:
  Completed go(std::vector<std::string> words, std::map<std::string, std::string> more = {}) {
    std::map<std::string, std::string> environment = current_environment();
    environment["HOME"] = directory_.path();
    environment.erase("MASU_HUB");
    for (const auto& [key, value] : more) environment[key] = value;
    words.insert(words.begin(), MASU_RUN);
    const auto done = masu::run({.argv = words, .environment = environment}, Deadline::after(60s));
    EXPECT_TRUE(done.ok()) << done.error().message;
    return done.value_or(Completed{.exit_code = -1});
  }
  std::string path(const std::string& name) const { return directory_.path() / name; }

  /// A source distribution of one module, as setuptools makes it.
  std::string sdist(const std::string& name, const std::string& module_text) {
    const std::string root = path(cat("src/", name, "-1.0"));
    EXPECT_TRUE(make_directories(cat(root, "/", name)).ok());
    EXPECT_TRUE(write_file(cat(root, "/", name, "/__init__.py"), "").ok());
    EXPECT_TRUE(write_file(cat(root, "/", name, "/task.py"), module_text).ok());
    EXPECT_TRUE(write_file(cat(root, "/PKG-INFO"), cat("Metadata-Version: 2.1\nName: ", name, "\nVersion: 1.0\n")).ok());
    EXPECT_TRUE(write_file(
        cat(root, "/setup.py"), cat("from setuptools import setup\nsetup(name='", name, "', version='1.0', packages=['", name, "'])\n"))
            .ok());
    const std::string archive = path(cat(name, "-1.0.tar.gz"));
    EXPECT_TRUE(run_checked({.argv = {"tar", "-C", path("src"), "-czf", archive, cat(name, "-1.0")}}, Deadline::after(10s)).ok());
    return archive;
  }

  TemporaryDirectory directory_;
};

TEST_F(MasuRun, EndsWithTheExitCodeOfTheProgram) {
  EXPECT_EQ(go({"--done", path("done"), "--", "sh", "-c", "exit 3"}).exit_code, 3);
  EXPECT_EQ(read_file(path("done")).value_or(""), "3\n");
  EXPECT_EQ(go({"--", "true"}).exit_code, 0);
}

TEST_F(MasuRun, SaysASignalAsAShellDoesAndLeavesATerminationMessage) {
  ASSERT_TRUE(write_file(path("message"), "").ok());
  EXPECT_EQ(go({"--termination-log", path("message"), "--", "sh", "-c", "kill -9 $$"}).exit_code, 137);
  EXPECT_THAT(read_file(path("message")).value_or(""), HasSubstr("killed by signal 9"));
}

TEST_F(MasuRun, AProgramThatIsNotThereIs127) {
  const Completed done = go({"--", "no-such-program-here"});
  EXPECT_EQ(done.exit_code, 127);
  EXPECT_THAT(done.errors, HasSubstr("is not in this image"));
}

TEST_F(MasuRun, CopiesStandardOutputOnly) {
  const Completed done = go({"--stdout-copy", path("m/stdout"), "--", "sh", "-c", "echo accuracy=0.9; echo trouble >&2"});
  EXPECT_EQ(done.output, "accuracy=0.9\n");
  EXPECT_EQ(done.errors, "trouble\n");
  EXPECT_EQ(read_file(path("m/stdout")).value_or(""), "accuracy=0.9\n");
}

TEST_F(MasuRun, PassesSignalsOn) {
  EXPECT_EQ(go({"--", "sh", "-c", "trap 'exit 7' TERM; kill -TERM $PPID; while :; do sleep 0.01; done"}).exit_code, 7);
}

TEST_F(MasuRun, GivesThePathOfTheHubWithThePodsToken) {
  ASSERT_TRUE(write_file(path("token"), "abc").ok());
  const Completed done =
      go({"--token-file", path("token"), "--", "sh", "-c", "echo $STORAGE_EMULATOR_HOST"}, {{"MASU_HUB", "http://127.0.0.1:9"}});
  EXPECT_EQ(done.output, "http://127.0.0.1:9/t/abc\n");
}

TEST_F(MasuRun, LeadsHypertuneToTheCollectedFile) {
  EXPECT_EQ(go({"--metric-file", path("x/output.metrics"), "--", "sh", "-c", "echo {} > $CLOUD_ML_HP_METRIC_FILE"}).exit_code, 0);
  EXPECT_EQ(read_file(path("x/output.metrics")).value_or(""), "{}\n");
}

TEST_F(MasuRun, InstallsPackagesIntoTheUserSiteAndRunsAModuleOfThem) {
  if (masu::run({.argv = {"python3", "-c", "import setuptools"}}, Deadline::after(20s)).value_or(Completed{.exit_code = 1}).exit_code != 0)
    GTEST_SKIP() << "needs python3 with setuptools";
  const std::string helper = sdist("masuhelper", ""),
                    trainer = sdist("masutrainer", "import masuhelper.task, os, sys\nprint(os.getcwd(), sys.argv[1:])\n");
  const Completed done = go({"--package", helper, "--package", trainer, "--", "python3", "-m", "masutrainer.task", "--epochs=3"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output, cat(directory_.path().native(), " ['--epochs=3']\n"));
}

TEST_F(MasuRun, APackageThatCannotBeInstalledFailsWithItsName) {
  ASSERT_TRUE(write_file(path("broken-1.0.whl"), "no archive").ok());
  ASSERT_TRUE(write_file(path("message"), "").ok());
  const Completed done =
      go({"--package", path("broken-1.0.whl"), "--termination-log", path("message"), "--done", path("done"), "--", "true"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(read_file(path("message")).value_or(""), HasSubstr("broken-1.0.whl"));
  EXPECT_EQ(read_file(path("done")).value_or(""), "1\n");
}

}  // namespace
}  // namespace masu::runner
