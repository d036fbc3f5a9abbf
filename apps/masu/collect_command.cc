/// masu collect: the companion of a training program. Follows its metrics and reports them to the ledger.

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "arguments.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "commands.h"
#include "ledger/client.h"
#include "signals.h"
#include "storage_client.h"
#include "tuning/metrics/collector.h"
#include "tuning/metrics/file_tree.h"

namespace masu::app {
namespace {

class LedgerSink final : public tuning::MetricSink {
 public:
  explicit LedgerSink(const ledger::Client& client) : client_(client) {}
  Status report(const kube::Key& trial, std::span<const tuning::MetricEntry> entries, Deadline deadline) override {
    std::vector<ledger::Metric> metrics;
    for (const tuning::MetricEntry& entry : entries) metrics.push_back({entry.name, entry.value, entry.step, entry.time});
    return client_.report(trial, metrics, deadline);
  }

 private:
  const ledger::Client& client_;
};

/// Event files in a bucket.
class BucketFiles final : public tuning::FileTree {
 public:
  explicit BucketFiles(objectstore::BlobStore& store) : store_(store) {}

  Result<std::vector<Entry>> files(const std::string& directory) override {
    TRY(objectstore::BlobName at, objectstore::parse_blob_uri(directory));
    if (!at.object.empty() && !at.object.ends_with('/')) at.object += '/';
    std::vector<Entry> out;
    objectstore::ListOptions options{.prefix = at.object};
    do {
      TRY(const objectstore::BlobPage page, store_.list(at.bucket, options, Deadline::after(30s)));
      for (const auto& blob : page.blobs) out.push_back({objectstore::to_uri(blob.name), blob.size});
      options.page = page.next_page;
    } while (!options.page.empty());
    return out;
  }

  Result<std::string> read(const std::string& path, std::uint64_t offset, std::size_t most) override {
    TRY(const objectstore::BlobName name, objectstore::parse_blob_uri(path));
    TRY(const auto info, store_.stat(name, Deadline::after(30s)));
    if (offset >= info.size) return std::string();
    return store_.get(name, {offset, most}, Deadline::after(60s));
  }

 private:
  objectstore::BlobStore& store_;
};

Status run(const Arguments& args, const std::stop_token& stop) {
  tuning::CollectSettings settings;
  settings.trial = {args.get("--namespace"), args.get("--trial")};
  const auto from = tuning::parse_collect_from(args.get("--source", "auto"));
  if (!from) return Error{Code::invalid, cat("--source ", quote(args.get("--source")), " is not one of auto, file, tfevent, stdout")};
  settings.from = *from;
  settings.metrics = args.all("--metric");
  settings.metric_file = args.get("--file");
  settings.event_directory = args.get("--events");
  settings.line_file = args.get("--stdout");
  settings.filters = args.all("--filter");
  settings.done_file = args.get("--done");

  const char* url = std::getenv("MASU_LEDGER");
  if (url == nullptr) return Error{Code::precondition, "MASU_LEDGER is not set: there is nowhere to report metrics to"};
  net::Client http;
  TRY(const ledger::Client ledger, ledger::Client::make(http, url, []() -> Result<std::string> {
        TRY(const std::string token, read_file("/var/run/secrets/kubernetes.io/serviceaccount/token"));
        return std::string(trim(token));
      }));
  LedgerSink sink(ledger);
  tuning::LocalFiles local;
  StorageClient storage;
  std::unique_ptr<BucketFiles> bucket;
  tuning::FileTree* events = &local;
  if (settings.event_directory.starts_with("gs://") || settings.event_directory.starts_with("s3://")) {
    TRY(auto opened, open_storage());
    storage = std::move(opened);
    bucket = std::make_unique<BucketFiles>(*storage.store);
    events = bucket.get();
  }
  TRY(const auto collector, tuning::Collector::make(settings, local, *events, sink));
  return tuning::collect(*collector, settings, system_clock(), stop);
}

}  // namespace

int collect_command(const Words& args) {
  block_signals({SIGTERM, SIGINT});
  const auto parsed = Arguments::parse(args, {.usage = "masu collect --namespace NS --trial NAME [--source auto|file|tfevent|stdout] [--metric M]... [--file F] [--events DIR] [--stdout F] [--filter R]... [--done F]",
                                              .options = {"--namespace", "--trial", "--source", "--metric", "--file", "--events", "--stdout", "--filter", "--done"}});
  if (!parsed.ok()) return report(parsed.error());
  // The kubelet's SIGTERM is the sign that the program has ended; the collector flushes and goes. Later signals end us.
  std::stop_source source;
  std::jthread listener([&source] {
    static_cast<void>(wait_for_signal({SIGTERM, SIGINT}));
    source.request_stop();
  });
  const Status done = run(*parsed, source.get_token());
  if (!source.stop_requested()) ::kill(::getpid(), SIGTERM);  // wakes the listener, so that it can be joined
  return done.ok() ? 0 : report(done.error());
}

}  // namespace masu::app
