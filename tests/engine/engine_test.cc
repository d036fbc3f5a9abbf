/// The life of ordinary objects on the real API server under the real control plane: one thread, a clock turned by hand,
/// and a node that starts each pod at once and ends it when told.
#include <gtest/gtest.h>

#include <filesystem>

#include "apiserver/server.h"
#include "base/files.h"
#include "base/text.h"
#include "controlplane/control_plane.h"
#include "kube/client.h"
#include "value/yaml.h"

namespace masu {
namespace {

namespace resources = kube::resources;
using kube::Key;

class Engine : public testing::Test {
 protected:
  Engine() {
    apiserver::ApiServer::Options options;
    options.clock = &clock_;
    auto server = apiserver::ApiServer::open(std::move(options));
    MASU_CHECK(server.ok(), "an API server in memory opens");
    server_ = std::move(*server);
    transport_ = kube::in_process_transport([this](const net::Request& request) { return server_->handle(request); }, "system:masu",
                                            {"system:masters"});
    client_ = std::make_unique<kube::Client>(*transport_, "test");
    plane_ = std::make_unique<controlplane::ControlPlane>(
        *client_, clock_, controlplane::ControlPlane::Options{.volumes = folder_.path() / "volumes", .root_ca = "pem"});
    apply("{apiVersion: v1, kind: Node, metadata: {name: box, labels: {kubernetes.io/hostname: box}}}");
    patch(
        resources::nodes, {"", "box"},
        R"({status: {capacity: {cpu: "4", memory: 8Gi, pods: "20"}, allocatable: {cpu: "4", memory: 8Gi, pods: "20"}, conditions: [{type: Ready, status: "True"}]}})",
        "status");
    apply("{apiVersion: v1, kind: Namespace, metadata: {name: ml}}");
    settle();
  }

  Value apply(std::string_view yaml) {
    const auto documents = parse_yaml(yaml);
    EXPECT_TRUE(documents.ok()) << (documents.ok() ? "" : documents.error().message);
    Value last;
    for (const YamlDocument& document : *documents) {
      kube::Resource resource = kube::resource_of(document.value);
      resource.namespaced = document.value["metadata"].contains("namespace");
      auto made = client_->create(resource, document.value, Deadline::none());
      EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
      if (made.ok()) last = *made;
    }
    return last;
  }
  void patch(const kube::Resource& resource, const Key& key, std::string_view yaml, std::string_view subresource = {}) {
    const auto done = client_->patch(resource, key, kube::PatchType::merge, parse_yaml_single(yaml)->value, Deadline::none(), subresource);
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message);
  }
  Value get(const kube::Resource& resource, const Key& key) {
    auto found = client_->get(resource, key, Deadline::none());
    return found.ok() ? *found : Value();
  }
  std::vector<Value> list(const kube::Resource& resource, const std::string& space = "ml") {
    return client_->list(resource, space, {}, Deadline::none()).value_or({}).items;
  }
  void remove(const kube::Resource& resource, const Key& key, const std::string& propagation = "Background") {
    const Status removed = client_->remove(resource, key, {.propagation = propagation}, Deadline::none());
    EXPECT_TRUE(removed.ok()) << (removed.ok() ? "" : removed.error().message);
  }

