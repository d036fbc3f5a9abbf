#include <gtest/gtest.h>

#include "apiserver/rbac.h"
#include "apiserver/testing.h"
#include "base/files.h"
#include "crypto/x509.h"

namespace masu::apiserver {
namespace {

using testing::Cluster;
using testing::Said;

const std::string maps = "/api/v1/namespaces/default/configmaps";
const std::string rbac = "/apis/rbac.authorization.k8s.io/v1";

Cluster with_bob() { return Cluster({.tokens = {{"bobs-token", {.name = "bob", .groups = {"devs"}}}}}); }
void as_bob(Cluster& cluster) {
  cluster.user.clear();
  cluster.headers.set("Authorization", "Bearer bobs-token");
}

TEST(Identity, TokensCertificatesAndNobody) {
  Cluster cluster = with_bob();
  as_bob(cluster);
  const Said me = cluster.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}");
  ASSERT_EQ(me.status, 201) << me.text;
  EXPECT_EQ(me.body.at("status", "userInfo", "username").as_string(), "bob");
  EXPECT_EQ(me.body.at("status", "userInfo", "groups"), Value::array({"devs", "system:authenticated"}));
  cluster.headers.set("Authorization", "Bearer wrong");
  EXPECT_EQ(cluster.get(maps).status, 401);
  cluster.headers.remove("Authorization");
  const Said nobody = cluster.get(maps);
  EXPECT_EQ(nobody.status, 403);
  EXPECT_EQ(nobody.message(), "configmaps is forbidden: User \"system:anonymous\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\"");
  EXPECT_EQ(cluster.get("/version").status, 200);
  EXPECT_EQ(cluster.get("/readyz").text, "ok");
  EXPECT_EQ(cluster.get("/metrics").message(), "forbidden: User \"system:anonymous\" cannot get path \"/metrics\"");
}

TEST(Identity, ACertificatesSubjectIsUserAndGroups) {
  Cluster cluster;
  const auto authority = crypto::make_authority("masu", cluster.clock.now());
  ASSERT_TRUE(authority.ok());
  const auto pair = crypto::make_client_certificate(*authority, {.subject = {"alice", {"system:masters"}}, .now = cluster.clock.now()});
  ASSERT_TRUE(pair.ok());
  net::Request request{.path = maps};
  request.peer.certificate_pem = pair->certificate_pem;
  net::Answer answer = cluster.server->handle(request);
  EXPECT_EQ(std::get<net::Reply>(answer).status, 200);
}

TEST(Identity, ServiceAccountTokensLiveAndDieWithTheirAccount) {
  Cluster cluster;
  const Said token = cluster.post("/api/v1/namespaces/default/serviceaccounts/default/token", R"({"spec":{"expirationSeconds":600}})");
  ASSERT_EQ(token.status, 201) << token.text;
  const std::string text(token.body.at("status", "token").as_string());
  const std::string review = cat(R"({"spec":{"token":")", text, R"("}})");
  const std::string reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
  const Said good = cluster.post(reviews, review);
  EXPECT_TRUE(good.body.at("status", "authenticated").as_bool()) << good.text;
  EXPECT_EQ(good.body.at("status", "user", "username").as_string(), "system:serviceaccount:default:default");
  cluster.advance(601s);
  EXPECT_FALSE(cluster.post(reviews, review).body.at("status", "authenticated").as_bool());
  const std::string second(cluster.post("/api/v1/namespaces/default/serviceaccounts/default/token", "{}").body.at("status", "token").as_string());
  cluster.remove("/api/v1/namespaces/default/serviceaccounts/default");
  const Said dead = cluster.post(reviews, cat(R"({"spec":{"token":")", second, R"("}})"));
  EXPECT_EQ(dead.status, 201);
  EXPECT_FALSE(dead.body.at("status", "authenticated").as_bool());
  EXPECT_EQ(cluster.post("/api/v1/namespaces/default/serviceaccounts/gone/token", "{}").status, 404);
}

TEST(Identity, APodsOwnTokenOutlivesItsHourButNotItsPod) {
  Cluster cluster;
  ASSERT_EQ(cluster.post("/api/v1/namespaces/default/pods", R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})").status, 201);
  const Said token = cluster.post("/api/v1/namespaces/default/serviceaccounts/default/token",
                                  R"({"spec":{"expirationSeconds":3607,"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"p"}}})");
  ASSERT_EQ(token.status, 201) << token.text;
  const std::string review = cat(R"({"spec":{"token":")", token.body.at("status", "token").as_string(), R"("}})");
  const auto good = [&] { return cluster.post("/apis/authentication.k8s.io/v1/tokenreviews", review).body.at("status", "authenticated").as_bool(); };
  cluster.advance(24h * 30);
  EXPECT_TRUE(good());
  cluster.remove("/api/v1/namespaces/default/pods/p");
  EXPECT_FALSE(good());
}

TEST(Identity, TokenFilesAreReadAgainWhenTheyChange) {
  TemporaryDirectory folder;
  ASSERT_TRUE(write_file(folder.path() / "tokens.csv", "t1,ann,1,\"a,b\"\n").ok());
  Cluster cluster({.data = folder.path()});
  cluster.user.clear();
  cluster.headers.set("Authorization", "Bearer t2");
  EXPECT_EQ(cluster.get("/api").status, 401);
  ASSERT_TRUE(write_file(folder.path() / "tokens.csv", "# people\nt1,ann,1,\"a,b\"\nt2,ben,2\n").ok());
  cluster.advance(1s);
  EXPECT_EQ(cluster.get("/api").status, 200);
  EXPECT_FALSE(parse_token_file("only-a-token\n").ok());
}

