/// The XML API as boto3 and Python's transfer manager speak it.
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "hub/hub_fixture.h"
#include "hub/xml_text.h"

namespace masu::hub {
namespace {

class XmlTest : public HubTest {
 protected:
  /// As boto3 does it: the token in the path, a signature that nobody can check.
  Said s3(std::string method, std::string_view target, std::string body = "", std::vector<std::string> fields = {}) {
    fields.push_back("Authorization: AWS4-HMAC-SHA256 Credential=masu/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0");
    fields.push_back("x-amz-date: 20260101T000000Z");
    return call(std::move(method), cat("/t/writer", target), std::move(body), fields);
  }
};

TEST_F(XmlTest, ObjectsComeAndGo) {
  const Said put = s3("PUT", "/data/a%20b", "hello", {"Content-Type: text/x", "x-amz-meta-k: v", "x-amz-checksum-crc32: NhCmhg=="});
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.headers.get("ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
  const Said got = s3("GET", "/data/a%20b");
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.headers.get("ETag"), put.headers.get("ETag"));
  EXPECT_EQ(got.headers.get("x-amz-meta-k"), "v");
  EXPECT_EQ(s3("GET", "/data/a%20b", "", {"Range: bytes=1-2"}).body, "el");
  EXPECT_EQ(s3("GET", "/data/a%20b", "", {"If-Match: \"other\""}).status, 412);
  EXPECT_EQ(s3("GET", "/data/a%20b", "", {cat("If-None-Match: ", put.headers.get("ETag"))}).status, 304);
  EXPECT_EQ(s3("PUT", "/data/a%20b", "x", {"If-None-Match: *"}).status, 412);
  EXPECT_EQ(s3("PUT", "/data/y", "x", {"x-amz-checksum-crc32: AAAAAA=="}).status, 400);
  EXPECT_EQ(s3("PUT", "/data/y", "x", {cat("x-amz-content-sha256: ", crypto::sha256_hex("y"))}).status, 400);
  EXPECT_EQ(s3("PUT", "/data/copy", "", {"x-amz-copy-source: /data/a%20b"}).status, 200);
  EXPECT_EQ(s3("HEAD", "/data/copy").headers.get("Content-Type"), "text/x");
  EXPECT_EQ(s3("DELETE", "/data/copy").status, 204);
  EXPECT_EQ(s3("DELETE", "/data/copy").status, 204);
  EXPECT_EQ(xml_text(s3("GET", "/data/copy").body, "Code"), "NoSuchKey");
  EXPECT_EQ(call("GET", "/data/a%20b", "", {"Authorization: AWS4-HMAC-SHA256 Credential=x"}).status, 401);
}

TEST_F(XmlTest, ChunkedBodies) {
  const Said put = s3("PUT", "/data/x", "5;chunk-signature=0\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32c:yZRlqg==\r\n\r\n",
                      {"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding: aws-chunked"});
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(get("x"), "hello world");
  EXPECT_FALSE(s3("GET", "/data/x").headers.has("Content-Encoding"));
  for (const char* body : {"", "5\r\nhel", "z\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "ffffffffffffffff\r\nx\r\n", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n"})
    EXPECT_EQ(s3("PUT", "/data/y", body, {"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"}).status, 400) << body;
}

TEST_F(XmlTest, Lists) {
  for (const char* name : {"a/1", "a/2", "b c", "d&e"}) put(name, "x");
  std::string keys, token;
  do {
    const std::string page = s3("GET", cat("/data?list-type=2&max-keys=1&encoding-type=url&continuation-token=", net::percent_encode(token))).body;
    for (const auto contents : xml_inner(page, "Contents")) keys += cat(xml_text(contents, "Key"), " ");
    token = xml_text(page, "NextContinuationToken");
  } while (!token.empty());
  EXPECT_EQ(keys, "a/1 a/2 b%20c d%26e ");
  const std::string first = s3("GET", "/data?delimiter=/").body;
  EXPECT_EQ(xml_text(xml_inner(first, "CommonPrefixes")[0], "Prefix"), "a/");
  EXPECT_NE(first.find("<Key>d&amp;e</Key>"), std::string::npos);
  EXPECT_EQ(xml_inner(s3("GET", "/").body, "Bucket").size(), 2u);
  EXPECT_EQ(s3("HEAD", "/data").status, 200);
  EXPECT_EQ(s3("HEAD", "/nowhere").status, 404);
  EXPECT_EQ(xml_inner(s3("POST", "/data?delete=", "<Delete><Object><Key>d&amp;e</Key></Object><Object><Key>none</Key></Object></Delete>").body, "Deleted").size(), 2u);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/d%26e").status, 404);
}

TEST_F(XmlTest, PartsInAnyOrderAcrossARestart) {
  const Said started = s3("POST", "/data/big?uploads=", "", {"Content-Type: text/x", "x-amz-meta-k: v"});
  const std::string id = xml_text(started.body, "UploadId");
  ASSERT_FALSE(id.empty()) << started.body;
  const std::string second(s3("PUT", cat("/data/big?partNumber=2&uploadId=", id), " world").headers.get("ETag"));
  restart();
  const std::string first(s3("PUT", cat("/data/big?uploadId=", id, "&partNumber=1"), "hello").headers.get("ETag"));
  EXPECT_EQ(first, "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(xml_inner(s3("GET", cat("/data/big?uploadId=", id)).body, "Part").size(), 2u);
  const auto complete = [&](std::string_view etag) {
    return s3("POST", cat("/data/big?uploadId=", id),
              cat("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>", xml_escape(first), "</ETag></Part><Part><ETag>", xml_escape(etag), "</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>"));
  };
  EXPECT_EQ(complete("\"00000000000000000000000000000000\"").status, 400);
  const Said done = complete(second);
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(get("big"), "hello world");
  const Value object = call("GET", "/storage/v1/b/data/o/big").json();
  EXPECT_EQ(object["componentCount"].as_integer(), 2);
  EXPECT_EQ(object["contentType"].as_string(), "text/x");
  EXPECT_EQ(object.at("metadata", "k").as_string(), "v");
  EXPECT_EQ(complete(second).status, 404);
  for (const char* target : {"/data/big?uploadId=../../x", "/data/big?uploadId=abc&partNumber=1"}) EXPECT_EQ(s3("PUT", target, "x").status, 404) << target;
  const std::string other = xml_text(s3("POST", "/data/two?uploads=").body, "UploadId");
  EXPECT_EQ(s3("PUT", cat("/data/other?partNumber=1&uploadId=", other), "x").status, 404);  // of another object
  EXPECT_EQ(s3("PUT", cat("/data/two?partNumber=0&uploadId=", other), "x").status, 400);
  EXPECT_EQ(s3("DELETE", cat("/data/two?uploadId=", other)).status, 204);
  EXPECT_EQ(s3("PUT", cat("/data/two?partNumber=1&uploadId=", other), "x").status, 404);
}

}  // namespace
}  // namespace masu::hub
