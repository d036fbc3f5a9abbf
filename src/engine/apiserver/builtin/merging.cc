/// How lists merge: read from the message table.
#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/messages.h"
#include "base/text.h"

namespace masu::apiserver::builtin {

MergeSchema merge_schema(const Kind& kind) {
  const Message* message = find_message(kind.message);
  return [message](std::string_view path) {
    ListMerge merge;
    const Field* field = message ? field_at(*message, path) : nullptr;
    if (!field) return merge;
    merge.retain_keys = field->retain_keys;
    if (field->merges && field->shape == Field::Shape::list) {
      merge.strategy = field->merge_key.empty() ? ListMerge::Strategy::merge_values : ListMerge::Strategy::merge_by_key;
      merge.key = field->merge_key;
    }
    return merge;
  };
}

ApplyRule apply_rule(const Kind& kind, std::string_view path) {
  using Type = ApplyRule::Type;
  const Message* message = find_message(kind.message);
  const Field* field = message ? field_at(*message, path) : nullptr;
  ApplyRule rule;
  if (!field) return rule;
  if (field->shape == Field::Shape::list) {
    rule.type = field->is_set ? Type::set : field->list_keys.empty() ? Type::atomic : Type::map_list;
    rule.keys = field->list_keys;
    for (const std::string& key : rule.keys)
      if (key == "protocol") rule.key_defaults.emplace_back(key, "TCP");
    return rule;
  }
  const bool free_form = field->type == Field::Type::raw;
  const bool whole = field->shape == Field::Shape::single && field->message && field->message->atomic;
  if (field->is_atomic || whole || free_form) rule.type = Type::atomic;
  return rule;
}

}  // namespace masu::apiserver::builtin
