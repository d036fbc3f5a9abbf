#include "crypto/base64.h"
#include "hub/call.h"
#include "hub/multipart.h"
#include "value/json.h"

namespace masu::hub {
namespace {

constexpr std::size_t most_description = std::size_t{1} << 20;

/// Checksums of "crc32c=AAA=,md5=BBB==" in one or several fields.
struct Announced {
  std::string crc32c, md5;
};
Announced announced(const net::Headers& headers, const Value& description) {
  Announced out{std::string(description["crc32c"].as_string()), std::string(description["md5Hash"].as_string())};
  for (const std::string& field : headers.all("X-Goog-Hash"))
    for (const std::string& part : split(field, ',')) {
      const std::string_view text = trim(part);
      if (text.starts_with("crc32c=")) out.crc32c = text.substr(7);
      if (text.starts_with("md5=")) out.md5 = text.substr(4);
    }
  if (out.md5.empty()) out.md5 = headers.get("Content-MD5");
  return out;
}

/// The object that a request wants to make: its name from the query or the description.
Result<ObjectMeta> wanted_object(const std::string& bucket, std::string_view name, const Value& description) {
  ObjectMeta wanted;
  wanted.bucket = bucket;
  wanted.name = name.empty() ? description["name"].as_string() : name;
  TRY_OK(check_object_name(wanted.name));
  TRY_OK(take_writable(description, wanted));
  return wanted;
}

net::Reply go_on(std::uint64_t position) {
  net::Reply reply{308, {}, ""};
  if (position > 0) reply.headers.set("Range", cat("bytes=0-", position - 1));
  return reply;
}

}  // namespace

Result<MetaPtr> Hub::insert(Incoming bytes, ObjectMeta wanted, std::string_view crc32c, std::string_view md5, const Preconditions& conditions) {
  TRY(const objectstore::Checksums sums, bytes.finish());
  const auto differs = [&](std::string_view what, std::string_view told, std::string_view found) {
    return Error{Code::invalid, cat("Provided ", what, " hash ", quote(told), " doesn't match calculated ", what, " hash ", quote(found), ".")};
  };
  if (!crc32c.empty() && crc32c != sums.crc32c) return differs("CRC32C", crc32c, sums.crc32c);
  if (!md5.empty() && md5 != sums.md5) return differs("MD5", md5, sums.md5);
  wanted.size = sums.size;
  wanted.crc32c = sums.crc32c;
  wanted.md5 = wanted.component_count > 0 ? "" : sums.md5;
  if (wanted.content_type.empty()) wanted.content_type = "application/octet-stream";
  return store_->commit(std::move(bytes), std::move(wanted), conditions);
}

Result<net::Answer> Hub::upload(const Call& call) {
  const std::string id(call.parameter("upload_id"));
  // The place of an upload is a secret of its own: who has it needs no other token.
  if (!id.empty()) return continue_upload(call, id);
  if (!call.is("POST") || call.route.part != "o") return no_method(call.request);
  const std::string_view type = call.parameter("uploadType");
  if (type == "media") return upload_media(call);
  if (type == "multipart") return upload_multipart(call);
  if (type == "resumable" || (type.empty() && call.request.headers.has("X-Upload-Content-Type"))) return start_upload(call);
  return Error{Code::invalid, cat("uploadType must be media, multipart or resumable, not ", quote(type))};
}

Result<net::Answer> Hub::upload_media(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "update"));
  Value description(Object{});
  if (const auto type = call.request.headers.get("Content-Type"); !type.empty()) description["contentType"] = type;
  if (const auto encoding = call.parameter("contentEncoding"); !encoding.empty()) description["contentEncoding"] = encoding;
  TRY(ObjectMeta wanted, wanted_object(call.route.bucket, call.parameter("name"), description));
  TRY(const Preconditions conditions, Preconditions::read(call.request.query, call.request.headers));
  const Announced sums = announced(call.request.headers, description);
  TRY(const BodyView body, BodyView::open(call.request));
  TRY(Incoming bytes, store_->incoming());
  TRY_OK(bytes.write(body.text()));
  TRY(const MetaPtr meta, insert(std::move(bytes), std::move(wanted), sums.crc32c, sums.md5, conditions));
  return json_reply(to_resource(*meta, call.base));
}

Result<net::Answer> Hub::upload_multipart(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "update"));
  TRY(const std::string boundary, boundary_of(call.request.headers.get("Content-Type")));
  TRY(const BodyView body, BodyView::open(call.request));
  TRY(const RelatedBody parts, split_related(body.text(), boundary));
  if (parts.description.body.size() > most_description) return Error{Code::exhausted, "the description of an object must be less than a MiB"};
  TRY(Value description, parse_json(parts.description.body).context("reading the description of the object"));
  std::string_view content = parts.content.body;
  if (description["contentType"].as_string().empty()) description["contentType"] = parts.content.headers.get("Content-Type");
  TRY(ObjectMeta wanted, wanted_object(call.route.bucket, call.parameter("name"), description));
  TRY(const Preconditions conditions, Preconditions::read(call.request.query, call.request.headers));
  const Announced sums = announced(call.request.headers, description);
  std::string decoded;
  if (equal_fold(parts.content.headers.get("Content-Transfer-Encoding"), "base64")) {
    TRY(decoded, crypto::base64_decode(trim(content)).context("reading the object's bytes"));
    content = decoded;
  }
  TRY(Incoming bytes, store_->incoming());
  TRY_OK(bytes.write(content));
  TRY(const MetaPtr meta, insert(std::move(bytes), std::move(wanted), sums.crc32c, sums.md5, conditions));
  return json_reply(to_resource(*meta, call.base));
}

