#include "hub/object_meta.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/base64.h"
#include "value/json.h"
#include "value/reader.h"

namespace masu::hub {
namespace {

struct TextMember {
  const char* name;
  std::string ObjectMeta::* member;
};
// The texts that clients may set, by their names in the JSON API.
constexpr TextMember texts[] = {{"contentType", &ObjectMeta::content_type},
                                {"contentEncoding", &ObjectMeta::content_encoding},
                                {"contentDisposition", &ObjectMeta::content_disposition},
                                {"contentLanguage", &ObjectMeta::content_language},
                                {"cacheControl", &ObjectMeta::cache_control},
                                {"customTime", &ObjectMeta::custom_time},
                                {"storageClass", &ObjectMeta::storage_class}};

/// "Tue, 24 Nov 2026 11:00:00 GMT"
std::string http_time(Instant instant) {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date(day);
  const auto two = [](auto number) { return cat(number < 10 ? "0" : "", static_cast<long>(number)); };
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(instant - day));
  return cat(days[std::chrono::weekday(day).c_encoding()], ", ", two(static_cast<unsigned>(date.day())), " ", months[static_cast<unsigned>(date.month()) - 1], " ",
             static_cast<int>(date.year()), " ", two(time.hours().count()), ":", two(time.minutes().count()), ":", two(time.seconds().count()), " GMT");
}

/// Well-formed UTF-8, as the one who prints JSON sees it.
bool is_utf8(std::string_view text) { return to_json(Value(text)).find("\xEF\xBF\xBD") == std::string::npos || text.find("\xEF\xBF\xBD") != std::string_view::npos; }

}  // namespace

std::string ObjectMeta::etag() const { return crypto::base64(cat(generation, "/", metageneration)); }

Status check_object_name(std::string_view name) {
  if (name.empty() || name.size() > 1024) return Error{Code::invalid, cat("an object name must have 1 to 1024 bytes, not ", name.size())};
  if (name == "." || name == ".." || name.starts_with(".well-known/acme-challenge/")) return Error{Code::invalid, cat("an object must not be named ", quote(name))};
  if (name.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos || !is_utf8(name))
    return Error{Code::invalid, cat("object name ", quote(name), " must be UTF-8 without line breaks")};
  return {};
}

Status check_bucket_name(std::string_view name) {
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool fits = name.size() >= 3 && name.size() <= 222 && word(name.front()) && word(name.back()) && name.find("..") == std::string_view::npos &&
                    std::all_of(name.begin(), name.end(), [&](char c) { return word(c) || c == '-' || c == '_' || c == '.'; });
  if (fits) return {};
  return Error{Code::invalid, cat("bucket name ", quote(name), " must have 3 to 222 lower-case letters, digits, '-', '_' and '.', with a letter or digit at both ends")};
}

Value to_resource(const ObjectMeta& meta, std::string_view base) {
  const std::string path = cat("/b/", net::percent_encode(meta.bucket), "/o/", net::percent_encode(meta.name));
  const std::string created = to_rfc3339_micro(meta.created);
  Value out = Value::object({{"kind", "storage#object"},
                             {"id", cat(meta.bucket, "/", meta.name, "/", meta.generation)},
                             {"selfLink", cat(base, "/storage/v1", path)},
                             {"mediaLink", cat(base, "/download/storage/v1", path, "?generation=", meta.generation, "&alt=media")},
                             {"name", meta.name},
                             {"bucket", meta.bucket},
                             {"generation", cat(meta.generation)},
                             {"metageneration", cat(meta.metageneration)},
                             {"size", cat(meta.size)},
                             {"crc32c", meta.crc32c},
                             {"etag", meta.etag()},
                             {"timeCreated", created},
                             {"timeFinalized", created},
                             {"timeStorageClassUpdated", created},
                             {"updated", to_rfc3339_micro(meta.updated)}});
  if (!meta.md5.empty()) out["md5Hash"] = meta.md5;
  if (meta.component_count > 0) out["componentCount"] = meta.component_count;
  for (const TextMember& text : texts)
    if (!(meta.*text.member).empty()) out[text.name] = meta.*text.member;
  for (const auto& [key, value] : meta.metadata) out["metadata"][key] = value;
  return out;
}

