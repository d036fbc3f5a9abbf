#include "hub/hub_fixture.h"

#include "crypto/base64.h"
#include "crypto/hash.h"

namespace masu::hub {
namespace {

TEST_F(HubTest, AnObjectComesAndGoes) {
  const Said made = put("a/b c", "hello world");
  EXPECT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.json()["size"].as_string(), "11");
  EXPECT_EQ(made.json()["crc32c"].as_string(), "yZRlqg==");
  EXPECT_EQ(made.json()["md5Hash"].as_string(), "XrY7u+Ae7tCTyyK7j1rNww==");
  EXPECT_EQ(made.json()["mediaLink"].as_string(), cat("http://hub:80/download/storage/v1/b/data/o/a%2Fb%20c?generation=", made.json()["generation"].as_string(), "&alt=media"));
  EXPECT_EQ(get("a/b c"), "hello world");
  const Said part = call("GET", "/download/storage/v1/b/data/o/a%2Fb%20c?alt=media", "", {"Range: bytes=6-8"});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "wor");
  EXPECT_EQ(part.headers.get("Content-Range"), "bytes 6-8/11");
  EXPECT_EQ(part.headers.get("X-Goog-Hash"), "crc32c=yZRlqg==,md5=XrY7u+Ae7tCTyyK7j1rNww==");
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/a%2Fb%20c?alt=media", "", {"Range: bytes=11-"}).status, 416);
  EXPECT_EQ(call("GET", "/data/a/b%20c").body, "hello world");
  EXPECT_EQ(call("DELETE", "/storage/v1/b/data/o/a%2Fb%20c").status, 204);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/a%2Fb%20c").status, 404);
  EXPECT_EQ(call("DELETE", "/storage/v1/b/data/o/a%2Fb%20c").json().at("error", "errors")[0]["reason"].as_string(), "notFound");
}

TEST_F(HubTest, WhoMayWhat) {
  put("x", "1");
  const auto as = [&](std::string token, std::string method, std::string_view target) { return call(std::move(method), target, "", {cat("Authorization: Bearer ", token)}); };
  EXPECT_EQ(as("reader", "GET", "/storage/v1/b/data/o/x?alt=media").status, 200);
  EXPECT_EQ(as("reader", "DELETE", "/storage/v1/b/data/o/x").status, 403);
  EXPECT_EQ(as("reader", "POST", "/upload/storage/v1/b/data/o?uploadType=media&name=y").status, 403);
  EXPECT_EQ(as("reader", "POST", "/upload/storage/v1/b/data/o?uploadType=resumable&name=y").status, 403);
  EXPECT_EQ(as("reader", "POST", "/storage/v1/b/data/o/x/copyTo/b/other/o/y").status, 403);
  EXPECT_EQ(as("reader", "PUT", "/data/x").status, 403);
  EXPECT_EQ(as("stranger", "GET", "/storage/v1/b/data/o/x").status, 401);
  EXPECT_EQ(as("stranger", "GET", "/storage/v1/b/nowhere/o/x").status, 401);  // not even whether it exists
  EXPECT_EQ(as("reader", "GET", "/storage/v1/b/nowhere/o/x").status, 404);
  EXPECT_EQ(as("", "GET", "/t/reader/storage/v1/b/data/o/x?alt=media").status, 200);
  EXPECT_EQ(as("", "GET", "/storage/v1/b/data/o/x?alt=media&access_token=reader").status, 200);
  EXPECT_EQ(as("stranger", "GET", "/storage/v1/b").status, 401);
  EXPECT_EQ(as("reader", "GET", "/storage/v1/b").json()["items"].as_array().size(), 2u);
}

TEST_F(HubTest, LinksKeepThePathPrefix) {
  net::Request upload = request("POST", "/t/writer/upload/storage/v1/b/data/o?uploadType=media&name=x", "1");
  upload.headers.remove("Authorization");
  const Said made = said(hub->handle(upload));
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_TRUE(made.json()["mediaLink"].as_string().starts_with("http://hub:80/t/writer/download/storage/v1/b/data/o/x?"));
  upload.query = {{"uploadType", "resumable"}, {"name", "y"}};
  upload.body = "{}";
  EXPECT_TRUE(said(hub->handle(upload)).headers.get("Location").starts_with("http://hub:80/t/writer/upload/storage/v1/b/data/o?"));
}

