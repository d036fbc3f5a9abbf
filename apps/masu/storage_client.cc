#include "storage_client.h"

#include <cstdlib>

#include "base/files.h"
#include "base/text.h"

namespace masu::app {
namespace {

constexpr const char* pod_token = "/var/run/secrets/kubernetes.io/serviceaccount/token";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// Read anew for each request: tokens of pods are renewed.
Result<std::string> service_account_token() {
  TRY(const std::string token, read_file(pod_token).context("reading the pod's service account token"));
  return std::string(trim(token));
}

}  // namespace

Result<StorageClient> open_storage() {
  StorageClient out;
  out.client = std::make_unique<net::Client>();
  objectstore::TokenSource token = []() -> Result<std::string> { return std::string(); };
  std::string url = environment("STORAGE_EMULATOR_HOST");
  if (url.empty()) {
    url = environment("MASU_HUB");
    if (!url.empty()) token = service_account_token;
  }
  if (url.empty()) url = "https://storage.googleapis.com";
  if (url.find("://") == std::string::npos) url = "http://" + url;
  TRY(auto transport, objectstore::http_transport(*out.client, url));
  out.store = std::make_unique<objectstore::GcsStore>(std::move(transport), std::move(token));
  return out;
}

}  // namespace masu::app
