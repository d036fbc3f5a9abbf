#include <gtest/gtest.h>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/messages.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver::builtin {
namespace {

Value json(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value.ok()) << text;
  return value.ok() ? *value : Value();
}

const Kind& kind(std::string_view group, std::string_view plural) {
  const Kind* found = find(group, "v1", plural);
  EXPECT_NE(found, nullptr) << plural;
  return *found;
}

// ---- A small protobuf writer for tests

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string len(int number, std::string_view bytes) { return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes); }
std::string num(int number, std::uint64_t value) { return varint(number << 3) + varint(value); }
std::string envelope(std::string_view api_version, std::string_view kind, std::string_view object) {
  return std::string("k8s\0", 4) + len(1, len(1, api_version) + len(2, kind)) + len(2, object) + len(3, "") + len(4, "");
}
std::string map_entry(int number, std::string_view key, std::string_view value) { return len(number, len(1, key) + len(2, value)); }

TEST(Messages, KnowEveryKindsRow) {
  for (const Kind& each : all()) EXPECT_NE(find_message(each.message), nullptr) << each.message;
  const Message& pod = *find_message("core/v1.Pod");
  ASSERT_NE(field_at(pod, "spec.containers.env"), nullptr);
  EXPECT_EQ(field_at(pod, "spec.containers.env")->merge_key, "name");
  EXPECT_EQ(field_at(pod, "spec.volumes.hostPath.path")->type, Field::Type::string) << "inlined sources stand in the volume";
  EXPECT_EQ(field_at(pod, "metadata.labels.a"), nullptr);
  EXPECT_EQ(field_at(pod, "spec.nothing"), nullptr);
}

TEST(Messages, AreWhatTheGeneratorMakes) {
  // The published types lie in Go's module cache, where there is one; elsewhere the committed table stands.
  const auto modules = run({.argv = {"go", "env", "GOMODCACHE"}}, Deadline::after(10s));
  if (!modules.ok() || modules->exit_code != 0 || !find_program("python3")) GTEST_SKIP() << "needs go and python3";
  const std::filesystem::path types = std::filesystem::path(trim(modules->output)) / "k8s.io";
  if (!exists(types / "api@v0.30.4")) GTEST_SKIP() << "needs the module k8s.io/api@v0.30.4 in " << types;
  const std::filesystem::path here = std::filesystem::path(MASU_SOURCE_DIR) / "src/engine/apiserver/builtin";
  const auto made = run({.argv = {"python3", here / "generate_messages.py", types}}, Deadline::after(60s));
  ASSERT_TRUE(made.ok() && made->exit_code == 0) << (made.ok() ? made->errors : made.error().message);
  EXPECT_TRUE(made->output == *read_file(here / "messages.def")) << "run generate_messages.py anew";
}

TEST(Protobuf, ReadsAConfigMap) {
  const std::string metadata = len(1, "a") + len(3, "default") + num(7, 0) + len(8, "");
  const auto object = decode_protobuf(
      envelope("v1", "ConfigMap", len(1, metadata) + map_entry(2, "k", "v") + map_entry(2, "empty", "") + map_entry(3, "b", "\x01\x02")));
  ASSERT_TRUE(object.ok()) << object.error().message;
  EXPECT_EQ(
      *object,
      json(
          R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"data":{"k":"v","empty":""},"binaryData":{"b":"AQI="}})"));
}

TEST(Protobuf, KeepsAPresentZeroOnlyWhereItMeansSomething) {
  const std::string container = len(1, "c") + len(2, "busybox") + len(8, map_entry(1, "cpu", len(1, "500m"))) + num(16, 0) + len(15, num(4, 0));
  const std::string port = len(1, "") + num(3, 8080) + len(4, "");
  const auto object = decode_protobuf(envelope(
      "apps/v1", "Deployment", len(1, len(1, "d")) + len(2, num(1, 0) + len(3, len(2, len(2, container + len(6, port)) + num(4, 0))))));
  ASSERT_TRUE(object.ok()) << object.error().message;
  EXPECT_EQ(object->at("spec", "replicas"), Value(0));
  const Value& pod = object->at("spec", "template", "spec");
  EXPECT_EQ(pod["terminationGracePeriodSeconds"], Value(0));
  EXPECT_EQ(pod["containers"][0]["resources"], json(R"({"limits":{"cpu":"500m"}})"));
  EXPECT_FALSE(pod["containers"][0].contains("stdin")) << "a false that is no pointer is absent";
  EXPECT_EQ(pod["containers"][0]["ports"][0], json(R"({"containerPort":8080})"));
}

