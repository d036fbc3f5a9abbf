#pragma once
/// The ledger over HTTP:
///
///   POST   /ledger/v1/namespaces/NS/trials/NAME/metrics   {"metrics":[{"name","value","step","timestamp"}]}   update trials
///   GET    the same path [?name=M]                        {"metrics":[...]}                                   get trials
///   GET    /ledger/v1/namespaces/NS/jobs/JOB/logs         JSON lines                                          get trainingjobs
///            ?follow=true  ?since=RFC3339  ?task=  ?trial=
///            ?limitBytes=N[&after=POSITION]  one page: the answer's header Masu-Next is the position to go on from
///
/// Errors are Kubernetes Status objects.

#include "ledger/authorizer.h"
#include "ledger/ledger.h"
#include "ledger/log_archive.h"
#include "net/message.h"
#include "value/value.h"

namespace masu::ledger {

class Api {
 public:
  /// References outlive it.
  Api(Ledger& ledger, LogArchive& archive, Authorizer& authorizer) : ledger_(ledger), archive_(archive), authorizer_(authorizer) {}
  net::Answer handle(const net::Request& request);
  net::Handler handler() {
    return [this](const net::Request& request) { return handle(request); };
  }
  static constexpr std::string_view prefix = "/ledger/v1/";

  static constexpr std::size_t metrics_max = 10000;  // of one report

 private:
  Result<net::Answer> answer(const net::Request& request);
  Result<net::Answer> trial_metrics(const net::Request& request, const kube::Key& trial, Deadline deadline);
  Result<net::Answer> job_logs(const net::Request& request, const kube::Key& job, Deadline deadline);
  Ledger& ledger_;
  LogArchive& archive_;
  Authorizer& authorizer_;
};

/// {"metrics":[...]}, and back: invalid with a cause for each wrong field.
Value encode_metrics(std::span<const Metric> metrics);
Result<std::vector<Metric>> decode_metrics(const Value& body);

}  // namespace masu::ledger
