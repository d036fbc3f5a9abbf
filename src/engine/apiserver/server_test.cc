#include "apiserver/server.h"

#include <gtest/gtest.h>

#include "apiserver/testing.h"
#include "base/files.h"

namespace masu::apiserver {
namespace {

using testing::Cluster;
using testing::in_short;
using testing::Said;

const std::string maps = "/api/v1/namespaces/default/configmaps";
const std::string pods = "/api/v1/namespaces/default/pods";

std::string map(std::string_view name, std::string_view rest = "") { return cat(R"({"metadata":{"name":")", name, R"("})", rest, "}"); }
std::string pod(std::string_view name, std::string_view spec = "") {
  return cat(R"({"metadata":{"name":")", name, R"("},"spec":{"containers":[{"name":"c","image":"busybox"}])", spec, "}}");
}

TEST(Verbs, ConfigMapLifeFromCreateToDelete) {
  Cluster cluster;
  const Said made = cluster.post(maps, map("a", R"(,"data":{"k":"v"})"));
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made["kind"].as_string(), "ConfigMap");
  EXPECT_EQ(made["apiVersion"].as_string(), "v1");
  EXPECT_FALSE(made.body.at("metadata", "uid").as_string().empty());
  EXPECT_EQ(made.body.at("metadata", "creationTimestamp").as_string(), "2026-01-01T00:00:00Z");

  Value changed = made.body;
  changed["data"]["k"] = "w";
  const Said put = cluster.put_object(maps + "/a", changed);
  ASSERT_EQ(put.status, 200) << put.text;
  EXPECT_NE(put.body.at("metadata", "resourceVersion"), made.body.at("metadata", "resourceVersion"));

  const Said stale = cluster.put_object(maps + "/a", made.body);
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.message(), "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again");

  const Said gone = cluster.remove(maps + "/a");
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone["status"].as_string(), "Success");
  EXPECT_EQ(gone.body.at("details", "uid"), made.body.at("metadata", "uid"));
  const Said absent = cluster.get(maps + "/a");
  EXPECT_EQ(absent.status, 404);
  EXPECT_EQ(absent.message(), "configmaps \"a\" not found");
  EXPECT_EQ(absent.body.at("details", "kind").as_string(), "configmaps");
}

TEST(Verbs, AWriteThatChangesNothingKeepsTheVersionAndSaysNothingToWatches) {
  Cluster cluster;
  const Said made = cluster.post(maps, map("a", R"(,"data":{"k":"v"})"));
  auto watch = cluster.watch(cat(maps, "?watch=1&resourceVersion=", made.body.at("metadata", "resourceVersion").as_string()));
  const Said put = cluster.put_object(maps + "/a", made.body);
  const Said patched = cluster.merge(maps + "/a", R"({"data":{"k":"v"}})");
  EXPECT_EQ(put.body.at("metadata", "resourceVersion"), made.body.at("metadata", "resourceVersion"));
  EXPECT_EQ(patched.body.at("metadata", "resourceVersion"), made.body.at("metadata", "resourceVersion"));
  EXPECT_TRUE(watch.take().empty());
}

struct Refused {
  const char* what;
  const char* method;
  std::string target, body;
  int status;
  std::string message;
};

