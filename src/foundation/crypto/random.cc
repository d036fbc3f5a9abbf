#include "crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <string_view>

#include "crypto/base64.h"
#include "crypto/compare.h"
#include "crypto/hash.h"
#include "crypto/openssl_handles.h"

namespace masu::crypto {

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  // Without randomness no secret of ours is one: there is no way to go on.
  MASU_CHECK(count == 0 || RAND_bytes(bytes_of(out), static_cast<int>(count)) == 1, "the operating system gives no randomness");
  return out;
}

std::string uuid4() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const std::string digits = hex(bytes);
  const std::string_view v = digits;
  return cat(v.substr(0, 8), "-", v.substr(8, 4), "-", v.substr(12, 4), "-", v.substr(16, 4), "-", v.substr(20));
}

std::string token_text(std::size_t bytes) { return base64_url(random_bytes(bytes)); }

std::string name_suffix(std::size_t characters) {
  static constexpr std::string_view alphabet = "bcdfghjklmnpqrstvwxz2456789";
  static constexpr unsigned fair = 256 / alphabet.size() * alphabet.size();  // above it some letters would come more often
  std::string out;
  while (out.size() < characters) {
    for (const char c : random_bytes(characters - out.size())) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < fair) out += alphabet[byte % alphabet.size()];
    }
  }
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace masu::crypto
