#include "base/text.h"
#include "value/number_text.h"
#include "value/yaml.h"
#include "value/yaml_scalar.h"

namespace masu {
namespace {

bool is_printable(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) return false;
  }
  // U+0085, U+2028, U+2029 and U+FEFF would be line breaks or marks to a YAML reader.
  return text.find("\xC2\x85") == std::string_view::npos && text.find("\xE2\x80\xA8") == std::string_view::npos &&
         text.find("\xE2\x80\xA9") == std::string_view::npos && text.find("\xEF\xBB\xBF") == std::string_view::npos;
}

/// Could `text`, which has no line break, stand unquoted in block style?
bool may_be_plain(std::string_view text) {
  constexpr std::string_view indicators = "-?:,[]{}#&*!|>'\"%@`";
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.find('\t') != std::string_view::npos) return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  if (indicators.find(text[0]) != std::string_view::npos) {
    const bool harmless = (text[0] == '-' || text[0] == '?' || text[0] == ':') && text.size() > 1 && text[1] != ' ';
    if (!harmless) return false;
  }
  return text.find(": ") == std::string_view::npos && text.find(" #") == std::string_view::npos && text.back() != ':';
}

std::string double_quoted(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else if (text.substr(i).starts_with("\xC2\x85")) {
      out += "\\u0085";
      ++i;
    } else if (text.substr(i).starts_with("\xE2\x80\xA8") || text.substr(i).starts_with("\xE2\x80\xA9")) {
      out += text[i + 2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (text.substr(i).starts_with("\xEF\xBB\xBF")) {
      out += "\\uFEFF";
      i += 2;
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// Could several lines stand as a literal block? Leading blanks would need an indentation indicator, and lines of
/// blanks alone read differently from parser to parser.
bool may_be_block(std::string_view text) {
  if (text.front() == ' ' || text.front() == '\n' || text.front() == '\t' || !is_printable(text)) return false;
  return text.find(" \n") == std::string_view::npos && text.find("\t") == std::string_view::npos && text.back() != ' ';
}

void print_string(std::string& out, std::string_view text, int indent) {
  if (text.find('\n') != std::string_view::npos) {
    if (!may_be_block(text)) {
      out += double_quoted(text);
      return;
    }
    std::size_t breaks = 0;
    while (breaks < text.size() && text[text.size() - 1 - breaks] == '\n') ++breaks;
    out += breaks == 0 ? "|-" : breaks == 1 ? "|" : "|+";
    if (breaks > 0) text.remove_suffix(1);
    for (const std::string& line : split(text, '\n')) {
      out += '\n';
      if (!line.empty()) out.append(static_cast<std::size_t>(indent), ' ');
      out += line;
    }
    return;
  }
  if (!is_printable(text) || needs_quotes(text)) {
    out += double_quoted(text);
  } else if (may_be_plain(text)) {
    out += text;
  } else if (text.find('\t') != std::string_view::npos) {
    out += double_quoted(text);
  } else {
    out += cat("'", replace_all(text, "'", "''"), "'");
  }
}

/// Prints after "key:" or "-" or at the start; `indent` is that of the value's own lines.
void print(std::string& out, const Value& value, int indent);

void print_members(std::string& out, const Value& value, int indent, bool first_in_line) {
  for (const auto& [key, member] : value.as_object()) {
    if (!first_in_line) out.append(static_cast<std::size_t>(indent), ' ');
    first_in_line = false;
    if (key.find('\n') != std::string::npos) out += double_quoted(key);
    else print_string(out, key, indent);
    out += ':';
    if (member.is_object() && !member.as_object().empty()) {
      out += '\n';
      print_members(out, member, indent + 2, false);
    } else if (member.is_array() && !member.as_array().empty()) {
      out += '\n';
      print(out, member, indent);  // a list stands below its key without further indentation
    } else {
      out += ' ';
      print(out, member, indent + 2);
      out += '\n';
    }
  }
}

void print_elements(std::string& out, const Value& value, int indent, bool first_in_line) {
  for (const Value& element : value.as_array()) {
    if (!first_in_line) out.append(static_cast<std::size_t>(indent), ' ');
    first_in_line = false;
    out += "- ";
    if (element.is_object() && !element.as_object().empty()) {
      print_members(out, element, indent + 2, true);
    } else if (element.is_array() && !element.as_array().empty()) {
      print_elements(out, element, indent + 2, true);
    } else {
      print(out, element, indent + 2);
      out += '\n';
    }
  }
}

void print(std::string& out, const Value& value, int indent) {
  switch (value.type()) {
    case Value::Type::null: out += "null"; return;
    case Value::Type::boolean: append(out, value.as_bool()); return;
    case Value::Type::integer: append(out, value.as_integer()); return;
    case Value::Type::number: out += number_text(value.as_number()); return;
    case Value::Type::string: print_string(out, value.as_string(), indent); return;
    case Value::Type::array:
      if (value.as_array().empty()) out += "[]";
      else print_elements(out, value, indent, false);
      return;
    case Value::Type::object:
      if (value.as_object().empty()) out += "{}";
      else print_members(out, value, indent, false);
      return;
  }
}

}  // namespace

std::string to_yaml(const Value& value) {
  std::string out;
  print(out, value, value.is_string() ? 2 : 0);
  if (out.empty() || out.back() != '\n') out += '\n';
  return out;
}

}  // namespace masu
