#include "render.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/text.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu::plugin {
namespace {

/// One step of a path: a member, an element, or all elements.
struct Step {
  std::string member;
  std::int64_t index = -1;
  bool all = false;
};

std::vector<Step> steps_of(std::string_view path) {
  std::vector<Step> out;
  std::string name;
  const auto flush = [&] {
    if (!name.empty()) out.push_back({.member = std::exchange(name, {})});
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '.') {
      flush();
    } else if (path[i] == '[') {
      flush();
      const std::size_t end = path.find(']', i);
      const std::string inner(path.substr(i + 1, end == std::string_view::npos ? end : end - i - 1));
      if (inner.empty() || inner == "*") out.push_back({.all = true});
      else out.push_back({.index = std::strtoll(inner.c_str(), nullptr, 10)});
      if (end == std::string_view::npos) break;
      i = end;
    } else {
      name += path[i];
    }
  }
  flush();
  return out;
}

Value walk(const Value& value, const std::vector<Step>& steps, std::size_t from) {
  if (from == steps.size()) return value;
  const Step& step = steps[from];
  if (!step.member.empty()) {
    if (!value.is_array()) return walk(value[step.member], steps, from + 1);
    Value out{Array{}};  // a member of a list: of each element
    for (const Value& element : value.as_array()) out.push_back(walk(element[step.member], steps, from + 1));
    return out;
  }
  if (step.all) {
    Value out{Array{}};
    for (const Value& element : value.as_array()) out.push_back(walk(element, steps, from + 1));
    return out;
  }
  const Array& list = value.as_array();
  const std::int64_t index = step.index < 0 ? static_cast<std::int64_t>(list.size()) + step.index : step.index;
  if (index < 0 || index >= static_cast<std::int64_t>(list.size())) return {};
  return walk(list[static_cast<std::size_t>(index)], steps, from + 1);
}

/// "table(jobId:label=X,state)" -> name and argument; attributes after ':' only give a heading.
struct Format {
  std::string name;
  std::vector<Column> columns;
};

Format parse_format(std::string_view text) {
  Format format;
  std::string trimmed(trim(text));
  const std::size_t open = trimmed.find('(');
  format.name = trimmed.substr(0, open);
  if (const std::size_t bracket = format.name.find('['); bracket != std::string::npos) format.name = format.name.substr(0, bracket);
  if (open == std::string::npos) return format;
  std::string inner = trimmed.substr(open + 1, trimmed.rfind(')') == std::string::npos ? std::string::npos : trimmed.rfind(')') - open - 1);
  int depth = 0;
  std::string part;
  std::vector<std::string> parts;
  for (const char c : inner + ",") {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth == 0) {
      if (!trim(part).empty()) parts.emplace_back(trim(part));
      part.clear();
    } else {
      part += c;
    }
  }
  for (const std::string& entry : parts) {
    Column column;
    const std::size_t colon = entry.find(':');
    column.path = entry.substr(0, colon);
    if (const std::size_t call = column.path.find('('); call != std::string::npos) column.path = column.path.substr(0, column.path.rfind('.', call));
    const std::size_t dot = column.path.rfind('.');
    std::string last = dot == std::string::npos ? column.path : column.path.substr(dot + 1);
    for (std::size_t i = 0; i < last.size(); ++i) {
      if (i > 0 && std::isupper(static_cast<unsigned char>(last[i])) && std::islower(static_cast<unsigned char>(last[i - 1]))) last.insert(i++, "_");
    }
    column.heading = upper(last);
    if (const std::size_t label = entry.find("label="); label != std::string::npos) {
      std::string heading = entry.substr(label + 6);
      heading = heading.substr(0, heading.find(':'));
      column.heading = replace_all(replace_all(heading, "'", ""), "\"", "");
    }
    format.columns.push_back(std::move(column));
  }
  return format;
}

