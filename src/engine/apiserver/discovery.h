#pragma once
/// What the server offers, in every form that clients ask for (spec kubernetes-api 3 and 4): a catalog in, documents out.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "apiserver/failure.h"
#include "apiserver/types.h"
#include "net/message.h"

namespace masu::apiserver {

/// /api, /apis, /api/v1, /apis/<group>, /apis/<group>/<version>.
Outcome<net::Answer> discover(const Catalog& catalog, const net::Request& request, std::string_view path);

/// /openapi/v3, /openapi/v3/<group version>, /openapi/v2. Remembers the hashes of the documents of the newest catalog, not
/// the documents: clients keep those themselves. Thread-safe.
class OpenApi {
 public:
  Outcome<net::Answer> serve(const std::shared_ptr<const Catalog>& catalog, const net::Request& request, std::string_view path);

 private:
  /// Hash of each document by its key, "apis/batch/v1".
  std::map<std::string, std::string> hashes(const std::shared_ptr<const Catalog>& catalog);
  std::mutex mutex_;
  std::shared_ptr<const Catalog> of_;
  std::map<std::string, std::string> hashes_;
};

/// The /version document.
Value version_document();

}  // namespace masu::apiserver
