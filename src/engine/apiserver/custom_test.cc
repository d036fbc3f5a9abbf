#include "apiserver/custom.h"

#include <gtest/gtest.h>

#include "apiserver/json_path.h"
#include "apiserver/testing.h"

namespace masu::apiserver {
namespace {

using testing::Cluster;
using testing::in_short;
using testing::Said;

const std::string crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const std::string widgets = "/apis/example.com/v1/namespaces/default/widgets";

const char* const widget_definition = R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},
 "spec":{"group":"example.com","scope":"Namespaced","names":{"kind":"Widget","plural":"widgets","shortNames":["wd"],"categories":["all"]},
 "versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{},"scale":{"specReplicasPath":".spec.size","statusReplicasPath":".status.size"}},
  "selectableFields":[{"jsonPath":".spec.color"}],
  "additionalPrinterColumns":[{"name":"Size","type":"integer","jsonPath":".spec.size"},{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}],
  "schema":{"openAPIV3Schema":{"type":"object","properties":{
   "spec":{"type":"object","properties":{"size":{"type":"integer","maximum":10,"default":3},"color":{"type":"string","enum":["red","blue"]},
     "parts":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],"items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"n":{"type":"integer"}}}}}},
   "status":{"type":"object","properties":{"size":{"type":"integer"},"conditions":{"type":"array","items":{"type":"object","properties":{"type":{"type":"string"},"status":{"type":"string"}}}}}}}}}}]}})";

std::string widget(std::string_view name, std::string_view spec = "{}") {
  return cat(R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":")", name, R"("},"spec":)", spec, "}");
}

TEST(Definitions, AreEstablishedAndServedAtOnce) {
  Cluster cluster;
  EXPECT_EQ(cluster.get(widgets).status, 404);
  const Said made = cluster.post(crds, widget_definition);
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.body.at("status", "acceptedNames", "listKind").as_string(), "WidgetList");
  EXPECT_EQ(made.body.at("status", "conditions")[1]["type"].as_string(), "Established");
  EXPECT_EQ(made.body.at("status", "conditions")[1]["status"].as_string(), "True");
  EXPECT_EQ(made.body.at("status", "storedVersions"), Value::array({"v1"}));
  EXPECT_EQ(cluster.get(widgets)["kind"].as_string(), "WidgetList");
  EXPECT_NE(cluster.get("/apis/example.com/v1").text.find("widgets/scale"), std::string::npos);
  EXPECT_TRUE(cluster.get("/openapi/v3")["paths"].contains("apis/example.com/v1"));
  EXPECT_NE(cluster.get("/openapi/v3/apis/example.com/v1").text.find("fieldValidation"), std::string::npos);
}

TEST(CustomResources, ArePrunedDefaultedAndValidated) {
  Cluster cluster;
  ASSERT_EQ(cluster.post(crds, widget_definition).status, 201);
  const Said made = cluster.post(widgets, widget("a", R"({"color":"red","unknown":1})"));
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.body.at("spec", "size").as_integer(), 3);
  EXPECT_FALSE(made["spec"].contains("unknown"));
  EXPECT_EQ(made.headers.get("Warning"), "299 - \"unknown field \\\"spec.unknown\\\"\"");
  EXPECT_EQ(cluster.post(widgets + "?fieldValidation=Strict", widget("b", R"({"unknown":1})")).message(), "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.unknown\"");
  const Said large = cluster.post(widgets, widget("b", R"({"size":33})"));
  EXPECT_EQ(large.status, 422);
  EXPECT_EQ(large.message(), "Widget.example.com \"b\" is invalid: spec.size: Invalid value: 33: spec.size in body should be less than or equal to 10");
  EXPECT_EQ(cluster.post(widgets, R"({"metadata":{"name":"c"}})").status, 400);
  EXPECT_EQ(cluster.say("PATCH", widgets + "/a", "{}", "application/strategic-merge-patch+json").status, 415);
  Value without_version = made.body;
  without_version["metadata"].erase("resourceVersion");
  EXPECT_EQ(cluster.put_object(widgets + "/a", without_version).message(), "widgets.example.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update");
}

