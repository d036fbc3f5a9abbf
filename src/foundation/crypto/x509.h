#pragma once
/// Certificates: one authority, the servers and clients it vouches for. Keys are P-256, everything travels as PEM.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace masu::crypto {

/// A certificate with the private key that belongs to it.
struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;  // PKCS#8, for a file of mode 0600
};

struct Subject {
  std::string common_name;                 // a user's name for Kubernetes
  std::vector<std::string> organizations;  // a user's groups
  bool operator==(const Subject&) const = default;
};

/// What is to be certified. `now` is the instant of making; certificates begin an hour before it.
struct CertificateRequest {
  Subject subject;
  std::vector<std::string> dns_names;     // "localhost", "*.localhost"
  std::vector<std::string> ip_addresses;  // "127.0.0.1", "::1"
  Instant now;
  Duration valid_for = std::chrono::hours{24 * 365};
};

struct CertificateInfo {
  Subject subject;
  std::vector<std::string> dns_names, ip_addresses;
  Instant not_before, not_after;
  bool is_authority = false;
  std::string fingerprint_sha256_hex;  // of the DER form
};

/// A fresh private key, P-256, as PEM.
Result<std::string> generate_key_pem();

/// A self-signed authority.
Result<KeyPair> make_authority(std::string_view common_name, Instant now, Duration valid_for = std::chrono::hours{24 * 3650});
/// A server certificate with its own fresh key. Needs at least one DNS name or IP address.
Result<KeyPair> make_server_certificate(const KeyPair& authority, const CertificateRequest& request);
/// A client certificate with its own fresh key: Kubernetes reads subject CN as user and O as groups.
Result<KeyPair> make_client_certificate(const KeyPair& authority, const CertificateRequest& request);
/// Certifies for client authentication the key of a PKCS#10 request (CertificateSigningRequest objects), subject as in it.
Result<std::string> sign_client_request(const KeyPair& authority, std::string_view request_pem, Instant now, Duration valid_for);
/// The subject of a PKCS#10 request whose own signature holds.
Result<Subject> request_subject(std::string_view request_pem);

/// Reads the first certificate of a PEM. malformed otherwise.
Result<CertificateInfo> read_certificate(std::string_view certificate_pem);

enum class Purpose { server, client, any };
/// Whether `certificate_pem` (further certificates in it are intermediates) leads to one of the authorities at `now` and
/// may serve the purpose. unauthenticated with the reason otherwise.
Status verify_certificate(std::string_view certificate_pem, std::string_view authorities_pem, Purpose purpose, Instant now);
/// Whether key and certificate belong together; invalid otherwise.
Status check_key_pair(const KeyPair& pair);

}  // namespace masu::crypto
