#pragma once
/// A hub in a temporary folder with buckets and rights set by the test.

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <set>
#include <string>

#include "base/text.h"
#include "hub/hub.h"
#include "value/json.h"

namespace masu::hub {

class FakeBuckets final : public Buckets {
 public:
  std::map<std::string, BucketPlace> places;
  std::optional<BucketPlace> find(const std::string& name) const override {
    const auto found = places.find(name);
    return found != places.end() ? std::optional(found->second) : std::nullopt;
  }
  std::vector<BucketPlace> list() const override {
    std::vector<BucketPlace> out;
    for (const auto& [name, place] : places) out.push_back(place);
    return out;
  }
  Result<BucketPlace> create(const BucketPlace& wanted, Deadline) override { return places[wanted.name] = wanted; }
  Status remove(const BucketPlace& bucket, Deadline) override {
    places.erase(bucket.name);
    return {};
  }
};

/// Token "writer" may do everything, "reader" may get, all others are nobody.
class FakeAuthorizer final : public Authorizer {
 public:
  Status known(const Caller& caller, Deadline) override {
    if (caller.token == "writer" || caller.token == "reader") return {};
    return Error{Code::unauthenticated, "no token that anybody knows"};
  }
  Status allow(const Caller& caller, std::string_view verb, const std::string& name_space, const std::string& bucket, Deadline deadline) override {
    TRY_OK(known(caller, deadline));
    if (caller.token == "writer" || verb == "get") return {};
    return Error{Code::denied, cat("reader may not ", verb, " bucket ", bucket, " in namespace ", name_space)};
  }
};

/// An answer with its body read, wherever it lies.
struct Said {
  int status = 0;
  net::Headers headers;
  std::string body;
  Value json() const { return parse_json(body).value_or(Value()); }
};

inline Said said(const net::Answer& answer) {
  if (const auto* reply = std::get_if<net::Reply>(&answer)) return {reply->status, reply->headers, reply->body};
  const auto& file = std::get<net::FileReply>(answer);
  Said out{file.status, file.headers, std::string(static_cast<std::size_t>(file.length), '\0')};
  EXPECT_EQ(::pread(file.file->get(), out.body.data(), out.body.size(), static_cast<off_t>(file.offset)), static_cast<ssize_t>(file.length));
  return out;
}

class HubTest : public testing::Test {
 protected:
  HubTest() {
    buckets.places["data"] = {.name = "data", .name_space = "ml"};
    buckets.places["other"] = {.name = "other", .name_space = "ml"};
    restart();
  }
  void restart() {
    hub.reset();
    auto opened = Hub::open(folder.path(), buckets, authorizer, clock);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    hub = std::move(*opened);
  }

  /// `target` with its query; fields as "Name: value".
  net::Request request(std::string method, std::string_view target, std::string body = "", const std::vector<std::string>& fields = {}) {
    net::Request out;
    out.method = std::move(method);
    const std::size_t question = target.find('?');
    out.path = target.substr(0, question);
    if (question != std::string_view::npos) out.query = net::Query::parse(target.substr(question + 1));
    out.headers.set("Host", "hub:80");
    out.headers.set("Authorization", "Bearer writer");
    for (const std::string& field : fields) out.headers.set(field.substr(0, field.find(':')), trim(std::string_view(field).substr(field.find(':') + 1)));
    out.body_size = body.size();
    out.body = std::move(body);
    return out;
  }
  Said call(std::string method, std::string_view target, std::string body = "", const std::vector<std::string>& fields = {}) {
    return said(hub->handle(request(std::move(method), target, std::move(body), fields)));
  }
  Said put(const std::string& name, const std::string& bytes) {
    return call("POST", cat("/upload/storage/v1/b/data/o?uploadType=media&name=", net::percent_encode(name)), bytes, {"Content-Type: text/plain"});
  }
  std::string get(const std::string& name) { return call("GET", cat("/storage/v1/b/data/o/", net::percent_encode(name), "?alt=media")).body; }

  TemporaryDirectory folder;
  SimClock clock;
  FakeBuckets buckets;
  FakeAuthorizer authorizer;
  std::unique_ptr<Hub> hub;
};

}  // namespace masu::hub
