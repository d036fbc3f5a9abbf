#include "tuning/metrics/text_lines.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"

namespace masu::tuning {
namespace {

constexpr std::size_t line_bytes_max = 64 * 1024;
constexpr std::size_t names_max = 1000;

}  // namespace

struct TextLines::Filters {
  std::vector<std::unique_ptr<re2::RE2>> expressions;
};

TextLines::TextLines() : filters_(std::make_unique<Filters>()) {}
TextLines::TextLines(TextLines&&) noexcept = default;
TextLines& TextLines::operator=(TextLines&&) noexcept = default;
TextLines::~TextLines() = default;

Result<TextLines> TextLines::make(const std::vector<std::string>& filters, std::vector<std::string> wanted) {
  TextLines out;
  std::vector<std::string> patterns = filters;
  if (patterns.empty()) {
    patterns.emplace_back(default_metrics_filter);
    for (const std::string& name : wanted) {
      const bool plain = std::all_of(name.begin(), name.end(),
          [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '|'; });
      if (name != "*" && !plain) patterns.push_back(cat("(", re2::RE2::QuoteMeta(name), R"()\s*=\s*([+-]?(?:(?i:nan|infinity|inf)\b|\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)))"));
    }
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  for (const std::string& pattern : patterns) {
    auto expression = std::make_unique<re2::RE2>(pattern, options);
    if (!expression->ok()) return Error{Code::invalid, cat("metrics filter ", quote(pattern), ": ", expression->error())};
    if (expression->NumberOfCapturingGroups() < 2)
      return Error{Code::invalid, cat("metrics filter ", quote(pattern),
          " needs two groups, the first for the name and the second for the value")};
    out.filters_->expressions.push_back(std::move(expression));
  }
  out.wanted_ = std::move(wanted);
  return out;
}

bool TextLines::wants(std::string_view name) const {
  return std::any_of(wanted_.begin(), wanted_.end(), [&](const std::string& w) { return w == name || w == "*"; });
}

std::vector<MetricEntry> TextLines::feed(std::string_view bytes) {
  std::vector<MetricEntry> out;
  for (;;) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (!skipping_ && rest_.size() + piece.size() > line_bytes_max) skipping_ = true, rest_.clear();
    if (end == std::string_view::npos) {
      if (!skipping_) rest_.append(piece);
      return out;
    }
    if (skipping_) {
      skipping_ = false;
    } else if (rest_.empty()) {
      read_line(piece, out);
    } else {
      rest_.append(piece);
      read_line(rest_, out);
      rest_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
}

std::vector<MetricEntry> TextLines::finish() {
  std::vector<MetricEntry> out;
  if (!skipping_ && !rest_.empty()) read_line(rest_, out);
  rest_.clear();
  skipping_ = false;
  return out;
}

void TextLines::read_line(std::string_view line, std::vector<MetricEntry>& out) {
  // A progress bar rewrites its line with carriage returns; each state is a line.
  const std::string_view first = line.substr(0, line.find(' '));
  std::optional<Instant> time;
  if (first.size() >= 20 && first.size() <= 40) {
    if (auto parsed = parse_rfc3339(first); parsed.ok()) time = *parsed;
  }
  const std::size_t before = out.size();
  for (const auto& expression : filters_->expressions) {
    re2::StringPiece input(line.data(), line.size());
    re2::StringPiece groups[3];
    std::size_t at = 0;
    while (at <= line.size() && expression->Match(input, at, line.size(), re2::RE2::UNANCHORED, groups, 3)) {
      const std::size_t matched_end = static_cast<std::size_t>(groups[0].data() - line.data()) + groups[0].size();
      const std::string_view name = trim(std::string_view(groups[1].data() == nullptr ? "" : groups[1].data(), groups[1].size()));
      const std::string_view value = trim(std::string_view(groups[2].data() == nullptr ? "" : groups[2].data(), groups[2].size()));
      at = groups[0].empty() ? matched_end + 1 : matched_end;
      if (!wants(name) || !read_number(value)) continue;
      // Two filters may read the same words of a line.
      const bool twice = std::any_of(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
          [&](const MetricEntry& e) { return e.name == name && e.value == value; });
      if (twice && filters_->expressions.size() > 1) continue;
      auto count = counts_.find(name);
      if (count == counts_.end()) {
        if (counts_.size() >= names_max) continue;
        count = counts_.emplace(std::string(name), 0).first;
      }
      out.push_back({std::string(name), std::string(value), ++count->second, time});
    }
  }
}

}  // namespace masu::tuning