TEST(Protobuf, ReadsTimesUnionsAndQuestions) {
  const auto lease =
      decode_protobuf(envelope("coordination.k8s.io/v1", "Lease",
                               len(1, len(1, "l")) + len(2, len(1, "me") + num(2, 15) + len(4, num(1, 1767225600) + num(2, 5000)))));
  ASSERT_TRUE(lease.ok()) << lease.error().message;
  EXPECT_EQ(lease->at("spec", "renewTime"), Value("2026-01-01T00:00:00.000005Z"));
  const auto review = decode_protobuf(
      envelope("authorization.k8s.io/v1", "SelfSubjectAccessReview", len(2, len(1, len(1, "ns") + len(2, "get") + len(5, "pods")))));
  ASSERT_TRUE(review.ok()) << review.error().message;
  EXPECT_EQ(review->at("spec", "resourceAttributes"), json(R"({"namespace":"ns","verb":"get","resource":"pods"})"));
  const auto options = decode_protobuf(envelope("v1", "DeleteOptions", num(1, 0) + len(4, "Background")));
  ASSERT_TRUE(options.ok()) << options.error().message;
  EXPECT_EQ(options->at("gracePeriodSeconds"), Value(0));
  const auto service = decode_protobuf(envelope("v1", "Service", len(2, len(1, num(3, 80) + len(4, num(1, 1) + num(2, 0) + len(3, "http"))))));
  ASSERT_TRUE(service.ok()) << service.error().message;
  EXPECT_EQ(service->at("spec", "ports")[0], json(R"({"port":80,"targetPort":"http"})"));
}

TEST(Protobuf, RefusesBrokenBytesAndSkipsUnknownNumbers) {
  for (const std::string& bytes : {std::string("{}"), std::string("k8s\0\xff\xff", 6), envelope("v1", "ConfigMap", "\x0a\x7f"),
                                   envelope("v1", "ConfigMap", num(1, 3))}) {
    const auto object = decode_protobuf(bytes);
    ASSERT_FALSE(object.ok());
    EXPECT_EQ(object.error().code, Code::malformed);
  }
  EXPECT_EQ(decode_protobuf(envelope("v9", "Nothing", "")).error().code, Code::unsupported);
  EXPECT_TRUE(decode_protobuf(envelope("v1", "ConfigMap", len(99, "future"))).ok());
}

TEST(Strictness, NamesUnknownMembersAndWrongTypes) {
  const Kind& pods = kind("", "pods");
  const Value pod = json(
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"any":"x"},"nmae":1},"spec":{"containers":[{"name":"c","imagee":"x","env":[{"name":"A","vaule":"1"}]}],"x":1}})");
  EXPECT_EQ(unknown_fields(pods, pod),
            (std::vector<std::string>{"metadata.nmae", "spec.containers[0].env[0].vaule", "spec.containers[0].imagee", "spec.x"}));
  Value pruned = pod;
  prune(pods, pruned);
  EXPECT_TRUE(unknown_fields(pods, pruned).empty());
  EXPECT_EQ(pruned.at("spec", "containers")[0]["env"], json(R"([{"name":"A"}])"));

  struct Row {
    const char* object;
    const char* message;
  };
  for (const Row& row :
       {Row{R"({"spec":{"priority":"high"}})", "json: cannot unmarshal string into Go struct field PodSpec.spec.priority of type int32"},
        Row{R"({"spec":{"containers":[{"image":5}]}})",
            "json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string"},
        Row{R"({"spec":{"containers":{}}})",
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"},
        Row{R"({"spec":{"priority":3000000000}})",
            "json: cannot unmarshal number 3000000000 into Go struct field PodSpec.spec.priority of type int32"},
        Row{R"({"spec":{"containers":[{"resources":{"limits":{"cpu":"lots"}}}]}})", "quantities must be"}}) {
    const Status status = check_types(pods, json(row.object));
    ASSERT_FALSE(status.ok()) << row.object;
    EXPECT_EQ(status.error().code, Code::malformed);
    EXPECT_NE(status.error().message.find(row.message), std::string::npos) << status.error().message;
  }
  EXPECT_TRUE(
      check_types(
          pods,
          json(
              R"({"metadata":{"creationTimestamp":null},"spec":{"containers":[{"name":"c","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":2}}}]}})"))
          .ok());
}

