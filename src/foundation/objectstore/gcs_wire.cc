#include "objectstore/gcs_wire.h"

#include <charconv>

#include "base/text.h"
#include "value/json.h"
#include "value/reader.h"

namespace masu::objectstore {

Result<BlobInfo> blob_info_from(const Value& resource) {
  const Reader read(resource);
  read.required("bucket");
  read.required("name");
  BlobInfo info;
  info.name = {read.string("bucket").value_or(""), read.string("name").value_or("")};
  info.size = static_cast<std::uint64_t>(read.integer("size").value_or(0));
  info.generation = read.integer("generation").value_or(0);
  info.content_type = read.string("contentType").value_or("");
  info.crc32c = read.string("crc32c").value_or("");
  info.md5 = read.string("md5Hash").value_or("");
  info.metadata = read.string_map("metadata");
  if (const auto updated = read.string("updated"))
    if (const auto instant = parse_rfc3339(*updated); instant.ok()) info.updated = *instant;
  if (auto status = read.finish(); !status.ok()) return Error{Code::malformed, cat("reading an object resource: ", status.error().message)};
  return info;
}

Value upload_resource(const BlobName& name, const Checksums& sums, const PutOptions& options) {
  Value resource = Value::object({{"name", name.object}, {"contentType", options.content_type}, {"crc32c", sums.crc32c}, {"md5Hash", sums.md5}});
  for (const auto& [key, value] : options.metadata) resource["metadata"][key] = value;
  return resource;
}

std::string multipart_body(const Value& resource, std::string_view bytes, std::string_view content_type, std::string_view boundary) {
  return cat("--", boundary, "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n", to_json(resource), "\r\n--", boundary, "\r\nContent-Type: ", content_type,
             "\r\n\r\n", bytes, "\r\n--", boundary, "--\r\n");
}

Error error_from(const net::Reply& reply, std::string_view doing) {
  std::string sentence(trim(reply.body).substr(0, 300));
  if (const auto body = parse_json(reply.body); body.ok()) {
    const Value& error = (*body)["error"];
    if (error["message"].is_string()) sentence = error["message"].as_string();
    else if ((*body)["message"].is_string()) sentence = (*body)["message"].as_string();
  }
  if (sentence.empty()) sentence = "no explanation";
  const Code code = reply.status == 400 || reply.status == 422   ? Code::invalid
                    : reply.status == 401                        ? Code::unauthenticated
                    : reply.status == 403                        ? Code::denied
                    : reply.status == 404 || reply.status == 410 ? Code::not_found
                    : reply.status == 409                        ? Code::already_exists
                    : reply.status == 412 || reply.status == 304 ? Code::precondition
                    : reply.status == 413                        ? Code::exhausted
                    : reply.status == 408 || reply.status == 429 || reply.status >= 500 ? Code::unavailable
                                                                                        : Code::unsupported;
  return Error{code, cat(doing, ": ", sentence, " (HTTP ", reply.status, ")")};
}

Result<std::uint64_t> next_offset(std::string_view field) {
  if (field.empty()) return std::uint64_t{0};
  constexpr std::string_view start = "bytes=0-";
  std::uint64_t last = 0;
  const std::string_view digits = field.starts_with(start) ? field.substr(start.size()) : std::string_view();
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), last);
  if (digits.empty() || problem != std::errc{} || end != digits.data() + digits.size() || last == ~std::uint64_t{0})
    return Error{Code::malformed, cat("the server's Range field ", quote(field), " is not of the form bytes=0-LAST")};
  return last + 1;
}

std::string object_path(const BlobName& name) {
  return cat("/storage/v1/b/", net::percent_encode(name.bucket), "/o/", net::percent_encode(name.object));
}

}  // namespace masu::objectstore
