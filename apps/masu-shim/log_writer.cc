#include "masu-shim/log_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/text.h"

namespace masu::shim {

std::string log_stamp(Instant instant) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(instant);
  std::string fraction = std::to_string((instant - whole).count());
  fraction.insert(0, 9 - fraction.size(), '0');
  std::string out = to_rfc3339(whole);
  out.pop_back();  // the Z
  return cat(out, ".", fraction, "Z");
}

void LogWriter::emit(std::string& out, Source source, bool whole, std::string_view text, std::string_view stamp) const {
  out += stamp;
  out += source == Source::output ? " stdout " : " stderr ";
  out += whole ? "F " : "P ";
  out += text;
  out += '\n';
}

void LogWriter::take(Source source, std::string_view bytes, Instant now) {
  std::string& pending = pending_[static_cast<int>(source)];
  const std::string stamp = log_stamp(now);
  std::string out;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t room = limits_.line_bytes - pending.size();
    if (piece.size() > room || (piece.size() == room && end == std::string_view::npos)) {
      pending += piece.substr(0, room);
      emit(out, source, false, pending, stamp);
      pending.clear();
      bytes.remove_prefix(room);
      continue;
    }
    pending += piece;
    if (end == std::string_view::npos) break;
    emit(out, source, true, pending, stamp);
    pending.clear();
    bytes.remove_prefix(end + 1);
  }
  write(out);
}

void LogWriter::finish(Source source, Instant now) {
  std::string& pending = pending_[static_cast<int>(source)];
  if (pending.empty()) return;
  std::string out;
  emit(out, source, false, pending, log_stamp(now));
  pending.clear();
  write(out);
}

void LogWriter::write(const std::string& text) {
  if (text.empty()) return;
  if (!file_.valid()) {
    file_ = FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    struct stat info {};
    if (::fstat(file_.get(), &info) == 0) written_ = static_cast<std::size_t>(info.st_size);
  }
  if (written_ > 0 && written_ + text.size() > limits_.file_bytes) rotate();
  if (write_all(file_.get(), text).ok()) written_ += text.size();
}

void LogWriter::rotate() {
  for (int i = limits_.old_files - 1; i > 0; --i) ::rename(cat(path_, ".", i).c_str(), cat(path_, ".", i + 1).c_str());
  ::rename(path_.c_str(), cat(path_, ".1").c_str());
  file_ = FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  written_ = 0;
}

}  // namespace masu::shim
