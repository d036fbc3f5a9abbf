#include "tuning/metrics/event_file.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "crypto/hash.h"

namespace masu::tuning {
namespace {

constexpr std::uint64_t record_bytes_max = 16 << 20;
constexpr std::size_t header_bytes = 12, trailer_bytes = 4;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t out = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes[i]);
  return out;
}

/// One field of a protobuf message: a number (varint, fixed) or bytes.
struct Field {
  std::uint32_t number = 0;
  std::uint32_t wire = 0;  // 0 varint, 1 fixed64, 2 bytes, 5 fixed32
  std::uint64_t value = 0;
  std::string_view bytes;
};

/// Walks over the fields of a message. Groups (wire types 3 and 4) are not used by events.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}
  /// False at the end, and when the bytes are no message (then broken()).
  bool next(Field& field) {
    if (rest_.empty()) return false;
    const auto tag = varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1fffffff) return fail();
    field = {static_cast<std::uint32_t>(*tag >> 3), static_cast<std::uint32_t>(*tag & 7), 0, {}};
    switch (field.wire) {
      case 0: {
        const auto value = varint();
        if (!value) return fail();
        field.value = *value;
        return true;
      }
      case 1: return fixed(8, field);
      case 5: return fixed(4, field);
      case 2: {
        const auto length = varint();
        if (!length || *length > rest_.size()) return fail();
        field.bytes = rest_.substr(0, static_cast<std::size_t>(*length));
        rest_.remove_prefix(static_cast<std::size_t>(*length));
        return true;
      }
      default: return fail();
    }
  }
  bool broken() const { return broken_; }
  std::optional<std::uint64_t> varint() {
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return out;
    }
    return {};
  }

 private:
  bool fixed(std::size_t size, Field& field) {
    if (rest_.size() < size) return fail();
    field.value = little_endian(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return true;
  }
  bool fail() {
    broken_ = true;
    rest_ = {};
    return false;
  }
  std::string_view rest_;
  bool broken_ = false;
};

