#include <gtest/gtest.h>

#include "base/text.h"
#include "controlplane/garbage_core.h"

namespace masu::controlplane {
namespace {

const kube::Resource kThings{"x.io", "v1", "things", "Thing", true};

struct OwnerSpec {
  const char* uid;
  bool blocks = false;
};
Item item(const char* uid, std::vector<OwnerSpec> owners = {}, std::vector<std::string> finalizers = {}, bool deleted = false) {
  Item out{kThings, {}};
  out.meta.name = uid;
  out.meta.name_space = "d";
  out.meta.uid = uid;
  out.meta.finalizers = std::move(finalizers);
  if (deleted) out.meta.deleted = Instant{};
  for (const OwnerSpec& owner : owners) out.meta.owners.push_back({"x.io/v1", "Thing", owner.uid, owner.uid, false, owner.blocks});
  return out;
}

/// What happens to `uid`; owners that the graph lacks are as `absent` says.
std::string fate(const std::vector<Item>& items, const char* uid, Owner absent = Owner::gone, bool complete = true) {
  Ownership graph;
  for (const Item& one : items) graph.put(one);
  auto actions = collect(graph, uid, complete, [&](const auto&, const auto&) -> Result<Owner> { return absent; });
  EXPECT_TRUE(actions.ok());
  std::vector<std::string> parts;
  for (const auto& action : *actions) {
    std::string word = controller::describe(action);
    if (const auto* removal = std::get_if<controller::Delete>(&action)) word += cat(" ", removal->propagation);
    parts.push_back(word);
  }
  return join(parts, "; ");
}

TEST(Garbage, DecidesTheFateOfEachObject) {
  EXPECT_EQ(fate({item("a")}, "a"), "") << "nobody's object stays";
  EXPECT_EQ(fate({item("a"), item("b", {{"a"}})}, "b"), "") << "its owner lives";
  EXPECT_EQ(fate({item("b", {{"a"}})}, "b"), "delete things.x.io d/b Background") << "its owner is gone";
  EXPECT_EQ(fate({item("b", {{"a"}})}, "b", Owner::alive), "") << "the cache was behind";
  EXPECT_EQ(fate({item("b", {{"a"}})}, "b", Owner::unknown), "") << "nobody can say";
  EXPECT_EQ(fate({item("a"), item("b", {{"a"}, {"z"}})}, "b"), "patch things.x.io d/b") << "one of two owners is gone";
  EXPECT_EQ(fate({item("b", {{"a"}}, {}, true)}, "b"), "") << "it is going already";
}

TEST(Garbage, ClearsTheTreeBelowAnOwnerThatWaits) {
  const Item root = item("a", {}, {"foregroundDeletion"}, true);
  EXPECT_EQ(fate({root, item("b", {{"a", true}}), item("c", {{"a"}})}, "a"), "delete things.x.io d/b Background") << "only blocking dependents";
  EXPECT_EQ(fate({root, item("b", {{"a", true}}), item("c", {{"b", true}})}, "a"), "delete things.x.io d/b Foreground");
  EXPECT_EQ(fate({root, item("b", {{"a", true}}, {"x/y"}, true)}, "a"), "") << "one is still going";
  EXPECT_EQ(fate({root, item("c", {{"a"}})}, "a"), "patch things.x.io d/a") << "nothing blocks any more";
  EXPECT_EQ(fate({root}, "a", Owner::gone, false), "") << "not before every kind has been seen";
  EXPECT_EQ(fate({root, item("b", {{"a", true}})}, "b"), "delete things.x.io d/b Background") << "seen from below";
}

TEST(Garbage, FreesTheDependentsOfAnOrphaningOwner) {
  const Item root = item("a", {}, {"orphan"}, true);
  EXPECT_EQ(fate({root, item("b", {{"a"}})}, "a"), "patch things.x.io d/b; patch things.x.io d/a");
  EXPECT_EQ(fate({root, item("b", {{"a"}})}, "b"), "") << "the owner is there until it has let go";
}

TEST(Garbage, AnOwnerOfAnotherNamespaceIsNone) {
  Item owner = item("a");
  owner.meta.name_space = "other";
  EXPECT_EQ(fate({owner, item("b", {{"a"}})}, "b"), "delete things.x.io d/b Background");
}

TEST(Garbage, NamesWhoseFateChanged) {
  Ownership graph;
  graph.put(item("a"));
  EXPECT_EQ(graph.put(item("b", {{"a"}})), (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(graph.remove("a"), (std::vector<std::string>{"b"}));
  EXPECT_EQ(graph.remove("b"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(graph.size(), 0u);
}

}  // namespace
}  // namespace masu::controlplane