TEST(Merge, FollowsTheTable) {
  const Kind& pods = kind("", "pods");
  const MergeSchema schema = merge_schema(pods);
  EXPECT_EQ(schema("spec.containers").key, "name");
  EXPECT_EQ(schema("spec.containers.ports").key, "containerPort");
  EXPECT_EQ(schema("spec.containers.args").strategy, ListMerge::Strategy::replace);
  EXPECT_EQ(schema("metadata.finalizers").strategy, ListMerge::Strategy::merge_values);
  EXPECT_TRUE(schema("spec.volumes").retain_keys);
  EXPECT_TRUE(merge_schema(kind("apps", "deployments"))("spec.strategy").retain_keys);
  EXPECT_EQ(merge_schema(kind("", "services"))("spec.ports").key, "port");

  EXPECT_EQ(apply_rule(pods, "spec.containers.ports").keys, (std::vector<std::string>{"containerPort", "protocol"}));
  EXPECT_EQ(apply_rule(pods, "metadata.finalizers").type, ApplyRule::Type::set);
  EXPECT_EQ(apply_rule(pods, "spec.containers.args").type, ApplyRule::Type::atomic);
  EXPECT_EQ(apply_rule(kind("apps", "deployments"), "spec.selector").type, ApplyRule::Type::atomic);
  EXPECT_EQ(apply_rule(pods, "metadata.labels").type, ApplyRule::Type::granular);
}

TEST(Defaults, OfAPodAreUpstreams) {
  const Kind& pods = kind("", "pods");
  Value pod = json(
      R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"reg:5000/a/b","resources":{"limits":{"cpu":"1000m","memory":"1024Mi"}},
    "ports":[{"containerPort":80}],"readinessProbe":{"httpGet":{"port":80}}}],"volumes":[{"name":"v"},{"name":"s","secret":{"secretName":"x"}}]}})");
  apply_defaults(pods, pod);
  const Value& spec = std::as_const(pod)["spec"];
  const Value& container = spec["containers"][0];
  EXPECT_EQ(container["imagePullPolicy"], Value("Always"));
  EXPECT_EQ(container["resources"], json(R"({"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1","memory":"1Gi"}})"));
  EXPECT_EQ(container["ports"], json(R"([{"containerPort":80,"protocol":"TCP"}])"));
  EXPECT_EQ(
      container["readinessProbe"],
      json(
          R"({"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1})"));
  EXPECT_EQ(spec["volumes"], json(R"([{"name":"v","emptyDir":{}},{"name":"s","secret":{"secretName":"x","defaultMode":420}}])"));
  EXPECT_EQ(spec["restartPolicy"], Value("Always"));
  EXPECT_EQ(spec["terminationGracePeriodSeconds"], Value(30));
  Value again = pod;
  apply_defaults(pods, again);
  EXPECT_EQ(again, pod) << "defaulting twice changes nothing";
  prepare_create(pods, pod);
  EXPECT_EQ(std::as_const(pod)["status"], json(R"({"phase":"Pending","qosClass":"Guaranteed"})"));
}

TEST(Defaults, AreIdempotentAndKnownForEveryKind) {
  for (const Kind& each : all()) {
    Value object = json(R"({"metadata":{"name":"x"}})");
    apply_defaults(each, object);
    Value again = object;
    apply_defaults(each, again);
    EXPECT_EQ(again, object) << each.kind;
    EXPECT_TRUE(unknown_fields(each, object).empty()) << each.kind << " " << to_json(object);
    EXPECT_TRUE(check_types(each, object).ok()) << each.kind << " " << to_json(object);
  }
}

