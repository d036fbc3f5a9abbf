#include "apiserver/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/files.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {
namespace {

Value object(std::string_view name) { return Value::object({{"metadata", Value::object({{"name", name}})}}); }
Key key(std::string_view name) { return {"/things", "ns", std::string(name)}; }

std::unique_ptr<Store> memory_store(Store::Limits limits = {}) {
  auto store = Store::open(memory_journal(), limits);
  return std::move(*store);
}

TEST(Store, CompareAndSwap) {
  const auto store = memory_store();
  const auto first = store->create(key("a"), object("a"));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(store->create(key("a"), object("a")).error().code, Code::already_exists);
  EXPECT_EQ(store->update(key("a"), 99, object("a")).error().code, Code::conflict);
  EXPECT_EQ(store->update(key("b"), 1, object("b")).error().code, Code::not_found);
  const auto second = store->update(key("a"), (*first)->version, object("a"));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ((*second)->bytes, R"({"metadata":{"name":"a","resourceVersion":"2"}})");
  ASSERT_TRUE(store->remove(key("a"), 2, object("a")).ok());
  EXPECT_EQ(store->get(key("a")), nullptr);
  EXPECT_EQ(store->revision(), 3u);
}

TEST(Store, ListsAtAnOlderRevisionUntilTheLogForgets) {
  const auto store = memory_store({.events = 3, .event_bytes = 1 << 20});
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(store->create(key(name), object(name)).ok());
  ASSERT_TRUE(store->remove(key("a"), 1, object("a")).ok());
  const auto then = store->list({.resource = "/things", .at = 2});
  ASSERT_TRUE(then.ok());
  EXPECT_EQ(then->items.size(), 2u);
  EXPECT_EQ(then->revision, 2u);
  ASSERT_TRUE(store->create(key("d"), object("d")).ok());
  ASSERT_TRUE(store->create(key("e"), object("e")).ok());
  EXPECT_EQ(store->list({.resource = "/things", .at = 2}).error().code, Code::gone);
}

/// Fails whenever it is told to.
class BrokenJournal final : public Journal {
 public:
  Result<std::uint64_t> load(const std::function<void(Key, std::uint64_t, std::string)>&) override { return std::uint64_t{0}; }
  Status commit(std::span<const Change>, std::uint64_t) override {
    if (broken) return Error{Code::unavailable, "the disk is full"};
    return {};
  }
  static inline bool broken = false;
};

TEST(Store, AWriteThatIsNotOnDiskDidNotHappen) {
  BrokenJournal::broken = true;
  auto store = Store::open(std::make_unique<BrokenJournal>(), Store::Limits{}).value();
  EXPECT_EQ(store->create(key("a"), object("a")).error().code, Code::unavailable);
  EXPECT_EQ(store->get(key("a")), nullptr);
  EXPECT_EQ(store->revision(), 0u);
  BrokenJournal::broken = false;
  EXPECT_TRUE(store->create(key("a"), object("a")).ok());
}

TEST(Store, ManyThreadsLoseNoUpdateAndAllSurvive) {
  TemporaryDirectory folder;
  const std::string path = (folder.path() / "state.db").string();
  constexpr int threads = 8, rounds = 40;
  {
    auto journal = sqlite_journal(path);
    ASSERT_TRUE(journal.ok()) << journal.error().message;
    auto store = Store::open(std::move(*journal), Store::Limits{}).value();
    Value counter = object("counter");
    counter["n"] = 0;
    ASSERT_TRUE(store->create(key("counter"), counter).ok());
    std::vector<std::jthread> workers;
    for (int t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        for (int i = 0; i < rounds; ++i) {
          const std::string name = cat("t", t, "-", i);
          EXPECT_TRUE(store->create(key(name), object(name)).ok());
          for (;;) {
            const RecordPtr now = store->get(key("counter"));
            Value next = *parse_json(now->bytes);
            next["n"] = std::as_const(next)["n"].as_integer() + 1;
            if (store->update(key("counter"), now->version, next).ok()) break;
          }
        }
      });
    workers.clear();
    EXPECT_EQ(parse_json(store->get(key("counter"))->bytes)->at("n").as_integer(), threads * rounds);
  }
  auto store = Store::open(sqlite_journal(path).value(), Store::Limits{}).value();
  EXPECT_EQ(store->count("/things"), static_cast<std::size_t>(threads * rounds + 1));
  EXPECT_EQ(parse_json(store->get(key("counter"))->bytes)->at("n").as_integer(), threads * rounds);
  EXPECT_GE(store->revision(), static_cast<std::uint64_t>(2 * threads * rounds + 1));
}

}  // namespace
}  // namespace masu::apiserver