Status take_writable(const Value& resource, ObjectMeta& meta) {
  const Reader read(resource);
  for (const TextMember& text : texts) {
    if (!resource.contains(text.name)) continue;
    std::string value = read.string(text.name).value_or("");
    if (value.find_first_of("\r\n") != std::string::npos) read.wrong(text.name, "must not contain line breaks");
    meta.*text.member = std::move(value);
  }
  if (resource.contains("metadata")) {
    const Value& members = resource["metadata"];
    if (members.is_null()) meta.metadata.clear();
    else if (!members.is_object()) read.wrong("metadata", "must be a map of strings");
    for (const auto& [key, value] : members.as_object()) {
      if (value.is_null()) meta.metadata.erase(key);
      else if (value.is_string()) meta.metadata[key] = value.as_string();
      else read.wrong(cat("metadata.", key), "must be a string");
    }
  }
  if (meta.storage_class.empty()) meta.storage_class = "STANDARD";
  return read.finish();
}

net::Headers media_headers(const ObjectMeta& meta) {
  net::Headers headers;
  headers.set("Content-Type", meta.content_type.empty() ? "application/octet-stream" : meta.content_type);
  headers.set("ETag", meta.etag());
  headers.set("Accept-Ranges", "bytes");
  headers.set("Last-Modified", http_time(meta.updated));
  headers.set("X-Goog-Generation", cat(meta.generation));
  headers.set("X-Goog-Metageneration", cat(meta.metageneration));
  headers.set("X-Goog-Stored-Content-Length", cat(meta.size));
  headers.set("X-Goog-Stored-Content-Encoding", meta.content_encoding.empty() ? "identity" : meta.content_encoding);
  headers.set("X-Goog-Storage-Class", meta.storage_class);
  headers.set("X-Goog-Hash", meta.md5.empty() ? cat("crc32c=", meta.crc32c) : cat("crc32c=", meta.crc32c, ",md5=", meta.md5));
  if (!meta.content_encoding.empty()) headers.set("Content-Encoding", meta.content_encoding);
  if (!meta.content_disposition.empty()) headers.set("Content-Disposition", meta.content_disposition);
  if (!meta.content_language.empty()) headers.set("Content-Language", meta.content_language);
  headers.set("Cache-Control", meta.cache_control.empty() ? "private, max-age=0" : meta.cache_control);
  for (const auto& [key, value] : meta.metadata)
    if (value.find_first_of("\r\n") == std::string::npos) headers.set(cat("X-Goog-Meta-", net::percent_encode(key)), value);
  return headers;
}

Value to_sidecar(const ObjectMeta& meta) {
  Value out = Value::object({{"bucket", meta.bucket},
                             {"name", meta.name},
                             {"size", static_cast<std::int64_t>(meta.size)},
                             {"generation", meta.generation},
                             {"metageneration", meta.metageneration},
                             {"crc32c", meta.crc32c},
                             {"md5", meta.md5},
                             {"componentCount", meta.component_count},
                             {"created", to_rfc3339_micro(meta.created)},
                             {"updated", to_rfc3339_micro(meta.updated)}});
  for (const TextMember& text : texts) out[text.name] = meta.*text.member;
  out["metadata"] = Value(Object{});
  for (const auto& [key, value] : meta.metadata) out["metadata"][key] = value;
  return out;
}

Result<ObjectMeta> from_sidecar(const Value& sidecar) {
  const Reader read(sidecar);
  for (const char* key : {"bucket", "name", "size", "generation", "created", "updated"}) read.required(key);
  ObjectMeta meta;
  meta.bucket = read.string("bucket").value_or("");
  meta.name = read.string("name").value_or("");
  meta.size = static_cast<std::uint64_t>(read.integer("size").value_or(0));
  meta.generation = read.integer("generation").value_or(0);
  meta.metageneration = read.integer("metageneration").value_or(1);
  meta.crc32c = read.string("crc32c").value_or("");
  meta.md5 = read.string("md5").value_or("");
  meta.component_count = read.integer("componentCount").value_or(0);
  meta.metadata = read.string_map("metadata");
  for (const TextMember& text : texts) meta.*text.member = read.string(text.name).value_or("");
  TRY_OK(read.finish());
  TRY(meta.created, parse_rfc3339(sidecar["created"].as_string()));
  TRY(meta.updated, parse_rfc3339(sidecar["updated"].as_string()));
  return meta;
}

}  // namespace masu::hub
