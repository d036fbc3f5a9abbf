#include "node/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "value/json.h"

namespace masu::node {
namespace {

using testing::HasSubstr;

struct Given {
  explicit Given(std::string_view container, std::string_view spec = "") {
    const auto object = parse_json(cat(R"({"metadata":{"name":"p","namespace":"ml","uid":"u"},"spec":{"containers":[)", container, "]", spec, "}}"));
    pod = Pod::decode(object.value_or(Value{})).value_or(Pod{});
    image = {.name = "host", .id = "host", .layers = {"/"}, .config = {}, .binds = {{"/opt/programs", "/opt/masu/bin"}}};
  }
  Result<Bundle> bundle(Mode mode = Mode::runc) const {
    return make_bundle({.pod = pod,
        .container = pod.containers.at(0),
        .image = image,
        .environment = environment,
        .words = words,
        .volumes = volumes,
        .directory = "/d/p/containers/c/0",
        .pod_directory = "/d/p",
        .log = "/d/p/logs/c/0.log",
        .hidden = {"/var/lib/masu"},
        .mode = mode,
        .cgroups = {.version = CgroupFacts::Version::v1, .memory_root = "/sys/fs/cgroup/memory"},
        .runc_root = "/d/runc"});
  }
  Pod pod;
  Image image;
  std::map<std::string, std::string> environment = {{"A", "1"}};
  std::vector<std::string> words = {"run"};
  PlacedVolumes volumes = {{"v", {.path = "/d/p/volumes/v"}}, {"w", {.path = "/d/p/volumes/w", .read_only = true}}};
};

const Value* mount_at(const Value& config, std::string_view target) {
  const Value* found = nullptr;
  for (const Value& mount : config["mounts"].as_array())
    if (mount["destination"].as_string() == target) found = &mount;
  return found;
}

TEST(Bundle, TheMachineIsShownWithoutWhatIsItsAlone) {
  const auto bundle = Given(R"({"name":"c","image":"host"})").bundle();
  ASSERT_TRUE(bundle.ok()) << bundle.error().message;
  EXPECT_EQ((*mount_at(bundle->config, "/tmp"))["source"].as_string(), "/d/p/containers/c/0/tmp");
  EXPECT_EQ((*mount_at(bundle->config, "/var/lib/masu"))["type"].as_string(), "tmpfs");
  EXPECT_EQ((*mount_at(bundle->config, "/run"))["type"].as_string(), "tmpfs");
  EXPECT_EQ((*mount_at(bundle->config, "/opt/masu/bin"))["source"].as_string(), "/opt/programs");
  EXPECT_EQ(bundle->request.mounts.at(0).options, "lowerdir=/,upperdir=/d/p/containers/c/0/upper,workdir=/d/p/containers/c/0/work");
  EXPECT_EQ(bundle->request.memory_group, "/sys/fs/cgroup/memory/masu/u/c-0");
}

TEST(Bundle, VolumesAreMountedOuterOnesFirst) {
  const auto bundle = Given(R"({"name":"c","image":"host","volumeMounts":[{"name":"v","mountPath":"/masu/work","subPath":"x"},{"name":"w","mountPath":"/masu"}]})").bundle();
  ASSERT_TRUE(bundle.ok()) << bundle.error().message;
  const Array& mounts = bundle->config["mounts"].as_array();
  EXPECT_EQ(mounts[mounts.size() - 2]["destination"].as_string(), "/masu");
  EXPECT_EQ(mounts[mounts.size() - 2]["options"].as_array().back().as_string(), "ro");
  EXPECT_EQ(mounts.back()["source"].as_string(), "/d/p/volumes/v/x");
}

TEST(Bundle, LimitsBecomeResources) {
  const auto bundle = Given(R"({"name":"c","image":"host","resources":{"limits":{"memory":"1Gi","cpu":"500m"},"requests":{"cpu":"250m"}}})").bundle();
  ASSERT_TRUE(bundle.ok());
  const Value& resources = bundle->config.at("linux", "resources");
  EXPECT_EQ(resources.at("memory", "limit").as_integer(), 1 << 30);
  EXPECT_EQ(resources.at("cpu", "quota").as_integer(), 50'000);
  EXPECT_EQ(resources.at("cpu", "shares").as_integer(), 256);
}

TEST(Bundle, AUserWithoutRootHasNoCapabilities) {
  const auto bundle = Given(R"({"name":"c","image":"host","securityContext":{"runAsUser":1000,"capabilities":{"drop":["ALL"],"add":["SYS_PTRACE"]}}})").bundle();
  ASSERT_TRUE(bundle.ok());
  const Value& process = bundle->config["process"];
  EXPECT_EQ(process.at("user", "uid").as_integer(), 1000);
  EXPECT_TRUE(process.at("capabilities", "effective").as_array().empty());
  EXPECT_EQ(to_json(process.at("capabilities", "bounding")), R"(["CAP_SYS_PTRACE"])");
}

TEST(Bundle, SaysWhatCannotBe) {
  EXPECT_THAT(Given(R"({"name":"c","image":"host","volumeMounts":[{"name":"none","mountPath":"/x"}]})").bundle().error().message, HasSubstr("mounts volume \"none\""));
  EXPECT_THAT(Given(R"({"name":"c","image":"host","volumeMounts":[{"name":"v","mountPath":"/x","subPath":"../y"}]})").bundle().error().message, HasSubstr("leads out of volume"));
  EXPECT_THAT(Given(R"({"name":"c","image":"host","securityContext":{"runAsNonRoot":true}})").bundle().error().message, HasSubstr("will run as root"));
  Given silent(R"({"name":"c","image":"host"})");
  silent.words.clear();
  EXPECT_THAT(silent.bundle().error().message, HasSubstr("has no command"));
  Given other(R"({"name":"c","image":"x"})");
  other.image.layers = {"/images/x"};
  EXPECT_EQ(other.bundle(Mode::process).error().code, Code::unsupported);
}

TEST(Bundle, AProcessSeesTheSameFolders) {
  const auto bundle = Given(R"({"name":"c","image":"host","workingDir":"/w","volumeMounts":[{"name":"v","mountPath":"/masu"}]})").bundle(Mode::process);
  ASSERT_TRUE(bundle.ok());
  EXPECT_EQ(bundle->request.working_directory, "/w");
  EXPECT_EQ(bundle->request.mounts.back().target, "/masu");
  EXPECT_EQ(bundle->request.argv, std::vector<std::string>{"run"});
}

}  // namespace
}  // namespace masu::node
