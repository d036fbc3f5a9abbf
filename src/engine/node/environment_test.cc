#include "node/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "value/json.h"

namespace masu::node {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Pod pod_of(std::string_view container) {
  const auto object = parse_json(cat(R"({"metadata":{"name":"p","namespace":"ml","uid":"u","labels":{"app":"x"}},"spec":{"containers":[)", container, "]}}"));
  return Pod::decode(object.value_or(Value{})).value_or(Pod{});
}

Result<std::map<std::string, std::string>> variables(std::string_view container, const References& references = {}) {
  const Pod pod = pod_of(container);
  return environment_of(pod, pod.containers.at(0), ImageConfig{.environment = {{"PATH", "/bin"}}}, references,
      NodeFacts{.node_name = "n", .pod_ip = "127.0.0.1", .cpu_milli = 2000, .memory_bytes = 1 << 20});
}

TEST(Environment, ExpandsAsKubernetesDoes) {
  const std::map<std::string, std::string> map = {{"A", "1"}};
  EXPECT_EQ(expand("x$(A)y", map), "x1y");
  EXPECT_EQ(expand("$(B)", map), "$(B)");
  EXPECT_EQ(expand("$$(A)", map), "$(A)");
  EXPECT_EQ(expand("$A $", map), "$A $");
  EXPECT_EQ(expand("$(A", map), "$(A");
}

TEST(Environment, LaterVariablesSeeEarlierOnes) {
  const auto out = variables(R"({"name":"c","env":[{"name":"A","value":"1"},{"name":"B","value":"$(A)2"}]})");
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->at("B"), "12");
  EXPECT_EQ(out->at("PATH"), "/bin");
  EXPECT_EQ(out->at("HOSTNAME"), "p");
}

TEST(Environment, TakesFieldsAndResources) {
  const auto out = variables(R"({"name":"c","resources":{"limits":{"memory":"1Gi"},"requests":{"cpu":"1500m"}},"env":[
    {"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"L","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app']"}}},
    {"name":"M","valueFrom":{"resourceFieldRef":{"resource":"limits.memory","divisor":"1Mi"}}},{"name":"C","valueFrom":{"resourceFieldRef":{"resource":"requests.cpu"}}},
    {"name":"D","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}]})");
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ(out->at("N"), "p");
  EXPECT_EQ(out->at("L"), "x");
  EXPECT_EQ(out->at("M"), "1024");
  EXPECT_EQ(out->at("C"), "2");
  EXPECT_EQ(out->at("D"), "2");
}

TEST(Environment, TakesConfigMapsAndSecretsAndNamesWhatIsMissing) {
  const References references{.config_maps = {{"m", {{"k", "v"}, {"bad key", "x"}}}}, .secrets = {{"s", {{"t", "w"}}}}};
  const auto out = variables(R"({"name":"c","envFrom":[{"prefix":"P_","configMapRef":{"name":"m"}}],"env":[{"name":"T","valueFrom":{"secretKeyRef":{"name":"s","key":"t"}}},
    {"name":"O","valueFrom":{"secretKeyRef":{"name":"none","key":"t","optional":true}}}]})", references);
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ(out->at("P_k"), "v");
  EXPECT_EQ(out->at("T"), "w");
  EXPECT_FALSE(out->contains("O"));
  EXPECT_FALSE(out->contains("P_bad key"));
  EXPECT_THAT(variables(R"({"name":"c","env":[{"name":"T","valueFrom":{"configMapKeyRef":{"name":"none","key":"t"}}}]})").error().message, HasSubstr("configmap \"none\" not found"));
  EXPECT_THAT(variables(R"({"name":"c","env":[{"name":"T","valueFrom":{"configMapKeyRef":{"name":"m","key":"t"}}}]})", references).error().message, HasSubstr("couldn't find key t in ConfigMap ml/m"));
}

TEST(Environment, CommandAndArgumentsReplaceTheImages) {
  const ImageConfig image{.entrypoint = {"/entry"}, .command = {"default"}};
  EXPECT_THAT(words_of(pod_of(R"({"name":"c"})").containers[0], image, {}), ElementsAre("/entry", "default"));
  EXPECT_THAT(words_of(pod_of(R"({"name":"c","args":["x"]})").containers[0], image, {}), ElementsAre("/entry", "x"));
  EXPECT_THAT(words_of(pod_of(R"({"name":"c","command":["y"]})").containers[0], image, {}), ElementsAre("y"));
}

}  // namespace
}  // namespace masu::node
