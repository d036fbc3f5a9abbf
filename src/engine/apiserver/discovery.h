#pragma once
/// What the server offers, in every form that clients ask for (spec kubernetes-api 3 and 4). Pure: a catalog in, documents
/// out.

#include <string>
#include <string_view>

#include "apiserver/failure.h"
#include "apiserver/types.h"
#include "net/message.h"

namespace masu::apiserver {

/// /api, /apis, /api/v1, /apis/<group>, /apis/<group>/<version>.
Outcome<net::Answer> discover(const Catalog& catalog, const net::Request& request, std::string_view path);

/// /openapi/v3, /openapi/v3/<group version>, /openapi/v2.
Outcome<net::Answer> openapi(const Catalog& catalog, const net::Request& request, std::string_view path);

/// The /version document.
Value version_document();

}  // namespace masu::apiserver
