#include "crypto/hash.h"

#include <gtest/gtest.h>

#include <set>

#include "crypto/base64.h"
#include "crypto/compare.h"
#include "crypto/random.h"

namespace masu::crypto {
namespace {

TEST(Hash, AnswersTheVectorsOfTheStandards) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");  // RFC 3174
  EXPECT_EQ(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");  // RFC 1321
  EXPECT_EQ(hex(digest(Algorithm::sha512, "abc")).substr(0, 32), "ddaf35a193617abacc417349ae204131");
}

TEST(Hash, PiecesGiveTheSameAsTheWholeAndStartAgainAfterwards) {
  Hash hash;
  hash.update("a").update("").update("bc");
  EXPECT_EQ(hash.finish_hex(), sha256_hex("abc"));
  EXPECT_EQ(hash.update("x").finish_hex(), sha256_hex("x"));
}

TEST(Crc32c, AnswersTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(base64(Crc32c().update("hello world").bytes()), "yZRlqg==");  // what gsutil prints
}

TEST(Crc32c, PiecesOfAnySizeGiveTheSame) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
  for (std::size_t size = 1; size < 40; ++size) {
    Crc32c crc;
    for (std::size_t at = 0; at < text.size(); at += size) crc.update(std::string_view(text).substr(at, size));
    EXPECT_EQ(crc.value(), crc32c(text)) << size;
  }
}

TEST(Hmac, AnswersTheVectorsOfRfc4231) {
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hex, ReadsWhatItWritesAndRefusesTheRest) {
  EXPECT_EQ(*unhex(hex(std::string("\x00\xff\x10", 3))), std::string("\x00\xff\x10", 3));
  EXPECT_EQ(*unhex("AbCd"), "\xab\xcd");
  EXPECT_EQ(unhex("abc").error().code, Code::malformed);
  EXPECT_EQ(unhex("zz").error().code, Code::malformed);
}

TEST(Base64, AnswersTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> rows[] = {{"", ""},         {"f", "Zg=="},     {"fo", "Zm8="},        {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : rows) {
    EXPECT_EQ(base64(plain), encoded);
    EXPECT_EQ(*base64_decode(encoded), plain);
    EXPECT_EQ(*base64_url_decode(base64_url(plain)), plain);
  }
  EXPECT_EQ(base64("\xfb\xff"), "+/8=");
  EXPECT_EQ(base64_url("\xfb\xff"), "-_8");
  EXPECT_EQ(*base64_url_decode("-_8="), "\xfb\xff");
  EXPECT_EQ(*base64_decode("Zm9v\nYmFy\r\n"), "foobar");
}

TEST(Base64, RefusesWhatIsNoBase64) {
  for (const char* text : {"Zg", "Zg=", "Z", "Zm9v=", "Zm=v", "-_8=", "Zm 9v", "===="}) {
    EXPECT_FALSE(base64_decode(text).ok()) << text;
  }
  EXPECT_EQ(base64_decode("Zm9v!").error().message, "reading base64: illegal character at position 4");
}

TEST(Random, GivesDifferentWellFormedTexts) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = uuid4();
    ASSERT_EQ(id.size(), 36u);
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos);
    seen.insert(id);
    seen.insert(token_text());
    EXPECT_EQ(name_suffix().size(), 5u);
  }
  EXPECT_EQ(seen.size(), 200u);
  EXPECT_EQ(token_text().size(), 43u);
  EXPECT_EQ(random_bytes(0), "");
}

TEST(Compare, ComparesTheWholeText) {
  EXPECT_TRUE(constant_time_equal("secret", "secret"));
  EXPECT_FALSE(constant_time_equal("secret", "secres"));
  EXPECT_FALSE(constant_time_equal("secret", "secre"));
  EXPECT_TRUE(constant_time_equal("", ""));
}

}  // namespace
}  // namespace masu::crypto
