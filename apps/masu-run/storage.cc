#include "masu-run/storage.h"

#include "base/text.h"

namespace masu::runner {

std::map<std::string, std::string> storage_environment(std::string_view hub, std::string_view token, std::string_view token_file,
                                                       const std::map<std::string, std::string>& present) {
  std::map<std::string, std::string> out;
  while (!hub.empty() && hub.back() == '/') hub.remove_suffix(1);
  token = trim(token);
  if (hub.empty() || token.empty()) return out;
  // Clients become anonymous when they see an emulator, but keep a path prefix: so the credential travels in it.
  const std::string base = cat(hub, "/t/", token);
  out["STORAGE_EMULATOR_HOST"] = base;
  // gcloud (and gsutil through it) keeps no prefix when it uploads, but sends the token of a file. It looks at the file
  // only if it believes that somebody is signed in.
  out["CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"] = cat(hub, "/storage/v1/");
  out["CLOUDSDK_CORE_ACCOUNT"] = "masu";
  out["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"] = std::string(token_file);
  // S3's clients keep the prefix too; the key may be anything. Who brings a key of his own means the real S3.
  bool own_key = false;
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
           "AWS_CONTAINER_CREDENTIALS_FULL_URI"})
    own_key = own_key || present.contains(name);
  if (!own_key) {
    out["AWS_ENDPOINT_URL_S3"] = base;
    out["AWS_ACCESS_KEY_ID"] = "masu";
    out["AWS_SECRET_ACCESS_KEY"] = "masu";
    out["AWS_DEFAULT_REGION"] = "us-east-1";
  }
  // The client library asks for a project name even where it means nothing.
  out["GOOGLE_CLOUD_PROJECT"] = "masu";
  // Newer gcsfs would first ask by gRPC, for a minute, what sort of bucket it has.
  out["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false";
  // pods/namespaces have no metadata server; without this the libraries look for one for seconds.
  out["NO_GCE_CHECK"] = "true";
  for (const auto& [name, value] : present) out.erase(name);
  return out;
}

}  // namespace masu::runner
