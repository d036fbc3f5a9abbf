#pragma once
/// The kinds that Kubernetes itself brings, as data. From one table of messages (builtin/messages.def) and one of kinds
/// (builtin/kinds.cc) follow: reading protobuf bodies, strictness, strategic merge, server-side apply, OpenAPI,
/// defaults, validation, printer columns and field selectors. Custom resources are not here: their schema is their CRD.
///
/// Everything is pure and thread-safe; the tables are read once, at the first use, and never change.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "value/patch.h"
#include "value/value.h"

namespace masu::apiserver::builtin {

struct GroupVersionKind {
  std::string group, version, kind;
  bool operator==(const GroupVersionKind&) const = default;
  /// "v1", "apps/v1".
  std::string api_version() const;
};

struct Subresource {
  std::string name;          // "log": the path is pods/<name>/log
  GroupVersionKind response;  // what its body is, {"autoscaling", "v1", "Scale"}; Pod for pods/log (as upstream)
  std::vector<std::string> verbs;
};

/// How a name of this kind may look (spec kubernetes-api 6).
enum class NameForm { subdomain, label, service, path_segment };

struct Kind {
  std::string group, version, kind, plural, singular;
  std::vector<std::string> short_names, verbs, categories;
  std::vector<Subresource> subresources;
  bool namespaced = true;
  bool has_generation = false;        // metadata.generation is kept
  bool has_status = false;            // subresource status; the main path ignores it
  bool is_virtual = false;            // reviews, bindings: POST only, answered and never stored
  bool create_on_update = false;      // PUT to an absent name creates
  bool update_needs_version = false;  // PUT without resourceVersion is refused (422)
  bool delete_orphans = false;        // a DELETE without policy means Orphan
  bool delete_answers_object = false; // DELETE answers the last object, not a Status
  NameForm name_form = NameForm::subdomain;
  std::string description;            // one sentence, for explain
  std::string message;                // its row in the message table, "core/v1.Pod"

