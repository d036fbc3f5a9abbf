#include "value/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <memory>
#include <streambuf>

#include "base/text.h"
#include "value/number_text.h"
#include "value/yaml_scalar.h"

namespace masu {
namespace {

// A node needs at least a byte of text; beyond that only aliases make nodes, and nobody's manifest makes so many.
constexpr std::size_t most_alias_nodes = 100'000;
constexpr int most_depth = 500;

/// What the parser saw, before aliases, merge keys and scalars are resolved.
struct Node {
  enum class Kind { scalar, list, map } kind = Kind::scalar;
  YamlPlace place;
  bool plain = false;   // an unquoted scalar without a tag
  std::string tag;
  bool complete = true;  // false while its end was not seen: an alias to it would never end
  std::vector<std::shared_ptr<Node>> children;  // of a map: key, value, key, value ...
};
using NodePtr = std::shared_ptr<Node>;

YamlPlace place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1, ""}; }

Error malformed(const YamlPlace& place, std::string_view what) {
  return Error{Code::malformed, cat("reading YAML: line ", place.line, ", column ", place.column, ": ", what)};
}

/// Stops the parser from inside an event; caught in read_documents, never seen outside this file.
struct StopParsing {
  Error error;
};

class NodeBuilder final : public YAML::EventHandler {
 public:
  NodePtr take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {
    root_.reset();
    anchors_.clear();
    stack_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    NodePtr node = make(Node::Kind::scalar, mark, anchor);
    node->plain = true;
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw StopParsing{malformed(place_of(mark), "an alias names no anchor before it")};
    if (!found->second->complete) throw StopParsing{malformed(place_of(mark), "an alias names the value that contains it")};
    add(found->second);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    NodePtr node = make(Node::Kind::scalar, mark, anchor);
    node->place.text = text;
    node->plain = tag == "?" || tag.empty();
    node->tag = tag;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(make(Node::Kind::list, mark, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(make(Node::Kind::map, mark, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  NodePtr make(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->place = place_of(mark);
    if (anchor != 0) anchors_[anchor] = node;
    return node;
  }
  void add(NodePtr node) {
    if (stack_.empty()) root_ = std::move(node);
    else stack_.back()->children.push_back(std::move(node));
  }
  void open(NodePtr node) {
    if (stack_.size() >= most_depth) throw StopParsing{malformed(node->place, "nested too deeply")};
    node->complete = false;
    add(node);
    stack_.push_back(std::move(node));
  }
  void close() {
    stack_.back()->complete = true;
    stack_.pop_back();
  }

  NodePtr root_;
  std::map<YAML::anchor_t, NodePtr> anchors_;
  std::vector<NodePtr> stack_;
};

/// Turns nodes into values, paths and duplicates.
class Resolver {
 public:
  Resolver(YamlDocument& document, std::size_t most_nodes) : document_(document), most_nodes_(most_nodes) {}

  Result<Value> resolve(const Node& node, const std::string& path, int depth = 0) {
    if (++nodes_ > most_nodes_) return malformed(node.place, "aliases make this document too large");
    if (depth > most_depth) return malformed(node.place, "nested too deeply");
    document_.places[path] = node.place;
    switch (node.kind) {
      case Node::Kind::scalar: return scalar(node);
      case Node::Kind::list: {
        Array elements;
        elements.reserve(node.children.size());
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          TRY(Value element, resolve(*node.children[i], cat(path, "[", i, "]"), depth + 1));
          elements.push_back(std::move(element));
        }
        return Value(std::move(elements));
      }
      case Node::Kind::map: {
        Object members;
        TRY_OK(read_map(node, path, depth, members, false));
        return Value(std::move(members));
      }
    }
    return Value();
  }

 private:
  static Result<Value> scalar(const Node& node) {
    constexpr std::string_view yaml_tag = "tag:yaml.org,2002:";
    std::string_view tag = node.tag;
    const bool known_tag = tag.starts_with(yaml_tag);
    if (known_tag) tag.remove_prefix(yaml_tag.size());
    const bool by_text = node.plain || (known_tag && (tag == "int" || tag == "float" || tag == "bool" || tag == "null"));
    if (!by_text) return Value(node.place.text);
    auto found = resolve_plain_scalar(node.place.text);
    if (!found.ok()) return malformed(node.place, found.error().message);
    if (!node.plain) {
      const bool fits = (tag == "int" && found->is_integer()) || (tag == "float" && found->is_number()) ||
                        (tag == "bool" && found->is_bool()) || (tag == "null" && found->is_null());
      if (!fits) return malformed(node.place, cat(quote(node.place.text), " is no ", tag));
    }
    return found;
  }

  /// A key as JSON's text: `n:` is "false", `0x10:` is "16".
  Result<std::string> key_text(const Node& key) {
    if (key.kind != Node::Kind::scalar) return malformed(key.place, "a key must be a plain word, not a list or map");
    TRY(const Value value, scalar(key));
    switch (value.type()) {
      case Value::Type::boolean: return std::string(value.as_bool() ? "true" : "false");
      case Value::Type::integer: return cat(value.as_integer());
      case Value::Type::number: return number_text(value.as_number());
      case Value::Type::string: return std::string(value.as_string());
      default: return malformed(key.place, "a key must not be null; put it in quotes if it is text");
    }
  }

  /// `fill`: a merged map, whose members do not replace those that are there.
  Status read_map(const Node& node, const std::string& path, int depth, Object& members, bool fill) {
    if (++nodes_ > most_nodes_) return malformed(node.place, "aliases make this document too large");
    std::vector<const Node*> merged;
    std::map<std::string, bool, std::less<>> seen;
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const Node& key_node = *node.children[i];
      const Node& value_node = *node.children[i + 1];
      if (key_node.kind == Node::Kind::scalar && key_node.plain && key_node.place.text == "<<") {
        if (value_node.kind == Node::Kind::list) {
          for (const NodePtr& one : value_node.children) merged.push_back(one.get());
        } else {
          merged.push_back(&value_node);
        }
        continue;
      }
      TRY(const std::string key, key_text(key_node));
      const std::string member_path = path.empty() ? key : cat(path, ".", key);
      const bool again = !seen.emplace(key, true).second;
      if (again && !fill) document_.duplicates.push_back(member_path);
      if (fill && members.contains(key) && !again) continue;
      if (again && !fill) forget(member_path);
      TRY(Value value, resolve(value_node, member_path, depth + 1));
      members.insert_or_assign(key, std::move(value));
    }
    for (const Node* other : merged) {
      if (other->kind != Node::Kind::map) return malformed(other->place, "<< merges maps, this is none");
      if (depth >= most_depth) return malformed(other->place, "nested too deeply");
      TRY_OK(read_map(*other, path, depth + 1, members, true));
    }
    return {};
  }

  /// The places below a member that comes again do not count any more.
  void forget(const std::string& path) {
    auto at = document_.places.lower_bound(path);
    while (at != document_.places.end() && at->first.starts_with(path)) {
      const bool below = at->first.size() == path.size() || at->first[path.size()] == '.' || at->first[path.size()] == '[';
      at = below ? document_.places.erase(at) : std::next(at);
    }
  }

  YamlDocument& document_;
  std::size_t most_nodes_;
  std::size_t nodes_ = 0;
};

/// Lets the parser read the text where it lies.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* start = const_cast<char*>(text.data());  // only read: std::streambuf has no const form
    setg(start, start, start + text.size());
  }
};

std::string strip_prefix(std::string message) {
  // yaml-cpp says "yaml-cpp: error at line 3, column 5: what"; the place is told by us.
  const std::size_t colon = message.rfind(": ");
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

Result<std::vector<YamlDocument>> read_documents(std::string_view text) {
  std::vector<YamlDocument> documents;
  NodeBuilder builder;
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
      const NodePtr root = builder.take();
      if (root == nullptr) continue;
      YamlDocument document;
      Resolver resolver(document, text.size() + most_alias_nodes);
      TRY(document.value, resolver.resolve(*root, ""));
      if (!document.value.is_null()) documents.push_back(std::move(document));
    }
  } catch (const YAML::Exception& problem) {
    return malformed(place_of(problem.mark), strip_prefix(problem.msg));
  } catch (StopParsing& stop) {
    return std::move(stop.error);
  }
  return documents;
}

}  // namespace