Result<net::Answer> Hub::start_upload(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "update"));
  TRY(Value description, json_body(call.request));
  const net::Headers& headers = call.request.headers;
  if (description["contentType"].as_string().empty() && headers.has("X-Upload-Content-Type")) description["contentType"] = headers.get("X-Upload-Content-Type");
  Upload upload;
  TRY(upload.wanted, wanted_object(call.route.bucket, call.parameter("name"), description));
  TRY(upload.conditions, Preconditions::read(call.request.query, headers));
  const Announced sums = announced(headers, description);
  upload.crc32c = sums.crc32c;
  upload.md5 = sums.md5;
  if (headers.has("X-Upload-Content-Length")) {
    const net::Query length{{"X-Upload-Content-Length", std::string(headers.get("X-Upload-Content-Length"))}};
    TRY(const auto total, number_parameter(length, "X-Upload-Content-Length"));
    if (total && *total < 0) return Error{Code::invalid, "X-Upload-Content-Length must not be negative"};
    if (total) upload.total = static_cast<std::uint64_t>(*total);
  }
  // A condition that fails already now need not wait for the bytes.
  const auto current = store_->find(call.route.bucket, upload.wanted.name);
  TRY_OK(upload.conditions.check(current.ok() ? current->get() : nullptr));
  TRY(const Upload started, uploads_->start(std::move(upload)));
  const std::string place = cat(call.base, "/upload/storage/v1/b/", net::percent_encode(call.route.bucket), "/o?uploadType=resumable&name=",
                                net::percent_encode(started.wanted.name), "&upload_id=", started.id);
  return net::Reply{200, {{"Location", place}, {"X-GUploader-UploadID", started.id}, {"Cache-Control", "no-cache, no-store"}}, ""};
}

Result<net::Answer> Hub::continue_upload(const Call& call, const std::string& id) {
  TRY(Uploads::Hold hold, uploads_->hold(id));
  const Upload& upload = hold.upload();
  if (upload.wanted.bucket != call.route.bucket) return Error{Code::not_found, "There is no such upload in this bucket."};
  if (call.is("DELETE")) {
    hold.drop();
    return error_reply(Error{Code::cancelled, "The upload was cancelled."}, false);
  }
  if (!call.is("PUT") && !call.is("POST")) return no_method(call.request);
  if (upload.finished) return json_reply(to_resource(*upload.finished, call.base));
  const net::Request& request = call.request;
  const std::uint64_t length = request.body_file != nullptr ? request.body_size : request.body.size();
  ContentRange range;
  if (const auto field = request.headers.get("Content-Range"); !field.empty()) {
    TRY(range, parse_content_range(field));
  } else {
    range.total = length;  // everything at once
    if (length > 0) {
      range.first = 0;
      range.last = length - 1;
    }
  }
  if (range.total && upload.total && *range.total != *upload.total)
    return Error{Code::invalid, cat("Content-Range tells ", *range.total, " bytes in all, the upload was announced with ", *upload.total)};
  const auto total = range.total ? range.total : upload.total;
  TRY(std::uint64_t position, hold.position());
  if (range.first) {
    if (length != *range.last - *range.first + 1)
      return Error{Code::invalid, cat("Content-Range tells ", *range.last - *range.first + 1, " bytes, the body has ", length)};
    // A gap cannot be filled, bytes that are there are passed over: in both cases the answer says where to go on.
    if (*range.first > position) return go_on(position);
    const std::uint64_t known = position - *range.first;
    if (known < length) {
      if (request.body_file != nullptr) TRY_OK(hold.append_from(request.body_file->get(), known, length - known));
      else TRY_OK(hold.append(std::string_view(request.body).substr(static_cast<std::size_t>(known))));
      position += length - known;
    }
  }
  if (!total || position < *total) return go_on(position);
  if (position > *total) return Error{Code::invalid, cat("the upload has ", position, " bytes, more than the ", *total, " that were told")};
  return finish_upload(call, hold);
}

Result<net::Answer> Hub::finish_upload(const Call& call, Uploads::Hold& hold) {
  const Upload& upload = hold.upload();
  // The bucket may have been closed or moved since the upload began.
  const auto place = buckets_.find(upload.wanted.bucket);
  if (!place) return Error{Code::not_found, "The specified bucket does not exist."};
  TRY_OK(store_->open_bucket(place->name, place->name_space));
  TRY(Incoming bytes, Incoming::adopt(hold.bytes()));
  auto meta = insert(std::move(bytes), upload.wanted, upload.crc32c, upload.md5, upload.conditions);
  if (!meta.ok()) {
    hold.drop();  // its bytes are gone or wrong: the client starts again
    return std::move(meta).error();
  }
  TRY_OK(hold.finish(**meta));
  return json_reply(to_resource(**meta, call.base));
}

}  // namespace masu::hub