TEST(Verbs, RefusalsAreInUpstreamsWords) {
  Cluster cluster;
  ASSERT_EQ(cluster.post(maps, map("a")).status, 201);
  const std::vector<Refused> rows{
      {"no name", "POST", maps, R"({"metadata":{}})", 422, "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"},
      {"there already", "POST", maps, map("a"), 409, "configmaps \"a\" already exists"},
      {"no namespace", "POST", "/api/v1/namespaces/x/configmaps", map("a"), 404, "namespaces \"x\" not found"},
      {"version on create", "POST", maps, R"({"metadata":{"name":"b","resourceVersion":"1"}})", 400, "resourceVersion should not be set on objects to be created"},
      {"other namespace in body", "POST", maps, R"({"metadata":{"name":"b","namespace":"c"}})", 400, "the namespace of the provided object does not match the namespace sent on the request"},
      {"other name in body", "PUT", maps + "/a", map("b"), 400, "the name of the object (b) does not match the name on the URL (a)"},
      {"unknown field", "POST", maps + "?fieldValidation=Strict", map("b", R"(,"dota":{})"), 400,
       "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dota\""},
      {"unknown resource", "GET", "/api/v1/namespaces/default/widgets", "", 404, "the server could not find the requested resource"},
      {"put of nothing", "PUT", maps + "/z", map("z"), 404, "configmaps \"z\" not found"},
      {"field selector", "GET", maps + "?fieldSelector=spec.x%3D1", "", 400, "field label not supported: spec.x"},
      {"dry run", "POST", maps + "?dryRun=Some", map("b"), 422, "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: []string{\"Some\"}: supported values: \"All\""},
      {"protected", "DELETE", "/api/v1/namespaces/kube-system", "", 403, "namespaces \"kube-system\" is forbidden: this namespace may not be deleted"},
      {"lease without version", "PUT", "/api/v1/nodes/n", R"({"metadata":{"name":"n"}})", 404, "nodes \"n\" not found"},
  };
  for (const Refused& row : rows) {
    const Said said = cluster.say(row.method, row.target, row.body);
    EXPECT_EQ(said.status, row.status) << row.what << ": " << said.text;
    EXPECT_EQ(said.message(), row.message) << row.what;
    EXPECT_EQ(said["code"].as_integer(), row.status) << row.what;
  }
  EXPECT_EQ(cluster.get("/apis/nobody.example.com/v1/things").text, "404 page not found\n");
}

TEST(Verbs, UnknownFieldsWarnUnlessIgnored) {
  Cluster cluster;
  EXPECT_EQ(cluster.post(maps, map("a", R"(,"dota":{})")).headers.get("Warning"), "299 - \"unknown field \\\"dota\\\"\"");
  EXPECT_FALSE(cluster.post(maps + "?fieldValidation=Ignore", map("b", R"(,"dota":{})")).headers.has("Warning"));
  EXPECT_FALSE(cluster.get(maps + "/a").body.contains("dota"));
}