Result<std::vector<YamlDocument>> parse_yaml(std::string_view text) { return read_documents(text); }

Result<YamlDocument> parse_yaml_single(std::string_view text) {
  TRY(auto documents, read_documents(text));
  if (documents.empty()) {
    YamlDocument empty;
    empty.value = Value(Object{});
    empty.places[""] = YamlPlace{1, 1, ""};
    return empty;
  }
  if (documents.size() > 1) {
    const YamlPlace& second = documents[1].places[""];
    return Error{Code::invalid, cat("one YAML document was expected, but there are ", documents.size(), " (the second starts at line ",
                                    second.line, ")")};
  }
  return std::move(documents.front());
}

std::string point_at(std::string_view file, std::string_view text, const YamlPlace& place, std::string_view message) {
  std::string out = place.line > 0 ? cat(file, ":", place.line, ": ", message) : cat(file, ": ", message);
  if (place.line <= 0) return out;
  std::size_t start = 0;
  for (int line = 1; line < place.line; ++line) {
    const std::size_t end = text.find('\n', start);
    if (end == std::string_view::npos) return out;
    start = end + 1;
  }
  std::string_view line = text.substr(start, text.find('\n', start) - start);
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::string caret;
  for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(place.column); ++i) caret += i < line.size() && line[i] == '\t' ? '\t' : ' ';
  return cat(out, "\n  ", line, "\n  ", caret, "^");
}

}  // namespace masu
