#pragma once
/// What the parts of this folder share among themselves.

#include <string>
#include <string_view>
#include <vector>

#include "apiserver/builtin/kind.h"
#include "value/value.h"

namespace masu::apiserver::builtin {

/// Always for an image without a tag or with `latest`, else IfNotPresent.
std::string default_pull_policy(std::string_view image);

/// Where the pod template of a workload stands, {"spec", "template"}; null if it has none.
const Value* pod_template(const Kind& kind, const Value& object);

/// Collects causes; fields are named in upstream's form.
class Causes {
 public:
  void required(std::string field, std::string_view text = "");
  void invalid(std::string field, const Value& value, std::string_view text);
  void unsupported(std::string field, const Value& value, const std::vector<std::string>& supported);
  void duplicate(std::string field, const Value& value);
  void forbidden(std::string field, std::string_view text);
  void not_found(std::string field, const Value& value);
  void too_long(std::string field, std::size_t limit);
  std::vector<Cause> take() { return std::move(causes_); }
  void append(std::vector<Cause> more);

 private:
  std::vector<Cause> causes_;
};

// The parts of validate().
void validate_pod_spec(const Value& spec, const std::string& path, bool is_template, Causes& causes);
void validate_pod_update(const Value& pod, const Value& old, Causes& causes);
void validate_label_selector(const Value& selector, const std::string& path, Causes& causes);
void validate_labels(const Value& labels, const std::string& path, Causes& causes);

/// Upstream's sentence if the text is no such name, else empty.
std::string not_a_label(std::string_view text);          // DNS-1123 label
std::string not_a_subdomain(std::string_view text);      // DNS-1123 subdomain
std::string not_a_service_name(std::string_view text);   // DNS-1035 label
std::string not_a_qualified_name(std::string_view text); // label and annotation keys
std::string not_a_label_value(std::string_view text);
std::string not_a_path_segment(std::string_view text);

}  // namespace masu::apiserver::builtin
