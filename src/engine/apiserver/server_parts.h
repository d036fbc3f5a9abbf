#pragma once
/// What an ApiServer is made of; only server.cc and housekeeping.cc see it.

#include <atomic>

#include "apiserver/admission.h"
#include "apiserver/discovery.h"
#include "apiserver/reading.h"
#include "apiserver/reviews.h"
#include "apiserver/server.h"
#include "apiserver/subresources.h"
#include "apiserver/writing.h"

namespace masu::apiserver {

inline constexpr std::string_view definitions_storage = "apiextensions.k8s.io/customresourcedefinitions";

struct ApiServer::Parts {
  Parts(Options given, std::unique_ptr<Store> opened, std::shared_ptr<const TokenKeys> keys, std::function<void(const Type&, const Value&)> after_write)
      : options(std::move(given)),
        store(std::move(opened)),
        authenticator(*store, *options.clock, std::move(keys)),
        authorizer(*store),
        admission(*store, authorizer),
        reading(*store, *options.clock),
        writing(*store, *options.clock, admission, options.randomness, std::move(after_write)),
        reviews(authenticator, authorizer, *options.clock),
        subresources(*store, reading, writing, authenticator) {}

  Options options;
  std::unique_ptr<Store> store;
  Authenticator authenticator;
  Authorizer authorizer;
  Admission admission;
  Reading reading;
  Writing writing;
  Reviews reviews;
  Subresources subresources;
  OpenApi openapi;

  std::mutex catalog_mutex;
  std::shared_ptr<const Catalog> catalog;
  std::uint64_t catalog_version = 0;

  std::mutex tokens_mutex;
  std::string tokens_text;  // of the file, as last read
  bool tokens_read = false;

  bool first_objects_made = false;  // written once, before anybody else calls
  std::atomic<Instant::rep> next_expiry = 0;  // when old events are looked for again
};

}  // namespace masu::apiserver