TEST(Verbs, GenerateNameAppendsFiveCharactersAndDryRunStoresNothing) {
  Cluster cluster;
  const Said made = cluster.post(maps, R"({"metadata":{"generateName":"g-"}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.body.at("metadata", "name").as_string().size(), 7u);
  EXPECT_EQ(cluster.post(maps + "?dryRun=All", map("dry")).status, 201);
  EXPECT_EQ(cluster.get(maps + "/dry").status, 404);
  EXPECT_EQ(cluster.merge(cat(maps, "/", made.body.at("metadata", "name").as_string(), "?dryRun=All"), R"({"data":{"a":"b"}})").body.at("data", "a").as_string(), "b");
  EXPECT_TRUE(cluster.get(cat(maps, "/", made.body.at("metadata", "name").as_string()))["data"].is_null());
}

TEST(Verbs, TheThreePatchTypes) {
  Cluster cluster;
  ASSERT_EQ(cluster.post(pods, pod("p")).status, 201);
  EXPECT_EQ(cluster.merge(pods + "/p", R"({"metadata":{"labels":{"a":"1"}}})").body.at("metadata", "labels", "a").as_string(), "1");
  EXPECT_EQ(cluster.say("PATCH", pods + "/p", R"([{"op":"replace","path":"/metadata/labels/a","value":"2"}])", "application/json-patch+json").body.at("metadata", "labels", "a").as_string(), "2");
  const Said strategic = cluster.say("PATCH", pods + "/p", R"({"spec":{"containers":[{"name":"c","image":"nginx"}]}})", "application/strategic-merge-patch+json");
  EXPECT_EQ(strategic["spec"]["containers"][0]["image"].as_string(), "nginx") << strategic.text;
  EXPECT_EQ(strategic["spec"]["containers"][0]["imagePullPolicy"].as_string(), "Always");
  const Said broken = cluster.say("PATCH", pods + "/p", R"([{"op":"remove","path":"/metadata/labels/zzz"}])", "application/json-patch+json");
  EXPECT_EQ(broken.status, 422);
  EXPECT_EQ(broken.message(), "the server rejected our request due to an error in our request");
  EXPECT_EQ(cluster.say("PATCH", pods + "/p", "{}", "text/plain").status, 415);
  EXPECT_EQ(cluster.merge(pods + "/p", R"({"metadata":{"resourceVersion":"1"}})").status, 409);
}

TEST(Lists, PagesAreOneSnapshotAndSelectorsChoose) {
  Cluster cluster;
  for (const char* name : {"a", "b", "c", "d"}) ASSERT_EQ(cluster.post(maps, cat(R"({"metadata":{"name":")", name, R"(","labels":{"n":")", name, R"("}}})")).status, 201);
  const Said first = cluster.get(maps + "?limit=2");
  ASSERT_EQ(first["items"].as_array().size(), 2u);
  EXPECT_EQ(first.body.at("metadata", "remainingItemCount").as_integer(), 2);
  EXPECT_FALSE(first["items"][0].contains("kind"));
  cluster.remove(maps + "/c");
  cluster.post(maps, map("e"));
  const Said second = cluster.get(cat(maps, "?limit=2&continue=", first.body.at("metadata", "continue").as_string()));
  ASSERT_EQ(second["items"].as_array().size(), 2u) << second.text;
  EXPECT_EQ(second["items"][0].at("metadata", "name").as_string(), "c");
  EXPECT_EQ(second["items"][1].at("metadata", "name").as_string(), "d");
  EXPECT_EQ(second.body.at("metadata", "resourceVersion"), first.body.at("metadata", "resourceVersion"));
  EXPECT_TRUE(second.body.at("metadata", "continue").is_null());
  EXPECT_EQ(cluster.get(maps + "?labelSelector=n+in+(a,b),n!=a")["items"].as_array().size(), 1u);
  EXPECT_EQ(cluster.get("/api/v1/configmaps?fieldSelector=metadata.name%3Da")["items"].as_array().size(), 1u);
  EXPECT_EQ(cluster.get("/api/v1/namespaces/nowhere/configmaps")["items"].as_array().size(), 0u);
  EXPECT_EQ(cluster.get(maps + "?resourceVersion=999999").status, 504);
  EXPECT_EQ(cluster.get(maps + "?resourceVersionMatch=Exact").status, 422);
  EXPECT_EQ(cluster.get(maps + "?continue=abc").status, 400);
}

TEST(Watches, EveryChangeAfterTheVersionInOrder) {
  Cluster cluster;
  const Said list = cluster.get(maps);
  const std::string version(list.body.at("metadata", "resourceVersion").as_string());
  cluster.post(maps, map("a"));
  auto watch = cluster.watch(cat(maps, "?watch=True&resourceVersion=", version));
  cluster.merge(maps + "/a", R"({"data":{"k":"v"}})");
  cluster.post("/api/v1/namespaces/kube-system/configmaps", map("other"));
  cluster.remove(maps + "/a");
  const std::vector<Value> events = watch.take();
  EXPECT_EQ(in_short(events), "ADDED a, MODIFIED a, DELETED a");
  EXPECT_EQ(events[0].at("object", "kind").as_string(), "ConfigMap");
  EXPECT_EQ(events[2].at("object", "data", "k").as_string(), "v");
  EXPECT_GT(events[2].at("object", "metadata", "resourceVersion").as_string(), events[1].at("object", "metadata", "resourceVersion").as_string());
}

TEST(Watches, WithoutAVersionThePresentComesFirst) {
  Cluster cluster;
  cluster.post(maps, map("a"));
  auto watch = cluster.watch(maps + "?watch=1");
  EXPECT_EQ(in_short(watch.take()), "ADDED a");
  auto named = cluster.watch(maps + "?watch=1&fieldSelector=metadata.name%3Db&resourceVersion=0");
  cluster.post(maps, map("b"));
  EXPECT_EQ(in_short(named.take()), "ADDED b");
}

TEST(Watches, SelectorsTurnChangesIntoComingAndGoing) {
  Cluster cluster;
  auto watch = cluster.watch(maps + "?watch=1&labelSelector=on%3Dyes");
  cluster.post(maps, map("a"));
  cluster.merge(maps + "/a", R"({"metadata":{"labels":{"on":"yes"}}})");
  cluster.merge(maps + "/a", R"({"data":{"k":"v"}})");
  const Said last = cluster.merge(maps + "/a", R"({"metadata":{"labels":{"on":"no"}}})");
  cluster.remove(maps + "/a");
  const std::vector<Value> events = watch.take();
  EXPECT_EQ(in_short(events), "ADDED a, MODIFIED a, DELETED a");
  EXPECT_EQ(events[2].at("object", "metadata", "labels", "on").as_string(), "yes");
  EXPECT_EQ(events[2].at("object", "metadata", "resourceVersion"), last.body.at("metadata", "resourceVersion"));
}

TEST(Watches, TooOldIsAnErrorEventAndNotAnHttpError) {
  Cluster cluster({.limits = {.events = 5}});
  for (int i = 0; i < 10; ++i) cluster.post(maps, map(cat("m", i)));
  auto watch = cluster.watch(maps + "?watch=1&resourceVersion=1");
  EXPECT_EQ(watch.subscription.status, 200);
  bool finished = false;
  const std::vector<Value> events = watch.take(&finished);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["type"].as_string(), "ERROR");
  EXPECT_EQ(events[0].at("object", "code").as_integer(), 410);
  EXPECT_EQ(events[0].at("object", "reason").as_string(), "Expired");
  EXPECT_TRUE(finished);
}