void flatten(const Value& value, const std::string& path, std::vector<std::pair<std::string, std::string>>& out) {
  if (value.is_object() && !value.as_object().empty()) {
    for (const auto& [key, member] : value.as_object()) flatten(member, path.empty() ? key : cat(path, ".", key), out);
  } else if (value.is_array() && !value.as_array().empty()) {
    for (std::size_t i = 0; i < value.as_array().size(); ++i) flatten(value[i], cat(path, "[", i, "]"), out);
  } else {
    out.emplace_back(path, cell(value));
  }
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  return cat("\"", replace_all(text, "\"", "\"\""), "\"");
}

std::vector<std::vector<std::string>> rows_of(const std::vector<Value>& resources, const std::vector<Column>& columns) {
  std::vector<std::vector<std::string>> rows;
  for (const Value& resource : resources) {
    std::vector<std::string> row;
    for (const Column& column : columns) row.push_back(cell(at_path(resource, column.path)));
    rows.push_back(std::move(row));
  }
  return rows;
}

// ---------------------------------------------------------------- filters

class Filter {
 public:
  Filter(std::string_view text, const Value& resource) : text_(text), resource_(resource) {}
  Result<bool> run() {
    TRY(const bool result, any());
    skip();
    if (at_ < text_.size()) return wrong("nothing was expected here");
    return result;
  }

 private:
  Error wrong(std::string_view why) const { return Error{Code::invalid, cat("--filter ", quote(text_), ", at character ", at_ + 1, ": ", why)}; }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool word(std::string_view wanted) {
    skip();
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    const std::size_t end = at_ + wanted.size();
    if (end < text_.size() && !std::isspace(static_cast<unsigned char>(text_[end])) && text_[end] != '(') return false;
    at_ = end;
    return true;
  }

  Result<bool> any() {
    TRY(bool result, all());
    while (word("OR")) {
      TRY(const bool other, all());
      result = result || other;
    }
    return result;
  }
  Result<bool> all() {
    TRY(bool result, one());
    for (;;) {
      skip();
      const bool joined = word("AND");
      skip();
      if (at_ >= text_.size() || text_[at_] == ')') {
        if (joined) return wrong("a term is missing after AND");
        return result;
      }
      const std::size_t before = at_;
      if (!joined && word("OR")) {
        at_ = before;
        return result;
      }
      TRY(const bool other, one());
      result = result && other;
    }
  }
  Result<bool> one() {
    skip();
    if (at_ >= text_.size()) return wrong("a term is missing");
    if (word("NOT") || (text_[at_] == '-' && ++at_ != 0)) {
      TRY(const bool inner, one());
      return !inner;
    }
    if (text_[at_] == '(') {
      ++at_;
      TRY(const bool inner, any());
      skip();
      if (at_ >= text_.size() || text_[at_] != ')') return wrong("a ) is missing");
      ++at_;
      return inner;
    }
    return term();
  }

  Result<bool> term() {
    const std::size_t start = at_;
    while (at_ < text_.size() && std::string_view(":=!<>() \t").find(text_[at_]) == std::string_view::npos) ++at_;
    const std::string field(text_.substr(start, at_ - start));
    skip();
    std::string op;
    for (const std::string_view candidate : {"!=", "<=", ">=", "=", ":", "<", ">"}) {
      if (text_.substr(at_, candidate.size()) == candidate) {
        op = candidate;
        break;
      }
    }
    if (field.empty() || op.empty()) return wrong("a term is FIELD:VALUE, FIELD=VALUE, FIELD<VALUE ...");
    at_ += op.size();
    skip();
    std::string value;
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      const char closing = text_[at_++];
      while (at_ < text_.size() && text_[at_] != closing) value += text_[at_++];
      if (at_ >= text_.size()) return wrong("the closing quote is missing");
      ++at_;
    } else {
      while (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(text_[at_])) && text_[at_] != ')') value += text_[at_++];
    }
    return holds(at_path(resource_, field), op, value);
  }

  static bool holds(const Value& actual, const std::string& op, const std::string& wanted) {
    if (actual.is_array()) {
      return std::any_of(actual.as_array().begin(), actual.as_array().end(), [&](const Value& element) { return holds(element, op, wanted); });
    }
    const std::string text = cell(actual);
    if (op == ":") {
      if (wanted == "*") return !actual.is_null();
      if (wanted.ends_with('*')) return lower(text).starts_with(lower(wanted.substr(0, wanted.size() - 1)));
      std::string word;
      for (const char c : lower(text) + " ") {
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-') {
          word += c;
        } else {
          if (word == lower(wanted)) return true;
          word.clear();
        }
      }
      return equal_fold(text, wanted);
    }
    if (op == "=") return equal_fold(text, wanted);
    if (op == "!=") return !equal_fold(text, wanted);
    if (actual.is_null()) return false;
    const int order = compare(text, wanted);
    return op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
  }

  static int compare(const std::string& a, const std::string& b) {
    char *end_a = nullptr, *end_b = nullptr;
    const double x = std::strtod(a.c_str(), &end_a), y = std::strtod(b.c_str(), &end_b);
    if (!a.empty() && !b.empty() && *end_a == '\0' && *end_b == '\0') return x < y ? -1 : x > y ? 1 : 0;
    return a.compare(b) < 0 ? -1 : a == b ? 0 : 1;
  }

  std::string_view text_;
  const Value& resource_;
  std::size_t at_ = 0;
};

}  // namespace