/// Shortest text that reads back as the same 32-bit number: 0.9, not 0.899999976.
std::string float_text(float value) {
  if (std::isnan(value)) return "nan";
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

std::string double_text(double value) { return std::isnan(value) ? std::string("nan") : cat(value); }

float half_value(std::uint64_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 0x1f);
  const float mantissa = static_cast<float>(bits & 0x3ff);
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 0x1f) return mantissa != 0 ? std::nanf("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// TensorFlow's DataType.
enum : std::uint64_t { dt_float = 1, dt_double = 2, dt_int32 = 3, dt_int64 = 9, dt_bfloat16 = 14, dt_half = 19 };

std::string raw_text(std::uint64_t type, std::uint64_t bits) {
  switch (type) {
    case dt_float: return float_text(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case dt_double: return double_text(std::bit_cast<double>(bits));
    case dt_int32: return cat(static_cast<std::int32_t>(bits));
    case dt_int64: return cat(static_cast<std::int64_t>(bits));
    case dt_half: return float_text(half_value(bits & 0xffff));
    case dt_bfloat16: return float_text(std::bit_cast<float>(static_cast<std::uint32_t>(bits & 0xffff) << 16));
    default: return {};
  }
}

std::size_t element_bytes(std::uint64_t type) {
  switch (type) {
    case dt_float:
    case dt_int32: return 4;
    case dt_double:
    case dt_int64: return 8;
    case dt_half:
    case dt_bfloat16: return 2;
    default: return 0;
  }
}

/// The text of a tensor of one element; empty if it is none (another shape or type). Broken bytes: `broken`.
std::string tensor_text(std::string_view bytes, bool& broken) {
  Message tensor(bytes);
  std::uint64_t type = 0, elements = 1;
  std::string_view content;
  std::optional<std::uint64_t> listed;  // the first of float_val, double_val, ...
  for (Field f; tensor.next(f);) {
    if (f.number == 1 && f.wire == 0) type = f.value;
    else if (f.number == 2 && f.wire == 2) {
      Message shape(f.bytes);
      for (Field dimension; shape.next(dimension);) {
        if (dimension.number != 2 || dimension.wire != 2) continue;
        Message inner(dimension.bytes);
        for (Field size; inner.next(size);) {
          if (size.number == 1 && size.wire == 0 && size.value != 1) elements = 0;
        }
        broken = broken || inner.broken();
      }
      broken = broken || shape.broken();
    } else if (f.number == 4 && f.wire == 2) content = f.bytes;
    else if ((f.number >= 5 && f.number <= 7) || f.number == 10 || f.number == 13) {
      if (f.wire != 2) listed = f.value;  // not packed
      else if (f.number == 5 && f.bytes.size() >= 4) listed = little_endian(f.bytes.substr(0, 4));
      else if (f.number == 6 && f.bytes.size() >= 8) listed = little_endian(f.bytes.substr(0, 8));
      else if (f.number != 5 && f.number != 6) listed = Message(f.bytes).varint();
    }
  }
  broken = broken || tensor.broken();
  const std::size_t size = element_bytes(type);
  if (elements != 1 || size == 0) return {};
  if (content.size() == size) return raw_text(type, little_endian(content));
  if (!content.empty() || !listed) return {};
  return raw_text(type, *listed);
}

/// The plugin that a summary value belongs to; empty if it names none.
std::string_view plugin_of(std::string_view metadata, bool& broken) {
  Message message(metadata);
  std::string_view name;
  for (Field f; message.next(f);) {
    if (f.number != 1 || f.wire != 2) continue;
    Message plugin(f.bytes);
    for (Field inner; plugin.next(inner);) {
      if (inner.number == 1 && inner.wire == 2) name = inner.bytes;
    }
    broken = broken || plugin.broken();
  }
  broken = broken || message.broken();
  return name;
}

/// One `Summary.Value`; no name if it is no scalar.
MetricEntry read_value(std::string_view bytes, bool& broken) {
  Message value(bytes);
  MetricEntry out;
  std::string_view plugin;
  for (Field f; value.next(f);) {
    if (f.number == 1 && f.wire == 2) out.name = f.bytes;
    else if (f.number == 2 && f.wire == 5) out.value = float_text(std::bit_cast<float>(static_cast<std::uint32_t>(f.value)));
    else if (f.number == 8 && f.wire == 2) out.value = tensor_text(f.bytes, broken);
    else if (f.number == 9 && f.wire == 2) plugin = plugin_of(f.bytes, broken);
  }
  broken = broken || value.broken();
  if (out.value.empty() || (!plugin.empty() && plugin != "scalars")) out.name.clear();
  return out;
}

}  // namespace

std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crypto::crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

Result<std::vector<MetricEntry>> read_event(std::string_view bytes) {
  Message event(bytes);
  std::vector<MetricEntry> out;
  std::optional<Instant> time;
  std::int64_t step = 0;
  bool broken = false;
  for (Field f; event.next(f);) {
    if (f.number == 1 && f.wire == 1) {
      const double seconds = std::bit_cast<double>(f.value);
      if (std::isfinite(seconds) && std::abs(seconds) < 4.6e9) time = Instant{std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e6) * 1000}};
    } else if (f.number == 2 && f.wire == 0) {
      step = static_cast<std::int64_t>(f.value);
    } else if (f.number == 5 && f.wire == 2) {
      Message summary(f.bytes);
      for (Field value; summary.next(value);) {
        if (value.number != 1 || value.wire != 2) continue;
        MetricEntry entry = read_value(value.bytes, broken);
        if (!entry.name.empty()) out.push_back(std::move(entry));
      }
      broken = broken || summary.broken();
    }
  }
  if (broken || event.broken()) return Error{Code::malformed, cat("a record of ", bytes.size(), " bytes is no event")};
  for (MetricEntry& entry : out) {
    entry.step = step;
    entry.time = time;
  }
  return out;
}

std::vector<MetricEntry> EventFile::feed(std::string_view bytes) {
  std::vector<MetricEntry> out;
  if (damage_) return out;
  const auto wrong = [&](std::string_view what) {
    damage_ = Error{Code::malformed, cat("event file: the record at byte ", position_, " ", what, "; the rest of the file is not read")};
    rest_.clear();
    return out;
  };
  if (skip_ > 0) {
    const std::size_t passed = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
    skip_ -= passed;
    bytes.remove_prefix(passed);
  }
  rest_.append(bytes);
  std::string_view left = rest_;
  while (left.size() >= header_bytes) {
    const std::uint64_t length = little_endian(left.substr(0, 8));
    if (masked_crc(left.substr(0, 8)) != little_endian(left.substr(8, 4))) return wrong("has a wrong checksum of its length");
    const std::uint64_t whole = header_bytes + length + trailer_bytes;
    if (length > record_bytes_max) {
      if (length > std::uint64_t{1} << 40) return wrong("is longer than any event");
      skip_ = whole - std::min<std::uint64_t>(whole, left.size());
      left.remove_prefix(static_cast<std::size_t>(std::min<std::uint64_t>(whole, left.size())));
      position_ += whole;
      continue;
    }
    if (left.size() < whole) break;
    const std::string_view data = left.substr(header_bytes, static_cast<std::size_t>(length));
    if (masked_crc(data) != little_endian(left.substr(header_bytes + static_cast<std::size_t>(length), 4)))
      return wrong("has a wrong checksum");
    auto entries = read_event(data);
    if (!entries.ok()) return wrong("is no event");
    for (MetricEntry& entry : *entries) out.push_back(std::move(entry));
    left.remove_prefix(static_cast<std::size_t>(whole));
    position_ += whole;
  }
  rest_.erase(0, rest_.size() - left.size());
  return out;
}

}  // namespace masu::tuning