TEST(Watches, BookmarksStreamingListsAndTheEnd) {
  Cluster cluster;
  cluster.post(maps, map("a"));
  auto watch = cluster.watch(maps + "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=90");
  std::vector<Value> events = watch.take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1]["type"].as_string(), "BOOKMARK");
  EXPECT_EQ(events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"].as_string(), "true");
  cluster.advance(61s);
  EXPECT_EQ(in_short(watch.take()), "BOOKMARK ");
  cluster.advance(30s);
  bool finished = false;
  EXPECT_EQ(in_short(watch.take(&finished)), "BOOKMARK ");
  EXPECT_TRUE(finished);
  EXPECT_EQ(cluster.say("GET", maps + "?watch=1&sendInitialEvents=true").status, 422);
}

TEST(Watches, ASlowOneIsDroppedAndHoldsNobodyUp) {
  Cluster cluster;
  const std::size_t before = cluster.server->store().watchers();
  auto slow = cluster.watch(maps + "?watch=1");
  auto gone = cluster.watch(maps + "?watch=1");
  EXPECT_EQ(cluster.server->store().watchers(), before + 2);
  gone.subscription.stream->close();
  const std::string large(900'000, 'x');
  for (int i = 0; i < 80; ++i) ASSERT_EQ(cluster.post(maps, map(cat("m", i), cat(R"(,"data":{"k":")", large, R"("})"))).status, 201);
  EXPECT_TRUE(slow.subscription.stream->closed());
  EXPECT_EQ(cluster.server->store().watchers(), before);
}

TEST(Deleting, FinalizersHoldAnObjectUntilTheyAreGone) {
  Cluster cluster;
  cluster.post(maps, R"({"metadata":{"name":"a","finalizers":["example.com/x"]}})");
  const Said first = cluster.remove(maps + "/a");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body.at("metadata", "deletionTimestamp").as_string(), "2026-01-01T00:00:00Z");
  EXPECT_EQ(cluster.post(maps, map("a")).message(), "object is being deleted: configmaps \"a\" already exists");
  EXPECT_EQ(cluster.merge(maps + "/a", R"({"metadata":{"finalizers":["example.com/x","example.com/y"]}})").status, 422);
  auto watch = cluster.watch(cat(maps, "?watch=1&resourceVersion=", first.body.at("metadata", "resourceVersion").as_string()));
  EXPECT_EQ(cluster.merge(maps + "/a", R"({"metadata":{"finalizers":null}})").status, 200);
  EXPECT_EQ(in_short(watch.take()), "DELETED a");
  EXPECT_EQ(cluster.get(maps + "/a").status, 404);
}

TEST(Deleting, PreconditionsAndPropagation) {
  Cluster cluster;
  cluster.post(maps, map("a"));
  EXPECT_EQ(cluster.remove(maps + "/a", R"({"preconditions":{"uid":"other"}})").status, 409);
  const Said orphaned = cluster.remove(maps + "/a", R"({"propagationPolicy":"Orphan"})");
  EXPECT_EQ(orphaned.body.at("metadata", "finalizers")[0].as_string(), "orphan") << orphaned.text;
  cluster.post(maps, map("b"));
  EXPECT_EQ(cluster.remove(maps + "/b?propagationPolicy=Foreground").body.at("metadata", "finalizers")[0].as_string(), "foregroundDeletion");
  EXPECT_EQ(cluster.remove(maps + "/b", R"({"propagationPolicy":"Orphan","orphanDependents":true})").status, 422);
}