TEST(Admission, GivesAPodItsAccountTokenTolerationsAndPriority) {
  Value pod = json(R"({"metadata":{"name":"p","namespace":"ml","uid":"12345678-0"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  EXPECT_EQ(admit_pod(pod, nullptr, nullptr).error().message,
            "pods \"p\" is forbidden: error looking up service account ml/default: serviceaccount \"default\" not found");
  const Value account = json(R"({"metadata":{"name":"default"}})"), high = json(R"({"metadata":{"name":"high"},"value":100})");
  ASSERT_TRUE(admit_pod(pod, &account, &high).ok());
  const Value& spec = std::as_const(pod)["spec"];
  EXPECT_EQ(spec["priority"], Value(100));
  EXPECT_EQ(spec["tolerations"].as_array().size(), 2u);
  EXPECT_EQ(spec["volumes"][0]["name"], spec["containers"][0]["volumeMounts"][0]["name"]);
  EXPECT_EQ(spec["serviceAccountName"], Value("default"));
  EXPECT_TRUE(unknown_fields(kind("", "pods"), pod).empty());
}

std::string causes_text(const std::vector<Cause>& causes) {
  std::string out;
  for (const Cause& cause : causes) out += cat(cause.field, ": ", cause.message, "\n");
  return out;
}

TEST(Validate, SaysWhatIsWrongInUpstreamsWords) {
  struct Row {
    const char *group, *plural, *object, *field, *reason;
  };
  const Row rows[] = {
      {"", "pods", R"({"metadata":{"name":"P","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i"}]}})", "metadata.name",
       "FieldValueInvalid"},
      {"", "pods", R"({"metadata":{"name":"p","namespace":"d"},"spec":{}})", "spec.containers", "FieldValueRequired"},
      {"", "pods", R"({"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[{"name":"c"}]}})", "spec.containers[0].image",
       "FieldValueRequired"},
      {"", "pods",
       R"({"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}]}]}})",
       "spec.containers[0].volumeMounts[0].name", "FieldValueNotFound"},
      {"", "pods",
       R"({"metadata":{"name":"p","namespace":"d"},"spec":{"restartPolicy":"Sometimes","containers":[{"name":"c","image":"i"}]}})",
       "spec.restartPolicy", "FieldValueNotSupported"},
      {"", "pods", R"({"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i"},{"name":"c","image":"i"}]}})",
       "spec.containers[1].name", "FieldValueDuplicate"},
      {"", "configmaps", R"({"metadata":{"name":"c","namespace":"d","labels":{"a b":"c"}}})", "metadata.labels", "FieldValueInvalid"},
      {"", "configmaps", R"({"metadata":{"namespace":"d"}})", "metadata.name", "FieldValueRequired"},
      {"", "services", R"({"metadata":{"name":"1s","namespace":"d"},"spec":{"ports":[{"port":80}]}})", "metadata.name",
       "FieldValueInvalid"},
      {"batch", "jobs",
       R"({"metadata":{"name":"j","namespace":"d"},"spec":{"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}}})",
       "spec.template.spec.restartPolicy", "FieldValueRequired"},
      {"", "persistentvolumeclaims", R"({"metadata":{"name":"c","namespace":"d"},"spec":{"accessModes":["ReadWriteOnce"]}})",
       "spec.resources[storage]", "FieldValueRequired"},
      {"apps", "deployments",
       R"({"metadata":{"name":"x","namespace":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}}})",
       "spec.template.metadata.labels", "FieldValueInvalid"},
      {"rbac.authorization.k8s.io", "roles", R"({"metadata":{"name":"a:b","namespace":"d"},"rules":[{"verbs":["get"],"apiGroups":[""]}]})",
       "rules[0].resources", "FieldValueRequired"},
      {"apiextensions.k8s.io", "customresourcedefinitions",
       R"({"metadata":{"name":"x.y"},"spec":{"group":"a.b","scope":"Namespaced","names":{"plural":"ws","kind":"W"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}})",
       "metadata.name", "FieldValueInvalid"},
  };
  for (const Row& row : rows) {
    const Kind& of = kind(row.group, row.plural);
    Value object = json(row.object);
    apply_defaults(of, object);
    const auto causes = validate(of, object, nullptr);
    ASSERT_EQ(causes.size(), 1u) << row.object << "\n" << causes_text(causes);
    EXPECT_EQ(causes[0].field, row.field) << causes_text(causes);
    EXPECT_EQ(causes[0].reason, row.reason) << causes_text(causes);
  }
}

