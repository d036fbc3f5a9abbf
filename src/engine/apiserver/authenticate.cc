#include "apiserver/authenticate.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/x509.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

constexpr std::size_t verified_limit = 1024;

/// The fields of one CSV line; double quotes may enclose a field.
std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    else if (c == ',' && !quoted) fields.emplace_back();
    else fields.back() += c;
  }
  for (std::string& field : fields) field = std::string(trim(field));
  return fields;
}

std::string bearer(const net::Request& request) {
  const std::string_view header = request.headers.get("Authorization");
  if (header.size() > 7 && equal_fold(header.substr(0, 7), "Bearer ")) return std::string(trim(header.substr(7)));
  // Browsers cannot set headers on a WebSocket: the token comes as a subprotocol.
  constexpr std::string_view prefix = "base64url.bearer.authorization.k8s.io.";
  for (const std::string& protocol : split(request.headers.get("Sec-WebSocket-Protocol"), ','))
    if (trim(protocol).starts_with(prefix))
      if (auto token = crypto::base64_url_decode(trim(protocol).substr(prefix.size())); token.ok()) return *token;
  return {};
}

void add_group(Identity& identity, std::string_view group) {
  if (!identity.in_group(group)) identity.groups.emplace_back(group);
}

}  // namespace

Result<std::vector<StaticToken>> parse_token_file(std::string_view text) {
  std::vector<StaticToken> tokens;
  int number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    if (trim(line).empty() || trim(line).starts_with('#')) continue;
    const std::vector<std::string> fields = csv_fields(line);
    if (fields.size() < 3 || fields[0].empty() || fields[1].empty())
      return Error{Code::malformed, cat("token file, line ", number, ": a line is token,user,uid or token,user,uid,\"group1,group2\"")};
    StaticToken token{fields[0], {.name = fields[1], .uid = fields[2]}};
    if (fields.size() > 3)
      for (const std::string& group : split(fields[3], ','))
        if (!trim(group).empty()) token.identity.groups.emplace_back(trim(group));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

Authenticator::Authenticator(const Store& store, const Clock& clock, std::shared_ptr<const TokenKeys> keys)
    : store_(store), clock_(clock), keys_(std::move(keys)) {}

void Authenticator::set_tokens(std::vector<StaticToken> tokens) {
  std::map<std::string, Identity, std::less<>> table;
  // Looked up by digest: the time a lookup takes says nothing about the token.
  for (StaticToken& token : tokens) table[crypto::sha256(token.token)] = std::move(token.identity);
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(table);
}

Outcome<Identity> Authenticator::authenticate(const net::Request& request) const {
  if (request.peer.user) {
    Identity identity{.name = *request.peer.user, .groups = request.peer.groups};
    add_group(identity, "system:authenticated");
    return identity;
  }
  if (const std::string token = bearer(request); !token.empty()) {
    std::vector<std::string> matched;
    auto identity = from_token(token, {}, matched);
    if (!identity.ok()) return unauthorized();
    add_group(*identity, "system:authenticated");
    return std::move(*identity);
  }
  if (request.peer.certificate_pem) {
    const auto certificate = crypto::read_certificate(*request.peer.certificate_pem);
    if (!certificate.ok() || certificate->subject.common_name.empty()) return unauthorized();
    Identity identity{.name = certificate->subject.common_name, .groups = certificate->subject.organizations};
    add_group(identity, "system:authenticated");
    return identity;
  }
  if (!request.headers.get("Authorization").empty()) return unauthorized();
  return Identity{.name = "system:anonymous", .groups = {"system:unauthenticated"}};
}

Result<Identity> Authenticator::from_token(std::string_view token, const std::vector<std::string>& audiences, std::vector<std::string>& matched) const {
  const std::string digest = crypto::sha256(token);
  Value claims;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = tokens_.find(digest); found != tokens_.end()) {
      matched = audiences.empty() ? std::vector<std::string>{keys_->issuer} : audiences;
      return found->second;
    }
    if (const auto found = verified_.find(digest); found != verified_.end()) claims = found->second;
  }
  if (claims.is_null()) {
    TRY(claims, crypto::verify_jwt(token, {keys_->signing.verifying_key()}));
    const std::lock_guard lock(mutex_);
    if (verified_.size() >= verified_limit) verified_.erase(verified_.begin());
    verified_[digest] = claims;
  }
  TRY_OK(crypto::check_times(claims, clock_.now(), Duration::zero()));
  if (claims["iss"].as_string() != keys_->issuer) return Error{Code::unauthenticated, "the token's issuer is not this cluster"};
  const std::vector<std::string> wanted = audiences.empty() ? std::vector<std::string>{keys_->issuer} : audiences;
  for (const Value& audience : claims["aud"].as_array())
    if (std::find(wanted.begin(), wanted.end(), audience.as_string()) != wanted.end()) matched.emplace_back(audience.as_string());
  if (matched.empty()) return Error{Code::unauthenticated, "the token is not meant for this audience"};
  return from_claims(claims, token);
}

Status Authenticator::still_there(const Key& key, std::string_view uid) const {
  const RecordPtr record = store_.get(key);
  if (!record || record->uid != uid) return Error{Code::unauthenticated, cat("the token is bound to ", key.resource, " ", quote(key.name), ", which is gone")};
  return {};
}

