#include "value/json.h"

#include <boost/json/basic_parser_impl.hpp>

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "value/number_text.h"

namespace masu {
namespace {

constexpr std::size_t most_depth = 512;

/// Receives the parser's events and builds our tree; nothing of Boost.JSON's own tree is ever made.
class TreeBuilder {
 public:
  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;
  constexpr static std::size_t max_object_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_array_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_key_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit TreeBuilder(std::vector<std::string>* duplicates) : duplicates_(duplicates) {}

  Value take() { return std::move(root_); }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(Value(Object{})); }
  bool on_object_end(std::size_t, error_code&) { return close(); }
  bool on_array_begin(error_code&) { return open(Value(Array{})); }
  bool on_array_end(std::size_t, error_code&) { return close(); }
  bool on_key_part(string_view text, std::size_t, error_code&) { return gather(text); }
  bool on_key(string_view text, std::size_t, error_code&) {
    gather(text);
    Frame& frame = stack_.back();
    frame.key = std::move(text_);
    text_.clear();
    if (duplicates_ != nullptr && frame.container.contains(frame.key)) duplicates_->push_back(path());
    return true;
  }
  bool on_string_part(string_view text, std::size_t, error_code&) { return gather(text); }
  bool on_string(string_view text, std::size_t, error_code&) {
    gather(text);
    Value value(std::move(text_));
    text_.clear();
    return add(std::move(value));
  }
  bool on_number_part(string_view text, error_code&) { return gather(text); }
  bool on_int64(std::int64_t number, string_view, error_code&) {
    text_.clear();
    return add(Value(number));
  }
  bool on_uint64(std::uint64_t number, string_view, error_code&) {
    text_.clear();
    return add(Value(static_cast<double>(number)));
  }
  bool on_double(double, string_view text, error_code& error) {
    // Read again from the digits: the parser's own conversion may be off in the last bit.
    gather(text);
    double number = 0;
    const auto [end, problem] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    const bool tiny = problem == std::errc::result_out_of_range && tends_to_zero(text_);
    if ((problem != std::errc{} && !tiny) || (!tiny && !std::isfinite(number))) {
      error = boost::json::error::exponent_overflow;
      return false;
    }
    text_.clear();
    return add(Value(tiny ? 0.0 : number));
  }
  bool on_bool(bool value, error_code&) { return add(Value(value)); }
  bool on_null(error_code&) { return add(Value()); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  struct Frame {
    Value container;
    std::string key;  // of the member being read
  };

  bool gather(string_view text) {
    text_.append(text.data(), text.size());
    return true;
  }
  bool open(Value container) {
    stack_.push_back(Frame{std::move(container), {}});
    return true;
  }
  bool close() {
    Value done = std::move(stack_.back().container);
    stack_.pop_back();
    return add(std::move(done));
  }
  bool add(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Frame& frame = stack_.back();
    if (frame.container.is_array()) frame.container.array().push_back(std::move(value));
    else frame.container.object().insert_or_assign(std::move(frame.key), std::move(value));
    return true;
  }
  std::string path() const {
    std::string out;
    for (const Frame& frame : stack_) {
      if (frame.container.is_array()) {
        append(out, '[');
        append(out, frame.container.as_array().size());
        append(out, ']');
      } else {
        if (!out.empty()) out += '.';
        out += frame.key;
      }
    }
    return out;
  }
  /// Too small for a double (1e-400) rather than too large for one.
  static bool tends_to_zero(std::string_view text) {
    const std::size_t exponent = text.find_first_of("eE");
    return exponent == std::string_view::npos ? text.starts_with("0.") || text.starts_with("-0.")
                                              : text.substr(exponent + 1).starts_with("-");
  }

  Value root_;
  std::vector<Frame> stack_;
  std::string text_;
  std::vector<std::string>* duplicates_;
};

Error malformed_at(std::string_view text, std::size_t offset, std::string_view what) {
  offset = std::min(offset, text.size());
  std::size_t line = 1, start = 0;
  for (std::size_t i = 0; i < offset; ++i)
    if (text[i] == '\n') {
      ++line;
      start = i + 1;
    }
  return Error{Code::malformed, cat("reading JSON: line ", line, ", column ", offset - start + 1, ": ", what)};
}

Result<Value> parse(std::string_view text, std::vector<std::string>* duplicates) {
  boost::json::parse_options options;
  options.max_depth = most_depth;
  boost::json::basic_parser<TreeBuilder> parser(options, duplicates);
  boost::json::error_code error;
  if (trim(text).empty()) return malformed_at(text, text.size(), "the text is empty, a JSON value was expected");
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) {
    if (error == boost::json::error::incomplete) return malformed_at(text, text.size(), "the text ends too early");
    return malformed_at(text, used, error.message());
  }
  const std::size_t rest = text.find_first_not_of(" \t\r\n", used);
  if (rest != std::string_view::npos) return malformed_at(text, rest, "something follows the end of the value");
  return parser.handler().take();
}

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : (first & 0xF0) == 0xE0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if (length == 3 && ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0))) return 0;
  if (length == 4 && ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90))) return 0;
  return length;
}

