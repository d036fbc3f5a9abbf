#include "node/volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::node {
namespace {

using testing::HasSubstr;

Pod pod_with(std::string_view volumes) {
  const auto object = parse_json(cat(R"({"metadata":{"name":"p","namespace":"ml","uid":"u","labels":{"a":"b"}},"spec":{"containers":[{"name":"c"}],"volumes":[)", volumes, "]}}"));
  return Pod::decode(object.value_or(Value{})).value_or(Pod{});
}

class Volumes : public testing::Test {
 protected:
  Result<PlacedVolumes> place(const Pod& pod) {
    return place_volumes(pod, directory_.path(), {.references = references_, .facts = facts_, .tokens = tokens_, .claims = claims_});
  }
  std::string content(const std::string& path) { return read_file(directory_.path() / path).value_or("nothing"); }

  TemporaryDirectory directory_;
  References references_{.config_maps = {{"m", {{"k", "v"}, {"l", "w"}}}}, .secrets = {{"s", {{"p", "q"}}}}};
  NodeFacts facts_{.node_name = "n"};
  std::map<std::string, std::string> tokens_ = {{"", "tok"}, {"other", "tok2"}};
  PlacedVolumes claims_ = {{"data", {.path = "/volumes/1"}}};
};

TEST_F(Volumes, ConfigMapsAndSecretsBecomeFiles) {
  ASSERT_TRUE(place(pod_with(R"({"name":"a","configMap":{"name":"m","items":[{"key":"k","path":"deep/name","mode":256}]}},{"name":"b","secret":{"secretName":"s","defaultMode":288}})")).ok());
  EXPECT_EQ(content("a/deep/name"), "v");
  EXPECT_EQ(content("a/l"), "nothing");
  EXPECT_EQ(content("b/p"), "q");
  struct stat info {};
  ASSERT_EQ(::stat((directory_.path() / "a/deep/name").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0400u);
}

TEST_F(Volumes, AProjectedVolumeJoinsItsSources) {
  const Pod pod = pod_with(
      R"({"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"token"}},{"serviceAccountToken":{"path":"o","audience":"other"}},{"configMap":{"name":"m","items":[{"key":"k","path":"ca.crt"}]}},
    {"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"fieldPath":"metadata.namespace"}},{"path":"labels","fieldRef":{"fieldPath":"metadata.labels"}}]}}]}})");
  const auto placed = place(pod);
  ASSERT_TRUE(placed.ok()) << placed.error().message;
  EXPECT_EQ(content("t/token"), "tok");
  EXPECT_EQ(content("t/o"), "tok2");
  EXPECT_EQ(content("t/ca.crt"), "v");
  EXPECT_EQ(content("t/namespace"), "ml");
  EXPECT_EQ(content("t/labels"), "a=\"b\"");
  tokens_[""] = "newer";
  ASSERT_TRUE(place(pod).ok());
  EXPECT_EQ(content("t/token"), "newer");
}

TEST_F(Volumes, AnEmptyDirKeepsItsContent) {
  const Pod pod = pod_with(R"({"name":"e","emptyDir":{}})");
  ASSERT_TRUE(place(pod).ok());
  ASSERT_TRUE(append_file(directory_.path() / "e/x", "1").ok());
  ASSERT_TRUE(place(pod).ok());
  EXPECT_EQ(content("e/x"), "1");
}

TEST_F(Volumes, SaysWhatIsMissing) {
  EXPECT_THAT(place(pod_with(R"({"name":"a","configMap":{"name":"none"}})")).error().message, HasSubstr("configmap \"none\" not found"));
  EXPECT_TRUE(place(pod_with(R"({"name":"a","configMap":{"name":"none","optional":true}})")).ok());
  EXPECT_THAT(place(pod_with(R"({"name":"a","secret":{"secretName":"s","items":[{"key":"x","path":"y"}]}})")).error().message, HasSubstr("has no key \"x\""));
  EXPECT_THAT(place(pod_with(R"({"name":"a","configMap":{"name":"m","items":[{"key":"k","path":"../../etc"}]}})")).error().message, HasSubstr("leads out"));
  EXPECT_THAT(place(pod_with(R"({"name":"a","persistentVolumeClaim":{"claimName":"no"}})")).error().message, HasSubstr("\"no\" is not bound"));
  EXPECT_THAT(place(pod_with(R"({"name":"a","nfs":{"server":"x"}})")).error().message, HasSubstr("source \"nfs\" is not served"));
  EXPECT_EQ(place(pod_with(R"({"name":"a","persistentVolumeClaim":{"claimName":"data"}})")).value_or({}).at("a").path, "/volumes/1");
}

TEST_F(Volumes, AnEmptyDirInMemoryIsAMountOfTheShim) {
  const auto mounts = memory_mounts(pod_with(R"({"name":"e","emptyDir":{"medium":"Memory","sizeLimit":"1Mi"}},{"name":"f","emptyDir":{}})"), "/d");
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].target, "/d/e");
  EXPECT_EQ(mounts[0].options, "mode=1777,size=1048576");
}

}  // namespace
}  // namespace masu::node
