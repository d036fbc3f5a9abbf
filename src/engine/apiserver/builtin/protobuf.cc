/// Reads the protobuf form of built-in kinds (spec kubernetes-api, appendix D): a walk over the bytes along the message
/// table. Zero values are dropped but where a present zero means something; unknown field numbers of newer clients are
/// skipped, as protobuf promises.
#include <cstring>

#include "apiserver/builtin/kind.h"
#include "apiserver/builtin/messages.h"
#include "base/text.h"
#include "crypto/base64.h"
#include "value/json.h"

namespace masu::apiserver::builtin {
namespace {

constexpr int kMaxDepth = 100;

Error broken(std::string_view where, std::string_view what) {
  return Error{Code::malformed, cat("protobuf body: field ", where.empty() ? "(object)" : where, ": ", what)};
}

/// One field as it stands on the wire.
struct Item {
  int number = 0;
  int wire = 0;
  std::uint64_t number_value = 0;  // wire types 0, 1 and 5
  std::string_view bytes;          // wire type 2
};

class Wire {
 public:
  explicit Wire(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }

  Result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (rest_.empty()) return broken("", "a number ends early");
      const auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      if (shift < 64) value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    return broken("", "a number is longer than 10 bytes");
  }

  Result<Item> next() {
    TRY(const std::uint64_t tag, varint());
    Item item;
    item.number = static_cast<int>((tag >> 3) & 0x1fffffff);
    item.wire = static_cast<int>(tag & 7);
    switch (item.wire) {
      case 0: {
        TRY(item.number_value, varint());
        return item;
      }
      case 1: return fixed(item, 8);
      case 5: return fixed(item, 4);
      case 2: {
        TRY(const std::uint64_t size, varint());
        if (size > rest_.size()) return broken("", cat("says ", size, " bytes, ", rest_.size(), " are left"));
        item.bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return item;
      }
      default: return broken("", cat("wire type ", item.wire, " is not used by Kubernetes"));
    }
  }

 private:
  Result<Item> fixed(Item item, std::size_t size) {
    if (rest_.size() < size) return broken("", "a number ends early");
    for (std::size_t i = size; i-- > 0;) item.number_value = item.number_value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(size);
    return item;
  }

