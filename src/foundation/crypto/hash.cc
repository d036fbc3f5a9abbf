#include "crypto/hash.h"

#include <openssl/hmac.h>

#include <array>
#include <bit>
#include <cstring>

#include "crypto/openssl_handles.h"

namespace masu::crypto {
namespace {

const EVP_MD* method(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::sha256: return EVP_sha256();
    case Algorithm::sha512: return EVP_sha512();
    case Algorithm::sha1: return EVP_sha1();
    case Algorithm::md5: return EVP_md5();
  }
  MASU_CHECK(false, "an unknown hash algorithm");
  return nullptr;
}

/// Eight tables: eight bytes a step ("slicing by 8", Kounavis and Berry, 2005).
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0u);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < 8; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
constexpr Tables tables = make_tables();

std::uint32_t by_table(std::uint32_t crc, const unsigned char* data, std::size_t size) {
  while (size >= 8) {
    std::uint32_t low = 0, high = 0;
    std::memcpy(&low, data, 4);
    std::memcpy(&high, data + 4, 4);
    if constexpr (std::endian::native == std::endian::big) {
      low = __builtin_bswap32(low);
      high = __builtin_bswap32(high);
    }
    low ^= crc;
    crc = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^ tables[4][low >> 24] ^
          tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^ tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
    data += 8;
    size -= 8;
  }
  for (; size > 0; --size) crc = (crc >> 8) ^ tables[0][(crc ^ *data++) & 0xff];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc, const unsigned char* data, std::size_t size) {
  std::uint64_t wide = crc;
  for (; size >= 8; size -= 8, data += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; --size) crc = __builtin_ia32_crc32qi(crc, *data++);
  return crc;
}
bool has_instruction() {
  static const bool answer = __builtin_cpu_supports("sse4.2") != 0;
  return answer;
}
#endif

}  // namespace

struct Hash::State {
  DigestContext context{EVP_MD_CTX_new()};
  const EVP_MD* method = nullptr;
  void begin() { MASU_CHECK(EVP_DigestInit_ex(context.get(), method, nullptr) == 1, "OpenSSL refuses a hash algorithm"); }
};

Hash::Hash(Algorithm algorithm) : state_(std::make_unique<State>()) {
  state_->method = method(algorithm);
  state_->begin();
}
Hash::~Hash() = default;
Hash::Hash(Hash&&) noexcept = default;
Hash& Hash::operator=(Hash&&) noexcept = default;

Hash& Hash::update(std::string_view bytes) {
  MASU_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "hashing failed");
  return *this;
}

std::string Hash::finish() {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  MASU_CHECK(EVP_DigestFinal_ex(state_->context.get(), bytes_of(out), &size) == 1, "hashing failed");
  out.resize(size);
  state_->begin();
  return out;
}

std::string Hash::finish_hex() { return hex(finish()); }

Crc32c& Crc32c::update(std::string_view bytes) {
#if defined(__x86_64__)
  if (has_instruction()) {
    state_ = by_instruction(state_, bytes_of(bytes), bytes.size());
    return *this;
  }
#endif
  state_ = by_table(state_, bytes_of(bytes), bytes.size());
  return *this;
}

std::string Crc32c::bytes() const {
  const std::uint32_t v = value();
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
}

std::string digest(Algorithm algorithm, std::string_view bytes) { return Hash(algorithm).update(bytes).finish(); }
std::string sha256(std::string_view bytes) { return digest(Algorithm::sha256, bytes); }
std::string sha1(std::string_view bytes) { return digest(Algorithm::sha1, bytes); }
std::string md5(std::string_view bytes) { return digest(Algorithm::md5, bytes); }
std::string sha256_hex(std::string_view bytes) { return hex(sha256(bytes)); }
std::string sha1_hex(std::string_view bytes) { return hex(sha1(bytes)); }
std::string md5_hex(std::string_view bytes) { return hex(md5(bytes)); }
std::uint32_t crc32c(std::string_view bytes) { return Crc32c().update(bytes).value(); }

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::string out(32, '\0');
  unsigned size = 32;
  MASU_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(), bytes_of(out), &size) != nullptr,
             "HMAC failed");
  return out;
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Result<std::string> unhex(std::string_view text) {
  if (text.size() % 2 != 0) return Error{Code::malformed, cat("reading hexadecimal: ", text.size(), " digits is an odd number")};
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const int high = digit(text[at]), low = digit(text[at + 1]);
    if (high < 0 || low < 0) return Error{Code::malformed, cat("reading hexadecimal: no digit at position ", at + (high < 0 ? 0 : 1))};
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace masu::crypto
