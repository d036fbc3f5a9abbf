#include "value/patch.h"

#include <gtest/gtest.h>

#include "value/json.h"
#include "value/random_value.h"

namespace masu {
namespace {

Value json(std::string_view text) { return parse_json(text).value(); }
std::string shown(const Result<Value>& result) { return result.ok() ? to_json(*result) : result.error().message; }

struct Case {
  const char* document;
  const char* patch;
  const char* result;
};

TEST(Pointer, Finds) {
  const Value document = json(R"({"a":{"b/c":[1,{"m~n":2}]},"":3})");
  EXPECT_EQ(shown(pointer_get(document, "")), to_json(document));
  EXPECT_EQ(shown(pointer_get(document, "/a/b~1c/1/m~0n")), "2");
  EXPECT_EQ(shown(pointer_get(document, "/")), "3");
  EXPECT_EQ(shown(pointer_get(document, "/a/b~1c/2")), "the document has nothing at \"/a/b~1c/2\"");
  EXPECT_EQ(pointer_get(document, "/a/b~1c/01").error().code, Code::not_found);
  EXPECT_EQ(pointer_get(document, "a").error().code, Code::invalid);
  EXPECT_EQ(pointer_escape("a/b~c"), "a~1b~0c");
}

TEST(JsonPatch, Operations) {
  const Case cases[] = {
      {R"({"a":1})", R"([{"op":"add","path":"/b","value":[2]}])", R"({"a":1,"b":[2]})"},
      {R"({"a":[1,2]})", R"([{"op":"add","path":"/a/1","value":9}])", R"({"a":[1,9,2]})"},
      {R"({"a":[1,2]})", R"([{"op":"add","path":"/a/-","value":9}])", R"({"a":[1,2,9]})"},
      {R"({"a":[1,2]})", R"([{"op":"add","path":"/a/2","value":9}])", R"({"a":[1,2,9]})"},
      {R"({"a":1})", R"([{"op":"add","path":"","value":5}])", "5"},
      {R"({"a":{"b":1,"c":2}})", R"([{"op":"remove","path":"/a/b"}])", R"({"a":{"c":2}})"},
      {R"([1,2,3])", R"([{"op":"remove","path":"/1"}])", "[1,3]"},
      {R"({"a":1})", R"([{"op":"replace","path":"/a","value":null}])", R"({"a":null})"},
      {R"({"a":{"b":1}})", R"([{"op":"move","from":"/a/b","path":"/c"}])", R"({"a":{},"c":1})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/a/c"}])", R"({"a":{"b":1,"c":{"b":1}}})"},
      {R"({"a":1})", R"([{"op":"test","path":"/a","value":1.0},{"op":"remove","path":"/a"}])", "{}"},
      {R"({"a":1})", R"([{"op":"remove","path":"/b"}])", "JSON patch operation 0 (remove \"/b\"): the document has nothing at \"/b\""},
      {R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])", "JSON patch operation 0 (test \"/a\"): the test failed: found 1, expected 2"},
      {R"({"a":1})", R"([{"op":"add","path":"/a/b","value":2}])", "JSON patch operation 0 (add \"/a/b\"): a member \"b\" cannot be added to a integer"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/3","value":2}])", "JSON patch operation 0 (add \"/a/3\"): \"3\" is no place in a list of 1"},
      {R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b"}])", "JSON patch operation 0 (move \"/a/b\"): a value cannot be moved into itself"},
      {"{}", R"([{"op":"add","path":"/a"}])", "JSON patch operation 0 (add \"/a\"): \"value\" is missing"},
      {"{}", R"([{"op":"put","path":"/a"}])", "JSON patch operation 0 (put \"/a\"): \"op\" must be add, remove, replace, move, copy or test, not \"put\""},
      {"{}", R"([1])", "JSON patch operation 0 (? \"\"): an operation must be an object"},
      {"{}", R"({})", "a JSON patch must be a list of operations, not object"},
  };
  for (const Case& c : cases) EXPECT_EQ(shown(json_patch(json(c.document), json(c.patch))), c.result) << c.patch;
}

