#pragma once
/// Objects, lists, tables and watch lines as clients asked for them (spec kubernetes-api 8, 9, 13). Pure.

#include <string>
#include <string_view>

#include "apiserver/route.h"
#include "apiserver/store.h"
#include "apiserver/types.h"

namespace masu::apiserver {

/// How one answer is written.
struct Rendering {
  TypePtr type;
  Accepted accepted;
  std::string include_object = "Metadata";  // of table rows: None, Metadata, Object
  Instant now;                              // ages are computed at request time
};

std::string render_object(const Rendering& how, const Record& record);
/// An object that is not stored in that form: after a dry run, a Scale, a review.
std::string render_tree(const Rendering& how, const Value& object);
std::string render_list(const Rendering& how, const Listing& listing, std::string_view continue_token);
/// {"type":"ADDED","object":...}\n
std::string render_event(const Rendering& how, Event::Type type, const Record& record);
std::string render_bookmark(const Rendering& how, std::uint64_t revision, bool initial_end);
/// {"type":"ERROR","object":Status}\n
std::string render_error(const Failure& failure);
/// Media type of the answer.
std::string content_type(const Accepted& accepted);
/// The text as it goes out: YAML if the client asked for it.
net::Reply text_reply(const Accepted& accepted, int code, std::string json);

}  // namespace masu::apiserver
