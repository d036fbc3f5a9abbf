#pragma once
/// What GcsStore says and hears, as pure functions.

#include <optional>
#include <string>

#include "net/message.h"
#include "objectstore/blob_store.h"
#include "value/value.h"

namespace masu::objectstore {

/// An object resource of the JSON API. malformed without bucket and name.
Result<BlobInfo> blob_info_from(const Value& resource);
/// The resource that an upload announces: type, metadata, checksums.
Value upload_resource(const BlobName& name, const Checksums& sums, const PutOptions& options);
/// Metadata and bytes as one body of multipart/related; `boundary` does not occur in the bytes.
std::string multipart_body(const Value& resource, std::string_view bytes, std::string_view content_type, std::string_view boundary);
/// An answer other than success as an error: code by status, sentence from the body.
Error error_from(const net::Reply& reply, std::string_view doing);
/// The first byte that a resumable upload still misses: "bytes=0-1023" gives 1024, no field gives 0. malformed otherwise.
Result<std::uint64_t> next_offset(std::string_view range_field);
/// "/storage/v1/b/BUCKET/o/OBJECT"
std::string object_path(const BlobName& name);

}  // namespace masu::objectstore
