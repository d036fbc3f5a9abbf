#pragma once
/// What the hub knows about an object beside its bytes, and how it is told: as a resource of the JSON API, as headers of
/// a download, as the file beside the bytes.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/message.h"
#include "value/value.h"

namespace masu::hub {

struct ObjectMeta {
  std::string bucket, name;
  std::uint64_t size = 0;
  std::int64_t generation = 0, metageneration = 1;
  std::string crc32c, md5;  // base64; a composed object has no md5
  std::string content_type, content_encoding, content_disposition, content_language, cache_control, custom_time;
  std::string storage_class = "STANDARD";
  std::map<std::string, std::string> metadata;
  std::int64_t component_count = 0;  // of a composed object
  Instant created{}, updated{};

  /// "CAE=" and the like: changes whenever bytes or description change.
  std::string etag() const;
  bool operator==(const ObjectMeta&) const = default;
};
/// Descriptions are never changed, only replaced.
using MetaPtr = std::shared_ptr<const ObjectMeta>;

/// Length 1 to 1024, UTF-8, no line break, not "." or "..", not below ".well-known/acme-challenge/"; invalid otherwise.
Status check_object_name(std::string_view name);
/// 3 to 222 lower-case letters, digits, '-', '_', '.'; begins and ends with a letter or digit; no ".."; invalid otherwise.
Status check_bucket_name(std::string_view name);

/// storage#object. `base` is where the caller reaches the hub ("http://127.0.0.1:8080/t/TOKEN"): links start with it.
Value to_resource(const ObjectMeta& meta, std::string_view base);
/// The writable members of an object resource, taken over; what is absent stays, null clears. invalid for wrong types.
Status take_writable(const Value& resource, ObjectMeta& meta);
/// Headers of a media answer.
net::Headers media_headers(const ObjectMeta& meta);

Value to_sidecar(const ObjectMeta& meta);
Result<ObjectMeta> from_sidecar(const Value& sidecar);

}  // namespace masu::hub