  GroupVersionKind gvk() const { return {group, version, kind}; }
  std::string api_version() const { return gvk().api_version(); }
  const Subresource* subresource(std::string_view name) const;
};

/// All kinds with a resource, in discovery order: group version by group version.
std::span<const Kind> all();
const Kind* find(std::string_view group, std::string_view version, std::string_view plural);
const Kind* find_kind(std::string_view group, std::string_view version, std::string_view kind);
/// {group, version} of all kinds, each once, preferred version of a group first.
std::vector<std::pair<std::string, std::string>> group_versions();

// ---- Bodies

/// Reads a protobuf body: envelope and object (spec kubernetes-api, appendix D). Also bodies that are no resource:
/// DeleteOptions, Eviction, TokenRequest, Scale, Status. apiVersion and kind are put into the object.
/// malformed says at which field it broke; unsupported names a kind that is not in the table.
Result<Value> decode_protobuf(std::string_view bytes);

/// Paths of members that the kind does not know, "spec.containers[0].imagee": for fieldValidation. Sorted by occurrence.
std::vector<std::string> unknown_fields(const Kind& kind, const Value& object);
/// Drops what unknown_fields names, and null members of known objects (a null means absent).
void prune(const Kind& kind, Value& object);
/// Members of the wrong JSON type, as the one error a client gets (400): malformed, in Go's words
/// ("json: cannot unmarshal string into Go struct field PodSpec.spec.priority of type int32").
Status check_types(const Kind& kind, const Value& object);

/// Fills defaults (imagePullPolicy, restartPolicy, port protocol, ...). Idempotent. `object` holds known fields only.
void apply_defaults(const Kind& kind, Value& object);

/// What the server itself decides after defaults and before a create is validated and stored: status reset to its first
/// state (phase Pending ...), Namespace's finalizer, Secret's stringData folded into data, a Job's selector and labels.
/// Metadata of the server (uid, creationTimestamp, generation) is the caller's; uid and namespace are set before this.
void prepare_create(const Kind& kind, Value& object);
/// The pod's part that needs other objects: account, its token volume, tolerations, priority. To be called on create
/// before prepare_create. `account`: the ServiceAccount that pod_account names, null if there is none (denied).
/// `priority_class`: the PriorityClass that spec.priorityClassName names (the global default without a name), or null.
Status admit_pod(Value& pod, const Value* account, const Value* priority_class);
/// spec.serviceAccountName, or "default".
std::string pod_account(const Value& pod);
/// A claim that names no class gets the default one. Null: there is none.
void admit_claim(Value& claim, const Value* default_class);
/// True if the StorageClass is marked as the default.
bool is_default_class(const Value& storage_class);
/// The same for an update: keeps what this path may not change. `subresource` is "" or "status": with status only
/// `status` (and what metadata a status write may change) is taken from `object`, without it `status` is kept.
void prepare_update(const Kind& kind, std::string_view subresource, Value& object, const Value& old);
/// True if `updated` differs from `old` so that metadata.generation rises.
bool raises_generation(const Kind& kind, const Value& old, const Value& updated);

/// One cause for each wrong field; empty is valid. `old` is null on create, the stored object on update (immutable
/// fields). Metadata (names, labels, annotations, owner references, finalizers) is checked too.
std::vector<Cause> validate(const Kind& kind, const Value& object, const Value* old);
/// The metadata part alone, for custom resources.
std::vector<Cause> validate_metadata(const Value& object, const Value* old, bool namespaced, NameForm form);

// ---- Merging

/// For strategic merge: which lists of this kind merge, and by which key. Lives as long as the program.
MergeSchema merge_schema(const Kind& kind);

/// For server-side apply: what a list or object at a path is. `path` as in ListMerge: field names with dots, elements
/// left out ("spec.containers.ports").
struct ApplyRule {
  enum class Type { granular, atomic, map_list, set } type = Type::granular;
  std::vector<std::string> keys;                // map_list
  std::vector<std::pair<std::string, Value>> key_defaults;  // value of a key that an element leaves out: protocol TCP
};
ApplyRule apply_rule(const Kind& kind, std::string_view path);

// ---- Answers

struct Column {
  std::string name, type, format, description;
  int priority = 0;  // above 0: only with -o wide
};
/// Columns of the kind's table; Name and Age for a kind that has no others.
std::vector<Column> columns(const Kind& kind);
/// One cell for each column.
std::vector<Value> cells(const Kind& kind, const Value& object, Instant now);
/// Row conditions: a pod that is done has [{type: Completed, ...}]; else null.
Value row_conditions(const Kind& kind, const Value& object);
/// "2m5s", "3d4h": age as tables show it; "<unknown>" for a text that is no time.
std::string age_cell(std::string_view timestamp, Instant now);

/// The value that a field selector `path` compares with; not_found's message is `field label not supported: x`.
Result<std::string> field_value(const Kind& kind, const Value& object, std::string_view path);
/// True if the kind knows the selector path.
bool knows_field(const Kind& kind, std::string_view path);

/// The OpenAPI v3 document of one group version of built-in kinds: schemas, and one path for each kind whose patch takes
/// fieldValidation. Null if the group version has no kind.
Value openapi_v3(std::string_view group, std::string_view version);
/// A kind for the v2 document: a built-in one or a custom one.
struct OpenApiV2Kind {
  GroupVersionKind gvk;
  std::string path;  // "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
};
/// All built-in kinds, for openapi_v2; append the custom ones.
std::vector<OpenApiV2Kind> openapi_v2_kinds();
/// The protobuf form of a small OpenAPI v2 document: a patch operation with fieldValidation for each kind.
std::string openapi_v2_protobuf(const std::vector<OpenApiV2Kind>& kinds);
/// The same as JSON.
Value openapi_v2_json(const std::vector<OpenApiV2Kind>& kinds);

// ---- Subresource bodies

/// The autoscaling/v1 Scale of a kind with that subresource.
Value scale_of(const Kind& kind, const Value& object);
/// Puts a Scale's replicas into the object. invalid for a negative number.
Status set_scale(const Kind& kind, Value& object, const Value& scale);

}  // namespace masu::apiserver::builtin
