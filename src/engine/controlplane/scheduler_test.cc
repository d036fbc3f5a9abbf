#include <gtest/gtest.h>

#include "controlplane/scheduler_core.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

template <class T>
std::shared_ptr<const T> made(const char* text) {
  auto decoded = T::decode(*parse_json(text));
  EXPECT_TRUE(decoded.ok()) << text;
  return std::make_shared<const T>(*decoded);
}

const char* const kNode =
    R"({"metadata":{"name":"n","labels":{"disk":"ssd"}},"status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"3","nvidia.com/gpu":"1"},"conditions":[{"type":"Ready","status":"True"}]}})";

Cluster one_node(const char* pod) {
  Cluster cluster;
  cluster.nodes = {made<Node>(kNode)};
  cluster.pods = {made<Pod>(pod)};
  return cluster;
}

TEST(Scheduler, SaysWhereAPodGoesOrWhyNowhere) {
  struct Row {
    const char *name, *pod, *message;
  };
  const Row rows[] = {
      {"fits", R"({"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"4"}}}]}})", ""},
      {"too much of two things",
       R"({"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"5","nvidia.com/gpu":"2"}}}]}})",
       "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu."},
      {"a resource nobody has", R"({"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"a/b":"1"}}}]}})",
       "0/1 nodes are available: 1 Insufficient a/b."},
      {"selector", R"({"metadata":{"name":"p"},"spec":{"nodeSelector":{"disk":"hdd"}}})",
       "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."},
      {"selector holds", R"({"metadata":{"name":"p"},"spec":{"nodeSelector":{"disk":"ssd"}}})", ""},
      {"affinity",
       R"({"metadata":{"name":"p"},"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"disk","operator":"NotIn","values":["ssd"]}]}]}}}}})",
       "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."},
      {"no claim", R"({"metadata":{"name":"p"},"spec":{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]}})",
       "0/1 nodes are available: persistentvolumeclaim \"c\" not found."},
  };
  for (const Row& row : rows) {
    const auto placements = schedule(one_node(row.pod));
    ASSERT_EQ(placements.size(), 1u) << row.name;
    EXPECT_EQ(placements[0].message, row.message) << row.name;
    EXPECT_EQ(placements[0].kind, *row.message ? Placement::Kind::none : Placement::Kind::bind) << row.name;
  }
}

TEST(Scheduler, RespectsTaintsAndCordons) {
  Cluster cluster = one_node(R"({"metadata":{"name":"p"}})");
  Node node = *cluster.nodes[0];
  node.taints = {{"gpu", "only", "NoSchedule"}};
  cluster.nodes = {std::make_shared<const Node>(node)};
  EXPECT_EQ(schedule(cluster)[0].message, "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: only}.");
  cluster.pods = {made<Pod>(R"({"metadata":{"name":"p"},"spec":{"tolerations":[{"key":"gpu","operator":"Exists"}]}})")};
  EXPECT_EQ(schedule(cluster)[0].node, "n");
  node.taints.clear();
  node.unschedulable = true;
  cluster.nodes = {std::make_shared<const Node>(node)};
  EXPECT_EQ(schedule(cluster)[0].message, "0/1 nodes are available: 1 node(s) were unschedulable.");
  cluster.nodes.clear();
  EXPECT_EQ(schedule(cluster)[0].message, "no nodes available to schedule pods");
}

TEST(Scheduler, PlacesTheMoreImportantFirstAndCountsWhatIsTaken) {
  Cluster cluster = one_node(R"({"metadata":{"name":"low"},"spec":{"containers":[{"resources":{"requests":{"cpu":"3"}}}]}})");
  cluster.pods.push_back(made<Pod>(R"({"metadata":{"name":"high"},"spec":{"priority":10,"containers":[{"resources":{"requests":{"cpu":"3"}}}]}})"));
  auto placements = schedule(cluster);
  ASSERT_EQ(placements.size(), 2u);
  EXPECT_EQ(placements[0].pod->meta.name, "high");
  EXPECT_EQ(placements[0].kind, Placement::Kind::bind);
  EXPECT_EQ(placements[1].message, "0/1 nodes are available: 1 Insufficient cpu.");
  // One that is bound, one assumed, and one that has ended.
  cluster.pods = {
      made<Pod>(R"({"metadata":{"name":"a","uid":"a"},"spec":{"containers":[{"resources":{"requests":{"cpu":"2"}}}]}})"),
      made<Pod>(
          R"({"metadata":{"name":"b"},"spec":{"nodeName":"n","containers":[{"resources":{"requests":{"cpu":"2"}}}]},"status":{"phase":"Succeeded"}})"),
      made<Pod>(R"({"metadata":{"name":"c"},"spec":{"containers":[{"resources":{"requests":{"cpu":"2"}}}]}})")};
  cluster.assumed = {{"a", "n"}};
  placements = schedule(cluster);
  ASSERT_EQ(placements.size(), 1u);
  EXPECT_EQ(placements[0].kind, Placement::Kind::bind);
}

TEST(Scheduler, WaitsForVolumes) {
  Cluster cluster =
      one_node(R"({"metadata":{"name":"p","namespace":"d"},"spec":{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]}})");
  const auto claim = [&](const char* text) { cluster.claims[{"d", "c"}] = made<Claim>(text); };
  cluster.classes["late"] = made<StorageClass>(R"({"metadata":{"name":"late"},"volumeBindingMode":"WaitForFirstConsumer"})");
  claim(R"({"metadata":{"name":"c","namespace":"d"},"spec":{"storageClassName":"now"}})");
  EXPECT_EQ(schedule(cluster)[0].message, "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.");
  claim(R"({"metadata":{"name":"c","namespace":"d"},"spec":{"storageClassName":"late"}})");
  const Placement told = schedule(cluster)[0];
  EXPECT_EQ(told.kind, Placement::Kind::volumes);
  const auto actions = actions_for(told, Instant{});
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(controller::describe(actions[0]), "patch persistentvolumeclaims d/c");
  claim(R"({"metadata":{"name":"c","namespace":"d","annotations":{"volume.kubernetes.io/selected-node":"n"}},"spec":{"storageClassName":"late"}})");
  EXPECT_EQ(schedule(cluster)[0].kind, Placement::Kind::wait);
  claim(R"({"metadata":{"name":"c","namespace":"d"},"spec":{"storageClassName":"late","volumeName":"v"},"status":{"phase":"Bound"}})");
  cluster.volumes["v"] = made<Volume>(
      R"({"metadata":{"name":"v"},"spec":{"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["other"]}]}]}}}})");
  EXPECT_EQ(schedule(cluster)[0].message, "0/1 nodes are available: 1 node(s) had volume node affinity conflict.");
  cluster.volumes.clear();
  EXPECT_EQ(schedule(cluster)[0].kind, Placement::Kind::bind);
}

TEST(Scheduler, WritesARefusalOnce) {
  Cluster cluster = one_node(R"({"metadata":{"name":"p"},"spec":{"nodeSelector":{"a":"b"}}})");
  Placement placement = schedule(cluster)[0];
  ASSERT_EQ(actions_for(placement, Instant{}).size(), 2u);
  Pod pod = *placement.pod;
  kube::set_condition(pod.conditions, {"PodScheduled", "False", "Unschedulable", placement.message, {}}, Instant{});
  placement.pod = std::make_shared<const Pod>(pod);
  EXPECT_TRUE(actions_for(placement, Instant{}).empty());
}

}  // namespace
}  // namespace masu::controlplane
