/// The XML API as far as plain reads and writes of one object go: /BUCKET/OBJECT.
#include <cctype>

#include "hub/call.h"

namespace masu::hub {

Result<net::Answer> Hub::plain_call(const Call& call) {
  const Route& route = call.route;
  const net::Request& request = call.request;
  if (route.bucket.empty() || route.object.empty()) return no_method(request);
  if (call.is("GET") || call.is("HEAD")) {
    TRY(net::Answer answer, media(call));
    return answer;
  }
  if (call.is("DELETE")) {
    TRY_OK(enter(call, route.bucket, "update"));
    TRY(const Preconditions conditions, Preconditions::read({}, request.headers));
    TRY_OK(store_->remove(route.bucket, route.object, conditions, {}));
    return net::Reply{204, {}, ""};
  }
  if (!call.is("PUT")) return no_method(request);
  TRY_OK(enter(call, route.bucket, "update"));
  TRY_OK(check_object_name(route.object));
  ObjectMeta wanted;
  wanted.bucket = route.bucket;
  wanted.name = route.object;
  wanted.content_type = request.headers.get("Content-Type");
  wanted.content_encoding = request.headers.get("Content-Encoding");
  wanted.content_disposition = request.headers.get("Content-Disposition");
  wanted.content_language = request.headers.get("Content-Language");
  wanted.cache_control = request.headers.get("Cache-Control");
  std::string crc32c, md5(request.headers.get("Content-MD5"));
  for (const auto& [name, value] : request.headers.fields()) {
    const std::string key = lower(name);
    if (key.starts_with("x-goog-meta-")) wanted.metadata[key.substr(12)] = value;
    if (key != "x-goog-hash") continue;
    for (const std::string& part : split(value, ',')) {
      if (const auto text = trim(part); text.starts_with("crc32c=")) crc32c = text.substr(7);
      else if (text.starts_with("md5=")) md5 = text.substr(4);
    }
  }
  TRY(const Preconditions conditions, Preconditions::read({}, request.headers));
  TRY(Incoming bytes, store_->incoming());
  if (request.body_file != nullptr) TRY_OK(bytes.write_from(request.body_file->get(), 0, request.body_size));
  else TRY_OK(bytes.write(request.body));
  TRY(const MetaPtr meta, insert(std::move(bytes), std::move(wanted), crc32c, md5, conditions));
  net::Headers headers = media_headers(*meta);
  for (const char* about_body : {"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Accept-Ranges"}) headers.remove(about_body);
  return net::Reply{200, headers, ""};
}

}  // namespace masu::hub
