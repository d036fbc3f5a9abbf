#include <gtest/gtest.h>

#include "base/text.h"
#include "controlplane/endpoints_core.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

template <class T>
T made(std::string_view text) {
  auto decoded = T::decode(*parse_json(text));
  EXPECT_TRUE(decoded.ok()) << text;
  return *decoded;
}

std::shared_ptr<const Pod> pod(std::string_view name, bool ready, int port) {
  return std::make_shared<const Pod>(made<Pod>(cat(
      R"({"metadata":{"name":")", name, R"(","namespace":"d","uid":")", name,
      R"(","labels":{"a":"b"}},"spec":{"nodeName":"n","hostname":"h","subdomain":"s","containers":[{"ports":[{"name":"web","containerPort":)",
      port, R"(}]}]},"status":{"phase":"Running","podIP":"10.0.0.1","conditions":[{"type":"Ready","status":")", ready ? "True" : "False",
      R"("}]}})")));
}

Service service(std::string_view more = "") {
  return made<Service>(
      cat(R"({"metadata":{"name":"s","namespace":"d","uid":"u"},"spec":{"selector":{"a":"b"},"ports":[{"port":80,"targetPort":"web"}])",
          more, "}}"));
}

Value subsets(const controller::Actions& actions) {
  if (actions.size() != 1) return {};
  if (const auto* create = std::get_if<controller::Create>(&actions[0])) return create->object["subsets"];
  return std::get<controller::Patch>(actions[0]).patch["subsets"];
}

TEST(Endpoints, AreTheReadyPodsOfAService) {
  const auto first = decide(EndpointsWorld{service(), {pod("p", true, 8080), pod("q", false, 8080), pod("r", true, 9090)}, nullptr});
  const Value made_subsets = subsets(first);
  ASSERT_EQ(made_subsets.as_array().size(), 2u) << "pods with other ports are a subset of their own";
  EXPECT_EQ(made_subsets[0]["addresses"][0].at("targetRef", "name"), Value("p"));
  EXPECT_EQ(made_subsets[0]["addresses"][0]["hostname"], Value("h"));
  EXPECT_EQ(made_subsets[0]["notReadyAddresses"][0].at("targetRef", "name"), Value("q"));
  EXPECT_EQ(made_subsets[0]["ports"][0]["port"], Value(8080));
  const auto same = std::make_shared<const Endpoints>(Endpoints{{}, made_subsets});
  EXPECT_TRUE(decide(EndpointsWorld{service(), {pod("p", true, 8080), pod("q", false, 8080), pod("r", true, 9090)}, same}).empty());
  EXPECT_EQ(subsets(decide(EndpointsWorld{service(), {}, same})), Value(Array{}));
  const Value published = subsets(decide(EndpointsWorld{service(R"(,"publishNotReadyAddresses":true)"), {pod("q", false, 1)}, nullptr}));
  EXPECT_TRUE(published[0]["notReadyAddresses"].is_null());
}

TEST(Endpoints, OfAServiceWithoutSelectorAreSomebodyElses) {
  EXPECT_TRUE(
      decide(EndpointsWorld{made<Service>(R"({"metadata":{"name":"s","namespace":"d"},"spec":{"ports":[{"port":80}]}})"), {}, nullptr})
          .empty());
}

}  // namespace
}  // namespace masu::controlplane
