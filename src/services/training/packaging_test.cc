#include "training/packaging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace masu::training {
namespace {

using ::testing::HasSubstr;

void put(const std::filesystem::path& path, const std::string& text) {
  ASSERT_TRUE(make_directories(path.parent_path()).ok());
  ASSERT_TRUE(write_file(path, text).ok());
}

std::vector<std::string> paths(const std::string& archive) {
  std::vector<std::string> out;
  for (const TarEntry& entry : read_archive(archive).value_or({})) out.push_back(entry.path);
  return out;
}

TEST(Packaging, TheSameCodeIsTheSameBytes) {
  const TemporaryDirectory work;
  for (const char* copy : {"a", "b"}) {
    put(work.path() / copy / "trainer/task.py", "print('x')\n");
    put(work.path() / copy / "trainer/__init__.py", "");
    put(work.path() / copy / "trainer/models/__init__.py", "");
    put(work.path() / copy / "trainer/models/net.py", "y = 1\n");
    put(work.path() / copy / "trainer/__pycache__/task.pyc", copy);
    put(work.path() / copy / "trainer/words.txt", "a\n");
  }
  const auto first = build_package(work.path() / "a/trainer", {}, Deadline::after(30s));
  const auto second = build_package(work.path() / "b/trainer/", {}, Deadline::after(30s));
  ASSERT_TRUE(first.ok()) << first.error().message;
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(first->at(0).name, "trainer-0.0.0.tar.gz");
  EXPECT_EQ(paths(first->at(0).bytes),
            (std::vector<std::string>{"trainer-0.0.0/PKG-INFO", "trainer-0.0.0/setup.cfg", "trainer-0.0.0/setup.py", "trainer-0.0.0/trainer/__init__.py",
                                      "trainer-0.0.0/trainer/models/__init__.py", "trainer-0.0.0/trainer/models/net.py", "trainer-0.0.0/trainer/task.py",
                                      "trainer-0.0.0/trainer/words.txt"}));
  put(work.path() / "b/trainer/task.py", "print('z')\n");
  EXPECT_NE(upload_hash(*first), upload_hash(*build_package(work.path() / "b/trainer", {}, Deadline::after(30s))));
}

TEST(Packaging, TarAndGzipOfOthersReadIt) {
  const TemporaryDirectory work;
  put(work.path() / "trainer/__init__.py", "");
  put(work.path() / "trainer" / std::string(60, 'd') / std::string(70, 'e') / "x.py", "long = 1\n");
  const auto built = build_package(work.path() / "trainer", {}, Deadline::after(30s));
  ASSERT_TRUE(built.ok()) << built.error().message;
  put(work.path() / "x.tar.gz", built->at(0).bytes);
  const auto listed = run_checked({.argv = {"tar", "tzf", (work.path() / "x.tar.gz").string()}}, Deadline::after(30s));
  ASSERT_TRUE(listed.ok()) << listed.error().message;
  EXPECT_THAT(*listed, HasSubstr(cat("trainer-0.0.0/trainer/", std::string(60, 'd'), "/", std::string(70, 'e'), "/x.py")));
}

TEST(Packaging, RunsTheUsersSetup) {
  if (!find_program("python3") || !run_checked({.argv = {"python3", "-c", "import setuptools"}}, Deadline::after(30s)).ok())
    GTEST_SKIP() << "needs python3 with setuptools";
  const TemporaryDirectory work;
  put(work.path() / "trainer/__init__.py", "");
  put(work.path() / "trainer/task.py", "print('x')\n");
  put(work.path() / "setup.py", "from setuptools import setup\nsetup(name='mine', version='1.2', packages=['trainer'])\n");
  const auto first = build_package(work.path() / "trainer", {}, Deadline::after(120s));
  ASSERT_TRUE(first.ok()) << first.error().message;
  ASSERT_EQ(first->size(), 1u);
  EXPECT_EQ(first->at(0).name, "mine-1.2.tar.gz");
  EXPECT_THAT(paths(first->at(0).bytes), ::testing::Contains("mine-1.2/trainer/task.py"));
  EXPECT_EQ(*first, *build_package(work.path() / "trainer", {}, Deadline::after(120s)));
  EXPECT_FALSE(std::filesystem::exists(work.path() / "mine.egg-info")) << "the user's folder stays as it is";

  put(work.path() / "setup.py", "raise SystemExit('no')\n");
  const auto broken = build_package(work.path() / "trainer", {}, Deadline::after(120s));
  ASSERT_FALSE(broken.ok());
  EXPECT_THAT(broken.error().message, HasSubstr("--packages"));
}

TEST(Packaging, SaysWhatIsMissing) {
  const TemporaryDirectory work;
  EXPECT_THAT(build_package(work.path() / "no", {}, Deadline::after(1s)).error().message, HasSubstr("there is no such directory"));
  put(work.path() / "plain/x.py", "");
  EXPECT_THAT(build_package(work.path() / "plain", {}, Deadline::after(1s)).error().message, HasSubstr("no __init__.py"));
}

TEST(Packaging, Places) {
  struct Row {
    const char *staging, *job_dir, *url;
  };
  for (const Row& row : {Row{"gs://bucket", "", "gs://bucket/job/HASH/x.tar.gz"}, Row{"gs://bucket/", "gs://other/a", "gs://bucket/job/HASH/x.tar.gz"},
                         Row{"", "gs://other/a/b//", "gs://other/a/b/packages/HASH/x.tar.gz"}, Row{"", "gs://other", "gs://other/packages/HASH/x.tar.gz"}}) {
    EXPECT_EQ(upload_place(row.staging, row.job_dir, "job", "HASH")->url("x.tar.gz"), row.url);
  }
  EXPECT_THAT(upload_place("", "", "job", "HASH").error().message, ::testing::AllOf(HasSubstr("--staging-bucket"), HasSubstr("--job-dir")));
}

}  // namespace
}  // namespace masu::training
