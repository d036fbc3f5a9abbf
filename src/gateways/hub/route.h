#pragma once
/// From a raw path to what is meant by it. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace masu::hub {

struct Route {
  enum class Door {
    json,      // /storage/v1/..., also /b/...
    upload,    // /upload/storage/v1/..., /resumable/upload/storage/v1/...
    download,  // /download/storage/v1/...
    batch,     // /batch/storage/v1
    plain,     // /BUCKET/OBJECT, the XML API
  } door = Door::plain;
  std::string token;   // of a path that starts with /t/TOKEN
  std::string prefix;  // "/t/TOKEN" or empty: links that we give out start with it

  // What follows, decoded. For json, upload and download:
  bool buckets = false;  // .../b itself
  std::string bucket;
  std::string part;      // after the bucket: "o", "iam", "storageLayout" ...; empty: the bucket
  std::string object;    // after "o"; whatever it holds, slashes too
  std::string action;    // after the object: "compose", "rewriteTo", "copyTo", "moveTo", "acl"
  std::string to_bucket, to_object;  // of rewriteTo, copyTo and moveTo
  std::string rest;      // json paths that are no buckets: "projects/p/serviceAccount"
};

Route parse_route(std::string_view raw_path);

/// "bytes=0-9", "bytes=5-", "bytes=-3" against a size. No value: no (single) range, the whole is meant.
struct Span {
  std::uint64_t offset = 0, length = 0;
  bool satisfiable = true;
};
std::optional<Span> parse_range(std::string_view field, std::uint64_t size);

/// "bytes 0-9/20", "bytes 0-9/*", "bytes */20", "bytes */*".
struct ContentRange {
  std::optional<std::uint64_t> first, last;  // none: only a question
  std::optional<std::uint64_t> total;
};
/// malformed otherwise.
Result<ContentRange> parse_content_range(std::string_view field);

}  // namespace masu::hub
