#include "value/quantity.h"

#include <gtest/gtest.h>

#include <limits>

namespace masu {
namespace {

TEST(Quantity, Parses) {
  struct Case {
    const char* text;
    std::int64_t milli;
  };
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Case cases[] = {
      {"0", 0},          {"1", 1000},       {"500m", 500},     {"0.5", 500},       {".5", 500},      {"5.", 5000},      {"+2", 2000},
      {"-1.5", -1500},   {"1k", 1000000},   {"1Ki", 1024000},  {"2Gi", 2147483648000}, {"1.5Gi", 1610612736000}, {"1e3", 1000000}, {"1E3", 1000000},
      {"1E", most},      {"1e-3", 1},       {"1u", 1},         {"1n", 1},          {"1001u", 2},     {"0.0001", 1},     {"-0.0001", -1},
      {"1Ei", most},     {"1Pi", 1125899906842624000}, {"0.1Ki", 102400}, {"999999999999999999999999", most}, {"1e1000", most}, {"1e-1000", 1},
      {"0.00000000000000000000000000000000000001", 1}, {"1.000000000000000000000000000000000000000001", 1001}, {"100P", most},
  };
  for (const Case& c : cases) {
    const auto quantity = Quantity::parse(c.text);
    ASSERT_TRUE(quantity.ok()) << c.text;
    EXPECT_EQ(quantity->milli, c.milli) << c.text;
  }
  for (const char* text : {"", "-", ".", "m", "1x", "1KI", "1 Gi", " 1", "1.2.3", "1e", "1e1.5", "1K", "0x1", "1e9999", "--1", "1mm"}) {
    EXPECT_FALSE(Quantity::parse(text).ok()) << text;
  }
}

TEST(Quantity, PrintsCanonically) {
  const auto text = [](const char* from, bool binary = false) { return Quantity::parse(from)->text(binary); };
  EXPECT_EQ(text("0.5"), "500m");
  EXPECT_EQ(text("2"), "2");
  EXPECT_EQ(text("1000"), "1k");
  EXPECT_EQ(text("1500000"), "1500k");
  EXPECT_EQ(text("0"), "0");
  EXPECT_EQ(text("-1000"), "-1k");
  EXPECT_EQ(text("1.5Gi", true), "1536Mi");
  EXPECT_EQ(text("1000", true), "1000");
  EXPECT_EQ(text("2Gi", true), "2Gi");
  EXPECT_EQ(text("0.5", true), "500m");
}

TEST(Quantity, UnitsRoundUp) {
  EXPECT_EQ(Quantity::parse("1001m")->units(), 2);
  EXPECT_EQ(Quantity::parse("-1500m")->units(), -1);
  EXPECT_EQ(Quantity::parse("3")->units(), 3);
}

TEST(Quantity, FromValuesOfObjects) {
  EXPECT_EQ(Quantity::from(Value(2))->milli, 2000);
  EXPECT_EQ(Quantity::from(Value(0.25))->milli, 250);
  EXPECT_EQ(Quantity::from(Value("1Gi"))->milli, 1073741824000);
  EXPECT_FALSE(Quantity::from(Value(true)).ok());
}

TEST(Quantity, TextReadsBackTheSame) {
  for (std::int64_t milli : {std::int64_t{1}, std::int64_t{999}, std::int64_t{1000}, std::int64_t{-123456000}, std::int64_t{1} << 50, (std::int64_t{1} << 40) * 1000})
    for (const bool binary : {false, true}) {
      const auto again = Quantity::parse(Quantity{milli}.text(binary));
      ASSERT_TRUE(again.ok());
      EXPECT_EQ(again->milli, milli);
    }
}

}  // namespace
}  // namespace masu