void print_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      const std::size_t length = utf8_length(text.substr(i));
      if (length == 0) {
        out += "\xEF\xBF\xBD";  // as Go does: bytes that are no UTF-8 become U+FFFD
        ++i;
      } else {
        out.append(text, i, length);
        i += length;
      }
      continue;
    }
    ++i;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (byte < 0x20 || byte == 0x7F) {
          out += "\\u00";
          out += hex[byte >> 4];
          out += hex[byte & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

/// `indent` below 0: one line.
void print(std::string& out, const Value& value, int indent, int depth) {
  const auto new_line = [&](int level) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent * level), ' ');
  };
  switch (value.type()) {
    case Value::Type::null: out += "null"; return;
    case Value::Type::boolean: append(out, value.as_bool()); return;
    case Value::Type::integer: append(out, value.as_integer()); return;
    case Value::Type::number: out += number_text(value.as_number()); return;
    case Value::Type::string: print_string(out, value.as_string()); return;
    case Value::Type::array: {
      out += '[';
      bool first = true;
      for (const Value& element : value.as_array()) {
        if (!first) out += ',';
        first = false;
        new_line(depth + 1);
        print(out, element, indent, depth + 1);
      }
      if (!first) new_line(depth);
      out += ']';
      return;
    }
    case Value::Type::object: {
      out += '{';
      bool first = true;
      for (const auto& [key, member] : value.as_object()) {
        if (!first) out += ',';
        first = false;
        new_line(depth + 1);
        print_string(out, key);
        out += indent < 0 ? ":" : ": ";
        print(out, member, indent, depth + 1);
      }
      if (!first) new_line(depth);
      out += '}';
      return;
    }
  }
}

}  // namespace

std::string number_text(double number) {
  if (!std::isfinite(number)) return "null";  // JSON has no word for it; readers refuse it long before
  const double size = std::abs(number);
  char buffer[400];
  if (size != 0 && (size < 1e-6 || size >= 1e21)) {
    std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr);
    // 1e-09 is written 1e-9, as Go does.
    const std::size_t zero = text.find("e-0");
    if (zero != std::string::npos) text.erase(zero + 2, 1);
    return text;
  }
  if (number == 0) return "0";
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr};
}

Result<Value> parse_json(std::string_view text) { return parse(text, nullptr); }

Result<Value> parse_json(std::string_view text, std::vector<std::string>& duplicates) { return parse(text, &duplicates); }

std::string to_json(const Value& value) {
  std::string out;
  print(out, value, -1, 0);
  return out;
}

std::string to_json_pretty(const Value& value, int indent) {
  std::string out;
  print(out, value, indent, 0);
  return out + '\n';
}

}  // namespace masu
