#include "apiserver/body.h"

#include "apiserver/builtin/kind.h"
#include "base/text.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::apiserver {

namespace {

constexpr std::string_view known_types = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
constexpr std::string_view protobuf_magic{"k8s\0", 4};

}  // namespace

std::string body_type(const net::Request& request) {
  const std::string_view header = request.headers.get("Content-Type");
  const std::string type = lower(trim(header.substr(0, header.find(';'))));
  return type.empty() ? "application/json" : type;
}

Outcome<Body> read_body(const net::Request& request) {
  if (request.body_size > body_bytes_max) return too_large(cat("Request entity too large: limit is ", body_bytes_max));
  TRY(const std::string bytes, whole_body(request, body_bytes_max));
  Body body;
  if (bytes.empty()) return body;
  const std::string type = body_type(request);
  if (type == "application/vnd.kubernetes.protobuf" || std::string_view(bytes).starts_with(protobuf_magic)) {
    auto value = builtin::decode_protobuf(bytes);
    if (!value.ok()) return bad_request(cat("the object provided is unrecognized: ", value.error().message));
    body.value = std::move(*value);
    return body;
  }
  if (type == "application/json" || type.ends_with("+json") || type == "*/*") {
    auto value = parse_json(bytes, body.duplicates);
    if (!value.ok()) return bad_request(cat("couldn't get version/kind; json parse error: ", value.error().message));
    body.value = std::move(*value);
    return body;
  }
  if (type == "application/yaml" || type == "application/apply-patch+yaml") {
    auto document = parse_yaml_single(bytes);
    if (!document.ok()) return bad_request(cat("error decoding YAML: ", document.error().message));
    body.value = std::move(document->value);
    body.duplicates = std::move(document->duplicates);
    return body;
  }
  return unsupported_media(known_types);
}

}  // namespace masu::apiserver