TEST(Validate, KnowsTheVolumesThatAStatefulSetsClaimsWillBe) {
  const Kind& sets = kind("apps", "statefulsets");
  Value set = json(
      R"({"metadata":{"name":"s","namespace":"d"},"spec":{"serviceName":"s","selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[
    {"name":"c","image":"i","volumeMounts":[{"name":"data","mountPath":"/d"}]}]}},"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}})");
  apply_defaults(sets, set);
  EXPECT_EQ(causes_text(validate(sets, set, nullptr)), "");
  EXPECT_TRUE(unknown_fields(sets, set).empty()) << "a claim in a template has apiVersion and kind";
}

TEST(Validate, RefusesChangesOfWhatIsFixed) {
  const Kind& jobs = kind("batch", "jobs");
  Value job = json(
      R"({"metadata":{"name":"j","namespace":"d","uid":"u"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}})");
  apply_defaults(jobs, job);
  prepare_create(jobs, job);
  EXPECT_EQ(causes_text(validate(jobs, job, nullptr)), "");
  EXPECT_EQ(std::as_const(job).at("spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"), Value("u"));
  Value changed = job;
  changed["spec"]["template"]["spec"]["containers"].array()[0]["image"] = "other";
  EXPECT_EQ(causes_text(validate(jobs, changed, &job)).find("spec.template: Invalid value"), 0u);
  changed = job;
  changed["spec"]["parallelism"] = 3;
  changed["spec"]["suspend"] = true;
  EXPECT_EQ(causes_text(validate(jobs, changed, &job)), "");

  const Kind& pods = kind("", "pods");
  Value pod = json(R"({"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  apply_defaults(pods, pod);
  changed = pod;
  changed["spec"]["containers"].array()[0]["image"] = "j";
  EXPECT_EQ(causes_text(validate(pods, changed, &pod)), "");
  changed["spec"]["nodeName"] = "n";
  EXPECT_NE(causes_text(validate(pods, changed, &pod)), "");
}

TEST(Update, KeepsStatusOnTheMainPathAndOnlyStatusOnTheOther) {
  const Kind& pods = kind("", "pods");
  const Value old = json(R"({"metadata":{"name":"p","labels":{"a":"1"}},"spec":{"nodeName":"n"},"status":{"phase":"Running"}})");
  Value main = json(R"({"metadata":{"name":"p","labels":{"a":"2"}},"spec":{"nodeName":"n"},"status":{"phase":"Failed"}})");
  Value status = main;
  prepare_update(pods, "", main, old);
  EXPECT_EQ(main.at("status", "phase"), Value("Running"));
  EXPECT_EQ(main.at("metadata", "labels", "a"), Value("2"));
  prepare_update(pods, "status", status, old);
  EXPECT_EQ(std::as_const(status).at("status", "phase"), Value("Failed"));
  EXPECT_EQ(std::as_const(status).at("metadata", "labels", "a"), Value("1"));
  EXPECT_FALSE(raises_generation(pods, old, status));
  status["spec"]["nodeName"] = "m";
  EXPECT_TRUE(raises_generation(pods, old, status));
}

TEST(Tables, ShowAPodAsKubectlDoes) {
  const Kind& pods = kind("", "pods");
  const Instant now = *parse_rfc3339("2026-01-01T01:00:00Z");
  struct Row {
    const char *object, *ready, *status, *restarts;
  };
  const Row rows[] = {
      {R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Pending"}})", "0/1", "Pending", "0"},
      {R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Running","containerStatuses":[{"name":"a","ready":true,"restartCount":0,"state":{"running":{}}}]}})",
       "1/1", "Running", "0"},
      {R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Running","containerStatuses":[{"name":"a","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"finishedAt":"2026-01-01T00:55:00Z"}}}]}})",
       "0/1", "CrashLoopBackOff", "3 (5m ago)"},
      {R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Succeeded","containerStatuses":[{"name":"a","restartCount":0,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}})",
       "0/1", "Completed", "0"},
      {R"({"spec":{"initContainers":[{"name":"i"},{"name":"k"}],"containers":[{"name":"a"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":0}}},{"name":"k","state":{"running":{}}}],"containerStatuses":[{"name":"a","state":{"waiting":{"reason":"PodInitializing"}}}]}})",
       "0/1", "Init:1/2", "0"},
      {R"({"spec":{"initContainers":[{"name":"i"}],"containers":[{"name":"a"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":3}}}]}})",
       "0/1", "Init:ExitCode:3", "0"},
      {R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Running"}})",
       "0/1", "Terminating", "0"},
  };
  for (const Row& row : rows) {
    const auto shown = cells(pods, json(row.object), now);
    EXPECT_EQ(shown[1], Value(row.ready)) << row.object;
    EXPECT_EQ(shown[2], Value(row.status)) << row.object;
    EXPECT_EQ(shown[3], Value(row.restarts)) << row.object;
  }
  for (const Kind& each : all()) EXPECT_EQ(cells(each, json("{}"), now).size(), columns(each).size()) << each.kind;
}

