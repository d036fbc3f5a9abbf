#pragma once
/// Both checksums of bytes that come in pieces.

#include <string_view>

#include "crypto/hash.h"
#include "objectstore/blob_store.h"

namespace masu::objectstore {

class Checksummer {
 public:
  void update(std::string_view bytes) {
    crc32c_.update(bytes);
    md5_.update(bytes);
    size_ += bytes.size();
  }
  /// Once, at the end.
  Checksums finish();

 private:
  crypto::Crc32c crc32c_;
  crypto::Hash md5_{crypto::Algorithm::md5};
  std::uint64_t size_ = 0;
};

}  // namespace masu::objectstore
