#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "images/build.h"
#include "images/store.h"

namespace masu::images {
namespace {

namespace fs = std::filesystem;

struct Here {
  TemporaryDirectory folder;
  std::unique_ptr<Store> store = Store::open({.root = folder.path() / "images", .programs = "/opt/programs"}).value();
  SimClock clock;
  std::vector<std::string> said;
  Say say = [this](std::string_view line) { said.emplace_back(line); };
};

TEST(NormalName, OneFormForEachWayToWriteIt) {
  for (const char* name : {"digits", "digits:latest", "localhost/digits", "localhost/digits:latest"}) EXPECT_EQ(*normal_name(name), "digits") << name;
  EXPECT_EQ(*normal_name("registry.example:5000/a/b:1.0"), "registry.example:5000/a/b:1.0");
  for (const char* bad : {"", "a b", "../x", "/x", "a\nb"}) EXPECT_FALSE(normal_name(bad).ok()) << bad;
}

TEST(Store, TheMachineItselfIsAnImage) {
  Here here;
  EXPECT_EQ(here.store->resolve("host")->layers, std::vector<fs::path>{"/"});
  EXPECT_EQ(here.store->resolve("masu.dev/runtime:latest")->binds.at(0).second, "/opt/masu/bin");
  EXPECT_EQ(here.store->remove("host").error().code, Code::precondition);
}

TEST(Store, AMissingImageSaysHowToGetIt) {
  Here here;
  const auto missing = here.store->resolve("digits");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_EQ(missing.error().message, "image \"digits\" is not on this machine. Build it (\"masu image build digits --from host --pip PACKAGE\"), import it "
                                     "(\"masu image import FILE --name digits\"), or see \"masu image ls\".");
}

TEST(Store, KeepsImagesAcrossARestartAndDropsLayersNobodyNames) {
  TemporaryDirectory folder;
  const fs::path root = folder.path() / "images";
  {
    auto store = Store::open({.root = root, .programs = "/p"}).value();
    const Store::Work scratch = store->work().value();
    const fs::path work = scratch.path() / "made";
    ASSERT_TRUE(make_directories(work).ok());
    ASSERT_TRUE(write_file(work / "file", "x").ok());
    const fs::path layer = *store->keep_layer(work, "abc");
    ASSERT_TRUE(store->put({.name = "a", .id = "sha256:1", .layers = {layer, "/"}, .config = {.entrypoint = {"run"}, .environment = {{"K", "V"}}}}).ok());
    ASSERT_TRUE(make_directories(root / "layers" / "orphan").ok());
  }
  auto store = Store::open({.root = root, .programs = "/p"}).value();
  const auto image = store->resolve("a");
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->config.environment.at("K"), "V");
  EXPECT_TRUE(fs::exists(image->layers[0] / "file"));
  EXPECT_FALSE(fs::exists(root / "layers" / "orphan"));
  EXPECT_TRUE(store->remove("a").ok());
  EXPECT_FALSE(fs::exists(root / "layers" / "abc"));
}

TEST(ImportArchive, ARootFileSystem) {
  Here here;
  const fs::path tree = here.folder.path() / "tree";
  ASSERT_TRUE(make_directories(tree / "etc").ok());
  ASSERT_TRUE(write_file(tree / "etc/os-release", "ID=test\n").ok());
  ASSERT_TRUE(run_checked({.argv = {"tar", "-cf", (here.folder.path() / "root.tar").native(), "-C", tree.native(), "."}}, Deadline::after(30s)).ok());
  const auto image = import_archive(*here.store, here.folder.path() / "root.tar", "mine:1", here.clock, here.say, Deadline::after(30s));
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(*read_file(here.store->resolve("mine:1")->layers[0] / "etc/os-release"), "ID=test\n");
}

TEST(Build, AFailureLeavesNothingAndTellsWhatPipSaid) {
  if (::geteuid() != 0) GTEST_SKIP() << "building an image needs root";
  Here here;
  const auto image = build(*here.store, {.name = "bad", .pip = {"--no-index", "no-such-package-at-all"}}, here.clock, here.say, Deadline::after(60s));
  ASSERT_FALSE(image.ok());
  EXPECT_NE(image.error().message.find("no-such-package-at-all"), std::string::npos) << image.error().message;
  EXPECT_FALSE(here.store->resolve("bad").ok());
  EXPECT_TRUE(fs::is_empty(here.store->root() / "work"));
  EXPECT_TRUE(fs::is_empty(here.store->root() / "layers"));
}

TEST(Build, TheSameRecipeIsBuiltOnce) {
  if (::geteuid() != 0) GTEST_SKIP() << "building an image needs root";
  Here here;
  const Recipe recipe{.name = "plain"};  // nothing to install: an empty layer
  const auto first = build(*here.store, recipe, here.clock, here.say, Deadline::after(60s));
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto second = build(*here.store, recipe, here.clock, here.say, Deadline::after(60s));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(here.said.back(), "image plain is there already, built from the same recipe");
}

TEST(Build, FilesOfOnesOwnAreCopiedAndAChangeOfThemIsANewImage) {
  if (::geteuid() != 0) GTEST_SKIP() << "building an image needs root";
  Here here;
  const fs::path program = here.folder.path() / "program";
  ASSERT_TRUE(make_directories(program / "deep").ok());
  ASSERT_TRUE(write_file(program / "deep/main.py", "one").ok());
  const Recipe recipe{.name = "own", .copies = {{program, "/opt/own"}, {program / "deep/main.py", "/opt/alone/start.py"}}};
  const auto first = build(*here.store, recipe, here.clock, here.say, Deadline::after(60s));
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(*read_file(first->layers[0] / "opt/own/deep/main.py"), "one");
  EXPECT_EQ(*read_file(first->layers[0] / "opt/alone/start.py"), "one");
  EXPECT_FALSE(fs::exists(first->layers[0] / "tmp"));
  EXPECT_EQ(build(*here.store, recipe, here.clock, here.say, Deadline::after(60s))->id, first->id);
  ASSERT_TRUE(write_file(program / "deep/main.py", "two").ok());
  const auto second = build(*here.store, recipe, here.clock, here.say, Deadline::after(60s));
  ASSERT_TRUE(second.ok());
  EXPECT_NE(second->id, first->id);
  EXPECT_FALSE(build(*here.store, {.name = "gone", .copies = {{program / "nowhere", "/opt/x"}}}, here.clock, here.say, Deadline::after(60s)).ok());
}

}  // namespace
}  // namespace masu::images
