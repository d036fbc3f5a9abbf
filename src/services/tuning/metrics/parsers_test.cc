#include <gtest/gtest.h>

#include <bit>
#include <cstring>

#include "base/text.h"
#include "tuning/metrics/event_file.h"
#include "tuning/metrics/hypertune_file.h"
#include "tuning/metrics/text_lines.h"
#include "tuning/optimise/dice.h"

namespace masu::tuning {
namespace {

std::string show(const std::vector<MetricEntry>& entries) {
  std::string out;
  for (const MetricEntry& e : entries) out += cat(out.empty() ? "" : " ", e.name, "=", e.value, "@", e.step ? cat(*e.step) : std::string("-"));
  return out;
}

constexpr std::string_view line_1 = R"({"checkpoint_path": "", "global_step": "1000", "timestamp": 1525851440.123456, "trial": "1", "training/hptuning/metric": "0.987"})";
constexpr std::string_view line_2 = R"({"global_step": "2000", "timestamp": 1525851441.5, "trial": "0", "acc": "0.99", "loss": 0.25})";

TEST(HypertuneFile, ReadsEachEntryOnceHoweverOftenItIsRewritten) {
  HypertuneFile file;
  const auto first = file.read(cat(line_1, "\n"));
  EXPECT_EQ(show(first), "training/hptuning/metric=0.987@1000");
  EXPECT_EQ(to_rfc3339_micro(*first[0].time), "2018-05-09T07:37:20.123456Z");
  EXPECT_EQ(show(file.read("")), "") << "caught between truncating and writing";
  EXPECT_EQ(show(file.read(cat(line_1, "\n", line_2.substr(0, 40)))), "") << "cut";
  EXPECT_EQ(show(file.read(cat(line_1, "\n", line_2))), "acc=0.99@2000 loss=0.25@2000");
  EXPECT_EQ(show(file.read(cat(line_1, "\n", line_2, "\n"))), "");
}

TEST(HypertuneFile, AnyCutGivesAPrefixOfTheTruth) {
  const std::string whole = cat(line_1, "\n", line_2, "\n");
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    HypertuneFile file;
    std::string seen = show(file.read(std::string_view(whole).substr(0, cut)));
    const std::string rest = show(file.read(whole));
    if (!seen.empty() && !rest.empty()) seen += " ";
    EXPECT_EQ(seen + rest, "training/hptuning/metric=0.987@1000 acc=0.99@2000 loss=0.25@2000") << cut;
  }
}

TEST(HypertuneFile, SkipsWhatIsNoReport) {
  HypertuneFile file;
  EXPECT_EQ(show(file.read("hello\n[1]\n{\"timestamp\": 1, \"acc\": \"high\"}\n{\"timestamp\": \"2026-01-01T00:00:00Z\", \"acc\": \"nan\"}\n")), "acc=nan@-");
}

TEST(TextLines, ReadsKatibsFormat) {
  struct Row {
    const char* name;
    const char* text;
    const char* result;
  };
  const std::vector<Row> rows = {
      {"the plain form", "acc=0.93\n", "acc=0.93@1"},
      {"blanks, signs, exponents", "epoch 1: acc = +9.3e-01, loss=-.5\n", "acc=+9.3e-01@1 loss=-.5@1"},
      {"reports are counted for each name", "acc=1\nloss=2\nacc=3\n", "acc=1@1 loss=2@1 acc=3@2"},
      {"other names do not count", "accuracy=1 xacc=2 acc2=3\n", ""},
      {"no number, no report", "acc=high acc=\n", ""},
      {"nan is told", "acc=nan loss=inf\n", "acc=nan@1 loss=inf@1"},
      {"a word that begins like inf", "acc=inference\n", ""},
      {"a line without its end waits", "acc=0.9", ""},
      {"a tag with slashes", "training/hptuning/metric=0.5\n", "training/hptuning/metric=0.5@1"},
  };
  for (const Row& row : rows) {
    auto lines = TextLines::make({}, {"acc", "loss", "training/hptuning/metric"}).value();
    EXPECT_EQ(show(lines.feed(row.text)), row.result) << row.name;
  }
}

TEST(TextLines, OwnFiltersTimesAndBadFilters) {
  auto lines = TextLines::make({R"(\{(\w+): ([\d.]+)\})"}, {"acc"}).value();
  const auto entries = lines.feed("2026-01-02T03:04:05.5Z {acc: 0.5} {loss: 1}\nacc=7\n");
  EXPECT_EQ(show(entries), "acc=0.5@1");
  EXPECT_EQ(to_rfc3339_micro(*entries[0].time), "2026-01-02T03:04:05.500000Z");
  EXPECT_EQ(TextLines::make({"(acc"}, {"acc"}).error().code, Code::invalid);
  EXPECT_EQ(TextLines::make({"acc=(.*)"}, {"acc"}).error().code, Code::invalid);
}

TEST(TextLines, PiecesAndLongLinesMakeNoDifference) {
  const std::string text = cat("acc=0.1\n", std::string(70'000, 'x'), " acc=0.2\nacc=0.3\nacc=0.4");
  for (const std::size_t piece : {1u, 7u, 4096u, 100'000u}) {
    auto lines = TextLines::make({}, {"acc"}).value();
    std::vector<MetricEntry> all;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      for (auto& e : lines.feed(std::string_view(text).substr(at, piece))) all.push_back(e);
    }
    for (auto& e : lines.finish()) all.push_back(e);
    EXPECT_EQ(show(all), "acc=0.1@1 acc=0.3@2 acc=0.4@3") << piece;
  }
}

// A tiny writer of protobuf and of records, as TensorBoard's.
std::string varint(std::uint64_t n) {
  std::string out;
  for (; n > 127; n >>= 7) out += static_cast<char>(n | 0x80);
  return out += static_cast<char>(n);
}
template <class T>
std::string fixed(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}
std::string number(int field, std::uint64_t value) { return varint(static_cast<std::uint64_t>(field) << 3) + varint(value); }
std::string bytes(int field, std::string_view value) { return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(value.size()) + std::string(value); }
std::string real64(int field, double value) { return varint(static_cast<std::uint64_t>(field) << 3 | 1) + fixed(value); }
std::string real32(int field, float value) { return varint(static_cast<std::uint64_t>(field) << 3 | 5) + fixed(value); }
std::string event(std::int64_t step, std::string_view values) {
  return real64(1, 1525851440.5) + number(2, static_cast<std::uint64_t>(step)) + bytes(5, values);
}
std::string simple(std::string_view tag, float value) { return bytes(1, bytes(1, tag) + real32(2, value)); }
std::string tensor(std::string_view tag, std::string_view body, std::string_view plugin = "scalars") {
  return bytes(1, bytes(1, tag) + bytes(8, body) + bytes(9, bytes(1, bytes(1, plugin))));
}
std::string record(std::string_view data) {
  const std::string length = fixed(static_cast<std::uint64_t>(data.size()));
  return length + fixed(masked_crc(length)) + std::string(data) + fixed(masked_crc(data));
}

TEST(EventFile, ReadsSimpleValuesAndTensorsOfOneElement) {
  const std::string values = simple("acc", 0.9f) + tensor("loss", number(1, 1) + bytes(2, "") + bytes(4, fixed(0.25f))) +
                             tensor("double", number(1, 2) + bytes(6, fixed(0.1))) + tensor("list", number(1, 1) + real32(5, 3.5f)) +
                             tensor("half", number(1, 19) + bytes(13, varint(0x3c00))) + tensor("count", number(1, 9) + bytes(10, varint(42))) +
                             tensor("vector", number(1, 1) + bytes(2, bytes(2, number(1, 2))) + bytes(4, fixed(1.0f) + fixed(2.0f))) +
                             tensor("text", number(1, 7) + bytes(8, "words")) + tensor("histogram", number(1, 1) + bytes(4, fixed(1.0f)), "histograms");
  const auto entries = read_event(event(7, values));
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(show(*entries), "acc=0.9@7 loss=0.25@7 double=0.1@7 list=3.5@7 half=1@7 count=42@7");
  EXPECT_EQ(to_rfc3339_micro(*(*entries)[0].time), "2018-05-09T07:37:20.500000Z");
}

TEST(EventFile, GrowsInAnyPieces) {
  const std::string file = record(real64(1, 1.0) + bytes(3, "brain.Event:2")) + record(event(1, simple("acc", 0.5f))) +
                           record(bytes(4, std::string(1000, 'g'))) + record(event(2, simple("acc", 0.75f)));
  for (const std::size_t piece : {1u, 3u, 11u, 64u, 100'000u}) {
    EventFile reader;
    std::vector<MetricEntry> all;
    for (std::size_t at = 0; at < file.size(); at += piece) {
      const auto entries = reader.feed(std::string_view(file).substr(at, piece));
      ASSERT_FALSE(reader.damage());
      all.insert(all.end(), entries.begin(), entries.end());
    }
    EXPECT_EQ(show(all), "acc=0.5@1 acc=0.75@2") << piece;
  }
}

TEST(EventFile, PassesByHugeRecordsWithoutKeepingThem) {
  EventFile reader;
  const std::string file = record(std::string(17 << 20, 'p')) + record(event(2, simple("acc", 1)));
  std::vector<MetricEntry> all;
  for (std::size_t at = 0; at < file.size(); at += 1 << 20) {
    const auto entries = reader.feed(std::string_view(file).substr(at, 1 << 20));
    ASSERT_FALSE(reader.damage());
    all.insert(all.end(), entries.begin(), entries.end());
  }
  EXPECT_EQ(show(all), "acc=1@2");
}

TEST(EventFile, EveryFlippedByteIsNoticedAndNothingFalseIsRead) {
  const std::string file = record(event(1, simple("acc", 0.5f))) + record(event(2, simple("acc", 0.75f)));
  for (std::size_t at = 0; at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    EventFile reader;
    const std::string seen = show(reader.feed(damaged));
    EXPECT_TRUE(reader.damage()) << at;
    EXPECT_EQ(seen, at < file.size() / 2 ? "" : "acc=0.5@1") << at;
    EXPECT_TRUE(reader.feed(file).empty()) << "a damaged file is not read on";
  }
}

TEST(EventFile, RandomBytesAreRefusedPolitely) {
  optimise::Dice dice(4);
  for (int i = 0; i < 2000; ++i) {
    std::string noise(dice.below(60), '\0');
    for (char& c : noise) c = static_cast<char>(dice.word());
    const auto entries = read_event(noise);
    EXPECT_TRUE(entries.ok() || entries.error().code == Code::malformed);
    EventFile reader;
    reader.feed(record(noise));
    EXPECT_EQ(!reader.damage(), entries.ok());
  }
}

}  // namespace
}  // namespace masu::tuning
