/// The XML API, as S3 and Cloud Storage share it: /BUCKET/OBJECT. The credential is the path prefix /t/TOKEN (or a bearer
/// token): signatures of S3 are not looked at, since nobody has a secret key here.
#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "crypto/base64.h"
#include "crypto/hash.h"
#include "hub/call.h"
#include "hub/xml_text.h"

namespace masu::hub {
namespace {

constexpr std::size_t most_document = std::size_t{4} << 20;
constexpr int most_parts = 10'000;
constexpr std::string_view declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// A document; its root gets the namespace that both stores use and some clients insist on.
net::Reply xml_reply(std::string body) {
  body.insert(body.find('>'), " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
  return net::Reply{200, {{"Content-Type", "application/xml"}}, cat(declaration, body)};
}

/// As S3's clients know it: the MD5 in hexadecimal, with quotes; of a composed object something that is no MD5.
std::string xml_etag(const ObjectMeta& meta) {
  const auto md5 = crypto::base64_decode(meta.md5);
  if (md5.ok() && md5->size() == 16) return cat("\"", crypto::hex(*md5), "\"");
  return cat("\"", crypto::md5_hex(cat(meta.crc32c, meta.generation)), "-", std::max<std::int64_t>(1, meta.component_count), "\"");
}

net::Headers xml_headers(const ObjectMeta& meta) {
  net::Headers headers = media_headers(meta);
  headers.set("ETag", xml_etag(meta));
  for (const auto& [key, value] : meta.metadata)
    if (value.find_first_of("\r\n") == std::string::npos) headers.set(cat("x-amz-meta-", net::percent_encode(key)), value);
  return headers;
}

/// Checksums that came along, in the words of either store.
struct Checks {
  std::string crc32c, md5, crc32, sha256;
  void take(std::string_view name, std::string_view value) {
    if (name == "content-md5") md5 = value;
    else if (name == "x-amz-checksum-crc32c") crc32c = value;
    else if (name == "x-amz-checksum-crc32") crc32 = value;
    else if (name == "x-amz-checksum-sha256") sha256 = value;
    if (name != "x-goog-hash") return;
    for (const std::string& part : split(value, ',')) {
      if (const auto text = trim(part); text.starts_with("crc32c=")) crc32c = text.substr(7);
      else if (text.starts_with("md5=")) md5 = text.substr(4);
    }
  }
};

std::string crc32_text(std::string_view bytes) {
  uLong crc = ::crc32(0, nullptr, 0);
  for (std::size_t at = 0; at < bytes.size(); at += std::size_t{1} << 30)
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(bytes.data() + at), static_cast<uInt>(std::min(bytes.size() - at, std::size_t{1} << 30)));
  std::string raw;
  for (int shift = 24; shift >= 0; shift -= 8) raw += static_cast<char>((crc >> shift) & 0xFF);
  return crypto::base64(raw);
}

/// The body of a PUT as it is to be stored, checked against what is not checked later (CRC-32, SHA-256).
struct Content {
  BodyView body;
  std::string unchunked;
  bool chunked = false;
  Checks checks;
  std::string_view text() const { return chunked ? std::string_view(unchunked) : body.text(); }

