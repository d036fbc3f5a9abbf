#include <gtest/gtest.h>

#include "base/text.h"
#include "controlplane/namespaces_core.h"
#include "controlplane/volumes_core.h"
#include "value/json.h"

namespace masu::controlplane {
namespace {

template <class T>
T made(std::string_view text) {
  auto decoded = T::decode(*parse_json(text));
  EXPECT_TRUE(decoded.ok()) << text;
  return *decoded;
}
template <class T>
std::shared_ptr<const T> shared(std::string_view text) {
  return std::make_shared<const T>(made<T>(text));
}

std::string said(const controller::Actions& actions) {
  std::vector<std::string> parts;
  for (const auto& action : actions) parts.push_back(controller::describe(action));
  return join(parts, "; ");
}

std::string claim(std::string_view spec, std::string_view metadata = "", std::string_view phase = "Pending") {
  return cat(R"({"metadata":{"name":"c","namespace":"d","uid":"12345678-9")", metadata,
             R"(},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}})", spec, R"(},"status":{"phase":")",
             phase, R"("}})");
}
std::string volume(std::string_view name, std::string_view size, std::string_view more = "", std::string_view phase = "Available") {
  return cat(R"({"metadata":{"name":")", name,
             R"(","annotations":{"pv.kubernetes.io/provisioned-by":"masu.dev/local"}},"spec":{"capacity":{"storage":")", size,
             R"("},"accessModes":["ReadWriteOnce"],"hostPath":{"path":"/data/)", name, R"("})", more, R"(},"status":{"phase":")", phase,
             R"("}})");
}
const char* const kLocal = R"({"metadata":{"name":"local"},"provisioner":"masu.dev/local"})";
const char* const kLate = R"({"metadata":{"name":"local"},"provisioner":"masu.dev/local","volumeBindingMode":"WaitForFirstConsumer"})";

TEST(Claims, FindTheirVolume) {
  struct Row {
    const char *name;
    std::string claim;
    std::vector<std::string> volumes;
    const char *storage_class, *actions, *remark;
  };
  const std::string patches = "patch persistentvolumeclaims d/c; patch persistentvolumeclaims/status d/c";
  const std::string take = "patch persistentvolumes b; " + patches, make = "create persistentvolumes pvc-12345678-9; " + patches +
                                                                           "; event ProvisioningSucceeded on persistentvolumeclaims d/c";
  const Row rows[] = {
      {"no class and no volume", claim(""), {}, "", "", "no persistent volumes available for this claim and no storage class is set"},
      {"the smallest that is big enough",
       claim(""),
       {volume("a", "10Gi"), volume("b", "2Gi"), volume("small", "500Mi")},
       "",
       take.c_str(),
       ""},
      {"one that is kept for it",
       claim(""),
       {volume("a", "1Gi"), volume("b", "9Gi", R"(,"claimRef":{"namespace":"d","name":"c"})")},
       "",
       take.c_str(),
       ""},
      {"none of another's",
       claim(""),
       {volume("a", "1Gi", R"(,"claimRef":{"namespace":"d","name":"c","uid":"old"})")},
       "",
       "",
       "no persistent volumes available for this claim and no storage class is set"},
      {"a new one", claim(R"(,"storageClassName":"local")"), {}, kLocal, make.c_str(), ""},
      {"not yet", claim(R"(,"storageClassName":"local")"), {}, kLate, "", "waiting for first consumer to be created before binding"},
      {"now",
       claim(R"(,"storageClassName":"local")", R"(,"annotations":{"volume.kubernetes.io/selected-node":"n"})"),
       {},
       kLate,
       make.c_str(),
       ""},
      {"an unknown class", claim(R"(,"storageClassName":"x")"), {}, "", "", "storageclass.storage.k8s.io \"x\" not found"},
      {"not a block device",
       claim(R"(,"storageClassName":"local","volumeMode":"Block")"),
       {},
       kLocal,
       "",
       "provisioner masu.dev/local makes file systems only, not volumeMode Block"},
      {"a lost volume",
       claim(R"(,"volumeName":"a")", "", "Bound"),
       {},
       "",
       "patch persistentvolumeclaims/status d/c; event ClaimLost on persistentvolumeclaims d/c",
       ""},
      {"all is well",
       claim(R"(,"volumeName":"a")", "", "Bound"),
       {volume("a", "1Gi", R"(,"claimRef":{"namespace":"d","name":"c","uid":"12345678-9"})")},
       "",
       "",
       ""},
  };
  for (const Row& row : rows) {
    ClaimWorld world{made<Claim>(row.claim), {}, nullptr, false, "/data"};
    for (const std::string& one : row.volumes) world.volumes.push_back(shared<Volume>(one));
    if (*row.storage_class) world.storage_class = shared<StorageClass>(row.storage_class);
    const ClaimDecision decision = decide(world);
    EXPECT_EQ(said(decision.actions), row.actions) << row.name;
    EXPECT_EQ(decision.remark ? decision.remark->message : "", row.remark) << row.name;
    EXPECT_EQ(decision.make_folder.empty(), std::string_view(row.actions).find("create") == std::string_view::npos) << row.name;
  }
}

