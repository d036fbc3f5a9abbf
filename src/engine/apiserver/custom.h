#pragma once
/// CustomResourceDefinitions: what they add to the catalog, and what the server itself writes into them. Pure.

#include <string_view>
#include <vector>

#include "apiserver/builtin/kind.h"
#include "apiserver/types.h"

namespace masu::apiserver {

/// One Type for each served version. Empty for a definition whose names were not accepted.
std::vector<Type> custom_types(const Value& definition);

/// Fills what a definition leaves out: singular, listKind, conversion None.
void default_definition(Value& definition);
/// What makes a definition that Kubernetes would take one that cannot be served here, and what may not change.
std::vector<Cause> validate_definition(const Value& definition, const Value* old);
/// The status as it is after the definition was read: NamesAccepted and Established at once, acceptedNames,
/// storedVersions; a condition where the schema has CEL rules, which are not evaluated. `kinds_taken`: kinds of the same group that other definitions serve.
void settle_definition(Value& definition, const std::vector<std::string>& kinds_taken, Instant now);
/// True if a schema of the definition has x-kubernetes-validations.
bool has_rules(const Value& definition);

/// Kubernetes' order of versions: v2 before v1 before v1beta2 before v1alpha1 before other words.
bool version_before(std::string_view a, std::string_view b);
builtin::ApplyRule schema_apply_rule(const Value& schema, std::string_view path);

inline constexpr std::string_view definition_finalizer = "customresourcecleanup.apiextensions.k8s.io";

}  // namespace masu::apiserver
