#include "kube/kubeconfig.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"

namespace masu::kube {
namespace {

constexpr std::string_view usual = R"(
apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster: {server: "https://10.0.0.1:6443/prefix", certificate-authority-data: UEVN, tls-server-name: api.lab}
- name: open
  cluster: {server: "https://10.0.0.2", insecure-skip-tls-verify: true}
users:
- name: ann
  user: {token: secret, tokenFile: tokens/ann}
- name: robot
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/login
      args: [--for, robot]
      env: [{name: A, value: b}]
- name: old
  user: {auth-provider: {name: gcp}}
contexts:
- name: lab
  context: {cluster: lab, user: ann, namespace: ml}
- name: robot
  context: {cluster: open, user: robot}
- name: old
  context: {cluster: open, user: old}
- name: nobody
  context: {cluster: open}
- name: lost
  context: {cluster: elsewhere}
)";

TEST(Kubeconfig, ReadsContexts) {
  const auto config = parse_kubeconfig(usual, "/home/ann/.kube", "config");
  ASSERT_TRUE(config.ok()) << config.error().message;
  const auto lab = access_of(*config, "");
  ASSERT_TRUE(lab.ok()) << lab.error().message;
  EXPECT_EQ(lab->server, "https://10.0.0.1:6443/prefix");
  EXPECT_EQ(lab->ca_pem, "PEM");
  EXPECT_EQ(lab->server_name, "api.lab");
  EXPECT_EQ(lab->name_space, "ml");
  EXPECT_EQ(lab->token_file, "/home/ann/.kube/tokens/ann");
  const auto robot = access_of(*config, "robot");
  ASSERT_TRUE(robot.ok());
  EXPECT_TRUE(robot->insecure);
  EXPECT_EQ(robot->name_space, "default");
  EXPECT_EQ(robot->exec->command, "/home/ann/.kube/bin/login");
  EXPECT_EQ(robot->exec->args, (std::vector<std::string>{"--for", "robot"}));
  EXPECT_EQ(robot->exec->environment.at("A"), "b");
  EXPECT_TRUE(access_of(*config, "nobody").ok());
}

TEST(Kubeconfig, SaysWhatIsMissing) {
  const auto config = parse_kubeconfig(usual, "/", "config");
  const auto unknown = access_of(*config, "prod");
  EXPECT_EQ(unknown.error().code, Code::not_found);
  EXPECT_NE(unknown.error().message.find("\"lab\""), std::string::npos) << unknown.error().message;
  EXPECT_EQ(access_of(*config, "lost").error().code, Code::not_found);
  EXPECT_EQ(access_of(*config, "old").error().code, Code::unsupported);
  EXPECT_EQ(access_of(Kubeconfig{}, "").error().code, Code::not_found);
}

TEST(Kubeconfig, RefusesWhatItCannotRead) {
  const struct {
    const char* name;
    const char* text;
  } rows[] = {
      {"a list", "- a"},
      {"no YAML", "a: [b"},
      {"a context named n, which YAML 1.1 reads as false", "contexts:\n- name: n\n  context: {cluster: a}"},
      {"data that is not base64", "clusters:\n- name: a\n  cluster: {server: x, certificate-authority-data: '*'}"},
      {"a plugin without command", "users:\n- name: a\n  user: {exec: {args: [x]}}"},
  };
  for (const auto& row : rows) EXPECT_FALSE(parse_kubeconfig(row.text, "/", "config").ok()) << row.name;
  EXPECT_TRUE(parse_kubeconfig("", "/", "config").ok()) << "an empty file is an empty configuration";
}

TEST(Kubeconfig, MergesFilesAndTheFirstWins) {
  TemporaryDirectory directory;
  const auto at = [&](const char* name) { return (directory.path() / name).string(); };
  ASSERT_TRUE(write_file(at("a"), "current-context: x\nclusters: [{name: c, cluster: {server: 'https://a'}}]\n").ok());
  ASSERT_TRUE(write_file(at("b"), "current-context: z\nclusters: [{name: c, cluster: {server: 'https://b'}}]\n"
                                  "contexts: [{name: x, context: {cluster: c, namespace: n1}}, {name: z, context: {cluster: c}}]\n").ok());
  const std::map<std::string, std::string> environment{{"KUBECONFIG", cat(at("a"), ":", at("missing"), ":", at("b"))}};
  const auto access = find_access({}, environment);
  ASSERT_TRUE(access.ok()) << access.error().message;
  EXPECT_EQ(access->context, "x");
  EXPECT_EQ(access->server, "https://a");
  EXPECT_EQ(access->name_space, "n1");
  EXPECT_EQ(find_access({.context = "z", .name_space = "mine"}, environment)->name_space, "mine");
  EXPECT_EQ(find_access({.kubeconfig = at("missing")}, environment).error().code, Code::not_found);

  ASSERT_TRUE(make_directories(directory.path() / ".kube").ok());
  ASSERT_TRUE(write_file(directory.path() / ".kube/config", *read_file(at("b"))).ok());
  EXPECT_EQ(find_access({}, {{"HOME", directory.path().string()}})->server, "https://b");
}

TEST(InCluster, UsesTheServiceAccount) {
  TemporaryDirectory mount;
  const std::map<std::string, std::string> environment{{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
  EXPECT_EQ(in_cluster_access(environment, mount.path()).error().code, Code::not_found);
  ASSERT_TRUE(write_file(mount.path() / "token", "t").ok());
  ASSERT_TRUE(write_file(mount.path() / "ca.crt", "PEM").ok());
  ASSERT_TRUE(write_file(mount.path() / "namespace", "ml\n").ok());
  const auto access = in_cluster_access(environment, mount.path());
  ASSERT_TRUE(access.ok()) << access.error().message;
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->name_space, "ml");
  EXPECT_EQ(access->token_file, mount.path() / "token");
  EXPECT_EQ(in_cluster_access({}, mount.path()).error().code, Code::not_found);
}

TEST(ExecCredential, IsParsedStrictly) {
  const ExecPlugin plugin{.command = "login", .api_version = "client.authentication.k8s.io/v1"};
  const auto good = parse_exec_credential(
      R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"2026-01-01T00:00:00Z"}})", plugin);
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(good->token, "t");
  EXPECT_EQ(to_rfc3339(*good->expires), "2026-01-01T00:00:00Z");
  for (const char* bad : {"", "{}", R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{}})",
                          R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"t"}})",
                          R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"clientCertificateData":"c"}})"})
    EXPECT_FALSE(parse_exec_credential(bad, plugin).ok()) << bad;
}

TEST(ExecCredential, ComesFromAProgram) {
  TemporaryDirectory directory;
  const auto program = directory.path() / "login";
  ASSERT_TRUE(write_file(program, "#!/bin/sh\nprintf '{\"apiVersion\":\"v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s-%s\"}}' \"$1\" \"$WHO\"\n", 0755).ok());
  const ExecPlugin plugin{.command = program.string(), .args = {"hello"}, .environment = {{"WHO", "ann"}}, .api_version = "v1"};
  const auto credential = run_exec_plugin(plugin, Access{}, Deadline::after(10s));
  ASSERT_TRUE(credential.ok()) << credential.error().message;
  EXPECT_EQ(credential->token, "hello-ann");
  const ExecPlugin absent{.command = "/nonexistent/login", .install_hint = "get it from the shop"};
  EXPECT_NE(run_exec_plugin(absent, Access{}, Deadline::after(10s)).error().message.find("get it from the shop"), std::string::npos);
}

}  // namespace
}  // namespace masu::kube
