#pragma once
/// One request as the parts of the hub see it, and the forms of answers. For the sources of this room.

#include "base/text.h"
#include "hub/hub.h"
#include "value/value.h"

namespace masu::hub {

struct Hub::Call {
  const net::Request& request;
  Route route;
  Caller caller;
  std::string base;  // how the caller reaches us: "http://host:port/t/TOKEN"
  Deadline deadline;

  std::string_view parameter(std::string_view name) const { return request.query.get(name); }
  bool is(std::string_view method) const { return request.method == method; }
};

net::Reply json_reply(const Value& body, int status = 200);
/// The error of the JSON API; of the XML API if `xml`.
net::Reply error_reply(const Error& error, bool xml);
int http_status(Code code);
/// The answer to a method that a path does not have.
Error no_method(const net::Request& request);
/// A JSON body of at most a MiB; an empty one is an empty object.
Result<Value> json_body(const net::Request& request);

}  // namespace masu::hub
