#pragma once
/// What a request asks for: its path, verb and parameters taken apart (spec kubernetes-api 5). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apiserver/failure.h"
#include "net/message.h"

namespace masu::apiserver {

struct Route {
  bool resource = false;  // below /api/v1 or /apis/<group>/<version>, with a resource in it
  std::string verb;       // get list watch create update patch delete deletecollection; else the method in lower case
  std::string path;       // decoded, without a trailing slash (but "/" itself)
  std::string group, version, ns, plural, name, subresource, rest;

  /// "pods/log", or "pods".
  std::string resource_text() const { return subresource.empty() ? plural : plural + "/" + subresource; }
};
Route parse_route(const net::Request& request);

/// Boolean parameters: absent, "0" and "false" are false, anything else is true.
bool flag(const net::Query& query, std::string_view name);

enum class FieldValidation { ignore, warn, strict };

/// The parameters of a write.
struct WriteOptions {
  bool dry_run = false;
  FieldValidation validation = FieldValidation::warn;
  std::string field_manager;  // as given, or the User-Agent up to its first slash
  bool manager_given = false;
  bool force = false;
};
Outcome<WriteOptions> write_options(const net::Request& request);

/// The parameters of a delete: from the body, else from the query.
struct DeleteOptions {
  std::optional<std::int64_t> grace_seconds;
  std::string propagation;  // Background, Foreground, Orphan; empty: the kind's default
  std::string uid, resource_version;  // preconditions
  bool dry_run = false;
};
/// `body`: the DeleteOptions object, or null.
Outcome<DeleteOptions> delete_options(const net::Query& query, const Value& body);

/// A version that a client gives: digits. `what` is the parameter's name.
Outcome<std::uint64_t> parse_version(std::string_view text, std::string_view what = "resourceVersion");

enum class Form { plain, table, metadata };
/// What the client wants the answer to be (spec kubernetes-api 2 and 13).
struct Accepted {
  Form form = Form::plain;
  std::string meta_version = "v1";  // of meta.k8s.io, for tables and metadata
  bool yaml = false;
};
/// 406 if nothing in Accept can be served.
Outcome<Accepted> accepted(const net::Request& request);
/// The parts of a media type: parameter("application/json;as=Table", "as").
std::string media_parameter(std::string_view media, std::string_view name);

}  // namespace masu::apiserver
