#include "value/json.h"

#include <gtest/gtest.h>

#include "value/random_value.h"

namespace masu {
namespace {

std::string reprint(std::string_view text) {
  const auto value = parse_json(text);
  return value.ok() ? to_json(*value) : value.error().message;
}

struct Case {
  const char* text;
  const char* printed;
};

TEST(Json, ReadsAndPrints) {
  const Case cases[] = {
      {"{}", "{}"},
      {" [ ] ", "[]"},
      {"null", "null"},
      {"true", "true"},
      {"\"\"", "\"\""},
      {R"({"b":1,"a":[1,{"c":null}]})", R"({"a":[1,{"c":null}],"b":1})"},
      {R"("\u00e9\n\"\\\/\ud83d\ude00")", "\"é\\n\\\"\\\\/😀\""},
      {R"("\u0001")", R"("\u0001")"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"9223372036854775808", "9223372036854775808"},
      {"0.1", "0.1"},
      {"1.0", "1"},
      {"-0.5e-3", "-0.0005"},
      {"1e-7", "1e-7"},
      {"1e20", "100000000000000000000"},
      {"1e21", "1e+21"},
      {"5e-324", "5e-324"},
      {"1e-999", "0"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"0.30000000000000004", "0.30000000000000004"},
      {"123456789.123456789", "123456789.12345679"},
  };
  for (const Case& c : cases) EXPECT_EQ(reprint(c.text), c.printed) << c.text;
}

TEST(Json, SaysWhereItIsWrong) {
  const Case cases[] = {
      {"", "reading JSON: line 1, column 1: the text is empty, a JSON value was expected"},
      {"[1", "reading JSON: line 1, column 3: the text ends too early"},
      {"1 2", "reading JSON: line 1, column 3: something follows the end of the value"},
      {"{\"a\":\n 1,}", "reading JSON: line 2, column 4: syntax error"},
      {"1e999", "reading JSON: line 1, column 6: exponent overflow"},
  };
  for (const Case& c : cases) {
    const auto value = parse_json(c.text);
    ASSERT_FALSE(value.ok()) << c.text;
    EXPECT_EQ(value.error().code, Code::malformed);
    EXPECT_EQ(value.error().message, c.printed);
  }
  for (const char* text : {"nul", "tru", "'a'", "{a:1}", "[1,]", "01", "+1", "\"\x01\"", "\"\xff\"", "\"\\ud800\"", "\"\\x\"", "// c\n1", "NaN"})
    EXPECT_FALSE(parse_json(text).ok()) << text;
}

TEST(Json, DepthEndsAt512) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(512)).ok());
  EXPECT_FALSE(parse_json(nested(513)).ok());
  EXPECT_FALSE(parse_json(nested(100'000)).ok());
}

TEST(Json, DuplicatesAreNamedAndTheLastCounts) {
  std::vector<std::string> duplicates;
  const auto value = parse_json(R"({"a":1,"a":2,"b":[{"c":1},{"d":1,"d":{"e":1,"e":3}}]})", duplicates);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(to_json(*value), R"({"a":2,"b":[{"c":1},{"d":{"e":3}}]})");
  EXPECT_EQ(duplicates, (std::vector<std::string>{"a", "b[1].d", "b[1].d.e"}));
}

TEST(Json, BytesThatAreNoUtf8PrintAsReplacement) {
  EXPECT_EQ(to_json(Value("a\xff z")), "\"a\xEF\xBF\xBD z\"");
  EXPECT_EQ(to_json(Value("\xED\xA0\x80")), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(Json, Pretty) {
  const Value value = Value::object({{"a", Value::array({1, Value(Array{})})}, {"b", Value(Object{})}});
  EXPECT_EQ(to_json_pretty(value), "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {}\n}\n");
}

TEST(Json, WhatIsPrintedReadsBackTheSame) {
  RandomValue random(1);
  for (int i = 0; i < 3000; ++i) {
    const Value value = random.value();
    const auto again = parse_json(i % 2 == 0 ? to_json(value) : to_json_pretty(value));
    ASSERT_TRUE(again.ok()) << to_json(value) << ": " << again.error().message;
    EXPECT_EQ(*again, value) << to_json(value);
  }
}

}  // namespace
}  // namespace masu