Value at_path(const Value& resource, std::string_view path) { return walk(resource, steps_of(path), 0); }

std::string cell(const Value& value) {
  switch (value.type()) {
    case Value::Type::null: return "";
    case Value::Type::string: return std::string(value.as_string());
    case Value::Type::boolean: return value.as_bool() ? "True" : "False";
    case Value::Type::array: {
      std::vector<std::string> parts;
      for (const Value& element : value.as_array()) parts.push_back(cell(element));
      return join(parts, ";");
    }
    case Value::Type::object: {
      std::vector<std::string> parts;
      for (const auto& [key, member] : value.as_object()) parts.push_back(cat(key, "=", cell(member)));
      return join(parts, ";");
    }
    default: return to_json(value);
  }
}

std::string table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& heading : headings) widths.push_back(heading.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) text += cat(row[i], i + 1 < row.size() ? std::string(widths[i] - row[i].size() + 2, ' ') : std::string());
    while (text.ends_with(' ')) text.pop_back();
    out += cat(text, "\n");
  };
  line(headings);
  for (const auto& row : rows) line(row);
  return out;
}

std::string boxed_table(std::string_view title, const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows) {
  // A cell may have several lines.
  std::vector<std::vector<std::string>> lines = {headings};
  std::vector<bool> rule_below = {true};
  for (const auto& row : rows) {
    std::size_t height = 1;
    std::vector<std::vector<std::string>> cells;
    for (const std::string& text : row) {
      cells.push_back(split(text, '\n'));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t i = 0; i < height; ++i) {
      std::vector<std::string> line;
      for (const auto& parts : cells) line.push_back(i < parts.size() ? parts[i] : "");
      lines.push_back(std::move(line));
      rule_below.push_back(i + 1 == height && (height > 1 || &row == &rows.back()));
    }
  }
  if (rows.empty()) rule_below.front() = true;
  std::vector<std::size_t> widths(headings.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  // A title longer than its table widens the last column.
  std::size_t total = 0;
  for (const std::size_t width : widths) total += width + 3;
  if (!widths.empty() && title.size() + 3 > total) widths.back() += title.size() + 3 - total;
  std::string rule = "+";
  for (const std::size_t width : widths) rule += cat(std::string(width + 2, '-'), "+");
  const std::size_t inner = rule.size() - 2;
  const std::size_t left = title.size() < inner ? (inner - title.size()) / 2 : 0;
  std::string out = cat("+", std::string(inner, '-'), "+\n|", std::string(left, ' '), title.substr(0, inner), std::string(inner > left + title.size() ? inner - left - title.size() : 0, ' '), "|\n", rule, "\n");
  for (std::size_t l = 0; l < lines.size(); ++l) {
    out += "|";
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string text = i < lines[l].size() ? lines[l][i] : "";
      out += cat(" ", text, std::string(widths[i] - text.size() + 1, ' '), "|");
    }
    out += "\n";
    if (rule_below[l] || l + 1 == lines.size()) out += cat(rule, "\n");
  }
  return out;
}