Result<Identity> Authenticator::from_claims(const Value& claims, std::string_view) const {
  const Value& kubernetes = claims["kubernetes.io"];
  const std::string ns(kubernetes["namespace"].as_string());
  const std::string account(kubernetes.at("serviceaccount", "name").as_string());
  const std::string_view uid = kubernetes.at("serviceaccount", "uid").as_string();
  TRY_OK(still_there({"/serviceaccounts", ns, account}, uid));
  Identity identity{.name = service_account_user(ns, account), .uid = std::string(uid), .groups = service_account_groups(ns)};
  if (const std::string_view id = claims["jti"].as_string(); !id.empty())
    identity.extra["authentication.kubernetes.io/credential-id"] = {cat("JTI=", id)};
  if (const Value& pod = kubernetes["pod"]; pod.is_object()) {
    TRY_OK(still_there({"/pods", ns, std::string(pod["name"].as_string())}, pod["uid"].as_string()));
    identity.extra["authentication.kubernetes.io/pod-name"] = {std::string(pod["name"].as_string())};
    identity.extra["authentication.kubernetes.io/pod-uid"] = {std::string(pod["uid"].as_string())};
  }
  if (const Value& secret = kubernetes["secret"]; secret.is_object())
    TRY_OK(still_there({"/secrets", ns, std::string(secret["name"].as_string())}, secret["uid"].as_string()));
  return identity;
}

Outcome<Value> Authenticator::issue(const Value& account, const Value& token_request) const {
  const ResourceName resource{"authentication.k8s.io", "tokenrequests", "TokenRequest"};
  const std::string ns(account.at("metadata", "namespace").as_string());
  const std::string name(account.at("metadata", "name").as_string());
  const Value& spec = token_request["spec"];
  const std::int64_t lifetime = spec["expirationSeconds"].as_integer(3600);
  if (lifetime < 600)
    return invalid(resource, "", {{"spec.expirationSeconds", "FieldValueInvalid", cat("Invalid value: ", lifetime, ": may not specify a duration less than 10 minutes")}});
  if (lifetime > (std::int64_t{1} << 32))
    return invalid(resource, "", {{"spec.expirationSeconds", "FieldValueInvalid", cat("Invalid value: ", lifetime, ": may not specify a duration larger than 2^32 seconds")}});
  Value kubernetes = Value::object({{"namespace", ns}, {"serviceaccount", Value::object({{"name", name}, {"uid", account.at("metadata", "uid")}})}});
  if (const Value& bound = spec["boundObjectRef"]; bound.is_object()) {
    const std::string kind(bound["kind"].as_string()), target(bound["name"].as_string());
    const char* plural = kind == "Pod" ? "pods" : kind == "Secret" ? "secrets" : kind == "Node" ? "nodes" : nullptr;
    if (plural == nullptr)
      return bad_request(cat("cannot bind token to object of type ", kind));
    const RecordPtr record = store_.get({cat("/", plural), kind == "Node" ? "" : ns, target});
    if (!record) return not_found({"", plural, kind}, target);
    if (const std::string_view uid = bound["uid"].as_string(); !uid.empty() && uid != record->uid)
      return conflict({"", plural, kind}, target, cat("the UID in the bound object reference (", uid, ") does not match the UID in record. The object might have been deleted and then recreated"));
    if (kind == "Pod") {
      TRY(const Value pod, parse_json(record->bytes));
      const std::string_view used = pod.at("spec", "serviceAccountName").as_string();
      if (used != name) return bad_request(cat("cannot bind token for serviceaccount ", quote(name), " to pod running with different serviceaccount name"));
    }
    kubernetes[lower(kind)] = Value::object({{"name", target}, {"uid", record->uid}});
  }
  Value audiences = spec["audiences"];
  if (audiences.as_array().empty()) audiences = Value::array({keys_->issuer});
  const Instant now = clock_.now();
  const auto unix_seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  // A pod's own token (3607 seconds is what admission writes) is good for a year, as upstream extends it too: programs that
  // read it once at their start work on. It ends with its pod all the same.
  const std::int64_t valid = lifetime == 3607 && kubernetes.contains("pod") ? std::int64_t{365} * 24 * 3600 : lifetime;
  const Value claims = Value::object({{"iss", keys_->issuer},
                                      {"sub", service_account_user(ns, name)},
                                      {"aud", audiences},
                                      {"iat", unix_seconds},
                                      {"nbf", unix_seconds},
                                      {"exp", unix_seconds + valid},
                                      {"jti", crypto::uuid4()},
                                      {"kubernetes.io", kubernetes}});
  TRY(const std::string token, keys_->signing.sign(claims));
  Value answer = token_request;
  answer["spec"]["audiences"] = audiences;
  answer["spec"]["expirationSeconds"] = lifetime;
  answer["metadata"]["name"] = name;
  answer["metadata"]["namespace"] = ns;
  answer["metadata"]["creationTimestamp"] = to_rfc3339(now);
  answer["status"] = Value::object({{"token", token}, {"expirationTimestamp", to_rfc3339(now + std::chrono::seconds(lifetime))}});
  return answer;
}

}  // namespace masu::apiserver