TEST_F(HubTest, MultipartAsGcloudSendsIt) {
  const std::string body =
      "--===============2401955656215749982==\nContent-Type: application/json\nMIME-Version: 1.0\n\n{\"size\": \"5\"}\n"
      "--===============2401955656215749982==\nContent-Type: application/x-tar\nMIME-Version: 1.0\nContent-Transfer-Encoding: binary\n\n"
      "12\n\r5\n--===============2401955656215749982==--\n";
  const Said made = call("POST", "/upload/storage/v1/b/data/o?alt=json&name=job1%2Fabc%2Ftrainer-0.0.0.tar.gz&uploadType=multipart", body,
                         {"Content-Type: multipart/related; boundary='===============2401955656215749982=='"});
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.json()["size"].as_string(), "5");
  EXPECT_EQ(made.json()["contentType"].as_string(), "application/x-tar");
  EXPECT_EQ(get("job1/abc/trainer-0.0.0.tar.gz"), "12\n\r5");
}

TEST_F(HubTest, MultipartWithDescriptionAndChecksums) {
  const auto upload = [&](std::string_view description) {
    return call("POST", "/upload/storage/v1/b/data/o?uploadType=multipart", cat("--b\r\ncontent-type: application/json\r\n\r\n", description, "\r\n--b\r\ncontent-type: text/plain\r\n\r\nhello world\r\n--b--"),
                {"Content-Type: multipart/related; boundary=\"b\""});
  };
  const Said made = upload(R"({"name":"x","metadata":{"k":"v"},"crc32c":"yZRlqg==","cacheControl":"no-store"})");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.json().at("metadata", "k").as_string(), "v");
  const Said media = call("GET", "/storage/v1/b/data/o/x?alt=media");
  EXPECT_EQ(media.headers.get("X-Goog-Meta-k"), "v");
  EXPECT_EQ(media.headers.get("Cache-Control"), "no-store");
  EXPECT_EQ(upload(R"({"name":"y","crc32c":"AAAAAA=="})").status, 400);
  EXPECT_EQ(upload(R"({"name":"y","md5Hash":"AAAAAA=="})").status, 400);
  EXPECT_EQ(upload(R"({"name":""})").status, 400);
  EXPECT_EQ(upload(R"({"name":"y","metadata":1})").status, 400);
  EXPECT_EQ(upload(R"({nonsense)").status, 400);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/y").status, 404);
}

TEST_F(HubTest, ResumableInPiecesAcrossARestart) {
  const Said started = call("POST", "/resumable/upload/storage/v1/b/data/o?alt=json&name=out%2Fbig-1.0.tar.gz&uploadType=resumable", R"({"size": "10"})",
                            {"X-Upload-Content-Type: application/x-tar", "X-Upload-Content-Length: 10"});
  ASSERT_EQ(started.status, 200) << started.body;
  std::string place(started.headers.get("Location"));
  ASSERT_TRUE(place.starts_with("http://hub:80/"));
  place = place.substr(std::string("http://hub:80").size());
  // The place is a credential of its own.
  const auto piece = [&](std::string bytes, std::string_view range) { return call("PUT", place, std::move(bytes), {"Authorization: none", cat("Content-Range: ", range)}); };
  EXPECT_EQ(piece("", "bytes */10").headers.get("Range"), "");
  Said answer = piece("0123", "bytes 0-3/10");
  EXPECT_EQ(answer.status, 308);
  EXPECT_EQ(answer.headers.get("Range"), "bytes=0-3");
  restart();
  EXPECT_EQ(piece("", "bytes */10").headers.get("Range"), "bytes=0-3");
  EXPECT_EQ(piece("789", "bytes 7-9/10").headers.get("Range"), "bytes=0-3");          // a gap
  EXPECT_EQ(piece("2345", "bytes 2-5/10").headers.get("Range"), "bytes=0-5");         // an overlap
  EXPECT_EQ(piece("67", "bytes 6-8/10").status, 400);                                 // not what the field says
  EXPECT_EQ(piece("6789ab", "bytes 6-11/12").status, 400);                            // not what was announced
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/out%2Fbig-1.0.tar.gz").status, 404);    // not before it is whole
  answer = piece("6789", "bytes 6-9/10");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json()["size"].as_string(), "10");
  EXPECT_EQ(answer.json()["contentType"].as_string(), "application/x-tar");
  EXPECT_EQ(get("out/big-1.0.tar.gz"), "0123456789");
  restart();
  EXPECT_EQ(piece("", "bytes */10").json()["generation"], answer.json()["generation"]);  // for a client that missed the answer
}