TEST(Claims, AreKeptWhileAPodUsesThem) {
  const std::string going = claim("", R"(,"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["kubernetes.io/pvc-protection"])");
  EXPECT_EQ(said(decide(ClaimWorld{made<Claim>(going), {}, nullptr, true, "/data"}).actions), "");
  EXPECT_EQ(said(decide(ClaimWorld{made<Claim>(going), {}, nullptr, false, "/data"}).actions), "patch persistentvolumeclaims d/c");
}

TEST(Volumes, FollowTheirClaim) {
  const std::string given = R"(,"claimRef":{"namespace":"d","name":"c","uid":"12345678-9"},"persistentVolumeReclaimPolicy":"Delete")";
  const auto here = shared<Claim>(claim(R"(,"volumeName":"a")", "", "Bound"));
  EXPECT_EQ(said(decide(VolumeWorld{made<Volume>(volume("a", "1Gi", "", "Pending")), nullptr, "/data"}).actions), "patch persistentvolumes/status a");
  EXPECT_EQ(said(decide(VolumeWorld{made<Volume>(volume("a", "1Gi", given)), here, "/data"}).actions), "patch persistentvolumes/status a");
  EXPECT_EQ(said(decide(VolumeWorld{made<Volume>(volume("a", "1Gi", given, "Bound")), here, "/data"}).actions), "");

  VolumeDecision gone = decide(VolumeWorld{made<Volume>(volume("a", "1Gi", given, "Bound")), nullptr, "/data"});
  EXPECT_TRUE(gone.destroy);
  EXPECT_EQ(gone.remove_folder, "/data/a");
  EXPECT_EQ(said(gone.actions), "delete persistentvolumes a");
  gone = decide(VolumeWorld{made<Volume>(volume("a", "1Gi", given, "Bound")), nullptr, "/elsewhere"});
  EXPECT_EQ(gone.remove_folder, "") << "a folder that is not ours is left alone";
  const std::string kept = R"(,"claimRef":{"namespace":"d","name":"c","uid":"12345678-9"},"persistentVolumeReclaimPolicy":"Retain")";
  gone = decide(VolumeWorld{made<Volume>(volume("a", "1Gi", kept, "Bound")), nullptr, "/data"});
  EXPECT_FALSE(gone.destroy);
  EXPECT_EQ(said(gone.actions), "patch persistentvolumes/status a");
}

TEST(Volumes, HaveAStandardClassThatIsTheDefaultIfThereIsNoOther) {
  const auto first = ensure_standard_class({});
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(std::get<controller::Create>(first[0]).object.at("metadata", "annotations", "storageclass.kubernetes.io/is-default-class"),
            Value("true"));
  EXPECT_TRUE(ensure_standard_class({shared<StorageClass>(R"({"metadata":{"name":"standard"}})")}).empty());
  const auto second = ensure_standard_class(
      {shared<StorageClass>(R"({"metadata":{"name":"x","annotations":{"storageclass.kubernetes.io/is-default-class":"true"}}})")});
  EXPECT_TRUE(std::get<controller::Create>(second[0]).object.at("metadata", "annotations").is_null());
}

TEST(Namespaces, GetAnAccountAndTheAuthority) {
  const Namespace space = made<Namespace>(R"({"metadata":{"name":"ml"}})");
  EXPECT_EQ(said(furnish(space, {}, "pem")), "create serviceaccounts ml/default; create configmaps ml/kube-root-ca.crt");
  EXPECT_EQ(said(furnish(space, {true, "old"}, "pem")), "patch configmaps ml/kube-root-ca.crt");
  EXPECT_EQ(said(furnish(space, {true, "pem"}, "pem")), "");
  EXPECT_EQ(said(furnish(made<Namespace>(R"({"metadata":{"name":"ml","deletionTimestamp":"2026-01-01T00:00:00Z"}})"), {}, "pem")), "");
}

TEST(Namespaces, GoWhenNothingIsLeft) {
  Namespace space = made<Namespace>(R"({"metadata":{"name":"ml","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"finalizers":["kubernetes"]}})");
  EXPECT_TRUE(decide_end(space, {{"pods", 0, {}}}, Instant{}).finalize);
  const NamespaceEnd waits = decide_end(space, {{"pods", 2, {"a/b", "a/b"}}}, Instant{});
  EXPECT_FALSE(waits.finalize);
  EXPECT_EQ(said(waits.actions), "patch namespaces/status ml");
  const Value& conditions = std::get<controller::Patch>(waits.actions[0]).patch.at("status", "conditions");
  EXPECT_EQ(conditions[1]["message"], Value("Some content in the namespace has finalizers remaining: a/b in 2 resource instances"));
  space.conditions = kube::decode_conditions(conditions);
  EXPECT_TRUE(decide_end(space, {{"pods", 2, {"a/b", "a/b"}}}, Instant{}).actions.empty()) << "said once";
}

}  // namespace
}  // namespace masu::controlplane