  std::string_view rest_;
};

/// Members of small messages that hold scalars only, by number; the last one counts.
Result<std::map<int, Item>> scalars(std::string_view bytes) {
  std::map<int, Item> items;
  for (Wire wire(bytes); !wire.done();) {
    TRY(Item item, wire.next());
    items[item.number] = item;
  }
  return items;
}

std::int64_t integer(const std::map<int, Item>& items, int number) {
  auto at = items.find(number);
  return at == items.end() ? 0 : static_cast<std::int64_t>(at->second.number_value);
}

std::string_view text(const std::map<int, Item>& items, int number) {
  auto at = items.find(number);
  return at == items.end() ? std::string_view() : at->second.bytes;
}

/// Go's way to print a duration: 1h2m3.5s.
std::string go_duration(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  std::string out = nanoseconds < 0 ? "-" : "";
  const std::int64_t whole = std::abs(nanoseconds) / 1'000'000'000, hours = whole / 3600, minutes = whole / 60 % 60;
  const double second = static_cast<double>(whole % 60) + static_cast<double>(std::abs(nanoseconds) % 1'000'000'000) / 1e9;
  if (hours) out += cat(hours, "h");
  if (hours || minutes) out += cat(minutes, "m");
  return out + cat(second, "s");
}

Result<Value> read_message(const Message& message, std::string_view bytes, const std::string& path, int depth);

Result<Value> read_union(const Field& field, std::string_view bytes, const std::string& path, int depth) {
  Value schema, list = Array{};
  bool has_list = false, allows = false;
  for (Wire wire(bytes); !wire.done();) {
    TRY(const Item item, wire.next());
    const bool is_schema = item.number == (field.type == Field::Type::props_or_bool ? 2 : 1);
    if (is_schema && item.wire == 2) {
      TRY(schema, read_message(*field.message, item.bytes, path, depth + 1));
    } else if (item.number == 1) {
      allows = item.number_value != 0;
    } else if (item.number == 2 && field.type == Field::Type::props_or_array) {
      TRY(Value element, read_message(*field.message, item.bytes, path, depth + 1));
      list.push_back(std::move(element));
      has_list = true;
    } else if (item.number == 2) {
      list.push_back(item.bytes);
      has_list = true;
    }
  }
  if (has_list) return list;
  if (field.type == Field::Type::props_or_bool && schema.is_null()) return Value(allows);
  return schema;
}

/// One value; null where the wire's form means "unset".
Result<Value> read_value(const Field& field, const Item& item, const std::string& path, int depth) {
  using Type = Field::Type;
  const bool is_number = field.type == Type::boolean || field.type == Type::int32 || field.type == Type::int64 || field.type == Type::number;
  if (is_number != (item.wire != 2)) return broken(path, cat("has wire type ", item.wire, ", which is not that of ", go_type(field)));
  switch (field.type) {
    case Type::string: return Value(item.bytes);
    case Type::boolean: return Value(item.number_value != 0);
    case Type::int32: return Value(std::int64_t{static_cast<std::int32_t>(item.number_value)});
    case Type::int64: return Value(static_cast<std::int64_t>(item.number_value));
    case Type::number: {
      double number = 0;
      std::memcpy(&number, &item.number_value, sizeof number);
      return Value(number);
    }
    case Type::bytes: return Value(crypto::base64(item.bytes));
    case Type::message: return read_message(*field.message, item.bytes, path, depth + 1);
    case Type::props_or_array:
    case Type::props_or_bool:
    case Type::props_or_strings: return read_union(field, item.bytes, path, depth);
    case Type::string_list: {
      Value list = Array{};
      for (Wire wire(item.bytes); !wire.done();) {
        TRY(const Item element, wire.next());
        if (element.number == 1) list.push_back(element.bytes);
      }
      return list;
    }
    default: break;
  }
  auto members = scalars(item.bytes);
  if (!members.ok()) return std::move(members).error().context(path);
  switch (field.type) {
    case Type::quantity: return Value(text(*members, 1).empty() ? "0" : text(*members, 1));
    case Type::int_or_string:
      if (integer(*members, 1) == 1) return Value(text(*members, 3));
      return Value(std::int64_t{static_cast<std::int32_t>(integer(*members, 2))});
    case Type::time:
    case Type::micro_time: {
      if (members->empty()) return Value();
      constexpr std::int64_t kFarAway = 253'402'300'800;  // the year 10000
      const std::int64_t whole = integer(*members, 1), nanos = integer(*members, 2);
      if (whole <= -62'135'596'800) return Value();  // Go's zero time
      if (whole < -kFarAway || whole > kFarAway) return broken(path, "is no time between the years 1 and 9999");
      // Beyond the years 1678..2262 nanoseconds do not fit: such times are cut to the border.
      constexpr std::int64_t kBorder = 9'223'372'035;
      const Instant instant{std::chrono::seconds(std::clamp<std::int64_t>(whole, -kBorder, kBorder)) + std::chrono::nanoseconds(nanos)};
      return Value(field.type == Type::time ? to_rfc3339(std::chrono::floor<std::chrono::seconds>(instant)) : to_rfc3339_micro(instant));
    }
    case Type::duration: return Value(go_duration(integer(*members, 1)));
    default: {  // raw
      const std::string_view json = text(*members, 1);
      if (json.empty()) return Value();
      return parse_json(json).context(path);
    }
  }
}

bool is_zero(const Value& value) {
  switch (value.type()) {
    case Value::Type::null: return true;
    case Value::Type::boolean: return !value.as_bool();
    case Value::Type::integer:
    case Value::Type::number: return value.as_number() == 0;
    case Value::Type::string: return value.as_string().empty();
    default: return false;
  }
}

Status read_packed(const Field& field, const Item& item, Value& list, const std::string& path) {
  for (Wire wire(item.bytes); !wire.done();) {
    TRY(const std::uint64_t number, wire.varint());
    TRY(Value element, read_value(field, Item{item.number, 0, number, {}}, path, 0));
    list.push_back(std::move(element));
  }
  return {};
}

Status read_into(const Field& field, const Item& item, Value& object, const std::string& parent, int depth) {
  if (field.inlined) {
    TRY(Value part, read_message(*field.message, item.bytes, parent, depth + 1));
    for (auto& [name, member] : part.object()) object[name] = std::move(member);
    return {};
  }
  const std::string path = parent.empty() ? field.name : cat(parent, ".", field.name);
  if (field.shape == Field::Shape::map) {
    if (item.wire != 2) return broken(path, "is no map entry");
    std::string key;
    Value value = field.type == Field::Type::string ? Value("") : field.type == Field::Type::bytes ? Value("") : Value();
    for (Wire wire(item.bytes); !wire.done();) {
      TRY(const Item member, wire.next());
      if (member.number == 1) key = member.bytes;
      else if (member.number == 2) {
        TRY(value, read_value(field, member, path, depth));
      }
    }
    object[field.name].object()[key] = std::move(value);
    return {};
  }
  if (field.shape == Field::Shape::list) {
    const bool packed = item.wire == 2 && (field.type == Field::Type::int32 || field.type == Field::Type::int64);
    object[field.name].array();
    if (packed) return read_packed(field, item, object[field.name], path);
    TRY(Value element, read_value(field, item, path, depth));
    object[field.name].push_back(std::move(element));
    return {};
  }
  TRY(Value value, read_value(field, item, path, depth));
  const bool structure = field.message != nullptr || field.type == Field::Type::int_or_string || field.type == Field::Type::quantity ||
                         field.type == Field::Type::raw;
  if (structure ? value.is_null() : is_zero(value) && !field.optional && !field.always) object.erase(field.name);
  else object[field.name] = std::move(value);
  return {};
}

Result<Value> read_message(const Message& message, std::string_view bytes, const std::string& path, int depth) {
  if (depth > kMaxDepth) return broken(path, cat("is nested more than ", kMaxDepth, " deep"));
  Value object = Object{};
  for (Wire wire(bytes); !wire.done();) {
    auto item = wire.next();
    if (!item.ok()) return std::move(item).error().context(path.empty() ? message.name : path);
    auto at = message.by_number.find(item->number);
    if (at == message.by_number.end()) continue;
    TRY_OK(read_into(*at->second, *item, object, path, depth));
  }
  return object;
}

}  // namespace

Result<Value> decode_protobuf(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (!bytes.starts_with("k8s\0"sv))
    return Error{Code::malformed, "the body is no Kubernetes protobuf: it does not begin with the bytes 6b 38 73 00"};
  TRY(const auto envelope, scalars(bytes.substr(4)));
  TRY(const auto type, scalars(text(envelope, 1)));
  const std::string api_version(text(type, 1)), kind(text(type, 2));
  const std::size_t slash = api_version.find('/');
  const std::string group = slash == std::string::npos ? "core" : api_version.substr(0, slash);
  const std::string version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
  const Message* message = find_message(cat(group.substr(0, group.find('.')), "/", version, ".", kind));
  if (!message) message = find_message(cat("meta/v1.", kind));
  if (!message)
    return Error{Code::unsupported,
                 cat("no kind ", quote(kind), " in version ", quote(api_version), " can be read from protobuf; send it as JSON")};
  TRY(Value object, read_message(*message, text(envelope, 2), "", 0));
  if (!api_version.empty()) object["apiVersion"] = api_version;
  if (!kind.empty()) object["kind"] = kind;
  return object;
}

}  // namespace masu::apiserver::builtin
