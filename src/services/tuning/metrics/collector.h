#pragma once
/// Follows a program's metrics and reports them: the work of the companion container beside a training program.
///
///   metric file | event files | standard output  ->  Collector  ->  MetricSink
///
/// In the automatic mode each metric is taken from the best source that has it: the metric file, else event files, else
/// the standard output (whose reports therefore wait until the end).

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tuning/metric_store.h"
#include "tuning/metrics/event_file.h"
#include "tuning/metrics/file_tree.h"
#include "tuning/metrics/hypertune_file.h"
#include "tuning/metrics/text_lines.h"

namespace masu::tuning {

enum class CollectFrom { automatic, file, events, lines };
/// "auto", "file", "tfevent", "stdout" (and Katib's File, TensorFlowEvent, StdOut).
std::optional<CollectFrom> parse_collect_from(std::string_view word);

struct CollectSettings {
  kube::Key trial;
  CollectFrom from = CollectFrom::automatic;
  std::vector<std::string> metrics;  // the objective first; "*" alone: all
  std::string metric_file;           // whole paths; empty: there is none
  std::string event_directory;
  std::string line_file;             // copy of the standard output
  std::vector<std::string> filters;  // for lines
  std::string done_file;             // appears when the program has ended
  Duration poll = 250ms;
  Duration event_poll = 2s;          // event files may be far away
};

class Collector {
 public:
  /// References outlive it. `events` may be another tree than `files` (an object store). invalid for a wrong filter.
  static Result<std::unique_ptr<Collector>> make(CollectSettings settings, FileTree& files, FileTree& events, MetricSink& sink);

  /// Looks at the sources once and reports what is new. An error of the sink: nothing is lost, the next poll tries again.
  Status poll(Instant now, Deadline deadline);
  /// Looks once more, reports what was held back and, if the objective never appeared, that: `unavailable`, and the
  /// last report of other metrics (at most 20), so that the trial can say what was seen instead. Once.
  Status finish(Instant now, Deadline deadline);
  bool finished() const { return finished_; }
  /// True when the program has said that it is done.
  bool program_done();

 private:
  Collector(CollectSettings settings, FileTree& files, FileTree& events, MetricSink& sink, TextLines lines)
      : settings_(std::move(settings)), files_(files), events_(events), sink_(sink), lines_(std::move(lines)) {}

  enum class Rank { file, events, lines };
  void look(Instant now, bool last);
  void read_metric_file(Instant now);
  void read_event_files(Instant now);
  void read_lines(Instant now, bool last);
  void take(std::vector<MetricEntry> entries, Rank rank, Instant now);
  bool reads(CollectFrom source) const { return settings_.from == source || settings_.from == CollectFrom::automatic; }
  std::optional<std::string> wanted_as(const std::string& name) const;
  void release_lines();
  void tell_the_end(Instant now);
  Status send(Deadline deadline);

  struct Following {
    std::uint64_t offset = 0;
    EventFile reader;
    bool damage_told = false;
  };

  const CollectSettings settings_;
  FileTree& files_;
  FileTree& events_;
  MetricSink& sink_;
  HypertuneFile hypertune_;
  TextLines lines_;
  std::uint64_t line_offset_ = 0;
  std::map<std::string, Following> following_;  // event files by path
  std::optional<Instant> events_due_;
  std::map<std::string, Rank> source_of_;         // which source a metric comes from
  std::vector<MetricEntry> waiting_;              // of the standard output, while a better source may have them
  std::vector<MetricEntry> queue_;                // not yet reported
  std::map<std::string, MetricEntry> others_;     // the last report of metrics nobody asked for
  bool finished_ = false;
};

/// The whole job: polls until `stop`, reports the end as soon as the program is done, then waits for `stop` (a companion
/// that ends early is started again). Errors of the sink are retried; the last one is returned if the end could not be told.
Status collect(Collector& collector, const CollectSettings& settings, const Clock& clock, const std::stop_token& stop);

}  // namespace masu::tuning