// The examples of RFC 7386, appendix A.
TEST(MergePatch, Examples) {
  const Case cases[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", "{}"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"e":null})", R"({"a":1})", R"({"a":1,"e":null})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const Case& c : cases) EXPECT_EQ(to_json(merge_patch(json(c.document), json(c.patch))), c.result) << c.patch;
}

TEST(MergePatch, TheDifferenceLeadsThere) {
  RandomValue random(3);
  for (int i = 0; i < 5000; ++i) {
    const Value from = random.value(4, false), to = random.value(4, false);
    EXPECT_EQ(to_json(merge_patch(from, merge_diff(from, to))), to_json(to_json(from) == to_json(to) ? Value() : to));
  }
  EXPECT_TRUE(merge_diff(Value::object({{"best", 1}}), Value::object({{"best", 1.0}})).is_null()) << "the same number";
  const Value one = json(R"({"a":{"b":1,"c":[1]},"d":2})");
  EXPECT_TRUE(merge_diff(one, one).is_null());
  EXPECT_EQ(to_json(merge_diff(one, json(R"({"a":{"b":2,"c":[1]},"e":3})"))), R"({"a":{"b":2},"d":null,"e":3})");
}

ListMerge pod_lists(std::string_view path) {
  if (path == "spec.containers" || path == "spec.volumes" || path == "spec.containers.env") return {ListMerge::Strategy::merge_by_key, "name"};
  if (path == "metadata.finalizers") return {ListMerge::Strategy::merge_values};
  return {};
}

TEST(StrategicMerge, AsUpstream) {
  const Case cases[] = {
      {R"({"a":{"b":1,"c":2}})", R"({"a":{"b":null,"d":3}})", R"({"a":{"c":2,"d":3}})"},
      {R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b"}]}})", R"({"spec":{"containers":[{"name":"b","image":"2"},{"name":"c"}]}})",
       R"({"spec":{"containers":[{"image":"1","name":"a"},{"image":"2","name":"b"},{"name":"c"}]}})"},
      {R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"}],"args":["a"]}]}})",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"Y","value":"2"}],"args":["b"]}]}})",
       R"({"spec":{"containers":[{"args":["b"],"env":[{"name":"X","value":"1"},{"name":"Y","value":"2"}],"name":"a"}]}})"},
      {R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})", R"({"spec":{"containers":[{"$patch":"delete","name":"a"}]}})", R"({"spec":{"containers":[{"name":"b"}]}})"},
      {R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})", R"({"spec":{"containers":[{"name":"z"},{"$patch":"replace"}]}})",
       R"({"spec":{"containers":[{"name":"z"}]}})"},
      {R"({"spec":{"a":1}})", R"({"spec":{"$patch":"replace","b":2}})", R"({"spec":{"b":2}})"},
      {R"({"spec":{"a":1}})", R"({"spec":{"$patch":"delete"}})", R"({"spec":{}})"},
      {R"({"metadata":{"finalizers":["a","b"]}})", R"({"metadata":{"finalizers":["b","c"]}})", R"({"metadata":{"finalizers":["a","b","c"]}})"},
      {R"({"metadata":{"finalizers":["a","b"]}})", R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}})", R"({"metadata":{"finalizers":["b"]}})"},
      {R"({"metadata":{"finalizers":["a","b","c"]}})", R"({"metadata":{"$setElementOrder/finalizers":["d","c","a"],"finalizers":["d"]}})",
       R"({"metadata":{"finalizers":["d","b","c","a"]}})"},
      {R"({"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}})", R"({"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"containers":[{"name":"c"},{"name":"a"},{"name":"b"}]}})"},
      {R"({"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}})", R"({"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}})",
       R"({"spec":{"strategy":{"type":"Recreate"}}})"},
      {R"({"spec":{"tolerations":[{"key":"a"}]}})", R"({"spec":{"tolerations":[{"key":"b"}]}})", R"({"spec":{"tolerations":[{"key":"b"}]}})"},
      {"{}", R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":null}]}],"x":{"y":null}}})",
       R"({"spec":{"containers":[{"env":[{"name":"X"}],"name":"a"}],"x":{}}})"},
      {"{}", R"({"spec":{"containers":[{"image":"x"}]}})",
       "strategic merge patch at spec.containers: an element has no \"name\", which tells elements apart"},
      {"{}", R"({"spec":{"$patch":"wipe"}})", "strategic merge patch at spec: $patch must be replace, delete or merge, not \"wipe\""},
      {"{}", R"({"a":{"$retainKeys":["x"],"y":1}})", "strategic merge patch at a: $retainKeys does not name \"y\", which the patch sets"},
      {"{}", "[]", "a strategic merge patch must be an object, not array"},
  };
  for (const Case& c : cases) EXPECT_EQ(shown(strategic_merge(json(c.document), json(c.patch), pod_lists)), c.result) << c.patch;
}

}  // namespace
}  // namespace masu
