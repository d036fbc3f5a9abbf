#include "ledger/authorizer.h"

#include "base/text.h"
#include "crypto/hash.h"

namespace masu::ledger {

std::string_view bearer_token(const net::Request& request) {
  const std::string_view header = request.headers.get("Authorization");
  constexpr std::size_t scheme = 7;  // "Bearer "
  if (header.size() <= scheme || !equal_fold(header.substr(0, scheme), "Bearer ")) return {};
  return trim(header.substr(scheme));
}

Status ReviewAuthorizer::known(const net::Request& request, Deadline deadline) {
  TRY_OK(who(request, deadline));
  return {};
}

Status ReviewAuthorizer::allow(const net::Request& request, const Deed& deed, Deadline deadline) {
  TRY(const Who who, this->who(request, deadline));
  const std::string question = join({who.user, join(who.groups, ","), deed.verb, deed.resource.qualified(), deed.key.text()}, "\n");
  {
    const std::scoped_lock lock(mutex_);
    const auto found = allowed_.find(question);
    if (found != allowed_.end() && found->second.until > clock_.now()) return {};
  }
  TRY_OK(review_access(who, deed, deadline));
  const std::scoped_lock lock(mutex_);
  if (allowed_.size() >= kept_max) allowed_.clear();
  allowed_[question] = {true, clock_.now() + kept_};
  return {};
}

Result<ReviewAuthorizer::Who> ReviewAuthorizer::who(const net::Request& request, Deadline deadline) {
  if (request.peer.user) return Who{.user = *request.peer.user, .groups = request.peer.groups};
  const std::string token(bearer_token(request));
  if (token.empty()) {
    return Error{Code::unauthenticated, "the ledger needs to know who asks: send \"Authorization: Bearer TOKEN\" with a token of the cluster"};
  }
  const std::string key = crypto::sha256(token);
  {
    const std::scoped_lock lock(mutex_);
    const auto found = tokens_.find(key);
    if (found != tokens_.end() && found->second.until > clock_.now()) return found->second.answer;
  }
  TRY(Who who, review_token(token, deadline));
  const std::scoped_lock lock(mutex_);
  if (tokens_.size() >= kept_max) tokens_.clear();
  tokens_[key] = {who, clock_.now() + kept_};
  return who;
}

Result<ReviewAuthorizer::Who> ReviewAuthorizer::review_token(const std::string& token, Deadline deadline) const {
  const Value review = Value::object(
      {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenReview"}, {"spec", Value::object({{"token", token}})}});
  TRY(const Value answer, client_.create(kube::resources::token_reviews, review, deadline).context("asking whose a token is"));
  const Value& status = answer["status"];
  if (!status["authenticated"].as_bool()) return Error{Code::unauthenticated, "the ledger does not know the token: it is wrong, or has expired"};
  Who who{.user = std::string(status.at("user", "username").as_string()), .uid = std::string(status.at("user", "uid").as_string())};
  for (const Value& group : status.at("user", "groups").as_array()) who.groups.emplace_back(group.as_string());
  return who;
}

Status ReviewAuthorizer::review_access(const Who& who, const Deed& deed, Deadline deadline) const {
  Value spec = Value::object({{"user", who.user},
                              {"groups", Value::strings(who.groups)},
                              {"resourceAttributes", Value::object({{"verb", deed.verb},
                                                                    {"group", deed.resource.group},
                                                                    {"version", deed.resource.version},
                                                                    {"resource", deed.resource.plural},
                                                                    {"namespace", deed.key.name_space},
                                                                    {"name", deed.key.name}})}});
  if (!who.uid.empty()) spec["uid"] = who.uid;
  const Value review = Value::object({{"apiVersion", "authorization.k8s.io/v1"}, {"kind", "SubjectAccessReview"}, {"spec", std::move(spec)}});
  TRY(const Value answer, client_.create(kube::resources::subject_access_reviews, review, deadline).context("asking for a right"));
  if (answer.at("status", "allowed").as_bool()) return {};
  return Error{Code::denied, cat("user ", quote(who.user), " may not ", deed.verb, " ", deed.resource.qualified(), " ", quote(deed.key.text()),
                                 ": a RoleBinding in namespace ", quote(deed.key.name_space), " would allow it")};
}

}  // namespace masu::ledger