TEST(Deleting, PodsOnANodeGetTimeOthersDoNot) {
  Cluster cluster;
  cluster.post(pods, pod("free"));
  EXPECT_EQ(cluster.remove(pods + "/free").body.at("metadata", "name").as_string(), "free");
  EXPECT_EQ(cluster.get(pods + "/free").status, 404);

  cluster.post(pods, pod("bound"));
  const Said bound = cluster.post(pods + "/bound/binding", R"({"target":{"kind":"Node","name":"n"}})");
  ASSERT_EQ(bound.status, 201) << bound.text;
  EXPECT_EQ(cluster.post(pods + "/bound/binding", R"({"target":{"kind":"Node","name":"m"}})").status, 409);
  const Said going = cluster.remove(pods + "/bound");
  EXPECT_EQ(going.body.at("metadata", "deletionGracePeriodSeconds").as_integer(), 30);
  EXPECT_EQ(going.body.at("metadata", "deletionTimestamp").as_string(), "2026-01-01T00:00:30Z");
  EXPECT_EQ(cluster.remove(pods + "/bound?gracePeriodSeconds=60").body.at("metadata", "deletionGracePeriodSeconds").as_integer(), 30);
  EXPECT_EQ(cluster.remove(pods + "/bound?gracePeriodSeconds=5").body.at("metadata", "deletionGracePeriodSeconds").as_integer(), 5);
  EXPECT_EQ(cluster.merge(pods + "/bound/status", R"({"status":{"phase":"Running"}})").status, 200);
  EXPECT_EQ(cluster.get(pods + "/bound").status, 200);
  EXPECT_EQ(cluster.remove(pods + "/bound?gracePeriodSeconds=0").status, 200);
  EXPECT_EQ(cluster.get(pods + "/bound").status, 404);
}

TEST(Deleting, CollectionsBySelector) {
  Cluster cluster;
  cluster.post(maps, R"({"metadata":{"name":"a","labels":{"x":"1"}}})");
  cluster.post(maps, map("b"));
  EXPECT_EQ(cluster.remove(maps + "?labelSelector=x%3D1")["items"].as_array().size(), 1u);
  EXPECT_EQ(cluster.get(maps)["items"].as_array().size(), 1u);
}

TEST(Namespaces, TerminatingOnesTakeNothingNewAndGoByFinalize) {
  Cluster cluster;
  const Said made = cluster.post("/api/v1/namespaces", map("ml"));
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made["metadata"]["labels"]["kubernetes.io/metadata.name"].as_string(), "ml");
  EXPECT_EQ(made.body.at("status", "phase").as_string(), "Active");
  EXPECT_EQ(made.body.at("spec", "finalizers")[0].as_string(), "kubernetes");
  EXPECT_EQ(cluster.remove("/api/v1/namespaces/ml").body.at("status", "phase").as_string(), "Terminating");
  const Said refused = cluster.post("/api/v1/namespaces/ml/configmaps", map("a"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body.at("details", "causes")[0]["reason"].as_string(), "NamespaceTerminating");
  EXPECT_EQ(cluster.put("/api/v1/namespaces/ml/finalize", R"({"metadata":{"name":"ml"},"spec":{"finalizers":[]}})").status, 200);
  EXPECT_EQ(cluster.get("/api/v1/namespaces/ml").status, 404);
}