  static Result<Content> read(const net::Request& request) {
    TRY(BodyView view, BodyView::open(request));
    Content out{std::move(view), {}, false, {}};
    for (const auto& [name, value] : request.headers.fields()) out.checks.take(lower(name), value);
    const std::string_view hash = request.headers.get("x-amz-content-sha256");
    if (hash.starts_with("STREAMING-")) {
      TRY(Unchunked plain, unchunk(out.body.text()));
      out.unchunked = std::move(plain.bytes);
      out.chunked = true;
      for (const auto& [name, value] : plain.trailers) out.checks.take(name, value);
    } else if (hash.size() == 64 && crypto::sha256_hex(out.text()) != hash) {
      return Error{Code::invalid, "the body does not fit its x-amz-content-sha256"};
    }
    if (!out.checks.crc32.empty() && out.checks.crc32 != crc32_text(out.text())) return Error{Code::invalid, "the body does not fit its CRC-32"};
    if (!out.checks.sha256.empty() && out.checks.sha256 != crypto::base64(crypto::sha256(out.text()))) return Error{Code::invalid, "the body does not fit its SHA-256"};
    return out;
  }
};

/// What the fields of a request say about the object to be.
ObjectMeta described(const Route& route, const net::Headers& headers) {
  ObjectMeta out;
  out.bucket = route.bucket;
  out.name = route.object;
  out.content_type = headers.get("Content-Type");
  for (const std::string& coding : split(headers.get("Content-Encoding"), ','))
    if (const auto word = trim(coding); !word.empty() && word != "aws-chunked") out.content_encoding = word;
  out.content_disposition = headers.get("Content-Disposition");
  out.content_language = headers.get("Content-Language");
  out.cache_control = headers.get("Cache-Control");
  for (const auto& [name, value] : headers.fields()) {
    const std::string key = lower(name);
    if (key.starts_with("x-goog-meta-")) out.metadata[key.substr(12)] = value;
    if (key.starts_with("x-amz-meta-")) out.metadata[key.substr(11)] = value;
  }
  return out;
}

Result<int> part_number(const net::Query& query) {
  TRY(const auto number, number_parameter(query, "partNumber"));
  if (!number || *number < 1 || *number > most_parts) return Error{Code::invalid, cat("partNumber must be 1 to ", most_parts)};
  return static_cast<int>(*number);
}

}  // namespace

Result<net::Answer> Hub::xml_call(const Call& call) {
  const Route& route = call.route;
  const net::Query& query = call.request.query;
  if (route.bucket.empty()) {
    if (!call.is("GET")) return no_method(call.request);
    TRY_OK(authorizer_.known(call.caller, call.deadline));
    std::string out = "<ListAllMyBucketsResult><Owner><ID>masu</ID></Owner><Buckets>";
    for (const BucketPlace& bucket : buckets_.list())
      if (authorizer_.allow(call.caller, "get", bucket.name_space, bucket.name, call.deadline).ok())
        out += cat("<Bucket>", xml_element("Name", bucket.name), xml_element("CreationDate", to_rfc3339_micro(bucket.created)), "</Bucket>");
    return xml_reply(out + "</Buckets></ListAllMyBucketsResult>");
  }
  if (route.object.empty()) return xml_bucket(call);
  if (query.has("uploads") || query.has("uploadId")) return xml_multipart(call);
  if (call.is("GET") || call.is("HEAD")) return xml_read(call);
  if (call.is("DELETE")) {
    TRY_OK(enter(call, route.bucket, "update"));
    TRY(const Preconditions conditions, Preconditions::read({}, call.request.headers));
    auto removed = store_->remove(route.bucket, route.object, conditions, {});
    // Deleting what is not there is success for S3, and its clients tell themselves by a field of their own.
    const bool s3 = call.request.headers.has("x-amz-date") || call.request.headers.has("x-amz-content-sha256");
    if (!removed.ok() && !(s3 && removed.error().code == Code::not_found)) return std::move(removed).error();
    return net::Reply{204, {}, ""};
  }
  if (call.is("PUT")) return call.request.headers.has("x-amz-copy-source") ? xml_copy(call) : xml_write(call);
  return no_method(call.request);
}

Result<net::Answer> Hub::xml_bucket(const Call& call) {
  const std::string& bucket = call.route.bucket;
  const net::Query& query = call.request.query;
  if (call.is("POST") && query.has("delete")) {
    TRY_OK(enter(call, bucket, "update"));
    TRY(const std::string body, net::whole_body(call.request, most_document));
    std::string out = "<DeleteResult>";
    for (const std::string_view object : xml_inner(body, "Object")) {
      const std::string key = xml_text(object, "Key");
      const auto removed = store_->remove(bucket, key, {}, {});
      if (removed.ok() || removed.error().code == Code::not_found) out += cat("<Deleted>", xml_element("Key", key), "</Deleted>");
      else out += cat("<Error>", xml_element("Key", key), "<Code>InternalError</Code>", xml_element("Message", removed.error().message), "</Error>");
    }
    return xml_reply(out + "</DeleteResult>");
  }
  if (!call.is("GET") && !call.is("HEAD")) return no_method(call.request);
  TRY_OK(enter(call, bucket, "get"));
  if (call.is("HEAD")) return net::Reply{200, {{"x-amz-bucket-region", "us-east-1"}}, ""};
  if (query.has("location")) return xml_reply("<LocationConstraint>us-east-1</LocationConstraint>");
  const bool second = query.get("list-type") == "2";
  ListQuery wanted{.prefix = std::string(query.get("prefix")), .delimiter = std::string(query.get("delimiter"))};
  const std::string_view token = query.get("continuation-token");
  if (second && !token.empty()) {
    TRY(wanted.after, crypto::base64_url_decode(token).context("reading continuation-token"));
  } else {
    wanted.after = query.get(second ? "start-after" : "marker");
  }
  TRY(const auto most, number_parameter(query, "max-keys"));
  if (most && *most >= 0) wanted.most = std::min<std::size_t>(1000, static_cast<std::size_t>(*most));
  ListPage page;
  if (wanted.most > 0) {
    TRY(page, store_->list(bucket, wanted));
  }
  const bool by_url = query.get("encoding-type") == "url";
  const auto name_element = [&](std::string_view name, std::string_view text) { return xml_element(name, by_url ? net::percent_encode(text, true) : std::string(text)); };
  std::string out = cat("<ListBucketResult>", xml_element("Name", bucket), name_element("Prefix", wanted.prefix));
  if (!wanted.delimiter.empty()) out += name_element("Delimiter", wanted.delimiter);
  if (by_url) out += "<EncodingType>url</EncodingType>";
  out += cat(xml_element("MaxKeys", cat(wanted.most)), xml_element("IsTruncated", page.next.empty() ? "false" : "true"));
  if (second) out += xml_element("KeyCount", cat(page.objects.size() + page.prefixes.size()));
  if (!page.next.empty()) out += second ? xml_element("NextContinuationToken", crypto::base64_url(page.next)) : name_element("NextMarker", page.next);
  for (const MetaPtr& object : page.objects)
    out += cat("<Contents>", name_element("Key", object->name), xml_element("LastModified", cat(to_rfc3339_micro(object->updated).substr(0, 23), "Z")),
               xml_element("ETag", xml_etag(*object)), xml_element("Size", cat(object->size)), "<StorageClass>STANDARD</StorageClass></Contents>");
  for (const std::string& prefix : page.prefixes) out += cat("<CommonPrefixes>", name_element("Prefix", prefix), "</CommonPrefixes>");
  return xml_reply(out + "</ListBucketResult>");
}

Result<net::Answer> Hub::xml_read(const Call& call) {
  TRY_OK(enter(call, call.route.bucket, "get"));
  TRY(const MetaPtr meta, store_->find(call.route.bucket, call.route.object));
  const std::string etag = xml_etag(*meta);
  const auto names = [&](std::string_view field) { return call.request.headers.get(field) == etag || cat("\"", call.request.headers.get(field), "\"") == etag; };
  if (call.request.headers.has("If-Match") && !names("If-Match")) return Error{Code::precondition, "the object is another one by now (If-Match)"};
  if (names("If-None-Match")) return net::Reply{304, xml_headers(*meta), ""};
  TRY(net::Answer answer, media(call));
  const net::Headers told = xml_headers(*meta);
  std::visit(
      [&](auto& reply) {
        if constexpr (requires { reply.headers; reply.status; })
          if (reply.status < 300)
            for (const auto& [name, value] : told.fields()) reply.headers.set(name, value);
      },
      answer);
  return answer;
}

Result<net::Answer> Hub::xml_write(const Call& call) {
  const net::Headers& headers = call.request.headers;
  TRY_OK(enter(call, call.route.bucket, "update"));
  TRY_OK(check_object_name(call.route.object));
  TRY(Preconditions conditions, Preconditions::read({}, headers));
  if (trim(headers.get("If-None-Match")) == "*") conditions.generation = 0;
  TRY(const Content content, Content::read(call.request));
  TRY(Incoming bytes, store_->incoming());
  TRY_OK(bytes.write(content.text()));
  TRY(const MetaPtr meta, insert(std::move(bytes), described(call.route, headers), content.checks.crc32c, content.checks.md5, conditions));
  const net::Headers told = xml_headers(*meta);
  net::Headers out;
  for (const char* name : {"ETag", "X-Goog-Generation", "X-Goog-Metageneration", "X-Goog-Hash", "X-Goog-Stored-Content-Length"}) out.set(name, told.get(name));
  return net::Reply{200, out, ""};
}

Result<net::Answer> Hub::xml_copy(const Call& call) {
  std::string source = net::percent_decode(call.request.headers.get("x-amz-copy-source"));
  source = source.substr(0, source.find("?versionId="));
  if (source.starts_with('/')) source.erase(0, 1);
  const std::size_t slash = source.find('/');
  if (slash == std::string::npos) return Error{Code::invalid, "x-amz-copy-source must be BUCKET/KEY"};
  TRY_OK(enter(call, source.substr(0, slash), "get"));
  TRY_OK(enter(call, call.route.bucket, "update"));
  TRY(const MetaPtr from, store_->find(source.substr(0, slash), source.substr(slash + 1)));
  ObjectMeta wanted = described(call.route, call.request.headers);
  if (!equal_fold(call.request.headers.get("x-amz-metadata-directive"), "REPLACE")) {
    wanted = *from;
    wanted.bucket = call.route.bucket;
    wanted.name = call.route.object;
  }
  TRY(const MetaPtr made, store_->link(*from, std::move(wanted), {}));
  return xml_reply(cat("<CopyObjectResult>", xml_element("ETag", xml_etag(*made)), xml_element("LastModified", to_rfc3339(made->updated)), "</CopyObjectResult>"));
}

Result<net::Answer> Hub::xml_multipart(const Call& call) {
  const Route& route = call.route;
  const net::Query& query = call.request.query;
  TRY_OK(enter(call, route.bucket, "update"));
  if (query.has("uploads") && call.is("POST")) {
    TRY_OK(check_object_name(route.object));
    TRY(const std::string id, parts_->start(described(route, call.request.headers)));
    return xml_reply(cat("<InitiateMultipartUploadResult>", xml_element("Bucket", route.bucket), xml_element("Key", route.object), xml_element("UploadId", id), "</InitiateMultipartUploadResult>"));
  }
  const std::string id(query.get("uploadId"));
  TRY(const ObjectMeta wanted, parts_->find(id, route.bucket, route.object));
  if (call.is("DELETE")) {
    parts_->drop(id);
    return net::Reply{204, {}, ""};
  }
  if (call.is("GET")) {
    TRY(const auto parts, parts_->parts(id));
    std::string out = cat("<ListPartsResult>", xml_element("Bucket", route.bucket), xml_element("Key", route.object), xml_element("UploadId", id), "<IsTruncated>false</IsTruncated>");
    for (const PartInfo& part : parts) {
      TRY(const auto sums, objectstore::checksums_of_file(parts_->path(id, part.number)));
      out += cat("<Part>", xml_element("PartNumber", cat(part.number)), xml_element("ETag", cat("\"", crypto::hex(*crypto::base64_decode(sums.md5)), "\"")), xml_element("Size", cat(part.size)), "</Part>");
    }
    return xml_reply(out + "</ListPartsResult>");
  }
  if (call.is("PUT")) {
    TRY(const int number, part_number(query));
    TRY(const Content content, Content::read(call.request));
    TRY(Incoming bytes, parts_->part());
    TRY_OK(bytes.write(content.text()));
    TRY(const objectstore::Checksums sums, bytes.finish());
    if (!content.checks.md5.empty() && content.checks.md5 != sums.md5) return Error{Code::invalid, "the part does not fit its MD5"};
    if (!content.checks.crc32c.empty() && content.checks.crc32c != sums.crc32c) return Error{Code::invalid, "the part does not fit its CRC-32C"};
    TRY_OK(parts_->keep(id, number, std::move(bytes)));
    return net::Reply{200, {{"ETag", cat("\"", crypto::hex(*crypto::base64_decode(sums.md5)), "\"")}, {"X-Goog-Hash", cat("crc32c=", sums.crc32c, ",md5=", sums.md5)}}, ""};
  }
  if (!call.is("POST")) return no_method(call.request);
  return complete_multipart(call, id, wanted);
}

Result<net::Answer> Hub::complete_multipart(const Call& call, const std::string& id, ObjectMeta wanted) {
  TRY(const std::string body, net::whole_body(call.request, most_document));
  TRY(Preconditions conditions, Preconditions::read({}, call.request.headers));
  if (trim(call.request.headers.get("If-None-Match")) == "*") conditions.generation = 0;
  TRY(Incoming bytes, store_->incoming());
  int before = 0;
  for (const std::string_view part : xml_inner(body, "Part")) {
    const std::string number_text = xml_text(part, "PartNumber"), etag = replace_all(xml_text(part, "ETag"), "\"", "");
    int number = 0;
    std::from_chars(number_text.data(), number_text.data() + number_text.size(), number);
    if (number <= before || number > most_parts) return Error{Code::invalid, "the parts must be named in ascending order, 1 to 10000"};
    before = number;
    TRY(Incoming piece, Incoming::lend(parts_->path(id, number)));
    if (!etag.empty() && etag != crypto::hex(*crypto::base64_decode(piece.sums_so_far().md5))) return Error{Code::invalid, cat("part ", number, " is not the one with ETag ", etag)};
    TRY_OK(bytes.append(piece));
    ++wanted.component_count;
  }
  if (before == 0) return Error{Code::invalid, "a multipart upload must have at least one part"};
  const std::string location = cat(call.base, "/", net::percent_encode(wanted.bucket), "/", net::percent_encode(wanted.name, true));
  TRY(const MetaPtr meta, insert(std::move(bytes), std::move(wanted), "", "", conditions));
  parts_->drop(id);
  net::Reply reply = xml_reply(cat("<CompleteMultipartUploadResult>", xml_element("Location", location), xml_element("Bucket", meta->bucket), xml_element("Key", meta->name),
                                   xml_element("ETag", xml_etag(*meta)), "</CompleteMultipartUploadResult>"));
  reply.headers.set("X-Goog-Generation", cat(meta->generation));
  reply.headers.set("X-Goog-Hash", cat("crc32c=", meta->crc32c));
  return reply;
}

}  // namespace masu::hub
