#include "objectstore/file_store.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"

namespace masu::objectstore {
namespace {

class FileStoreTest : public testing::Test {
 protected:
  FileStoreTest() { EXPECT_TRUE(make_directories(folder.path() / "data").ok()); }
  TemporaryDirectory folder;
  FileStore store{folder.path()};
  const Deadline deadline = Deadline::none();
};

TEST_F(FileStoreTest, PutGetStatRemove) {
  const auto made = store.put({"data", "a/b"}, "hello world", {}, deadline);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->crc32c, "yZRlqg==");
  EXPECT_EQ(made->size, 11u);
  EXPECT_EQ(store.get({"data", "a/b"}, {}, deadline).value(), "hello world");
  EXPECT_EQ(store.get({"data", "a/b"}, {6, 3}, deadline).value(), "wor");
  EXPECT_EQ(store.get({"data", "a/b"}, {12, {}}, deadline).error().code, Code::invalid);
  EXPECT_EQ(store.put({"data", "a/b"}, "x", {.if_generation = 0}, deadline).error().code, Code::precondition);
  EXPECT_EQ(store.put({"nowhere", "x"}, "x", {}, deadline).error().code, Code::not_found);
  EXPECT_TRUE(store.remove({"data", "a/b"}, deadline).ok());
  EXPECT_EQ(store.stat({"data", "a/b"}, deadline).error().code, Code::not_found);
  EXPECT_EQ(store.remove({"data", "a/b"}, deadline).error().code, Code::not_found);
}

TEST_F(FileStoreTest, NamesStayInTheFolder) {
  for (const char* name : {"../x", "a/../../x", "/etc/passwd", "a//b", ".", "a/", ""}) {
    EXPECT_EQ(store.put({"data", name}, "x", {}, deadline).error().code, Code::invalid) << name;
    EXPECT_EQ(store.get({"data", name}, {}, deadline).error().code, Code::invalid) << name;
    EXPECT_EQ(store.remove({"data", name}, deadline).error().code, Code::invalid) << name;
  }
  EXPECT_EQ(store.get({"..", "x"}, {}, deadline).error().code, Code::invalid);
  EXPECT_EQ(store.list("..", {}, deadline).error().code, Code::not_found);
}

TEST_F(FileStoreTest, FilesAndLists) {
  const auto source = folder.path() / "source";
  ASSERT_TRUE(write_file(source, "content").ok());
  for (const char* name : {"a/1", "a/2", "b"}) ASSERT_TRUE(store.upload({"data", name}, source, {}, deadline).ok());
  ASSERT_TRUE(store.download({"data", "a/2"}, folder.path() / "target", deadline).ok());
  EXPECT_EQ(read_file(folder.path() / "target").value(), "content");
  const auto page = store.list("data", {.prefix = "", .delimiter = "/", .page = ""}, deadline);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->prefixes, std::vector<std::string>{"a/"});
  ASSERT_EQ(page->blobs.size(), 1u);
  EXPECT_EQ(page->blobs[0].name.object, "b");
  ListOptions one{.prefix = "", .delimiter = "", .page = "", .most = 1};
  std::string names;
  do {
    const auto next = store.list("data", one, deadline);
    ASSERT_TRUE(next.ok());
    for (const BlobInfo& blob : next->blobs) names += blob.name.object + " ";
    one.page = next->next_page;
  } while (!one.page.empty());
  EXPECT_EQ(names, "a/1 a/2 b ");
  EXPECT_EQ(store.list_all("data", "a/", deadline)->size(), 2u);
  EXPECT_EQ(store.list_all("data", "", deadline, 2).error().code, Code::exhausted);
}

TEST(Checksums, TellDamage) {
  BlobInfo told;
  told.size = 11;
  told.crc32c = "yZRlqg==";
  EXPECT_TRUE(check_checksums(told, checksums_of("hello world")).ok());
  EXPECT_EQ(check_checksums(told, checksums_of("hello worlx")).error().code, Code::conflict);
  EXPECT_EQ(check_checksums(told, checksums_of("hello")).error().code, Code::conflict);
  told.crc32c.clear();  // a store that tells none
  EXPECT_TRUE(check_checksums(told, checksums_of("hello worlx")).ok());
}

}  // namespace
}  // namespace masu::objectstore