TEST_F(HubTest, ResumableVariants) {
  const auto start = [&](std::string_view name, const std::string& description = "{}") {
    const std::string place(call("POST", cat("/upload/storage/v1/b/data/o?uploadType=resumable&name=", name), description).headers.get("Location"));
    return place.substr(place.find("/upload"));
  };
  std::string place = start("unknown-length");
  EXPECT_EQ(call("PUT", place, "abc", {"Content-Range: bytes 0-2/*"}).status, 308);
  EXPECT_EQ(call("PUT", place, "de", {"Content-Range: bytes 3-4/5"}).status, 200);
  EXPECT_EQ(get("unknown-length"), "abcde");
  place = start("at-once");
  EXPECT_EQ(call("PUT", place, "xyz").status, 200);
  EXPECT_EQ(get("at-once"), "xyz");
  place = start("empty");
  EXPECT_EQ(call("PUT", place, "", {"Content-Range: bytes */0"}).status, 200);
  place = start("cancelled");
  EXPECT_EQ(call("DELETE", place).status, 499);
  EXPECT_EQ(call("PUT", place, "xyz").status, 404);
  place = start("wrong", R"({"crc32c":"AAAAAA=="})");
  EXPECT_EQ(call("PUT", place, "xyz").status, 400);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/wrong").status, 404);
  EXPECT_EQ(call("PUT", place, "xyz").status, 404);
  EXPECT_EQ(call("PUT", "/upload/storage/v1/b/data/o?upload_id=../../../../etc/passwd", "xyz").status, 404);
  EXPECT_EQ(call("PUT", replace_all(start("elsewhere"), "/b/data/", "/b/other/"), "xyz").status, 404);
}

TEST_F(HubTest, Preconditions) {
  const std::string target = "/upload/storage/v1/b/data/o?uploadType=media&name=x";
  EXPECT_EQ(call("POST", cat(target, "&ifGenerationMatch=0"), "1").status, 200);
  EXPECT_EQ(call("POST", cat(target, "&ifGenerationMatch=0"), "2").status, 412);
  const std::string generation(call("GET", "/storage/v1/b/data/o/x").json()["generation"].as_string());
  EXPECT_EQ(call("POST", cat(target, "&ifGenerationMatch=", generation), "3").status, 200);
  EXPECT_EQ(call("GET", cat("/storage/v1/b/data/o/x?generation=", generation)).status, 404);  // replaced
  const std::string now(call("GET", "/storage/v1/b/data/o/x").json()["generation"].as_string());
  EXPECT_NE(now, generation);
  EXPECT_EQ(call("GET", cat("/storage/v1/b/data/o/x?ifGenerationNotMatch=", now)).status, 304);
  EXPECT_EQ(call("GET", cat("/storage/v1/b/data/o/x?alt=media&ifGenerationMatch=", generation)).status, 412);
  EXPECT_EQ(call("DELETE", cat("/storage/v1/b/data/o/x?ifGenerationMatch=", generation)).status, 412);
  EXPECT_EQ(call("PATCH", "/storage/v1/b/data/o/x?ifMetagenerationMatch=7", "{}").status, 412);
  EXPECT_EQ(call("PATCH", "/storage/v1/b/data/o/x?ifMetagenerationMatch=1", R"({"metadata":{"a":"b"}})").json()["metageneration"].as_string(), "2");
  EXPECT_EQ(call("POST", cat(target, "&ifGenerationMatch=x"), "1").status, 400);
  EXPECT_EQ(call("PUT", "/data/x", "4", {"x-goog-if-generation-match: 0"}).status, 412);
  EXPECT_EQ(call("POST", "/upload/storage/v1/b/data/o?uploadType=resumable&name=x&ifGenerationMatch=0", "{}").status, 412);
}

TEST_F(HubTest, ListsInPages) {
  for (const char* name : {"a/1", "a/2", "b/3", "c"}) put(name, "x");
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o?delimiter=/").json()["prefixes"], Value::array({"a/", "b/"}));
  std::string names, token;
  do {
    const Value page = call("GET", cat("/storage/v1/b/data/o?maxResults=3&pageToken=", token)).json();
    for (const Value& item : page["items"].as_array()) names += cat(item["name"].as_string(), " ");
    token = page["nextPageToken"].as_string();
  } while (!token.empty());
  EXPECT_EQ(names, "a/1 a/2 b/3 c ");
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o?maxResults=0").status, 400);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o?pageToken=***").status, 400);
}

