#include "hub/multipart.h"

#include <gtest/gtest.h>

namespace masu::hub {
namespace {

TEST(Multipart, Boundaries) {
  EXPECT_EQ(boundary_of("multipart/related; boundary='===============24=='").value(), "===============24==");
  EXPECT_EQ(boundary_of("multipart/related; boundary=\"==12==\"; type=x").value(), "==12==");
  EXPECT_EQ(boundary_of("multipart/related; Boundary=abc; x=y").value(), "abc");
  EXPECT_FALSE(boundary_of("multipart/related").ok());
  EXPECT_FALSE(boundary_of("multipart/related; boundary=").ok());
  EXPECT_FALSE(boundary_of("multipart/related; boundary='x").ok());
}

TEST(Multipart, RelatedAsGcloudSendsIt) {
  // Bare line feeds, and bytes that look like a delimiter inside.
  const std::string bytes = std::string("\r\n\n--b\nnot the end\n--b\0x", 24);
  const std::string body = "--b\nContent-Type: application/json\nMIME-Version: 1.0\n\n{\"size\": \"24\"}\n--b\nContent-Type: application/x-tar\n\n" + bytes + "\n--b--\n";
  const auto parts = split_related(body, "b");
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_EQ(parts->description.body, "{\"size\": \"24\"}");
  EXPECT_EQ(parts->content.headers.get("content-type"), "application/x-tar");
  EXPECT_EQ(parts->content.body, bytes);
}

TEST(Multipart, RelatedAsPythonSendsIt) {
  const std::string body = "--==0==\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{}\r\n--==0==\r\ncontent-type: text/plain\r\n\r\n\r\n--==0==--";
  const auto parts = split_related(body, "==0==");
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->description.body, "{}");
  EXPECT_EQ(parts->content.body, "");
  for (const char* wrong : {"", "--b", "--b--", "--b\n\n{}\n--b--", "x--b\n\n\n--b\n\n\n--b--"}) EXPECT_FALSE(split_related(wrong, "b").ok()) << wrong;
}

TEST(Multipart, Mixed) {
  const auto parts = split_multipart("preamble\r\n--x\r\nContent-ID: <1>\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n", "x");
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].headers.get("Content-ID"), "<1>");
  EXPECT_EQ((*parts)[0].body, "one");
  EXPECT_EQ((*parts)[1].body, "two");
  EXPECT_FALSE(split_multipart("--x\r\n\r\none", "x").ok());
}

}  // namespace
}  // namespace masu::hub
