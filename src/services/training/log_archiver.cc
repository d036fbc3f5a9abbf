#include "training/log_archiver.h"

#include <algorithm>

#include "base/text.h"
#include "ledger/log_entry.h"

namespace masu::training {
namespace {

constexpr std::string_view setup_container = "masu-setup";

const kinds::ContainerStatus* status_of(const kinds::Pod& pod, std::string_view container) {
  for (const auto* statuses : {&pod.init_statuses, &pod.container_statuses}) {
    for (const kinds::ContainerStatus& status : *statuses) {
      if (status.name == container) return &status;
    }
  }
  return nullptr;
}

bool has_spoken(const kinds::ContainerStatus* status) {
  return status != nullptr && (status->state != kinds::ContainerStatus::State::waiting || status->restarts > 0);
}

/// It will say nothing more: it ended, or its pod did without starting it.
bool is_over(const kinds::Pod& pod, const kinds::ContainerStatus* status) {
  return pod.finished() || (status != nullptr && status->state == kinds::ContainerStatus::State::terminated);
}

std::string source_key(const kinds::Pod& pod, const std::string& container) { return cat(pod.meta.uid, "/", container); }

}  // namespace

std::vector<std::string> logged_containers(const kinds::Pod& pod) {
  std::vector<std::string> out;
  const bool prepared = std::any_of(pod.init_statuses.begin(), pod.init_statuses.end(), [](const kinds::ContainerStatus& status) { return status.name == setup_container; });
  if (prepared) out.emplace_back(setup_container);
  for (const char* program : {"training", "tensorflow", "pytorch"}) {
    if (std::find(pod.containers.begin(), pod.containers.end(), program) != pod.containers.end()) out.emplace_back(program);
  }
  return out;
}

ledger::LogSource log_source(const kinds::Pod& pod, const std::string& container) {
  const std::string role = pod.meta.label("masu.dev/role"), index = pod.meta.label("training.kubeflow.org/replica-index");
  return {.job = {pod.meta.name_space, pod.meta.label("masu.dev/job")},
          .pod = pod.meta.name,
          .pod_uid = pod.meta.uid,
          .container = container,
          .task = cat(role.empty() ? "master" : role, "-replica-", index.empty() ? "0" : index),
          .trial = pod.meta.annotation("masu.dev/trial-id")};
}

std::vector<ledger::LogLine> read_log_lines(std::string_view text, bool tagged) {
  std::vector<ledger::LogLine> out;
  // The last line may be cut: only whole ones count, the rest comes with the next round.
  for (std::size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    auto line = ledger::parse_pod_log_line(text.substr(0, end));
    if (!line.ok()) {
      // A line break inside one write: a line without a time belongs to the one before.
      if (!out.empty()) out.back().text += cat("\n", text.substr(0, end));
      continue;
    }
    if (tagged && line->text.size() >= 2 && line->text[1] == ' ') {
      line->output = line->text[0] == 'E' ? ledger::Output::errors : ledger::Output::standard;
      line->text.erase(0, 2);
    }
    out.push_back(*std::move(line));
  }
  return out;
}

Result<controller::Outcome> LogArchiver::reconcile(const kube::Key& key, Deadline deadline) {
  const auto pod = pods_.get(key);
  if (!pod || pod->meta.label("masu.dev/job").empty()) return controller::Outcome{};
  bool more_to_come = false, talked = false;
  for (const std::string& container : logged_containers(*pod)) {
    const kinds::ContainerStatus* status = status_of(*pod, container);
    {
      const std::scoped_lock lock(mutex_);
      if (finished_.contains(source_key(*pod, container))) continue;
    }
    const bool over = is_over(*pod, status);
    if (has_spoken(status)) {
      TRY(const bool any, copy(*pod, container, deadline));
      talked = talked || any;
    }
    if (!over) {
      more_to_come = true;
      continue;
    }
    if (has_spoken(status)) TRY_OK(archive_.finish(log_source(*pod, container), deadline));
    const std::scoped_lock lock(mutex_);
    finished_.insert(source_key(*pod, container));
  }
  if (!more_to_come) return controller::Outcome{};
  const std::scoped_lock lock(mutex_);
  int& silent = silent_rounds_[pod->meta.uid];
  silent = talked ? 0 : silent + 1;
  return controller::Outcome{backoff(std::min(silent, 10), 200ms, pod->meta.deleted ? 200ms : 2s)};
}

Result<bool> LogArchiver::copy(const kinds::Pod& pod, const std::string& container, Deadline deadline) {
  const ledger::LogSource source = log_source(pod, container);
  TRY(const auto position, archive_.position(source, deadline));
  net::Request request;
  request.path = kube::resources::pods.path(pod.meta.key(), "log");
  request.query = {{"container", container}, {"timestamps", "true"}};
  if (split_streams_) request.query.add("streams", "true");
  if (position) request.query.add("sinceTime", to_rfc3339(position->time));  // whole seconds: some of it comes again
  const auto answer = client_.raw(request, deadline);
  if (!answer.ok()) {
    // A container that is just starting or a pod that is just going has no log to read; the next round will see.
    const Code code = answer.error().code;
    if (code == Code::not_found || code == Code::malformed || code == Code::invalid) return false;
    return answer.error();
  }
  std::vector<ledger::LogLine> fresh;
  ledger::Resume resume(position);
  for (ledger::LogLine& line : read_log_lines(answer->body, split_streams_)) {
    if (resume.is_new(line.time)) fresh.push_back(std::move(line));
  }
  if (fresh.empty()) return false;
  TRY_OK(archive_.append(source, fresh, deadline));
  if (container == setup_container) return true;
  const std::scoped_lock lock(mutex_);
  auto& newest = newest_[pod.meta.uid];
  for (const ledger::LogLine& line : fresh) newest.push_back(line.text);
  while (newest.size() > lines_kept) newest.pop_front();
  return true;
}

bool LogArchiver::complete(const kinds::Pod& pod) {
  const std::scoped_lock lock(mutex_);
  for (const std::string& container : logged_containers(pod)) {
    if (!finished_.contains(source_key(pod, container))) return false;
  }
  return true;
}

std::vector<std::string> LogArchiver::last_lines(const kinds::Pod& pod) {
  const std::scoped_lock lock(mutex_);
  const auto found = newest_.find(pod.meta.uid);
  if (found == newest_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

Status LogArchiver::close_job(const kube::Key& job, const std::string& uid, Deadline deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_.contains(uid)) return {};
  }
  TRY_OK(archive_.close_job(job, deadline));
  const std::scoped_lock lock(mutex_);
  closed_.insert(uid);
  return {};
}

Status LogArchiver::begin_job(const kube::Key& job, const std::string& uid, Deadline deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (!begun_.insert(uid).second) return {};
  }
  return archive_.forget_job(job, deadline);
}

Status LogArchiver::say(const kube::Key& job, const std::string& uid, const std::vector<std::string>& messages, Instant now, Deadline deadline) {
  std::vector<ledger::LogLine> lines;
  {
    const std::scoped_lock lock(mutex_);
    // A round that is tried again says nothing twice.
    std::set<std::string>& said = said_[uid];
    for (const std::string& message : messages) {
      if (said.insert(message).second) lines.push_back({.time = now, .output = ledger::Output::standard, .text = message});
    }
  }
  if (lines.empty()) return {};
  return archive_.append({.job = job, .pod = "service", .pod_uid = uid, .container = "service", .task = "service", .trial = {}}, lines, deadline);
}

Status LogArchiver::forget_job(const kube::Key& job, Deadline deadline) { return archive_.forget_job(job, deadline); }

}  // namespace masu::training
