#include "objectstore/gcs_wire.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "value/json.h"

namespace masu::objectstore {
namespace {

TEST(GcsWire, ReadsObjectResources) {
  const auto info = blob_info_from(*parse_json(R"({"bucket":"b","name":"a/b","size":"698","generation":"17","crc32c":"AA==","md5Hash":"BB==",
      "contentType":"t/p","metadata":{"k":"v"},"updated":"2026-01-02T03:04:05.5Z","unknown":[]})"));
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_EQ(info->name, (BlobName{"b", "a/b"}));
  EXPECT_EQ(info->size, 698u);
  EXPECT_EQ(info->generation, 17);
  EXPECT_EQ(info->crc32c, "AA==");
  EXPECT_EQ(info->md5, "BB==");
  EXPECT_EQ(info->metadata.at("k"), "v");
  EXPECT_EQ(to_rfc3339(info->updated), "2026-01-02T03:04:05Z");
  EXPECT_EQ(blob_info_from(*parse_json(R"({"name":"a"})")).error().code, Code::malformed);
  EXPECT_EQ(blob_info_from(*parse_json("[]")).error().code, Code::malformed);
}

TEST(GcsWire, ErrorsKeepTheServersSentence) {
  struct Case {
    int status;
    const char* body;
    Code code;
    const char* message;
  };
  const Case cases[] = {
      {404, R"({"error":{"code":404,"message":"No such object: b/o"}})", Code::not_found, "doing: No such object: b/o (HTTP 404)"},
      {401, "", Code::unauthenticated, "doing: no explanation (HTTP 401)"},
      {403, "plain words", Code::denied, "doing: plain words (HTTP 403)"},
      {412, "{}", Code::precondition, "doing: {} (HTTP 412)"},
      {400, "x", Code::invalid, "doing: x (HTTP 400)"},
      {409, "x", Code::already_exists, "doing: x (HTTP 409)"},
      {413, "x", Code::exhausted, "doing: x (HTTP 413)"},
      {429, "x", Code::unavailable, "doing: x (HTTP 429)"},
      {503, "x", Code::unavailable, "doing: x (HTTP 503)"},
      {418, "x", Code::unsupported, "doing: x (HTTP 418)"},
  };
  for (const Case& c : cases) {
    const Error error = error_from(net::Reply{c.status, {}, c.body}, "doing");
    EXPECT_EQ(error.code, c.code) << c.status;
    EXPECT_EQ(error.message, c.message);
  }
}

TEST(GcsWire, Offsets) {
  EXPECT_EQ(next_offset("").value(), 0u);
  EXPECT_EQ(next_offset("bytes=0-1023").value(), 1024u);
  for (const char* field : {"bytes=1-2", "bytes=0-", "0-1023", "bytes=0-x", "bytes=0-18446744073709551615", "bytes=0-99999999999999999999"})
    EXPECT_EQ(next_offset(field).error().code, Code::malformed) << field;
}

TEST(GcsWire, Requests) {
  EXPECT_EQ(object_path({"my-bucket", "a/b c"}), "/storage/v1/b/my-bucket/o/a%2Fb%20c");
  const Value resource = upload_resource({"b", "o"}, checksums_of("hello world"), {.content_type = "t/p", .metadata = {{"k", "v"}}});
  EXPECT_EQ(to_json(resource), R"({"contentType":"t/p","crc32c":"yZRlqg==","md5Hash":"XrY7u+Ae7tCTyyK7j1rNww==","metadata":{"k":"v"},"name":"o"})");
  EXPECT_EQ(multipart_body(Value(Object{}), "bytes", "t/p", "B"),
            "--B\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{}\r\n--B\r\nContent-Type: t/p\r\n\r\nbytes\r\n--B--\r\n");
}

TEST(GcsWire, Uris) {
  EXPECT_EQ(parse_blob_uri("gs://b/a/b").value(), (BlobName{"b", "a/b"}));
  EXPECT_EQ(parse_blob_uri("gs://b").value(), (BlobName{"b", ""}));
  EXPECT_EQ(parse_blob_uri("s3://b/").value(), (BlobName{"b", ""}));
  for (const char* uri : {"", "b/o", "gs:///o", "gs://", "http://b/o"}) EXPECT_EQ(parse_blob_uri(uri).error().code, Code::malformed) << uri;
  EXPECT_EQ(to_uri({"b", "a/b"}), "gs://b/a/b");
}

}  // namespace
}  // namespace masu::objectstore
