#include "apiserver/ownership.h"

#include <gtest/gtest.h>

#include "apiserver/testing.h"

namespace masu::apiserver {
namespace {

using testing::Cluster;
using testing::Said;

const std::string map = "/api/v1/namespaces/default/configmaps/m";

std::string body(std::string_view data) { return cat(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":)", data, "}"); }
std::string owners(const Said& said) {
  std::string out;
  for (const Value& entry : said.body.at("metadata", "managedFields").as_array()) out += cat(out.empty() ? "" : "; ", entry["manager"].as_string(), " ", entry["operation"].as_string(), " ", to_json(entry["fieldsV1"]));
  return out;
}

TEST(Apply, CreatesOwnsRemovesAndConflicts) {
  Cluster cluster;
  const Said made = cluster.apply(map + "?fieldManager=one", body(R"({"a":"1","b":"2"})"));
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(owners(made), R"(one Apply {"f:data":{"f:a":{},"f:b":{}}})");

  const Said shared = cluster.apply(map + "?fieldManager=two", body(R"({"a":"1","c":"3"})"));
  EXPECT_EQ(shared.status, 200) << shared.text;
  EXPECT_EQ(shared["data"], *parse_json(R"({"a":"1","b":"2","c":"3"})"));

  const Said conflict = cluster.apply(map + "?fieldManager=two", body(R"({"a":"9"})"));
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.message(), "Apply failed with 1 conflict: conflict with \"one\": .data.a");
  EXPECT_EQ(conflict.body.at("details", "causes")[0]["field"].as_string(), ".data.a");
  EXPECT_EQ(conflict.body.at("details", "causes")[0]["reason"].as_string(), "FieldManagerConflict");

  const Said forced = cluster.apply(map + "?fieldManager=two&force=true", body(R"({"a":"9"})"));
  EXPECT_EQ(forced["data"], *parse_json(R"({"a":"9","b":"2"})")) << "two no longer sends c: it goes";
  EXPECT_EQ(owners(forced), R"(one Apply {"f:data":{"f:b":{}}}; two Apply {"f:data":{"f:a":{}}})");

  const Said same = cluster.apply(map + "?fieldManager=two", body(R"({"a":"9"})"));
  EXPECT_EQ(same.body.at("metadata", "resourceVersion"), forced.body.at("metadata", "resourceVersion"));
}

TEST(Apply, OtherWritesTakeOwnershipOfWhatTheyChange) {
  Cluster cluster;
  cluster.apply(map + "?fieldManager=one", body(R"({"a":"1","b":"2"})"));
  const Said patched = cluster.merge(map + "?fieldManager=editor", R"({"data":{"a":"7"}})");
  EXPECT_EQ(owners(patched), R"(one Apply {"f:data":{"f:b":{}}}; editor Update {"f:data":{"f:a":{}}})");
  EXPECT_EQ(cluster.apply(map + "?fieldManager=one", body(R"({"a":"1","b":"2"})")).status, 409);
  EXPECT_EQ(cluster.apply(map + "?fieldManager=one", body(R"({"b":"2"})")).body.at("data", "a").as_string(), "7");
  const Said cleared = cluster.merge(map, R"({"metadata":{"managedFields":[{}]}})");
  EXPECT_EQ(owners(cleared), "");
  EXPECT_NE(owners(cluster.apply(map + "?fieldManager=one&force=true", body(R"({"b":"3"})"))).find("before-first-apply"), std::string::npos);
}

TEST(Apply, KeyedListsBelongToTheirElements) {
  Cluster cluster;
  const std::string set = "/apis/apps/v1/namespaces/default/deployments/d";
  const auto deployment = [](std::string_view containers) {
    return cat(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":)", containers, "}}}}");
  };
  const Said made = cluster.apply(set + "?fieldManager=one", deployment(R"([{"name":"c","image":"i","ports":[{"containerPort":80}]},{"name":"d","image":"j"}])"));
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_NE(owners(made).find(R"("k:{\"containerPort\":80,\"protocol\":\"TCP\"}")"), std::string::npos) << owners(made);
  const Said fewer = cluster.apply(set + "?fieldManager=one", deployment(R"([{"name":"c","image":"i2"}])"));
  ASSERT_EQ(fewer.status, 200) << fewer.text;
  const Value& containers = fewer.body.at("spec", "template", "spec", "containers");
  ASSERT_EQ(containers.as_array().size(), 1u) << fewer.text;
  EXPECT_EQ(containers[0]["image"].as_string(), "i2");
  EXPECT_TRUE(containers[0]["ports"].is_null()) << fewer.text;
}

TEST(Apply, NeedsAManagerAndABodyWithoutManagedFields) {
  Cluster cluster;
  EXPECT_EQ(cluster.apply(map, body("{}")).status, 422);
  EXPECT_EQ(cluster.apply(map + "?fieldManager=x", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m","managedFields":[]}})").status, 400);
  EXPECT_EQ(cluster.apply(map + "?fieldManager=x", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n").status, 201);
}

TEST(FieldSets, ReadWhatTheyWrite) {
  const Value fields = *parse_json(R"({"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:x":{},"k:{\"name\":\"c\"}":{".":{},"f:image":{}},"v:1":{}}})");
  const FieldSet set = FieldSet::decode(fields);
  EXPECT_EQ(set.encode(), fields);
  FieldSet less = set;
  less.subtract(set);
  EXPECT_TRUE(less.empty());
  EXPECT_EQ(set.intersect(set), set);
  EXPECT_EQ(path_text({"f:spec", "f:containers", "k:{\"name\":\"c\"}", "f:image"}), ".spec.containers[name=\"c\"].image");
}

}  // namespace
}  // namespace masu::apiserver