TEST_F(HubTest, CopyMoveCompose) {
  put("x", "one");
  put("y", "two");
  call("PATCH", "/storage/v1/b/data/o/x", R"({"metadata":{"k":"v"}})");
  const Said rewritten = call("POST", "/storage/v1/b/data/o/x/rewriteTo/b/other/o/z%2Fx", "");
  EXPECT_EQ(rewritten.status, 200) << rewritten.body;
  EXPECT_TRUE(rewritten.json()["done"].as_bool());
  EXPECT_EQ(rewritten.json().at("resource", "metadata", "k").as_string(), "v");
  EXPECT_EQ(call("DELETE", "/storage/v1/b/data/o/x").status, 204);
  EXPECT_EQ(call("GET", "/other/z/x").body, "one");  // the copy lives on
  EXPECT_EQ(call("POST", "/storage/v1/b/other/o/z%2Fx/copyTo/b/data/o/x", R"({"contentType":"a/b"})").json()["contentType"].as_string(), "a/b");
  const Said composed = call("POST", "/storage/v1/b/data/o/both/compose", R"({"sourceObjects":[{"name":"x"},{"name":"y"}],"destination":{"contentType":"t/p"}})");
  EXPECT_EQ(composed.status, 200) << composed.body;
  EXPECT_EQ(composed.json()["componentCount"].as_integer(), 2);
  EXPECT_FALSE(composed.json().contains("md5Hash"));
  EXPECT_EQ(get("both"), "onetwo");
  EXPECT_EQ(call("POST", "/storage/v1/b/data/o/both/compose", R"({"sourceObjects":[{"name":"both"},{"name":"y"}]})").json()["componentCount"].as_integer(), 3);
  EXPECT_EQ(call("POST", "/storage/v1/b/data/o/both/compose", R"({"sourceObjects":[]})").status, 400);
  EXPECT_EQ(call("POST", "/storage/v1/b/data/o/both/moveTo/o/moved").status, 200);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/both").status, 404);
  EXPECT_EQ(get("moved"), "onetwotwo");
  EXPECT_EQ(call("POST", "/storage/v1/b/data/o/moved/moveTo/o/moved").status, 400);
  EXPECT_EQ(get("moved"), "onetwotwo");
}

TEST_F(HubTest, Buckets) {
  EXPECT_EQ(call("POST", "/storage/v1/b?project=ml", R"({"name":"fresh","labels":{"a":"b"}})").status, 200);
  EXPECT_EQ(call("POST", "/storage/v1/b?project=ml", R"({"name":"fresh"})").status, 409);
  EXPECT_EQ(call("POST", "/storage/v1/b?project=ml", R"({"name":"../x"})").status, 400);
  EXPECT_EQ(call("POST", "/storage/v1/b", R"({"name":"fresh2"})").status, 400);
  EXPECT_EQ(call("GET", "/storage/v1/b/fresh").json()["name"].as_string(), "fresh");
  EXPECT_EQ(call("GET", "/storage/v1/b?project=ml&prefix=fr").json()["items"].as_array().size(), 1u);
  EXPECT_EQ(call("POST", "/upload/storage/v1/b/fresh/o?uploadType=media&name=x", "1").status, 200);
  EXPECT_EQ(call("DELETE", "/storage/v1/b/fresh").status, 409);
  call("DELETE", "/storage/v1/b/fresh/o/x");
  EXPECT_EQ(call("DELETE", "/storage/v1/b/fresh").status, 204);
  EXPECT_EQ(call("GET", "/storage/v1/b/fresh").status, 404);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/storageLayout").status, 200);
  EXPECT_EQ(call("GET", "/storage/v1/b/data/notificationConfigs").status, 501);
}

TEST_F(HubTest, ABucketOfAnotherNamespaceGetsNoOldObjects) {
  put("x", "secret");
  buckets.places["data"].name_space = "strangers";
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/x?alt=media").status, 403);
  buckets.places["data"].name_space = "ml";
  EXPECT_EQ(get("x"), "secret");
}

TEST_F(HubTest, AClosedBucketIsClosed) {
  put("x", "1");
  const std::string place(call("POST", "/upload/storage/v1/b/data/o?uploadType=resumable&name=y", "{}").headers.get("Location"));
  buckets.places.erase("data");
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/x").status, 404);
  EXPECT_EQ(call("PUT", place.substr(place.find("/upload")), "xyz").status, 404);
}