  /// The node: starts what is bound to it, ends what is going.
  bool step_node() {
    bool worked = false;
    for (const Value& pod : list(resources::pods, "")) {
      const Key key = kube::key_of(pod);
      const std::string_view phase = pod.at("status", "phase").as_string();
      if (pod.at("spec", "nodeName").as_string().empty()) continue;
      if (!pod.at("metadata", "deletionTimestamp").is_null()) {
        static_cast<void>(client_->remove(resources::pods, key, {.grace_s = 0}, Deadline::none()));
        worked = true;
      } else if (phase == "Pending") {
        patch(resources::pods, key, R"({status: {phase: Running, conditions: [{type: Ready, status: "True"}]}})", "status");
        worked = true;
      }
    }
    return worked;
  }
  void end_pods(std::string_view phase) {
    for (const Value& pod : list(resources::pods))
      if (pod.at("status", "phase").as_string() == "Running")
        patch(resources::pods, kube::key_of(pod), cat("{status: {phase: ", phase, "}}"), "status");
    settle();
  }
  void settle() {
    for (int idle = 0, steps = 0; idle < 3;) {
      const bool worked = plane_->step() || step_node();
      idle = worked ? 0 : idle + 1;
      server_->tick();
      ASSERT_LT(++steps, 20000) << "it never comes to rest";
    }
  }
  void advance(Duration by) {
    settle();
    for (const Instant until = clock_.now() + by; clock_.now() < until;) {
      const Instant due = plane_->next_due().value_or(until);
      clock_.set(std::clamp(due, clock_.now() + 1ms, until));
      settle();
    }
  }
  std::string phase(const kube::Resource& resource, const Key& key) { return std::string(get(resource, key).at("status", "phase").as_string()); }

  TemporaryDirectory folder_;
  SimClock clock_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<kube::Transport> transport_;
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<controlplane::ControlPlane> plane_;
};

TEST_F(Engine, ANamespaceIsFurnished) {
  EXPECT_TRUE(get(resources::service_accounts, {"ml", "default"}).is_object());
  EXPECT_EQ(get(resources::config_maps, {"ml", "kube-root-ca.crt"}).at("data", "ca.crt"), Value("pem"));
  EXPECT_TRUE(get(resources::storage_classes, {"", "standard"}).is_object());
}

TEST_F(Engine, AQuietClusterSeesNoWrite) {
  apply(
      "{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ml}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}");
  apply(
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ml}, spec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}");
  apply(
      "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s, namespace: ml}, spec: {replicas: 2, serviceName: s, selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: i}]}}}}");
  settle();
  EXPECT_EQ(list(resources::pods).size(), 5u);
  const std::uint64_t revision = server_->store().revision();
  advance(30min);
  EXPECT_EQ(server_->store().revision(), revision);
}

TEST_F(Engine, AJobRunsToItsEndAndGoesWithItsPods) {
  apply(
      "{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ml}, spec: {completions: 3, parallelism: 2, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}");
  settle();
  EXPECT_EQ(list(resources::pods).size(), 2u);
  EXPECT_EQ(list(resources::pods)[0].at("spec", "nodeName"), Value("box"));
  end_pods("Succeeded");
  end_pods("Succeeded");
  const Value job = get(resources::jobs, {"ml", "j"});
  EXPECT_EQ(job.at("status", "succeeded"), Value(3));
  EXPECT_EQ(job.at("status", "conditions")[0]["type"], Value("Complete"));
  remove(resources::jobs, {"ml", "j"});
  settle();
  EXPECT_TRUE(list(resources::pods).empty());
}

TEST_F(Engine, AJobThatFailsTriesAgainAndThenSaysWhy) {
  apply(
      "{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ml}, spec: {backoffLimit: 1, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}");
  settle();
  end_pods("Failed");
  EXPECT_EQ(list(resources::pods).size(), 1u) << "it waits first";
  advance(11s);
  EXPECT_EQ(list(resources::pods).size(), 2u);
  end_pods("Failed");
  EXPECT_EQ(get(resources::jobs, {"ml", "j"}).at("status", "conditions")[0]["reason"], Value("BackoffLimitExceeded"));
}

