/// What the server does on its own: opening, first objects, aggregated roles, definitions on their way out, tokens.

#include <algorithm>

#include "apiserver/bootstrap.h"
#include "apiserver/custom.h"
#include "apiserver/server_parts.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "kube/selector.h"
#include "value/json.h"

namespace masu::apiserver {

namespace {

/// Events are for looking at what happens now; older ones go, as upstream's do.
constexpr Duration event_life = 1h;
constexpr Duration event_check_every = 60s;
constexpr std::string_view merge_media = "application/merge-patch+json";

Result<std::shared_ptr<const TokenKeys>> load_keys(const std::filesystem::path& data) {
  if (data.empty()) {
    TRY(crypto::SigningKey key, crypto::SigningKey::generate(crypto::JwtAlgorithm::es256));
    return std::make_shared<const TokenKeys>(TokenKeys{std::move(key)});
  }
  const std::filesystem::path path = data / "sa.key";
  if (!std::filesystem::exists(path)) {
    TRY(const crypto::SigningKey key, crypto::SigningKey::generate(crypto::JwtAlgorithm::es256));
    TRY_OK(write_file(path, key.pem(), 0600));
    return std::make_shared<const TokenKeys>(TokenKeys{key});
  }
  TRY(const std::string pem, read_file(path));
  auto key = crypto::SigningKey::from_pem(pem);
  if (!key.ok()) return std::move(key).error().context(cat("reading the key of service account tokens, ", path.string()));
  return std::make_shared<const TokenKeys>(TokenKeys{std::move(*key)});
}

}  // namespace

ApiServer::ApiServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ApiServer::~ApiServer() { stop(); }

void ApiServer::stop() {
  if (parts_) parts_->store->finish_watches();
}

const Store& ApiServer::store() const { return *parts_->store; }
const TokenKeys& ApiServer::keys() const { return parts_->authenticator.keys(); }

Result<std::unique_ptr<ApiServer>> ApiServer::open(Options options) {
  std::unique_ptr<Journal> journal = memory_journal();
  std::shared_ptr<const TokenKeys> keys = options.keys;
  if (!options.data.empty()) {
    TRY_OK(make_directories(options.data, 0700));
    TRY(journal, sqlite_journal((options.data / "state.db").string()));
  }
  if (!keys) {
    TRY(keys, load_keys(options.data));
  }
  TRY(std::unique_ptr<Store> store, Store::open(std::move(journal), options.limits));
  std::unique_ptr<ApiServer> server(new ApiServer(nullptr));
  ApiServer* self = server.get();
  server->parts_ = std::make_unique<Parts>(std::move(options), std::move(store), std::move(keys), [self](const Type& type, const Value& object) { self->after_write(type, object); });
  TRY_OK(server->load_tokens());
  TRY_OK(server->bootstrap());
  return server;
}

net::Reply ApiServer::call_itself(std::string method, std::string path, const Value& body, std::string_view media) {
  net::Request request{.method = std::move(method), .path = std::move(path)};
  request.peer.user = "system:apiserver";
  request.peer.groups = {"system:masters"};
  request.headers.set("User-Agent", "masu-apiserver/1");
  request.headers.set("Content-Type", media);
  if (!body.is_null()) request.body = to_json(body);
  request.body_size = request.body.size();
  net::Answer answer = handle(request);
  auto* reply = std::get_if<net::Reply>(&answer);
  MASU_CHECK(reply != nullptr, "the server asks itself only for finished answers");
  return std::move(*reply);
}

Status ApiServer::bootstrap() {
  for (const Value& object : bootstrap_objects()) {
    const TypePtr type = catalog()->find_kind(object["kind"].as_string() == "Namespace" ? "" : std::string(rbac_group), "v1", object["kind"].as_string());
    MASU_CHECK(type != nullptr, "the kinds of the first objects are built in");
    const std::string collection = type->kind.group.empty() ? cat("/api/v1/", type->kind.plural) : cat("/apis/", type->kind.group, "/v1/", type->kind.plural);
    const std::string name(object.at("metadata", "name").as_string());
    if (!parts_->store->get(type->key("", name))) {
      const net::Reply made = call_itself("POST", collection, object);
      if (made.status != 201) return Error{Code::internal, cat("making ", type->kind.plural, " ", quote(name), " at the first start: ", made.body)};
    } else if (object.contains("rules") && !object.contains("aggregationRule")) {
      // A newer server may know more rules; what an administrator added stays only where autoupdate is off.
      const auto present = type->tree(*parts_->store->get(type->key("", name)));
      if (present["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"].as_string() != "true") continue;
      const net::Reply changed = call_itself("PATCH", cat(collection, "/", net::percent_encode(name)), Value::object({{"rules", object["rules"]}}), merge_media);
      if (changed.status != 200) return Error{Code::internal, cat("updating ", type->kind.plural, " ", quote(name), ": ", changed.body)};
    }
  }
  parts_->first_objects_made = true;
  aggregate_roles();
  finish_definitions();
  return {};
}

Status ApiServer::load_tokens() {
  const std::lock_guard lock(parts_->tokens_mutex);
  std::string text;
  if (!parts_->options.data.empty()) {
    const std::filesystem::path path = parts_->options.data / "tokens.csv";
    if (std::filesystem::exists(path)) {
      TRY(text, read_file(path));
    }
  }
  if (parts_->tokens_read && text == parts_->tokens_text) return {};
  TRY(std::vector<StaticToken> tokens, parse_token_file(text));
  for (const StaticToken& token : parts_->options.tokens) tokens.push_back(token);
  parts_->authenticator.set_tokens(std::move(tokens));
  parts_->tokens_text = std::move(text);
  parts_->tokens_read = true;
  return {};
}

void ApiServer::tick() {
  parts_->store->tick(parts_->options.clock->now());
  if (const Status loaded = load_tokens(); !loaded.ok()) log::error("token file not read, the tokens read before stay valid", {{"error", loaded.error().message}});
  finish_definitions();
  expire_events();
}

void ApiServer::expire_events() {
  const Instant now = parts_->options.clock->now();
  if (now.time_since_epoch().count() < parts_->next_expiry) return;
  parts_->next_expiry = (now + event_check_every).time_since_epoch().count();
  const auto listing = parts_->store->list({.resource = "/events"});
  if (!listing.ok()) return;
  for (const RecordPtr& record : listing->items) {
    const auto event = parse_json(record->bytes);
    if (!event.ok()) continue;
    // A series that goes on keeps its event alive.
    std::optional<Instant> newest;
    for (const Value* text : {&event->at("metadata", "creationTimestamp"), &(*event)["lastTimestamp"], &event->at("series", "lastObservedTime")})
      if (const auto time = parse_rfc3339(text->as_string()); time.ok() && (!newest || *time > *newest)) newest = *time;
    if (newest && now - *newest < event_life) continue;
    // One that was written again in this moment has another version, and stays.
    if (const auto removed = parts_->store->remove(record->key, record->version, *event); !removed.ok() && removed.error().code != Code::conflict && removed.error().code != Code::not_found)
      log::warn("old event not removed", {{"event", record->key.name}, {"error", removed.error().message}});
  }
}

void ApiServer::after_write(const Type& type, const Value& object) {
  if (!parts_->first_objects_made) return;  // bootstrap looks at all of them once, at its end
  if (type.kind.group == rbac_group && type.kind.kind == "ClusterRole") aggregate_roles();
  if (type.storage() == definitions_storage && !object.at("metadata", "deletionTimestamp").is_null()) finish_definitions();
}

/// A role with an aggregation rule holds the rules of all roles that its selectors choose.
void ApiServer::aggregate_roles() {
  const std::string storage = cat(rbac_group, "/clusterroles");
  const auto listing = parts_->store->list({.resource = storage});
  if (!listing.ok()) return;
  std::vector<Value> roles;
  for (const RecordPtr& record : listing->items)
    if (auto role = parse_json(record->bytes); role.ok()) roles.push_back(std::move(*role));
  for (const Value& role : roles) {
    if (role["aggregationRule"].is_null()) continue;
    const std::string name(role.at("metadata", "name").as_string());
    Array rules;
    for (const Value& selector : role.at("aggregationRule", "clusterRoleSelectors").as_array()) {
      const auto chosen = kube::LabelSelector::from(selector);
      if (!chosen.ok()) continue;
      for (const Value& part : roles) {
        if (part.at("metadata", "name").as_string() == name || !chosen->matches(kube::Metadata::decode(part).labels)) continue;
        for (const Value& rule : part["rules"].as_array())
          if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
      }
    }
    if (role["rules"].as_array() == rules) continue;
    // Its own write comes here again, for roles that aggregate this one in turn; it ends when nothing changes.
    const net::Reply changed = call_itself("PATCH", cat("/apis/", rbac_group, "/v1/clusterroles/", net::percent_encode(name)), Value::object({{"rules", std::move(rules)}}), merge_media);
    if (changed.status != 200) log::error("aggregated role not written", {{"role", name}, {"answer", changed.body}});
    return;
  }
}

/// A definition goes when the last object of its kind has gone.
void ApiServer::finish_definitions() {
  const auto listing = parts_->store->list({.resource = std::string(definitions_storage)});
  if (!listing.ok()) return;
  for (const RecordPtr& record : listing->items) {
    if (!record->deleting) continue;
    const auto definition = parse_json(record->bytes);
    if (!definition.ok()) continue;
    const std::string group(definition->at("spec", "group").as_string()), plural(definition->at("spec", "names", "plural").as_string());
    const TypePtr type = catalog()->find_resource(group, plural);
    if (type) {
      const auto objects = parts_->store->list({.resource = type->storage()});
      if (!objects.ok()) continue;
      for (const RecordPtr& object : objects->items) {
        if (object->deleting) continue;  // waits for its finalizers
        const std::string space = type->kind.namespaced ? cat("/namespaces/", object->key.ns) : std::string();
        call_itself("DELETE", cat("/apis/", group, "/", type->kind.version, space, "/", plural, "/", object->key.name), nullptr);
      }
      if (parts_->store->count(type->storage()) != 0) continue;
    }
    Array finalizers;
    for (const Value& finalizer : definition->at("metadata", "finalizers").as_array())
      if (finalizer.as_string() != definition_finalizer) finalizers.push_back(finalizer);
    if (finalizers.size() == definition->at("metadata", "finalizers").as_array().size()) continue;
    const Value patch = Value::object({{"metadata", Value::object({{"finalizers", std::move(finalizers)}})}});
    call_itself("PATCH", cat("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/", record->key.name), patch, merge_media);
  }
}

}  // namespace masu::apiserver
