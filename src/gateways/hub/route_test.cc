#include "hub/route.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace masu::hub {
namespace {

std::string shown(std::string_view path) {
  const Route route = parse_route(path);
  constexpr std::string_view doors[] = {"json", "upload", "download", "batch", "plain"};
  std::string out(doors[static_cast<int>(route.door)]);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += cat(" ", name, "=", value);
  };
  add("token", route.token);
  if (route.buckets) out += " buckets";
  add("bucket", route.bucket);
  add("part", route.part);
  add("object", route.object);
  add("action", route.action);
  add("to", route.to_bucket.empty() ? "" : cat(route.to_bucket, ":", route.to_object));
  add("rest", route.rest);
  return out;
}

TEST(Route, Paths) {
  const std::pair<const char*, const char*> cases[] = {
      {"/storage/v1/b", "json buckets"},
      {"/b", "json buckets"},
      {"/b/data", "json bucket=data"},
      {"/storage/v1/b/data/o", "json bucket=data part=o"},
      {"/storage/v1/b/data/o/a%2Fb%20c", "json bucket=data part=o object=a/b c"},
      {"/storage/v1/b/data/o/a/b", "json bucket=data part=o object=a/b"},
      {"/storage/v1/b/data/o/%2e%2e%2F%2e%2e%2Fetc", "json bucket=data part=o object=../../etc"},
      {"/t/s%2Fecret/storage/v1/b/data", "json token=s/ecret bucket=data"},
      {"/t/secret", "plain token=secret buckets"},
      {"/upload/storage/v1/b/data/o", "upload bucket=data part=o"},
      {"/resumable/upload/storage/v1/b/data/o", "upload bucket=data part=o"},
      {"/download/storage/v1/b/data/o/x", "download bucket=data part=o object=x"},
      {"/storage/v1/b/data/o/x/compose", "json bucket=data part=o object=x action=compose"},
      {"/storage/v1/b/data/o/x/rewriteTo/b/other/o/y%2Fz", "json bucket=data part=o object=x action=rewriteTo to=other:y/z"},
      {"/storage/v1/b/data/o/x/moveTo/o/y", "json bucket=data part=o object=x action=moveTo to=data:y"},
      {"/storage/v1/b/data/o/compose", "json bucket=data part=o object=compose"},
      {"/storage/v1/b/data/iam/testPermissions", "json bucket=data part=iam rest=testPermissions"},
      {"/storage/v1/projects/p/serviceAccount", "json rest=projects/p/serviceAccount"},
      {"/batch/storage/v1", "batch"},
      {"/batch", "batch"},
      {"/data/a/b", "plain bucket=data object=a/b"},
      {"/storage/v12/b", "plain bucket=storage object=v12/b"},
      {"/", "plain buckets"},
      {"", "plain buckets"},
  };
  for (const auto& [path, wanted] : cases) EXPECT_EQ(shown(path), wanted) << path;
}

TEST(Route, Ranges) {
  const auto shown = [](std::string_view field, std::uint64_t size) {
    const auto span = parse_range(field, size);
    return !span ? std::string("whole") : !span->satisfiable ? "416" : cat(span->offset, "+", span->length);
  };
  EXPECT_EQ(shown("bytes=0-9", 20), "0+10");
  EXPECT_EQ(shown("bytes=5-", 20), "5+15");
  EXPECT_EQ(shown("bytes=5-100", 20), "5+15");
  EXPECT_EQ(shown("bytes=-3", 20), "17+3");
  EXPECT_EQ(shown("bytes=-30", 20), "0+20");
  EXPECT_EQ(shown("bytes=20-", 20), "416");
  EXPECT_EQ(shown("bytes=0-", 0), "416");
  EXPECT_EQ(shown("bytes=-0", 20), "416");
  for (const char* field : {"", "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,4-5", "items=0-3", "bytes=a-b", "bytes=99999999999999999999-"})
    EXPECT_EQ(shown(field, 20), "whole") << field;
}

TEST(Route, ContentRanges) {
  const auto shown = [](std::string_view field) {
    const auto range = parse_content_range(field);
    if (!range.ok()) return std::string("malformed");
    return cat(range->first ? cat(*range->first, "-", *range->last) : "*", "/", range->total ? cat(*range->total) : "*");
  };
  EXPECT_EQ(shown("bytes 0-9/20"), "0-9/20");
  EXPECT_EQ(shown("bytes 0-9/*"), "0-9/*");
  EXPECT_EQ(shown("bytes */20"), "*/20");
  EXPECT_EQ(shown("bytes */*"), "*/*");
  for (const char* field : {"", "bytes", "bytes 0-9", "bytes 9-0/20", "bytes 0-20/20", "bytes x/20", "bytes 0-9/x"}) EXPECT_EQ(shown(field), "malformed") << field;
}

}  // namespace
}  // namespace masu::hub
