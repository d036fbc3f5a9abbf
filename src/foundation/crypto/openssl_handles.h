#pragma once
/// Owning pointers for OpenSSL's objects. Included by the sources of this room only, never by a header.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text.h"

namespace masu::crypto {

template <auto free_it>
struct Freeing {
  template <class T>
  void operator()(T* pointer) const {
    free_it(pointer);
  }
};
template <class T, auto free_it>
using Handle = std::unique_ptr<T, Freeing<free_it>>;

using BioHandle = Handle<BIO, BIO_free_all>;
using KeyHandle = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using CertificateHandle = Handle<X509, X509_free>;
using RequestHandle = Handle<X509_REQ, X509_REQ_free>;
using BignumHandle = Handle<BIGNUM, BN_free>;

/// OpenSSL's newest words for what went wrong; empties its queue.
inline std::string openssl_words() {
  std::string words = "no reason given";
  while (const unsigned long code = ERR_get_error()) {
    char buffer[256];
    ERR_error_string_n(code, buffer, sizeof buffer);
    const std::string_view all = buffer;
    const std::size_t last = all.rfind(':');
    words = std::string(last == std::string_view::npos ? all : all.substr(last + 1));
  }
  return words;
}

inline Error openssl_error(Code code, std::string_view doing) { return Error{code, cat(doing, ": ", openssl_words())}; }

inline BioHandle reading(std::string_view bytes) { return BioHandle(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }
inline BioHandle writing() { return BioHandle(BIO_new(BIO_s_mem())); }
inline std::string written(const BioHandle& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

inline const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
inline unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// An encrypted key asks for a passphrase on the terminal by default: refuse instead.
inline int no_passphrase(char*, int, int, void*) { return -1; }

/// Private key of a PEM; malformed otherwise.
inline Result<KeyHandle> read_private_key(std::string_view pem) {
  ERR_clear_error();
  const BioHandle bio = reading(pem);
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return openssl_error(Code::malformed, "reading a private key: no PEM \"PRIVATE KEY\" without passphrase in it");
  return key;
}

inline std::string private_key_pem(EVP_PKEY* key) {
  const BioHandle bio = writing();
  MASU_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "a key of ours cannot be written");
  return written(bio);
}

}  // namespace masu::crypto