TEST(Identity, ImpersonationNeedsTheRightAndReplacesTheCaller) {
  Cluster cluster = with_bob();
  cluster.headers.set("Impersonate-User", "carol");
  cluster.headers.set("Impersonate-Group", "devs");
  EXPECT_EQ(cluster.get(maps).message(), "configmaps is forbidden: User \"carol\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\"");
  as_bob(cluster);
  EXPECT_EQ(cluster.get(maps).message(), "users \"carol\" is forbidden: User \"bob\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope");
  cluster.headers.remove("Impersonate-User");
  EXPECT_EQ(cluster.get(maps).status, 400);
}

TEST(Rights, RolesAndBindingsDecide) {
  Cluster cluster = with_bob();
  ASSERT_EQ(cluster.post(rbac + "/namespaces/default/roles", R"({"metadata":{"name":"r"},"rules":[{"apiGroups":[""],"resources":["configmaps"],"verbs":["get","list"],"resourceNames":["a"]}]})").status, 201);
  ASSERT_EQ(cluster.post(rbac + "/namespaces/default/rolebindings",
                         R"({"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"bob"}]})").status, 201);
  cluster.post(maps, R"({"metadata":{"name":"a"}})");
  as_bob(cluster);
  EXPECT_EQ(cluster.get(maps + "/a").status, 200);
  EXPECT_EQ(cluster.get(maps + "/b").status, 403);
  EXPECT_EQ(cluster.get(maps).status, 403);
  EXPECT_EQ(cluster.get(maps + "?fieldSelector=metadata.name%3Da").status, 200);
  EXPECT_EQ(cluster.remove(maps + "/a").status, 403);
  const Said may = cluster.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", R"({"spec":{"resourceAttributes":{"namespace":"default","verb":"get","resource":"configmaps","name":"a"}}})");
  EXPECT_TRUE(may.body.at("status", "allowed").as_bool());
  EXPECT_EQ(may.body.at("status", "reason").as_string(), "RBAC: allowed by RoleBinding \"b/default\" of Role \"r\" to User \"bob\"");
}

TEST(Rights, NobodyGivesWhatHeDoesNotHold) {
  Cluster cluster = with_bob();
  ASSERT_EQ(cluster.post(rbac + "/namespaces/default/rolebindings",
                         R"({"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"admin"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"bob"}]})").status, 201);
  as_bob(cluster);
  EXPECT_EQ(cluster.post(maps, R"({"metadata":{"name":"a"}})").status, 201);
  EXPECT_EQ(cluster.post(rbac + "/namespaces/default/roles", R"({"metadata":{"name":"ok"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]})").status, 201);
  const Said more = cluster.post(rbac + "/namespaces/default/roles", R"({"metadata":{"name":"more"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]})");
  EXPECT_EQ(more.status, 403);
  EXPECT_NE(more.message().find("user \"bob\" (groups=[\"devs\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:"), std::string::npos) << more.message();
  EXPECT_EQ(cluster.post(rbac + "/namespaces/default/rolebindings",
                         R"({"metadata":{"name":"c"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"eve"}]})").status, 403);
  EXPECT_EQ(cluster.post(rbac + "/namespaces/default/rolebindings",
                         R"({"metadata":{"name":"c"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"eve"}]})").status, 201);
}

TEST(Rights, AggregatedRolesFollowTheirParts) {
  Cluster cluster;
  ASSERT_EQ(cluster.post(rbac + "/clusterroles", R"({"metadata":{"name":"widgets","labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true"}},"rules":[{"apiGroups":["example.com"],"resources":["widgets"],"verbs":["get"]}]})").status, 201);
  for (const char* role : {"view", "edit", "admin"}) EXPECT_NE(cluster.get(cat(rbac, "/clusterroles/", role)).text.find("example.com"), std::string::npos) << role;
  cluster.remove(rbac + "/clusterroles/widgets");
  for (const char* role : {"view", "edit", "admin"}) EXPECT_EQ(cluster.get(cat(rbac, "/clusterroles/", role)).text.find("example.com"), std::string::npos) << role;
}

TEST(Rules, Table) {
  struct Row {
    const char* sentence;
    Rule rule;
    Attributes asked;
    bool allowed;
  };
  const std::vector<Row> rows{
      {"a subresource is not its resource", {.verbs = {"get"}, .groups = {""}, .resources = {"pods"}}, {.verb = "get", .plural = "pods", .subresource = "log"}, false},
      {"named with its subresource", {.verbs = {"get"}, .groups = {""}, .resources = {"pods/log"}}, {.verb = "get", .plural = "pods", .subresource = "log"}, true},
      {"all scales", {.verbs = {"get"}, .groups = {"apps"}, .resources = {"*/scale"}}, {.verb = "get", .group = "apps", .plural = "deployments", .subresource = "scale"}, true},
      {"another group", {.verbs = {"*"}, .groups = {""}, .resources = {"*"}}, {.verb = "get", .group = "apps", .plural = "deployments"}, false},
      {"names never match a create", {.verbs = {"create"}, .groups = {""}, .resources = {"pods"}, .names = {"a"}}, {.verb = "create", .plural = "pods"}, false},
      {"a path by prefix", {.verbs = {"get"}, .paths = {"/api/*"}}, {.verb = "get", .resource = false, .path = "/api/v1"}, true},
      {"a path is no resource", {.verbs = {"get"}, .paths = {"*"}}, {.verb = "get", .plural = "pods"}, false},
  };
  for (const Row& row : rows) EXPECT_EQ(row.rule.allows(row.asked), row.allowed) << row.sentence;
}

}  // namespace
}  // namespace masu::apiserver
