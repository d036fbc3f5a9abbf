#pragma once
/// Randomness fit for secrets, from the operating system. Thread-safe. Decisions get their randomness passed in instead.

#include <cstddef>
#include <string>

namespace masu::crypto {

std::string random_bytes(std::size_t count);
/// RFC 9562 version 4: "0b9c1e7e-...".
std::string uuid4();
/// A secret in URL-safe text without padding; 32 bytes give 43 characters.
std::string token_text(std::size_t bytes = 32);
/// Lower-case letters and digits that cannot be misread or spell words (Kubernetes' alphabet): name suffixes.
std::string name_suffix(std::size_t characters = 5);

}  // namespace masu::crypto
