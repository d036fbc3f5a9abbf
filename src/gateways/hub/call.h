#pragma once
/// One request as the parts of the hub see it, and the forms of answers. For the sources of this room.

#include <sys/mman.h>

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

/// A request's whole body as one view, whether it came in memory or as a file.
class BodyView {
 public:
  static Result<BodyView> open(const net::Request& request) {
    BodyView view;
    if (request.body_file == nullptr) {
      view.text_ = request.body;
      return view;
    }
    if (request.body_size == 0) return view;
    void* const data = ::mmap(nullptr, request.body_size, PROT_READ, MAP_PRIVATE, request.body_file->get(), 0);
    if (data == MAP_FAILED) return errno_error("mapping", "a request's body");
    view.mapped_ = data;
    view.text_ = {static_cast<const char*>(data), static_cast<std::size_t>(request.body_size)};
    return view;
  }
  BodyView(BodyView&& other) noexcept : mapped_(std::exchange(other.mapped_, nullptr)), text_(other.text_) {}
  ~BodyView() {
    if (mapped_ != nullptr) ::munmap(mapped_, text_.size());
  }
  std::string_view text() const { return text_; }

 private:
  BodyView() = default;
  void* mapped_ = nullptr;
  std::string_view text_;
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
