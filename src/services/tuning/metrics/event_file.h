#pragma once
/// Scalars in TensorBoard's event files, read as they grow.
///
/// A file is a row of records (TensorFlow's TFRecord): length (8 bytes, little endian), its masked CRC-32C, the data,
/// its masked CRC-32C. The data is a protobuf `Event`; only what scalars need is read: wall_time, step, and of each
/// summary value its tag with `simple_value` (TensorFlow 1, PyTorch) or a tensor of one element (TensorFlow 2).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tuning/vocabulary.h"

namespace masu::tuning {

class EventFile {
 public:
  /// Scalars of the records that are complete by now. At the first record with a wrong checksum reading ends for good
  /// (as in TensorBoard), see damage(). Records above 16 MiB (pictures) are skipped unread.
  std::vector<MetricEntry> feed(std::string_view bytes);
  const std::optional<Error>& damage() const { return damage_; }

 private:
  std::string rest_;          // bytes of the record that is not complete
  std::uint64_t skip_ = 0;    // bytes of a large record still to pass by
  std::uint64_t position_ = 0;  // of the next record in the file, for messages
  std::optional<Error> damage_;
};

/// The scalars of one serialised `Event`. malformed if it is no protobuf message.
Result<std::vector<MetricEntry>> read_event(std::string_view bytes);

/// The masked CRC-32C of a record's parts.
std::uint32_t masked_crc(std::string_view bytes);

}  // namespace masu::tuning