TEST_F(Engine, AClaimIsBoundToAFolderThatGoesWithIt) {
  apply(
      "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: ml}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}");
  apply(
      "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ml}, spec: {containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]}}");
  settle();
  const Value claim = get(resources::claims, {"ml", "c"});
  EXPECT_EQ(claim.at("status", "phase"), Value("Bound"));
  const Key volume{"", std::string(claim.at("spec", "volumeName").as_string())};
  EXPECT_EQ(phase(resources::volumes, volume), "Bound");
  const std::filesystem::path path = std::string(get(resources::volumes, volume).at("spec", "hostPath", "path").as_string());
  EXPECT_TRUE(std::filesystem::is_directory(path)) << path;
  EXPECT_EQ(phase(resources::pods, {"ml", "p"}), "Running");

  remove(resources::claims, {"ml", "c"});
  settle();
  EXPECT_TRUE(get(resources::claims, {"ml", "c"}).is_object()) << "a pod uses it";
  remove(resources::pods, {"ml", "p"});
  settle();
  EXPECT_TRUE(get(resources::claims, {"ml", "c"}).is_null());
  EXPECT_TRUE(get(resources::volumes, volume).is_null());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Engine, APodThatFitsNowhereSaysWhyUntilItDoes) {
  apply(
      "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ml}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 5}}}]}}");
  settle();
  EXPECT_EQ(get(resources::pods, {"ml", "p"}).at("status", "conditions")[0]["message"], Value("0/1 nodes are available: 1 Insufficient cpu."));
  EXPECT_EQ(list(resources::events)[0]["reason"], Value("FailedScheduling"));
  patch(resources::nodes, {"", "box"}, R"({status: {allocatable: {cpu: "8"}}})", "status");
  settle();
  EXPECT_EQ(phase(resources::pods, {"ml", "p"}), "Running");
}

TEST_F(Engine, ANamespaceGoesWithAllThatIsInIt) {
  apply(
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ml}, spec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}");
  apply(
      "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: ml}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}");
  settle();
  EXPECT_EQ(list(resources::pods).size(), 2u);
  remove(resources::namespaces, {"", "ml"});
  advance(5s);
  EXPECT_TRUE(get(resources::namespaces, {"", "ml"}).is_null());
  EXPECT_TRUE(list(resources::pods).empty());
  EXPECT_TRUE(list(resources::volumes, "").empty());
}

TEST_F(Engine, OwnersGoInTheForegroundOrLetTheirDependentsFree) {
  const char* const kDeployment =
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ml}, spec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}";
  apply(kDeployment);
  settle();
  remove(resources::deployments, {"ml", "d"}, "Foreground");
  settle();
  EXPECT_TRUE(list(resources::deployments).empty());
  EXPECT_TRUE(list(resources::replica_sets).empty());
  EXPECT_TRUE(list(resources::pods).empty());

  apply(kDeployment);
  settle();
  remove(resources::deployments, {"ml", "d"}, "Orphan");
  settle();
  EXPECT_TRUE(list(resources::deployments).empty());
  ASSERT_EQ(list(resources::replica_sets).size(), 1u);
  EXPECT_TRUE(list(resources::replica_sets)[0].at("metadata", "ownerReferences").as_array().empty());
  EXPECT_EQ(list(resources::pods).size(), 1u);
}

TEST_F(Engine, ADeploymentRollsOver) {
  apply(
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ml}, spec: {replicas: 3, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}");
  settle();
  patch(resources::deployments, {"ml", "d"}, "{spec: {template: {spec: {containers: [{name: c, image: j}]}}}}");
  settle();
  for (const Value& pod : list(resources::pods)) EXPECT_EQ(pod.at("spec", "containers")[0]["image"], Value("j"));
  EXPECT_EQ(list(resources::pods).size(), 3u);
  const Value status = get(resources::deployments, {"ml", "d"})["status"];
  EXPECT_EQ(status["updatedReplicas"], Value(3));
  EXPECT_EQ(status["availableReplicas"], Value(3));
}

TEST_F(Engine, PodsOfALostNodeAreCollected) {
  apply("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ml}, spec: {containers: [{name: c, image: i}]}}");
  settle();
  remove(resources::nodes, {"", "box"});
  settle();
  EXPECT_TRUE(get(resources::pods, {"ml", "p"}).is_null());
}

}  // namespace
}  // namespace masu