TEST(Tables, SayAgesBriefly) {
  const Instant now = *parse_rfc3339("2026-01-10T00:00:00Z");
  const std::pair<Duration, const char*> rows[] = {{5s, "5s"},          {119s, "119s"}, {125s, "2m5s"}, {600s, "10m"},
                                                   {3h + 5min, "3h5m"}, {9h, "9h"},     {49h, "2d1h"},  {240h, "10d"}};
  for (const auto& [span, text] : rows) EXPECT_EQ(age_cell(to_rfc3339(now - span), now), text);
  EXPECT_EQ(age_cell("", now), "<unknown>");
}

TEST(Fields, AreThoseOfUpstream) {
  const Kind& pods = kind("", "pods");
  const Value pod = json(R"({"metadata":{"name":"p"},"spec":{"nodeName":"n"},"status":{"phase":"Running"}})");
  EXPECT_EQ(*field_value(pods, pod, "spec.nodeName"), "n");
  EXPECT_EQ(*field_value(pods, pod, "status.podIP"), "");
  EXPECT_EQ(field_value(pods, pod, "spec.x").error().message, "field label not supported: spec.x");
}

TEST(OpenApi, NamesEachKindWithAPatchThatValidates) {
  for (const auto& [group, version] : group_versions()) {
    const Value document = openapi_v3(group, version);
    ASSERT_TRUE(document.is_object()) << group;
    for (const auto& [name, schema] : document.at("components", "schemas").as_object())
      for (const auto& [property, type] : schema["properties"].as_object()) {
        const std::string_view target = type["$ref"].as_string();
        EXPECT_TRUE(target.empty() || document.at("components", "schemas").contains(target.substr(21))) << name << "." << property;
      }
  }
  const Value patch = openapi_v3("apps", "v1").at("paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch");
  EXPECT_EQ(patch["x-kubernetes-group-version-kind"], json(R"({"group":"apps","kind":"Deployment","version":"v1"})"));
  EXPECT_TRUE(openapi_v3("no.such", "v1").is_null());
  const std::string bytes = openapi_v2_protobuf(openapi_v2_kinds());
  EXPECT_EQ(bytes.substr(0, 5), std::string("\x0a\x03" "2.0"));
  EXPECT_NE(bytes.find("group: apps\nkind: Deployment\nversion: v1\n"), std::string::npos);
}

TEST(Scale, GoesThereAndBack) {
  const Kind& sets = kind("apps", "statefulsets");
  Value set = json(
      R"({"metadata":{"name":"s","namespace":"d","resourceVersion":"7"},"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}}},"status":{"replicas":1}})");
  Value scale = scale_of(sets, set);
  EXPECT_EQ(scale["spec"], json(R"({"replicas":2})"));
  EXPECT_EQ(scale["status"], json(R"({"replicas":1,"selector":"a=b"})"));
  scale["spec"]["replicas"] = 5;
  ASSERT_TRUE(set_scale(sets, set, scale).ok());
  EXPECT_EQ(std::as_const(set).at("spec", "replicas"), Value(5));
  scale["spec"]["replicas"] = -1;
  EXPECT_EQ(set_scale(sets, set, scale).error().code, Code::invalid);
}

}  // namespace
}  // namespace masu::apiserver::builtin
