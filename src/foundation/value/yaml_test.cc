#include "value/yaml.h"

#include <gtest/gtest.h>

#include "value/json.h"
#include "value/random_value.h"

namespace masu {
namespace {

std::string as_json(std::string_view text) {
  const auto document = parse_yaml_single(text);
  return document.ok() ? to_json(document->value) : document.error().message;
}

struct Case {
  const char* text;
  const char* json;
};

TEST(Yaml, PlainScalarsFollowVersion11) {
  const Case cases[] = {
      {"[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]", "[true,true,true,true,true,true,true,true,true,true,true]"},
      {"[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]", "[false,false,false,false,false,false,false,false,false,false,false]"},
      {"[~, null, Null, NULL, ]", "[null,null,null,null]"},
      {"[yEs, nULL, tRUE, oN]", R"(["yEs","nULL","tRUE","oN"])"},
      {"[0644, 0o17, 0x1F, 0b11, 1_000, +5, 08, -0644, -0x10, 0, -0]", "[420,15,31,3,1000,5,8,-420,-16,0,0]"},
      {"[1e3, .5, 1.0, 1., -1.5, 2.10, 1e-7, 0.1]", "[1000,0.5,1,1,-1.5,2.1,1e-7,0.1]"},
      {"[9223372036854775807, 9223372036854775808, -9223372036854775808, 1e999]", R"([9223372036854775807,9223372036854775808,-9223372036854775808,"1e999"])"},
      {"[2001-01-01, 1:30, 1.2.3, 0x, 0b2, 1e, _1, -, --1, v1, 10Gi]", R"(["2001-01-01","1:30","1.2.3","0x","0b2","1e","_1","-","--1","v1","10Gi"])"},
      {"['yes', \"0644\", '', \"~\"]", R"(["yes","0644","","~"])"},
      {"[!!str 12, !!int 12, !!float 1.5, !!bool yes, ! 12]", R"(["12",12,1.5,true,"12"])"},
      {"n: 1\n0x10: 2\n1.5: 3\n'y': 4\n", R"({"1.5":3,"16":2,"false":1,"y":4})"},
      {"a:\nb: ~\n", R"({"a":null,"b":null})"},
      {"{\"a\": [1, {\"b\": null}]}", R"({"a":[1,{"b":null}]})"},
      {"a: |\n  x\n  y\nb: >\n  x\n  y\nc: |-\n  z\n", R"({"a":"x\ny\n","b":"x y\n","c":"z"})"},
      {"a: &x {b: 1}\nc: *x\n", R"({"a":{"b":1},"c":{"b":1}})"},
      {"", "{}"},
      {"# only words\n", "{}"},
      {"---\n...\n", "{}"},
  };
  for (const Case& c : cases) EXPECT_EQ(as_json(c.text), c.json) << c.text;
}

TEST(Yaml, MergeKeys) {
  const Case cases[] = {
      {"a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", R"({"a":{"b":1,"c":2},"d":{"b":1,"c":3}})"},
      {"a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}\n", R"({"a":{"b":1,"c":2},"d":{"b":1,"c":3}})"},
      {"- &x {a: 1}\n- &y {a: 2, b: 2}\n- {<<: [*x, *y]}\n", R"([{"a":1},{"a":2,"b":2},{"a":1,"b":2}])"},
      {"- &x {a: 1}\n- &y {<<: *x, b: 2}\n- {<<: *y, c: 3}\n", R"([{"a":1},{"a":1,"b":2},{"a":1,"b":2,"c":3}])"},
      {"{'<<': {a: 1}}", R"({"<<":{"a":1}})"},
  };
  for (const Case& c : cases) EXPECT_EQ(as_json(c.text), c.json) << c.text;
}

TEST(Yaml, SaysWhereItIsWrong) {
  const Case cases[] = {
      {"a: .inf", "reading YAML: line 1, column 4: unsupported value: .inf is a number that JSON cannot hold; put it in quotes if it is text"},
      {"a: &x [*x]", "reading YAML: line 1, column 8: an alias names the value that contains it"},
      {"a: *b", "reading YAML: line 1, column 4: the referenced anchor is not defined"},
      {"? [1]\n: 2", "reading YAML: line 1, column 3: a key must be a plain word, not a list or map"},
      {"a: 1\n~: 2", "reading YAML: line 2, column 1: a key must not be null; put it in quotes if it is text"},
      {"a: b: c", "reading YAML: line 1, column 5: illegal map value"},
      {"a:\n\t- b", "reading YAML: line 2, column 2: illegal block entry"},
      {"a: {<<: 1}", "reading YAML: line 1, column 9: << merges maps, this is none"},
      {"a: !!int x", "reading YAML: line 1, column 4: \"x\" is no int"},
  };
  for (const Case& c : cases) EXPECT_EQ(as_json(c.text), c.json) << c.text;
  EXPECT_EQ(parse_yaml_single("a: 1\n---\nb: 2\n").error().code, Code::invalid);
}

TEST(Yaml, AliasesCannotExplode) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) text += previous + ", ";
    text += "x]\n";
  }
  EXPECT_EQ(parse_yaml(text).error().code, Code::malformed);
  EXPECT_FALSE(parse_yaml(std::string(20'000, '[')).ok());
  EXPECT_FALSE(parse_yaml(std::string(20'000, '{')).ok());
}

TEST(Yaml, KeepsPlacesAndSourceText) {
  const std::string text = "trainingInput:\n  runtimeVersion: 2.10\n  args:\n  - --x\n  - 'y'\n  mode: 0644\n";
  const auto document = parse_yaml_single(text);
  ASSERT_TRUE(document.ok());
  const auto& places = document->places;
  EXPECT_EQ(places.at("trainingInput.runtimeVersion").text, "2.10");
  EXPECT_EQ(places.at("trainingInput.runtimeVersion").line, 2);
  EXPECT_EQ(places.at("trainingInput.runtimeVersion").column, 19);
  EXPECT_EQ(places.at("trainingInput.args[1]").text, "y");
  EXPECT_EQ(places.at("trainingInput.args[1]").line, 5);
  EXPECT_EQ(places.at("trainingInput.mode").text, "0644");
  EXPECT_EQ(places.count(""), 1u);
}

TEST(Yaml, DuplicatesAreNamedAndTheLastCounts) {
  const auto document = parse_yaml_single("a: {x: 1, y: 2}\nb: 1\na: {x: 3, x: 4}\n");
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(to_json(document->value), R"({"a":{"x":4},"b":1})");
  EXPECT_EQ(document->duplicates, (std::vector<std::string>{"a", "a.x"}));
  EXPECT_EQ(document->places.count("a.y"), 0u);
  EXPECT_EQ(document->places.at("a.x").text, "4");
}

TEST(Yaml, SeveralDocuments) {
  const auto documents = parse_yaml("---\n# nothing\n---\na: 1\n---\nb: 2\n---\n");
  ASSERT_TRUE(documents.ok());
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ(to_json((*documents)[1].value), R"({"b":2})");
  EXPECT_EQ((*documents)[1].places.at("b").line, 6);
}

TEST(Yaml, PrintsAsKubectlDoes) {
  const auto value = parse_json(R"({"kind":"Pod","spec":{"containers":[{"args":["--x","yes","0644",""],"name":"c","env":[]}],"nested":[[1,2],[]],
      "text":"two\nlines\n","colon":"a: b","labels":{},"star":"*x","quote":"it's","n":null,"f":1.5,"y":true}})");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(to_yaml(*value), R"(kind: Pod
spec:
  colon: 'a: b'
  containers:
  - args:
    - --x
    - "yes"
    - "0644"
    - ""
    env: []
    name: c
  f: 1.5
  labels: {}
  "n": null
  nested:
  - - 1
    - 2
  - []
  quote: it's
  star: '*x'
  text: |
    two
    lines
  "y": true
)");
  EXPECT_EQ(to_yaml(Value("x")), "x\n");
  EXPECT_EQ(to_yaml(Value(Object{})), "{}\n");
}

TEST(Yaml, WhatIsPrintedReadsBackTheSame) {
  RandomValue random(2);
  for (int i = 0; i < 5000; ++i) {
    const Value value = Value::object({{"root", random.value()}});
    const std::string text = to_yaml(value);
    const auto again = parse_yaml_single(text);
    ASSERT_TRUE(again.ok()) << text << "\n" << to_json(value) << ": " << again.error().message;
    ASSERT_EQ(to_json(again->value), to_json(value)) << text;
  }
}

TEST(Yaml, PointsAtAPlace) {
  const std::string text = "a: 1\n\tb: x\n";
  EXPECT_EQ(point_at("f.yaml", text, YamlPlace{2, 5, "x"}, "must be a number"), "f.yaml:2: must be a number\n  \tb: x\n  \t   ^");
  EXPECT_EQ(point_at("f.yaml", text, YamlPlace{9, 1, ""}, "no"), "f.yaml:9: no");
  EXPECT_EQ(point_at("f.yaml", text, YamlPlace{}, "no"), "f.yaml: no");
}

}  // namespace
}  // namespace masu
