#include "value/reader.h"

#include <gtest/gtest.h>

#include "value/json.h"

namespace masu {
namespace {

Value json(std::string_view text) { return parse_json(text).value(); }

TEST(Reader, ReadsEveryType) {
  const Value object = json(R"({"s":"x","i":5,"t":"7","w":2.0,"d":0.5,"b":true,"l":["a","b"],"m":{"k":"v"},"o":{"i":1},"e":[{"i":1},{"i":2}],"z":null})");
  const Reader read(object, "spec");
  EXPECT_EQ(read.string("s"), "x");
  EXPECT_EQ(read.integer("i"), 5);
  EXPECT_EQ(read.integer("t"), 7);
  EXPECT_EQ(read.integer("w"), 2);
  EXPECT_EQ(read.number("d"), 0.5);
  EXPECT_EQ(read.number("i"), 5.0);
  EXPECT_EQ(read.boolean("b"), true);
  EXPECT_EQ(read.strings("l"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read.string_map("m").at("k"), "v");
  EXPECT_EQ(read.object("o").integer("i"), 1);
  EXPECT_EQ(read.object("absent").integer("i"), std::nullopt);
  ASSERT_EQ(read.list("e").size(), 2u);
  EXPECT_EQ(read.list("e")[1].path(), "spec.e[1]");
  EXPECT_FALSE(read.has("z"));
  EXPECT_EQ(read.string("z"), std::nullopt);
  EXPECT_TRUE(read.finish().ok());
}

TEST(Reader, CollectsEveryWrongField) {
  const Value object = json(R"({"s":1,"i":"x","f":1.5,"b":"yes","l":["a",2],"m":{"k":1},"o":[],"e":[1],"colour":1})");
  const Reader read(object);
  EXPECT_EQ(read.string("s"), std::nullopt);
  EXPECT_EQ(read.integer("i"), std::nullopt);
  EXPECT_EQ(read.integer("f"), std::nullopt);
  EXPECT_EQ(read.boolean("b"), std::nullopt);
  EXPECT_EQ(read.strings("l").size(), 1u);
  EXPECT_TRUE(read.string_map("m").empty());
  read.object("o").required("inner");
  EXPECT_TRUE(read.list("e").empty());
  read.only({"s", "i", "f", "b", "l", "m", "o", "e", "color"});
  std::vector<std::string> fields;
  for (const Cause& cause : read.causes()) fields.push_back(cause.field);
  EXPECT_EQ(fields, (std::vector<std::string>{"s", "i", "f", "b", "l[1]", "m.k", "o", "o.inner", "e[0]", "colour"}));
  EXPECT_EQ(read.causes()[0].message, "must be a string, not 1 (integer)");
  EXPECT_EQ(read.causes()[9].message, "is no field known here; did you mean \"color\"?");
  const Status status = read.finish();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::invalid);
  EXPECT_EQ(status.error().causes.size(), 10u);
  EXPECT_TRUE(status.error().message.starts_with("s: must be a string"));
}

TEST(Reader, ARootThatIsNoObjectIsWrong) {
  const Value list = json("[1]");
  EXPECT_FALSE(Reader(list, "spec").finish().ok());
}

}  // namespace
}  // namespace masu
