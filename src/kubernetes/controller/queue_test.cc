#include "controller/queue.h"

#include <gtest/gtest.h>

namespace masu::controller {
namespace {

using kube::Key;
const Key a{"ml", "a"}, b{"ml", "b"};

TEST(WorkQueue, HandsOutEachKeyOnceHoweverOftenItWasAdded) {
  SimClock clock;
  WorkQueue queue;
  queue.add(a);
  queue.add(b);
  queue.add(a);
  EXPECT_EQ(queue.take(clock.now()), a);
  EXPECT_EQ(queue.take(clock.now()), b);
  EXPECT_EQ(queue.take(clock.now()), std::nullopt);
}

TEST(WorkQueue, HandsOutAKeyAgainThatChangedWhileInWork) {
  SimClock clock;
  WorkQueue queue;
  queue.add(a);
  ASSERT_EQ(queue.take(clock.now()), a);
  queue.add(a);
  EXPECT_EQ(queue.take(clock.now()), std::nullopt) << "never two workers on one key";
  queue.done(a);
  EXPECT_EQ(queue.take(clock.now()), a);
}

TEST(WorkQueue, HoldsADelayedKeyUntilItIsDue) {
  SimClock clock;
  WorkQueue queue;
  queue.add_at(a, clock.now() + 10s);
  queue.add_at(a, clock.now() + 5s);
  queue.add_at(a, clock.now() + 20s);
  EXPECT_EQ(queue.next_due(), clock.now() + 5s);
  EXPECT_EQ(queue.take(clock.now()), std::nullopt);
  clock.advance(5s);
  EXPECT_EQ(queue.take(clock.now()), a);
  EXPECT_EQ(queue.next_due(), std::nullopt);
}

TEST(WorkQueue, CountsFailuresUntilASuccess) {
  WorkQueue queue;
  EXPECT_EQ(queue.failed(a), 1);
  EXPECT_EQ(queue.failed(a), 2);
  queue.succeeded(a);
  EXPECT_EQ(queue.failed(a), 1);
}

}  // namespace
}  // namespace masu::controller
