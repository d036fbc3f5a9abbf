#pragma once
/// The object store's server side: Cloud Storage's JSON API, and the XML API that it shares with S3, over
/// buckets as folders. A handler for net::Server; runs on its workers, several requests at a time.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "hub/access.h"
#include "hub/parts.h"
#include "hub/route.h"
#include "hub/store.h"
#include "hub/uploads.h"
#include "net/message.h"

namespace masu::hub {

class Hub {
 public:
  /// `root`: the folder of all buckets, made if it is not there. Buckets, authorizer and clock outlive the hub.
  static Result<std::unique_ptr<Hub>> open(std::filesystem::path root, Buckets& buckets, Authorizer& authorizer, const Clock& clock);

  /// Never fails: errors are answers. Its listener needs `body_bytes_max` without a value.
  net::Answer handle(const net::Request& request);

 private:
  struct Call;
  Hub(std::unique_ptr<Store> store, std::unique_ptr<Uploads> uploads, std::unique_ptr<PartUploads> parts, Buckets& buckets, Authorizer& authorizer)
      : store_(std::move(store)), uploads_(std::move(uploads)), parts_(std::move(parts)), buckets_(buckets), authorizer_(authorizer) {}

  Result<net::Answer> dispatch(const Call& call);
  Result<net::Answer> json_call(const Call& call);
  Result<net::Answer> other_call(const Call& call) const;

  // bucket_calls.cc
  /// The bucket is open, the caller may do that with it, its folder is there. not_found, denied, unauthenticated.
  Result<BucketPlace> enter(const Call& call, const std::string& bucket, std::string_view verb);
  Result<net::Answer> list_buckets(const Call& call);
  Result<net::Answer> insert_bucket(const Call& call);
  Result<net::Answer> bucket_call(const Call& call);

  // object_calls.cc
  Result<net::Answer> list_objects(const Call& call);
  Result<net::Answer> object_call(const Call& call);
  Result<net::Answer> media(const Call& call);
  Result<net::Answer> update_object(const Call& call);
  Result<net::Answer> copy_object(const Call& call);
  Result<net::Answer> compose(const Call& call);

  // upload_calls.cc
  Result<net::Answer> upload(const Call& call);
  Result<net::Answer> upload_media(const Call& call);
  Result<net::Answer> upload_multipart(const Call& call);
  Result<net::Answer> start_upload(const Call& call);
  Result<net::Answer> continue_upload(const Call& call, const std::string& id);
  Result<net::Answer> finish_upload(const Call& call, Uploads::Hold& hold);
  /// Bytes whose end has come: checked against what was announced, then an object.
  Result<MetaPtr> insert(Incoming bytes, ObjectMeta wanted, std::string_view crc32c, std::string_view md5, const Preconditions& conditions);

  // xml_calls.cc
  Result<net::Answer> xml_call(const Call& call);
  Result<net::Answer> xml_bucket(const Call& call);
  Result<net::Answer> xml_read(const Call& call);
  Result<net::Answer> xml_write(const Call& call);
  Result<net::Answer> xml_copy(const Call& call);
  Result<net::Answer> xml_multipart(const Call& call);
  Result<net::Answer> complete_multipart(const Call& call, const std::string& id, ObjectMeta wanted);

  // batch.cc
  Result<net::Answer> batch(const Call& call);

  const std::unique_ptr<Store> store_;
  const std::unique_ptr<Uploads> uploads_;
  const std::unique_ptr<PartUploads> parts_;
  Buckets& buckets_;
  Authorizer& authorizer_;
};

}  // namespace masu::hub