TEST(Subresources, StatusAndMainPathKeepOutOfEachOthersWay) {
  Cluster cluster;
  const std::string jobs = "/apis/batch/v1/namespaces/default/jobs";
  const Said made = cluster.post(jobs, R"({"metadata":{"name":"j"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}},"status":{"active":7}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_TRUE(made.body.at("status", "active").is_null());
  EXPECT_EQ(made.body.at("metadata", "generation").as_integer(), 1);
  const Said status = cluster.merge(jobs + "/j/status", R"({"status":{"active":1},"spec":{"parallelism":9}})");
  EXPECT_EQ(status.body.at("status", "active").as_integer(), 1);
  EXPECT_EQ(status.body.at("spec", "parallelism").as_integer(), 1);
  EXPECT_EQ(status.body.at("metadata", "generation").as_integer(), 1);
  const Said main = cluster.merge(jobs + "/j", R"({"status":{"active":5},"spec":{"parallelism":2}})");
  EXPECT_EQ(main.body.at("status", "active").as_integer(), 1);
  EXPECT_EQ(main.body.at("metadata", "generation").as_integer(), 2);
}

TEST(Subresources, ScaleReadsAndWritesReplicas) {
  Cluster cluster;
  const std::string sets = "/apis/apps/v1/namespaces/default/statefulsets";
  const Said made = cluster.post(sets, R"({"metadata":{"name":"s"},"spec":{"serviceName":"s","selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(cluster.get(sets + "/s/scale").body.at("spec", "replicas").as_integer(), 1);
  EXPECT_EQ(cluster.merge(sets + "/s/scale", R"({"spec":{"replicas":3}})").body.at("spec", "replicas").as_integer(), 3);
  EXPECT_EQ(cluster.get(sets + "/s").body.at("spec", "replicas").as_integer(), 3);
  EXPECT_EQ(cluster.get(sets + "/s/scale").body.at("status", "selector").as_string(), "a=b");
}

TEST(Subresources, LogsGoToTheNodeOfThePod) {
  Cluster cluster;
  cluster.post("/api/v1/nodes", R"({"metadata":{"name":"n","annotations":{"node.masu.dev/address":"unix:/run/agent.sock"}}})");
  cluster.post(pods, R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"},{"name":"d","image":"i"}]}})");
  EXPECT_EQ(cluster.get(pods + "/p/log").message(), "a container name must be specified for pod p, choose one of: [c d]");
  EXPECT_EQ(cluster.get(pods + "/p/log?container=x").message(), "container x is not valid for pod p");
  cluster.post(pods + "/p/binding", R"({"target":{"name":"n"}})");
  net::Answer answer = cluster.ask("GET", pods + "/p/log?container=d&follow=true");
  const auto* relay = std::get_if<net::Relay>(&answer);
  ASSERT_NE(relay, nullptr);
  EXPECT_EQ(relay->address, "unix:/run/agent.sock");
  EXPECT_EQ(relay->request.path, "/containerLogs/default/p/d");
  EXPECT_EQ(relay->request.query.get("follow"), "true");
}

TEST(Subresources, StreamsThatAreNotServedAreToldInWords) {
  Cluster cluster;
  cluster.post(pods, R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  const Said said = cluster.get(pods + "/p/exec?command=sh");
  EXPECT_EQ(said.status, 501);
  EXPECT_EQ(said.message(), "pods/exec is not served by masu's own engine: kubectl exec, attach, cp and port-forward need a cluster. "
                            "\"kubectl logs\" shows what a container says (docs/engine.md)");
  EXPECT_EQ(cluster.get("/api/v1").text.find("pods/exec"), std::string::npos) << "not offered either";
}

TEST(Tables, RowsWithCellsAndMetadata) {
  Cluster cluster;
  cluster.post(maps, map("a", R"(,"data":{"k":"v"})"));
  cluster.headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  cluster.advance(125s);
  const Said table = cluster.get(maps);
  EXPECT_EQ(table["kind"].as_string(), "Table");
  EXPECT_EQ(table["rows"][0]["cells"], Value::array({"a", 1, "2m5s"}));
  EXPECT_EQ(table["rows"][0]["object"]["kind"].as_string(), "PartialObjectMetadata");
  EXPECT_EQ(cluster.get(maps + "/nothing")["kind"].as_string(), "Status");
  cluster.headers.set("Accept", "application/cbor");
  EXPECT_EQ(cluster.get(maps).status, 406);
}

TEST(Events, AreForgottenAnHourAfterTheyWereLastSeen) {
  Cluster cluster;
  const std::string events = "/api/v1/namespaces/default/events";
  const std::string about = R"("involvedObject":{"kind":"Pod","name":"p","namespace":"default"},"reason":"Started","type":"Normal")";
  ASSERT_EQ(cluster.post(events, cat(R"({"metadata":{"name":"old"},)", about, "}")).status, 201);
  cluster.advance(30min);
  ASSERT_EQ(cluster.post(events, cat(R"({"metadata":{"name":"young"},)", about, "}")).status, 201);
  EXPECT_EQ(cluster.get(events)["items"].as_array().size(), 2u);
  cluster.advance(31min);
  EXPECT_EQ(cluster.get(events)["items"].as_array().size(), 1u);
  EXPECT_EQ(cluster.get(events)["items"][0].at("metadata", "name").as_string(), "young");
}

TEST(Discovery, BothAggregatedFormsAndTheOldOne) {
  Cluster cluster;
  EXPECT_EQ(cluster.get("/version")["gitVersion"].as_string(), "v1.30.4+masu");
  EXPECT_EQ(cluster.get("/api")["kind"].as_string(), "APIVersions");
  EXPECT_EQ(cluster.get("/apis")["groups"][0]["name"].as_string(), "apiextensions.k8s.io");
  EXPECT_EQ(cluster.get("/apis/batch")["preferredVersion"]["groupVersion"].as_string(), "batch/v1");
  const Said list = cluster.get("/api/v1");
  EXPECT_NE(list.text.find(R"({"group":"policy","kind":"Eviction","name":"pods/eviction")"), std::string::npos);
  EXPECT_EQ(cluster.get("/apis/unknown.io").text, "404 page not found\n");
  for (const char* version : {"v2", "v2beta1"}) {
    cluster.headers.set("Accept", cat("application/json;g=apidiscovery.k8s.io;v=", version, ";as=APIGroupDiscoveryList,application/json"));
    const Said core = cluster.get("/api");
    EXPECT_EQ(core.headers.get("Content-Type"), cat("application/json;g=apidiscovery.k8s.io;v=", version, ";as=APIGroupDiscoveryList"));
    EXPECT_EQ(core["items"].as_array().size(), 1u);
    EXPECT_EQ(core["items"][0]["versions"][0]["version"].as_string(), "v1");
    const Said groups = cluster.get("/apis");
    EXPECT_GT(groups["items"].as_array().size(), 5u);
    cluster.headers.set("If-None-Match", groups.headers.get("ETag"));
    EXPECT_EQ(cluster.get("/apis").status, 304);
    cluster.headers.remove("If-None-Match");
  }
}

TEST(Discovery, OpenApiDocumentsAreNamedByTheirContent) {
  Cluster cluster;
  const std::string url(cluster.get("/openapi/v3")["paths"]["api/v1"]["serverRelativeURL"].as_string());
  const Said document = cluster.get(url);
  EXPECT_EQ(document.status, 200);
  EXPECT_EQ(document.headers.get("Cache-Control"), "public, immutable");
  cluster.headers.set("If-None-Match", document.headers.get("ETag"));
  EXPECT_EQ(cluster.get(url).status, 304);
  EXPECT_EQ(cluster.get("/openapi/v3/apis/nobody/v1").status, 404);
  cluster.headers.set("Accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
  EXPECT_EQ(cluster.get("/openapi/v2").headers.get("Content-Type"), "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
}

TEST(Restart, WhatWasAcknowledgedIsThereAndOldWatchesAreTold) {
  TemporaryDirectory folder;
  std::string version;
  {
    Cluster cluster({.data = folder.path()});
    version = cluster.post(maps, map("a", R"(,"data":{"k":"v"})")).body.at("metadata", "resourceVersion").as_string();
    cluster.post(maps, map("b"));
    cluster.remove(maps + "/b");
  }
  Cluster cluster({.data = folder.path()});
  EXPECT_EQ(cluster.get(maps + "/a").body.at("data", "k").as_string(), "v");
  EXPECT_EQ(cluster.get(maps + "/a").body.at("metadata", "resourceVersion").as_string(), version);
  EXPECT_EQ(cluster.get(maps + "/b").status, 404);
  EXPECT_EQ(in_short(cluster.watch(cat(maps, "?watch=1&resourceVersion=", version)).take()), "ERROR ");
  EXPECT_GT(cluster.server->store().revision(), std::stoull(version));
}

}  // namespace
}  // namespace masu::apiserver