TEST_F(HubTest, Batch) {
  put("x", "1");
  const std::string body =
      "--===1==\r\nContent-Type: application/http\r\nContent-ID: <a+0>\r\n\r\nDELETE /storage/v1/b/data/o/x HTTP/1.1\r\n\r\n\r\n"
      "--===1==\r\nContent-Type: application/http\r\nContent-ID: <a+1>\r\n\r\nPATCH http://hub:80/storage/v1/b/data/o/nope HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}\r\n"
      "--===1==\r\nContent-Type: application/http\r\n\r\nPOST /batch/storage/v1 HTTP/1.1\r\n\r\n\r\n--===1==--";
  const Said answer = call("POST", "/batch/storage/v1", body, {"Content-Type: multipart/mixed; boundary=\"===1==\""});
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("Content-ID: <response-a+0>\r\n\r\nHTTP/1.1 204 "), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("Content-ID: <response-a+1>\r\n\r\nHTTP/1.1 404 "), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("HTTP/1.1 501 "), std::string::npos) << answer.body;
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/x").status, 404);
}

TEST_F(HubTest, AwkwardNames) {
  const std::string names[] = {"../../../../etc/passwd", "/", "//", "a//b", "a/../b", " ", "\xE6\x98\x87", "%2F", "?x=1#y", std::string(1024, 'n'), "bucket.json", ".", "..", std::string(1025, 'n'), "a\nb", "\xFF"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    const bool allowed = i < 11;
    EXPECT_EQ(put(names[i], cat("content ", i)).status, allowed ? 200 : 400) << names[i];
    if (allowed) {
      EXPECT_EQ(get(names[i]), cat("content ", i)) << names[i];
    }
  }
  restart();
  for (std::size_t i = 0; i < 11; ++i) EXPECT_EQ(get(names[i]), cat("content ", i)) << names[i];
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) EXPECT_TRUE(entry.path().filename().string().find("passwd") == std::string::npos);
}

TEST_F(HubTest, ReadersKeepWhatTheyOpened) {
  put("x", "old content");
  const net::Answer opened = hub->handle(request("GET", "/storage/v1/b/data/o/x?alt=media"));
  put("x", "new");
  EXPECT_EQ(said(opened).body, "old content");
  EXPECT_EQ(get("x"), "new");
}

TEST_F(HubTest, WhatWasNotCommittedIsGoneAfterARestart) {
  put("x", "kept");
  const std::string key = crypto::sha256_hex("x");
  const auto directory = folder.path() / "buckets" / "data" / "objects" / key.substr(0, 2);
  ASSERT_TRUE(write_file(directory / cat(key, ".17"), "an older or half-written content").ok());
  ASSERT_TRUE(write_file(folder.path() / "buckets" / "incoming" / "abc", "half an upload").ok());
  restart();
  EXPECT_EQ(get("x"), "kept");
  EXPECT_FALSE(std::filesystem::exists(directory / cat(key, ".17")));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "buckets" / "incoming" / "abc"));
}

TEST_F(HubTest, DamageIsNotServedAndNotRemoved) {
  put("x", "1");
  put("y", "2");
  const std::string key = crypto::sha256_hex("x");
  const auto directory = folder.path() / "buckets" / "data" / "objects" / key.substr(0, 2);
  ASSERT_TRUE(write_file(directory / cat(key, ".json"), "{damaged").ok());
  restart();
  EXPECT_EQ(call("GET", "/storage/v1/b/data/o/x").status, 404);
  EXPECT_EQ(get("y"), "2");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) files += entry.path().filename().string().starts_with(key) ? 1 : 0;
  EXPECT_EQ(files, 2u);
}

TEST_F(HubTest, BodiesThatCameAsFiles) {
  auto file = unlinked_file();
  ASSERT_TRUE(file.ok());
  const std::string bytes(3'000'000, 'z');
  const std::string body = cat("--b\n\n{\"name\":\"big\"}\n--b\n\n", bytes, "\n--b--");
  ASSERT_TRUE(write_all(file->get(), body).ok());
  net::Request upload = request("POST", "/upload/storage/v1/b/data/o?uploadType=multipart", "", {"Content-Type: multipart/related; boundary=b"});
  upload.body_file = std::make_shared<FileDescriptor>(std::move(*file));
  upload.body_size = body.size();
  EXPECT_EQ(said(hub->handle(upload)).status, 200);
  EXPECT_EQ(get("big"), bytes);
  upload.path = "/data/plain";
  upload.method = "PUT";
  upload.query = {};
  EXPECT_EQ(said(hub->handle(upload)).status, 200);
  EXPECT_EQ(get("plain"), body);
}

}  // namespace
}  // namespace masu::hub
