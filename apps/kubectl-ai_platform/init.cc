// init: what a namespace needs before jobs can run there. Repeated, it writes nothing.

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "context.h"
#include "crypto/base64.h"
#include "kube/object.h"
#include "training/training_input.h"
#include "value/patch.h"

namespace masu::plugin {
namespace {

constexpr std::string_view account = "ai-platform";
constexpr std::string_view docker_secret = "ai-platform-images";

/// Wanted objects, in the order in which they are made. Only their own fields are compared and written.
std::vector<std::pair<kube::Resource, Value>> wanted(const std::string& name_space, const std::vector<std::string>& pull_secrets, const std::vector<std::string>& buckets) {
  const auto metadata = [&](std::string_view name) { return Value::object({{"name", name}, {"namespace", name_space}}); };
  const auto rule = [](std::initializer_list<Value> groups, std::initializer_list<Value> resources, std::initializer_list<Value> verbs) {
    return Value::object({{"apiGroups", Value::array(groups)}, {"resources", Value::array(resources)}, {"verbs", Value::array(verbs)}});
  };
  std::vector<std::pair<kube::Resource, Value>> out;
  Value service_account = Value::object({{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", metadata(account)}});
  for (const std::string& secret : pull_secrets) service_account["imagePullSecrets"].push_back(Value::object({{"name", secret}}));
  out.emplace_back(kube::resources::service_accounts, std::move(service_account));
  // The bucket's data, the trials' metrics and the job itself: what its own pods need, nothing more.
  out.emplace_back(kube::resources::roles, Value::object({{"apiVersion", "rbac.authorization.k8s.io/v1"},
                                                          {"kind", "Role"},
                                                          {"metadata", metadata(account)},
                                                          {"rules", Value::array({rule({"masu.dev"}, {"buckets"}, {"get", "list", "update"}), rule({"kubeflow.org"}, {"trials"}, {"get", "update"}),
                                                                                  rule({"masu.dev"}, {"trainingjobs"}, {"get", "update"})})}}));
  out.emplace_back(kube::resources::role_bindings,
                   Value::object({{"apiVersion", "rbac.authorization.k8s.io/v1"},
                                  {"kind", "RoleBinding"},
                                  {"metadata", metadata(account)},
                                  {"roleRef", Value::object({{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", account}})},
                                  {"subjects", Value::array({Value::object({{"kind", "ServiceAccount"}, {"name", account}, {"namespace", name_space}})})}}));
  for (const std::string& bucket : buckets)
    out.emplace_back(kube::resources::buckets, Value::object({{"apiVersion", "masu.dev/v1alpha1"}, {"kind", "Bucket"}, {"metadata", metadata(bucket)}, {"spec", Value(Object{})}}));
  return out;
}

/// Creates the object, or patches the members that differ. True if something was written.
Result<bool> ensure(const Connection& connection, const kube::Resource& resource, const Value& object) {
  const kube::Key key = kube::key_of(object);
  auto there = connection.client->get(resource, key, Deadline::after(30s));
  if (!there.ok() && there.error().code != Code::not_found) return there.error();
  if (!there.ok()) {
    auto created = connection.client->create(resource, object, Deadline::after(30s));
    if (!created.ok()) return created.error();
    return true;
  }
  Value patch = merge_diff(*there, merge_patch(*there, object));
  if (patch.is_null() || patch.as_object().empty()) return false;
  auto patched = connection.client->patch(resource, key, kube::PatchType::merge, patch, Deadline::after(30s));
  if (!patched.ok()) return patched.error();
  return true;
}

Result<int> prepare(const Arguments& arguments, const Connection& connection, Context& context) {
  int written = 0;
  const auto count = [&](bool wrote, std::string_view what) {
    if (!wrote) return;
    ++written;
    context.err(cat(what, "\n"));
  };
  const Value labels = Value::object({{"katib-metricscollector-injection", "enabled"}, {"katib.kubeflow.org/metrics-collector-injection", "enabled"}});
  const Value space = Value::object({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", Value::object({{"name", connection.name_space}, {"labels", labels}})}});
  auto labelled = ensure(connection, kube::resources::namespaces, space);
  if (!labelled.ok()) return std::move(labelled).error().context(cat("labelling namespace ", connection.name_space, " (this needs an administrator's rights)"));
  count(*labelled, cat("namespace ", connection.name_space, " labelled"));

  std::vector<std::string> pull_secrets = arguments.list("--image-pull-secret");
  if (const auto file = arguments.text("--docker-config")) {
    TRY(const std::string text, read_file(*file));
    const Value secret = Value::object({{"apiVersion", "v1"},
                                        {"kind", "Secret"},
                                        {"metadata", Value::object({{"name", docker_secret}, {"namespace", connection.name_space}})},
                                        {"type", "kubernetes.io/dockerconfigjson"},
                                        {"data", Value::object({{".dockerconfigjson", crypto::base64(text)}})}});
    TRY(const bool wrote, ensure(connection, kube::resources::secrets, secret));
    count(wrote, cat("secret ", docker_secret, " holds ", *file));
    pull_secrets.emplace_back(docker_secret);
  }
  std::vector<std::string> buckets = arguments.list("--bucket");
  for (const auto& [resource, object] : wanted(connection.name_space, pull_secrets, buckets)) {
    TRY(const bool wrote, ensure(connection, resource, object).context(cat("preparing ", resource.kind, " ", kube::key_of(object).name)));
    count(wrote, cat(lower(resource.kind), " ", kube::key_of(object).name, " ready"));
  }
  return written;
}

}  // namespace

int init_namespace(const std::vector<std::string>& words, Context& context) {
  const CommandGrammar grammar{.usage = "kubectl ai-platform init [flags]",
                               .flags = with_common_flags({{"--image-pull-secret", FlagKind::repeated, "a Secret with registry credentials, repeatable"},
                                                           {"--docker-config", FlagKind::text, "a docker config.json to make such a Secret of"},
                                                           {"--bucket", FlagKind::repeated, "a bucket to open for this namespace, repeatable"}})};
  if (std::find(words.begin(), words.end(), "--help") != words.end()) {
    context.out(help_text(grammar));
    return 0;
  }
  const auto arguments = Arguments::parse(grammar, words);
  if (!arguments.ok()) {
    context.err(cat("ERROR: (kubectl.ai-platform.init) ", arguments.error().message, "\n"));
    return static_cast<int>(Exit::usage);
  }
  for (const std::string& bucket : arguments->list("--bucket")) {
    if (const std::string problem = training::bucket_problem(bucket); !problem.empty()) {
      context.err(cat("ERROR: (kubectl.ai-platform.init) argument --bucket: ", quote(bucket), ": ", problem, "\n"));
      return static_cast<int>(Exit::usage);
    }
  }
  const auto connection = connect(*arguments, context);
  if (!connection.ok()) return report(context, "init", connection.error());
  const auto written = prepare(*arguments, *connection, context);
  if (!written.ok()) return report(context, "init", written.error());
  context.err(cat(*written == 0 ? "Namespace [" : "Prepared namespace [", connection->name_space, *written == 0 ? "] is prepared already.\n" : "] for AI Platform jobs.\n"));
  return 0;
}

}  // namespace masu::plugin
