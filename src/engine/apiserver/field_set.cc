#include "apiserver/field_set.h"

#include <functional>

#include "base/text.h"
#include "value/json.h"

namespace masu::apiserver {

FieldSet FieldSet::decode(const Value& fields) {
  FieldSet set;
  for (const auto& [name, below] : fields.as_object()) {
    if (name == ".") {
      set.self = true;
      continue;
    }
    FieldSet child = decode(below);
    if (below.as_object().empty()) child.self = true;
    set.children.emplace(name, std::move(child));
  }
  return set;
}

Value FieldSet::encode() const {
  Value out = Object{};
  if (self && !children.empty()) out["."] = Object{};
  for (const auto& [name, child] : children) out[name] = child.encode();
  return out;
}

void FieldSet::merge(const FieldSet& other) {
  self = self || other.self;
  for (const auto& [name, child] : other.children) children[name].merge(child);
}

void FieldSet::subtract(const FieldSet& other) {
  if (other.self) self = false;
  for (const auto& [name, child] : other.children) {
    const auto found = children.find(name);
    if (found == children.end()) continue;
    found->second.subtract(child);
    if (found->second.empty()) children.erase(found);
  }
}

FieldSet FieldSet::intersect(const FieldSet& other) const {
  FieldSet common{.self = self && other.self};
  for (const auto& [name, child] : children) {
    const auto found = other.children.find(name);
    if (found == other.children.end()) continue;
    FieldSet below = child.intersect(found->second);
    if (!below.empty()) common.children.emplace(name, std::move(below));
  }
  return common;
}

const FieldSet* FieldSet::at(const std::vector<std::string>& path) const {
  const FieldSet* set = this;
  for (const std::string& part : path) {
    const auto found = set->children.find(part);
    if (found == set->children.end()) return nullptr;
    set = &found->second;
  }
  return set;
}

std::vector<std::vector<std::string>> FieldSet::paths() const {
  std::vector<std::vector<std::string>> all;
  std::vector<std::string> here;
  const std::function<void(const FieldSet&)> walk = [&](const FieldSet& set) {
    if (set.self) all.push_back(here);
    for (const auto& [name, child] : set.children) {
      here.push_back(name);
      walk(child);
      here.pop_back();
    }
  };
  walk(*this);
  return all;
}

std::string path_text(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& part : path) {
    const std::string_view rest = std::string_view(part).substr(2);
    if (part.starts_with("f:")) {
      text += cat(".", rest);
    } else if (part.starts_with("v:")) {
      text += cat("[=", rest, "]");
    } else {
      std::vector<std::string> keys;
      if (const auto key = parse_json(rest); key.ok())
        for (const auto& [name, value] : key->as_object()) keys.push_back(cat(name, "=", to_json(value)));
      text += cat("[", join(keys, ","), "]");
    }
  }
  return text;
}

}  // namespace masu::apiserver
