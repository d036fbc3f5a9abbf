#pragma once
/// Cloud Storage's JSON API as a client: Google's own servers, or masu's hub.

#include <functional>
#include <memory>
#include <string>

#include "net/client.h"
#include "objectstore/blob_store.h"

namespace masu::objectstore {

/// One request, one reply, as net::Client::download: the body of a 2xx answer goes to `sink` if there is one.
/// In tests a plain function over a handler.
using BlobTransport = std::function<Result<net::Reply>(const net::Request&, const net::Client::Sink& sink, Deadline)>;
/// Calls the server at `url` ("http://127.0.0.1:8080", "https://storage.googleapis.com"); a path in it comes before
/// every request's path ("http://host/t/TOKEN"). `client` outlives the transport.
Result<BlobTransport> http_transport(net::Client& client, std::string_view url, std::string ca_pem = {});

/// Asked before each request; an empty token means no Authorization field.
using TokenSource = std::function<Result<std::string>()>;

class GcsStore final : public BlobStore {
 public:
  struct Options {
    std::uint64_t resumable_from = std::uint64_t{5} << 20;  // longer uploads go in pieces
    std::uint64_t piece_bytes = std::uint64_t{8} << 20;     // a multiple of 256 KiB
    int attempts = 5;                                       // of one request that may be sent again
    Duration first_wait = 250ms;
  };
  GcsStore(BlobTransport transport, TokenSource token);
  GcsStore(BlobTransport transport, TokenSource token, Options options);

  Result<BlobInfo> stat(const BlobName& name, Deadline deadline) override;
  Result<std::string> get(const BlobName& name, ByteRange range, Deadline deadline) override;
  Result<BlobInfo> download(const BlobName& name, const std::filesystem::path& file, Deadline deadline, const Progress& progress = {}) override;
  Result<BlobInfo> put(const BlobName& name, std::string_view bytes, const PutOptions& options, Deadline deadline) override;
  Result<BlobInfo> upload(const BlobName& name, const std::filesystem::path& file, const PutOptions& options, Deadline deadline,
                          const Progress& progress = {}) override;
  Result<BlobPage> list(const std::string& bucket, const ListOptions& options, Deadline deadline) override;
  Status remove(const BlobName& name, Deadline deadline) override;

 private:
  struct Piece;
  /// Sends, again after `unavailable`, and turns an answer that is no success into an error about `doing`.
  Result<net::Reply> send(net::Request request, std::string_view doing, Deadline deadline, const net::Client::Sink& sink = {});
  Result<net::Reply> send_once(const net::Request& request, Deadline deadline, const net::Client::Sink& sink);
  Result<BlobInfo> upload_pieces(const BlobName& name, int fd, const Checksums& sums, const PutOptions& options, Deadline deadline,
                                 const Progress& progress);
  Result<Piece> send_piece(const BlobName& name, const std::string& session, const std::string& bytes, std::uint64_t offset, std::uint64_t all,
                           Deadline deadline);
  Result<Piece> session_position(const BlobName& name, const std::string& session, std::uint64_t all, Deadline deadline);

  BlobTransport transport_;
  TokenSource token_;
  Options options_;
};

}  // namespace masu::objectstore
