#include "objectstore/gcs_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "objectstore/checksum.h"
#include "objectstore/gcs_wire.h"
#include "value/json.h"

namespace masu::objectstore {
namespace {

/// A boundary that does not stand in the bytes.
std::string boundary_for(std::string_view bytes, const Checksums& sums) {
  std::string boundary = cat("masu_", crypto::md5_hex(sums.md5));
  while (bytes.find(boundary) != std::string_view::npos) boundary = cat("masu_", crypto::md5_hex(boundary));
  return boundary;
}

Result<std::string> read_part(int fd, std::uint64_t offset, std::uint64_t length) {
  std::string bytes(static_cast<std::size_t>(length), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("reading", "the file to upload");
    if (got == 0) return Error{Code::conflict, "the file to upload became shorter while it was read"};
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

void add_precondition(net::Query& query, const PutOptions& options) {
  if (options.if_generation) query.add("ifGenerationMatch", cat(*options.if_generation));
}

Result<BlobInfo> info_of(const net::Reply& reply, std::string_view doing) {
  TRY(const Value resource, parse_json(reply.body).context(doing));
  return blob_info_from(resource).context(doing);
}

/// A file beside its final name that is removed unless it was finished.
class PartFile {
 public:
  static Result<PartFile> make(const std::filesystem::path& file) {
    PartFile part;
    part.path_ = file;
    part.path_ += ".part-XXXXXX";
    std::string name = part.path_.string();
    part.fd_ = FileDescriptor(::mkstemp(name.data()));
    if (!part.fd_.valid()) return errno_error("making a file beside", file);
    part.path_ = name;
    return part;
  }
  PartFile(PartFile&& other) noexcept : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
  ~PartFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  int fd() const { return fd_.get(); }
  Status finish(const std::filesystem::path& file) {
    if (::fchmod(fd_.get(), 0644) != 0 || ::fsync(fd_.get()) != 0) return errno_error("writing", file);
    if (::rename(path_.c_str(), file.c_str()) != 0) return errno_error("renaming to", file);
    path_.clear();
    return {};
  }

 private:
  PartFile() = default;
  std::filesystem::path path_;
  FileDescriptor fd_;
};

}  // namespace

/// Where a resumable upload stands: done (with the object), or the next byte that the server wants.
struct GcsStore::Piece {
  std::optional<BlobInfo> finished;
  std::uint64_t next = 0;
};

Result<BlobTransport> http_transport(net::Client& client, std::string_view url, std::string ca_pem) {
  TRY(const net::Url parsed, net::parse_url(url));
  net::Endpoint endpoint = net::endpoint_of(parsed);
  endpoint.ca_pem = std::move(ca_pem);
  std::string prefix = parsed.path;
  while (prefix.ends_with('/')) prefix.pop_back();
  if (parsed.scheme == "unix") prefix.clear();
  return BlobTransport([&client, endpoint, prefix](const net::Request& request, const net::Client::Sink& sink, Deadline deadline) {
    net::Request prefixed = request;
    // The place of an upload session comes from the server, with the prefix.
    if (!prefix.empty() && !prefixed.path.starts_with(prefix + "/")) prefixed.path = prefix + prefixed.path;
    return sink ? client.download(endpoint, prefixed, sink, deadline) : client.call(endpoint, prefixed, deadline);
  });
}

GcsStore::GcsStore(BlobTransport transport, TokenSource token) : GcsStore(std::move(transport), std::move(token), Options{}) {}

GcsStore::GcsStore(BlobTransport transport, TokenSource token, Options options)
    : transport_(std::move(transport)), token_(std::move(token)), options_(options) {}

Result<net::Reply> GcsStore::send_once(const net::Request& request, Deadline deadline, const net::Client::Sink& sink) {
  net::Request authorized = request;
  if (token_) {
    TRY(const std::string token, token_());
    if (!token.empty()) authorized.headers.set("Authorization", cat("Bearer ", token));
  }
  authorized.body_size = authorized.body.size();
  return transport_(authorized, sink, deadline);
}

Result<net::Reply> GcsStore::send(net::Request request, std::string_view doing, Deadline deadline, const net::Client::Sink& sink) {
  for (int attempt = 0;; ++attempt) {
    auto reply = send_once(request, deadline, sink);
    if (reply.ok() && reply->status >= 200 && reply->status < 300) return reply;
    Error error = reply.ok() ? error_from(*reply, doing) : std::move(reply).error().context(doing);
    // A sink that has had bytes cannot have them again: its owner goes on from where it stands.
    const bool again = error.code == Code::unavailable && !sink && attempt + 1 < options_.attempts;
    const Duration wait = backoff(attempt, options_.first_wait, 10s);
    if (!again || deadline.remaining() < wait || !pause(wait, {})) return error;
  }
}

Result<BlobInfo> GcsStore::stat(const BlobName& name, Deadline deadline) {
  net::Request request;
  request.path = object_path(name);
  const std::string doing = cat("looking at ", to_uri(name));
  TRY(const net::Reply reply, send(std::move(request), doing, deadline));
  return info_of(reply, doing);
}

Result<std::string> GcsStore::get(const BlobName& name, ByteRange range, Deadline deadline) {
  const bool whole = range.offset == 0 && !range.length;
  if (range.length && *range.length == 0) return std::string();
  const std::string doing = cat("reading ", to_uri(name));
  BlobInfo info;
  net::Request request;
  request.path = object_path(name);
  request.query.add("alt", "media");
  if (whole) {
    // The description first, and then exactly that generation, so that bytes and checksum belong together.
    TRY(info, stat(name, deadline).context(doing));
    request.query.add("generation", cat(info.generation));
  } else {
    request.headers.set("Range", range.length ? cat("bytes=", range.offset, "-", range.offset + *range.length - 1) : cat("bytes=", range.offset, "-"));
  }
  auto reply = send(std::move(request), doing, deadline);
  if (!reply.ok()) return std::move(reply).error();
  if (whole) TRY_OK(check_checksums(info, checksums_of(reply->body)));
  if (!whole && reply->status != 206) return Error{Code::unsupported, cat(doing, ": the server does not serve parts of objects")};
  return std::move(reply->body);
}

Result<BlobInfo> GcsStore::download(const BlobName& name, const std::filesystem::path& file, Deadline deadline, const Progress& progress) {
  const std::string doing = cat("downloading ", to_uri(name));
  TRY(BlobInfo info, stat(name, deadline).context(doing));
  TRY(PartFile part, PartFile::make(file));
  Checksummer sums;
  std::uint64_t done = 0;
  int failures = 0;
  while (done < info.size) {
    net::Request request;
    request.path = object_path(name);
    request.query.add("alt", "media");
    request.query.add("generation", cat(info.generation));
    if (done > 0) request.headers.set("Range", cat("bytes=", done, "-"));
    const std::uint64_t before = done;
    const auto reply = send(std::move(request), doing, deadline, [&](std::string_view bytes) -> Status {
      if (bytes.size() > info.size - done) return Error{Code::conflict, cat("more bytes came than the ", info.size, " that were told")};
      TRY_OK(write_all(part.fd(), bytes));
      sums.update(bytes);
      done += bytes.size();
      if (progress) progress(done, info.size);
      return {};
    });
    if (reply.ok() && done == before) return Error{Code::conflict, cat(doing, ": the answer ended after ", done, " of ", info.size, " bytes")};
    if (reply.ok() && before > 0 && reply->status != 206) return Error{Code::unsupported, cat(doing, ": the server does not go on after a break")};
    if (reply.ok()) continue;
    failures = done > before ? 1 : failures + 1;
    const Duration wait = backoff(failures - 1, options_.first_wait, 10s);
    if (reply.error().code != Code::unavailable || failures >= options_.attempts || deadline.remaining() < wait || !pause(wait, {})) return Error(reply.error());
  }
  TRY_OK(check_checksums(info, sums.finish()).context(doing));
  TRY_OK(part.finish(file));
  return info;
}

Result<BlobInfo> GcsStore::put(const BlobName& name, std::string_view bytes, const PutOptions& options, Deadline deadline) {
  const std::string doing = cat("writing ", to_uri(name));
  const Checksums sums = checksums_of(bytes);
  const std::string boundary = boundary_for(bytes, sums);
  net::Request request;
  request.method = "POST";
  request.path = cat("/upload/storage/v1/b/", net::percent_encode(name.bucket), "/o");
  request.query = {{"uploadType", "multipart"}, {"name", name.object}};
  add_precondition(request.query, options);
  request.headers.set("Content-Type", cat("multipart/related; boundary=", boundary));
  request.body = multipart_body(upload_resource(name, sums, options), bytes, options.content_type, boundary);
  TRY(const net::Reply reply, send(std::move(request), doing, deadline));
  TRY(BlobInfo info, info_of(reply, doing));
  TRY_OK(check_checksums(info, sums).context(doing));
  return info;
}

Result<BlobInfo> GcsStore::upload(const BlobName& name, const std::filesystem::path& file, const PutOptions& options, Deadline deadline, const Progress& progress) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("opening", file);
  TRY(const Checksums sums, checksums_of_file(file));
  if (sums.size > options_.resumable_from) return upload_pieces(name, fd.get(), sums, options, deadline, progress);
  TRY(const std::string bytes, read_part(fd.get(), 0, sums.size));
  TRY(BlobInfo info, put(name, bytes, options, deadline));
  if (progress) progress(sums.size, sums.size);
  return info;
}

Result<BlobInfo> GcsStore::upload_pieces(const BlobName& name, int fd, const Checksums& sums, const PutOptions& options, Deadline deadline, const Progress& progress) {
  const std::string doing = cat("uploading ", to_uri(name));
  net::Request request;
  request.method = "POST";
  request.path = cat("/upload/storage/v1/b/", net::percent_encode(name.bucket), "/o");
  request.query = {{"uploadType", "resumable"}, {"name", name.object}};
  add_precondition(request.query, options);
  request.headers.set("Content-Type", "application/json; charset=UTF-8");
  request.headers.set("X-Upload-Content-Type", options.content_type);
  request.headers.set("X-Upload-Content-Length", cat(sums.size));
  request.body = to_json(upload_resource(name, sums, options));
  TRY(const net::Reply opened, send(std::move(request), doing, deadline));
  const std::string session(opened.headers.get("Location"));
  if (session.empty()) return Error{Code::unsupported, cat(doing, ": the server names no place for the pieces (no Location field)")};

  Piece piece;
  int failures = 0;
  while (!piece.finished) {
    const std::uint64_t length = std::min(options_.piece_bytes, sums.size - piece.next);
    TRY(const std::string bytes, read_part(fd, piece.next, length).context(doing));
    const std::uint64_t before = piece.next;
    auto sent = send_piece(name, session, bytes, piece.next, sums.size, deadline);
    while (!sent.ok()) {
      const Duration wait = backoff(failures, options_.first_wait, 10s);
      if (sent.error().code != Code::unavailable || ++failures >= options_.attempts || deadline.remaining() < wait || !pause(wait, {}))
        return std::move(sent).error().context(doing);
      sent = session_position(name, session, sums.size, deadline);
    }
    piece = std::move(*sent);
    if (!piece.finished && piece.next > sums.size) return Error{Code::conflict, cat(doing, ": the server has more bytes than there are")};
    if (!piece.finished && piece.next == sums.size) return Error{Code::conflict, cat(doing, ": the server has all bytes but does not say it is done")};
    if (piece.next > before) failures = 0;
    if (progress) progress(piece.finished ? sums.size : piece.next, sums.size);
  }
  TRY_OK(check_checksums(*piece.finished, sums).context(doing));
  return std::move(*piece.finished);
}

Result<GcsStore::Piece> GcsStore::send_piece(const BlobName& name, const std::string& session, const std::string& bytes, std::uint64_t offset,
                                             std::uint64_t all, Deadline deadline) {
  net::Request request;
  request.method = "PUT";
  // The place is absolute; the same server answers there, so its path and query are enough.
  const std::size_t scheme = session.find("://");
  const std::size_t slash = scheme == std::string::npos ? 0 : session.find('/', scheme + 3);
  const std::string target = slash == std::string::npos ? "/" : session.substr(slash);
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = net::Query::parse(target.substr(question + 1));
  request.headers.set("Content-Range", bytes.empty() ? cat("bytes */", all) : cat("bytes ", offset, "-", offset + bytes.size() - 1, "/", all));
  request.body = bytes;
  TRY(const net::Reply reply, send_once(request, deadline, {}));
  Piece piece;
  if (reply.status == 308) {
    TRY(piece.next, next_offset(reply.headers.get("Range")));
    return piece;
  }
  const std::string doing = cat("sending a piece of ", to_uri(name));
  if (reply.status < 200 || reply.status >= 300) return error_from(reply, doing);
  TRY(piece.finished, info_of(reply, doing));
  piece.next = all;
  return piece;
}

Result<GcsStore::Piece> GcsStore::session_position(const BlobName& name, const std::string& session, std::uint64_t all, Deadline deadline) {
  return send_piece(name, session, "", 0, all, deadline);
}

Result<BlobPage> GcsStore::list(const std::string& bucket, const ListOptions& options, Deadline deadline) {
  const std::string doing = cat("listing gs://", bucket, "/", options.prefix);
  net::Request request;
  request.path = cat("/storage/v1/b/", net::percent_encode(bucket), "/o");
  if (!options.prefix.empty()) request.query.add("prefix", options.prefix);
  if (!options.delimiter.empty()) request.query.add("delimiter", options.delimiter);
  if (!options.page.empty()) request.query.add("pageToken", options.page);
  request.query.add("maxResults", cat(options.most));
  TRY(const net::Reply reply, send(std::move(request), doing, deadline));
  TRY(const Value body, parse_json(reply.body).context(doing));
  BlobPage page;
  for (const Value& item : body["items"].as_array()) {
    TRY(BlobInfo info, blob_info_from(item).context(doing));
    page.blobs.push_back(std::move(info));
  }
  for (const Value& prefix : body["prefixes"].as_array()) page.prefixes.emplace_back(prefix.as_string());
  page.next_page = body["nextPageToken"].as_string();
  return page;
}

Status GcsStore::remove(const BlobName& name, Deadline deadline) {
  net::Request request;
  request.method = "DELETE";
  request.path = object_path(name);
  TRY_OK(send(std::move(request), cat("deleting ", to_uri(name)), deadline));
  return {};
}

}  // namespace masu::objectstore
