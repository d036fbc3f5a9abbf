/// Several requests in one: multipart/mixed of application/http, as gsutil and the client libraries send deletions.
#include <unistd.h>

#include "hub/call.h"
#include "hub/multipart.h"

namespace masu::hub {
namespace {

constexpr std::size_t most_body = std::size_t{10} << 20;
constexpr std::size_t most_parts = 1000;

/// "DELETE /storage/v1/b/x/o/y?a=b HTTP/1.1", header lines, an empty line, a body.
Result<net::Request> inner_request(std::string_view text, const net::Request& outer) {
  const auto line = [&] {
    const std::size_t end = text.find('\n');
    std::string_view out = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return trim(out);
  };
  const auto words = split(line(), ' ');
  if (words.size() < 2) return Error{Code::malformed, "a part of a batch must start with METHOD PATH HTTP/1.1"};
  net::Request request;
  request.method = words[0];
  std::string_view target = words[1];
  if (const std::size_t scheme = target.find("://"); scheme != std::string_view::npos) {
    const std::size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = net::Query::parse(target.substr(question + 1));
  for (std::string_view field = line(); !field.empty(); field = line())
    if (const std::size_t colon = field.find(':'); colon != std::string_view::npos) request.headers.add(trim(field.substr(0, colon)), trim(field.substr(colon + 1)));
  for (const char* inherited : {"Authorization", "Host", "X-Forwarded-Proto"})
    if (!request.headers.has(inherited) && outer.headers.has(inherited)) request.headers.set(inherited, outer.headers.get(inherited));
  request.body = text;
  request.body_size = text.size();
  request.peer = outer.peer;
  return request;
}

/// An answer as text, bytes of files included.
std::string as_http(const net::Answer& answer) {
  int status = 501;
  net::Headers headers;
  std::string body;
  if (const auto* reply = std::get_if<net::Reply>(&answer)) {
    status = reply->status;
    headers = reply->headers;
    body = reply->body;
  } else if (const auto* file = std::get_if<net::FileReply>(&answer); file != nullptr && file->length <= most_body) {
    status = file->status;
    headers = file->headers;
    body.resize(static_cast<std::size_t>(file->length));
    const ssize_t got = ::pread(file->file->get(), body.data(), body.size(), static_cast<off_t>(file->offset));
    body.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  std::string out = cat("HTTP/1.1 ", status, status < 300 ? " OK" : " Error", "\r\n");
  headers.set("Content-Length", cat(body.size()));
  for (const auto& [name, value] : headers.fields()) out += cat(name, ": ", value, "\r\n");
  return cat(out, "\r\n", body);
}

}  // namespace

Result<net::Answer> Hub::batch(const Call& call) {
  if (!call.is("POST")) return no_method(call.request);
  TRY(const std::string boundary, boundary_of(call.request.headers.get("Content-Type")));
  TRY(const std::string body, net::whole_body(call.request, most_body));
  TRY(const auto parts, split_multipart(body, boundary));
  if (parts.size() > most_parts) return Error{Code::exhausted, cat("a batch may have ", most_parts, " requests, not ", parts.size())};
  const std::string separator = "batch_masu_7f3a9c51";
  std::string out;
  for (const Part& part : parts) {
    net::Answer answer;
    auto request = inner_request(part.body, call.request);
    if (!request.ok()) {
      answer = error_reply(request.error(), false);
    } else {
      request->path = request->path.starts_with("/t/") ? request->path : call.route.prefix + request->path;
      const bool again = parse_route(request->path).door == Route::Door::batch;  // a batch within a batch would have no end
      answer = again ? net::Answer(error_reply(no_method(*request), false)) : handle(*request);
    }
    out += cat("--", separator, "\r\nContent-Type: application/http\r\n");
    if (std::string id(trim(part.headers.get("Content-ID"))); !id.empty()) {
      if (id.starts_with('<')) id.insert(1, "response-");
      else id.insert(0, "response-");
      out += cat("Content-ID: ", id, "\r\n");
    }
    out += cat("\r\n", as_http(answer), "\r\n");
  }
  out += cat("--", separator, "--\r\n");
  return net::Reply{200, {{"Content-Type", cat("multipart/mixed; boundary=", separator)}}, std::move(out)};
}

}  // namespace masu::hub
