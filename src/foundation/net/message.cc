#include "net/message.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace masu::net {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (equal_fold(key, name)) return value;
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const auto& field) { return equal_fold(field.first, name); });
}

std::vector<std::string> Headers::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields_)
    if (equal_fold(key, name)) values.push_back(value);
  return values;
}

void Headers::set(std::string_view name, std::string_view value) {
  const std::string kept_value(value);  // either may be a view into a field that goes away now
  const std::string kept_name(name);
  remove(kept_name);
  fields_.emplace_back(kept_name, kept_value);
}

void Headers::add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }

void Headers::remove(std::string_view name) {
  const std::string kept_name(name);
  std::erase_if(fields_, [&](const auto& field) { return equal_fold(field.first, kept_name); });
}

Query Query::parse(std::string_view text) {
  Query query;
  if (text.starts_with('?')) text.remove_prefix(1);
  while (!text.empty()) {
    const auto end = text.find('&');
    std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (part.empty()) continue;
    // In a query, and only there, a plus is a space (the form encoding that all clients still write).
    const auto decode = [](std::string_view raw) { return percent_decode(replace_all(raw, "+", " ")); };
    const auto equals = part.find('=');
    if (equals == std::string_view::npos)
      query.add(decode(part), "");
    else
      query.add(decode(part.substr(0, equals)), decode(part.substr(equals + 1)));
  }
  return query;
}

std::string_view Query::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (key == name) return value;
  return {};
}

bool Query::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const auto& field) { return field.first == name; });
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields_)
    if (key == name) values.push_back(value);
  return values;
}

std::string Query::text() const {
  std::string out;
  for (const auto& [key, value] : fields_) {
    if (!out.empty()) out += '&';
    out += percent_encode(key);
    out += '=';
    out += percent_encode(value);
  }
  return out;
}

std::string percent_encode(std::string_view text, bool keep_slash) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];  // a lone "%" stands for itself
    }
  }
  return out;
}

std::string Request::target() const {
  const std::string parameters = query.text();
  return parameters.empty() ? path : cat(path, path.find('?') == std::string::npos ? "?" : "&", parameters);
}

Result<std::string> whole_body(const Request& request, std::size_t limit) {
  const auto too_long = [&](std::uint64_t size) {
    return Error{Code::exhausted, cat("the request body of ", size, " bytes is above the limit of ", limit, " bytes")};
  };
  if (!request.body_file) {
    if (request.body.size() > limit) return too_long(request.body.size());
    return request.body;
  }
  if (request.body_size > limit) return too_long(request.body_size);
  std::string out(static_cast<std::size_t>(request.body_size), '\0');
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t got = ::pread(request.body_file->get(), out.data() + have, out.size() - have, static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{Code::unavailable, cat("reading the spooled request body: ", std::strerror(errno))};
    if (got == 0) return Error{Code::unavailable, cat("the spooled request body ended after ", have, " of ", out.size(), " bytes")};
    have += static_cast<std::size_t>(got);
  }
  return out;
}

bool Stream::push(std::string chunk) {
  std::function<void()> wake;
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || finished_) return false;
    if (chunk.empty()) return true;
    // One chunk above the limit may enter an empty queue: a consumer that keeps up is never dropped for one big object.
    full = queued_ > 0 && queued_ + chunk.size() > limit_;
    if (!full) {
      queued_ += chunk.size();
      chunks_.push_back(std::move(chunk));
      wake = wake_;
    }
  }
  if (full) {
    close();
    return false;
  }
  changed_.notify_all();
  if (wake) wake();
  return true;
}

std::size_t Stream::queued() const {
  const std::lock_guard lock(mutex_);
  return queued_;
}

void Stream::finish() {
  std::function<void()> wake;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || finished_) return;
    finished_ = true;
    wake = wake_;
  }
  changed_.notify_all();
  if (wake) wake();
}

void Stream::close() {
  std::function<void()> wake, gone;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    chunks_.clear();
    queued_ = 0;
    // Both may own whoever owns this stream: taken out, so that no circle outlives the consumer.
    wake = std::exchange(wake_, nullptr);
    gone = std::exchange(on_close_, nullptr);
  }
  changed_.notify_all();
  if (wake) wake();
  if (gone) gone();
}

bool Stream::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Stream::State Stream::take(std::string& into) {
  const std::lock_guard lock(mutex_);
  if (chunks_.empty()) return closed_ || finished_ ? State::finished : State::empty;
  into = std::move(chunks_.front());
  if (chunks_.size() > 1) into.reserve(queued_);
  for (std::size_t i = 1; i < chunks_.size(); ++i) into += chunks_[i];
  chunks_.clear();
  queued_ = 0;
  return State::data;
}

Stream::State Stream::wait(std::string& into, Deadline deadline, const std::stop_token& stop) {
  {
    std::unique_lock lock(mutex_);
    const auto something = [&] { return !chunks_.empty() || closed_ || finished_; };
    if (deadline.point())
      changed_.wait_until(lock, stop, *deadline.point(), something);
    else
      changed_.wait(lock, stop, something);
  }
  return take(into);
}

void Stream::on_ready(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (!closed_) wake_ = std::move(wake);
}

void Stream::on_close(std::function<void()> closed) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      on_close_ = std::move(closed);
      return;
    }
  }
  if (closed) closed();
}

}  // namespace masu::net