Result<std::string> render(const std::vector<Value>& resources, bool single, const std::string& text, const std::vector<Column>& columns) {
  Format format = parse_format(text);
  if (format.name.empty() || format.name == "default") format.name = single || columns.empty() ? "yaml" : "table";
  if (format.columns.empty()) format.columns = columns;
  if (format.name == "none" || format.name == "disable") return std::string();
  if (format.name == "yaml" || format.name == "object") {
    std::string out;
    for (std::size_t i = 0; i < resources.size(); ++i) out += cat(!single ? "---\n" : "", to_yaml(resources[i]));
    return out;
  }
  if (format.name == "json") {
    if (single) return to_json_pretty(resources.empty() ? Value(Object{}) : resources[0]);
    return to_json_pretty(Value(Array(resources.begin(), resources.end())));
  }
  if (format.name == "value" || format.name == "get") {
    std::string out;
    for (const auto& row : rows_of(resources, format.columns)) out += cat(join(row, "\t"), "\n");
    return out;
  }
  std::vector<std::string> headings;
  for (const Column& column : format.columns) headings.push_back(column.heading);
  if (format.name == "table") return table(headings, rows_of(resources, format.columns));
  if (format.name == "csv") {
    std::vector<std::string> names;
    for (const Column& column : format.columns) names.push_back(column.path.substr(column.path.rfind('.') == std::string::npos ? 0 : column.path.rfind('.') + 1));
    std::string out = cat(join(names, ","), "\n");
    for (const auto& row : rows_of(resources, format.columns)) {
      std::vector<std::string> fields;
      for (const std::string& field : row) fields.push_back(csv_field(field));
      out += cat(join(fields, ","), "\n");
    }
    return out;
  }
  if (format.name == "flattened" || format.name == "text") {
    std::string out;
    for (const Value& resource : resources) {
      std::vector<std::pair<std::string, std::string>> lines;
      flatten(resource, "", lines);
      std::size_t width = 0;
      for (const auto& [key, value] : lines) width = std::max(width, key.size());
      if (!single) out += "---\n";
      for (const auto& [key, value] : lines) out += cat(key, ":", std::string(width - key.size() + 1, ' '), value, "\n");
    }
    return out;
  }
  if (format.name == "list") {
    std::string out;
    for (const auto& row : rows_of(resources, format.columns)) out += cat(" - ", join(row, " "), "\n");
    return out;
  }
  return Error{Code::invalid, cat("--format ", quote(text), ": unknown format ", quote(format.name),
                                  "; there are yaml, json, value(PATH,...), get(PATH), table(PATH,...), csv(PATH,...), flattened, text, list, object, none, disable")};
}

Result<bool> matches_filter(std::string_view filter, const Value& resource) {
  if (trim(filter).empty()) return true;
  return Filter(filter, resource).run();
}

void sort_resources(std::vector<Value>& resources, std::string_view fields) {
  const auto keys = split(fields, ',');
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    const bool down = key->starts_with('~');
    const std::string path = down ? key->substr(1) : *key;
    std::stable_sort(resources.begin(), resources.end(), [&](const Value& a, const Value& b) {
      const Value x = at_path(a, path), y = at_path(b, path);
      if (x.is_number() && y.is_number()) return down ? y.as_number() < x.as_number() : x.as_number() < y.as_number();
      return down ? cell(y) < cell(x) : cell(x) < cell(y);
    });
  }
}

std::string local_time(std::string_view text) {
  const auto instant = parse_rfc3339(text);
  if (!instant.ok()) return std::string(text);
  const std::time_t when = std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(*instant));
  std::tm broken{};
  ::localtime_r(&when, &broken);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &broken);
  return buffer;
}

}  // namespace masu::plugin
