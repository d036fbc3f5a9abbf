#pragma once
/// What `jobs submit training` was asked for, read from flags, file and environment. Pure: no cluster, no bucket.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "arguments.h"
#include "training/job_file.h"
#include "training/packaging.h"
#include "training/pod_template.h"

namespace masu::plugin {

/// A failure with the exit code that the contract gives it (CLI-26 to CLI-37).
struct SubmitError {
  int exit = 1;
  std::string message;
};

struct SubmitPlan {
  std::string job_id;
  training::JobFile file;                    // the config file, or an empty one
  training::SubmitFlags flags;               // without package_uris: those follow from what is uploaded
  training::Dialect dialect = training::Dialect::lenient;
  std::string staging_bucket;                // "gs://B" or empty
  std::string package_path;                  // --package-path
  std::vector<std::string> remote_packages;  // --packages that are gs:// already
  std::vector<std::string> local_packages;   // --packages that are files
  bool stream_logs = false;
  std::string dry_run;                       // "", "client", "server"
  bool upload = false;                       // with --dry-run=client
  std::vector<training::VolumeMount> volumes;
  std::vector<std::string> credentials;
  std::string slice;
  std::optional<training::Collector> collector;

  bool has_local() const { return !package_path.empty() || !local_packages.empty(); }
  /// The whole list, or no value: the file's list stays (CLI-21).
  std::optional<std::vector<std::string>> package_uris(const std::vector<std::string>& uploaded) const;
};

const CommandGrammar& submit_grammar();

/// Reads and checks everything that can be checked without building or asking the cluster. `text_of` reads a file.
using FileText = std::function<Result<std::string>(const std::string& path)>;
std::variant<SubmitPlan, SubmitError> plan_submit(const Arguments& arguments, const std::map<std::string, std::string>& environment, const FileText& text_of);

/// The checked job with its packages; a cause that stands in the file is shown there.
std::variant<training::CheckedJob, SubmitError> finish_plan(const SubmitPlan& plan, const std::vector<std::string>& uploaded, std::vector<std::string>& notes);

}  // namespace masu::plugin