TEST(CustomResources, StatusScaleGenerationTablesAndSelectors) {
  Cluster cluster;
  ASSERT_EQ(cluster.post(crds, widget_definition).status, 201);
  cluster.post(widgets, widget("a", R"({"color":"red"})"));
  cluster.post(widgets, widget("b", R"({"color":"blue"})"));
  EXPECT_EQ(cluster.merge(widgets + "/a", R"({"status":{"size":5}})")["status"].is_null(), true);
  const Said status = cluster.merge(widgets + "/a/status", R"({"status":{"size":5,"conditions":[{"type":"Ready","status":"True"}]},"spec":{"size":9}})");
  EXPECT_EQ(status.body.at("spec", "size").as_integer(), 3);
  EXPECT_EQ(status.body.at("metadata", "generation").as_integer(), 1);
  EXPECT_EQ(cluster.merge(widgets + "/a/scale", R"({"spec":{"replicas":7}})").body.at("status", "replicas").as_integer(), 5);
  const Said scaled = cluster.get(widgets + "/a");
  EXPECT_EQ(scaled.body.at("spec", "size").as_integer(), 7);
  EXPECT_EQ(scaled.body.at("metadata", "generation").as_integer(), 2);
  EXPECT_EQ(cluster.get(widgets + "?fieldSelector=spec.color%3Dblue")["items"][0].at("metadata", "name").as_string(), "b");
  cluster.headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
  EXPECT_EQ(cluster.get(widgets + "/a")["rows"][0]["cells"], Value::array({"a", 7, "True"}));
}

TEST(Definitions, TakeTheirObjectsWithThem) {
  Cluster cluster;
  ASSERT_EQ(cluster.post(crds, widget_definition).status, 201);
  cluster.post(widgets, widget("a"));
  cluster.post(widgets, R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"held","finalizers":["example.com/x"]}})");
  auto watch = cluster.watch(widgets + "?watch=1");
  watch.take();
  EXPECT_EQ(cluster.remove(crds + "/widgets.example.com").status, 200);
  EXPECT_EQ(in_short(watch.take()), "DELETED a, MODIFIED held");
  EXPECT_EQ(cluster.get(crds + "/widgets.example.com").status, 200);
  cluster.merge(widgets + "/held", R"({"metadata":{"finalizers":null}})");
  cluster.advance(1s);
  EXPECT_EQ(cluster.get(crds + "/widgets.example.com").status, 404);
  EXPECT_EQ(cluster.get(widgets).status, 404);
}

TEST(Definitions, WrongOnesAreRefused) {
  Cluster cluster;
  std::string text = widget_definition;
  const Said other = cluster.post(crds, replace_all(text, "\"widgets.example.com\"", "\"things.example.com\""));
  EXPECT_EQ(other.status, 422);
  EXPECT_NE(other.message().find("must be spec.names.plural+\".\"+spec.group"), std::string::npos) << other.message();
  EXPECT_EQ(cluster.post(crds, replace_all(text, "\"storage\":true", "\"storage\":false")).status, 422);
}

TEST(Versions, StableBeforeBetaBeforeAlpha) {
  EXPECT_TRUE(version_before("v2", "v1"));
  EXPECT_TRUE(version_before("v1", "v2beta1"));
  EXPECT_TRUE(version_before("v1beta2", "v1beta1"));
  EXPECT_TRUE(version_before("v1beta1", "v2alpha1"));
  EXPECT_TRUE(version_before("v1alpha1", "foo"));
}

TEST(JsonPath, Table) {
  const Value object = *parse_json(R"({"a":{"b.c":1,"list":[{"type":"x","v":1},{"type":"y","v":2}]},"labels":{"k/l":"m"}})");
  struct Row {
    const char* path;
    const char* found;
  };
  for (const Row& row : std::vector<Row>{{".a.list[1].v", "[2]"}, {".a.list[*].v", "[1,2]"}, {".a.list[?(@.type==\"y\")].v", "[2]"}, {".labels['k/l']", R"(["m"])"},
                                         {"{.a.b\\.c}", "[1]"}, {".nothing.here", "[]"}, {".a.list[-1:].type", R"(["y"])"}, {".a.list[0:1].v", "[1]"}, {".a.list[:].v", "[1,2]"}, {".a.list[5:].v", "[]"}, {".a.list[-1].type", R"(["y"])"}}) {
    const auto found = json_path(object, row.path);
    ASSERT_TRUE(found.ok()) << row.path;
    EXPECT_EQ(to_json(Array(*found)), row.found) << row.path;
  }
  EXPECT_FALSE(json_path(object, ".a[").ok());
}

}  // namespace
}  // namespace masu::apiserver
