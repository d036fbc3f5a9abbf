#include "tuning/optimise/space.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <set>

#include "base/text.h"

namespace masu::tuning::optimise {
namespace {

constexpr double exact_max = 9007199254740992.0;  // 2^53: every whole number up to here is a double

std::optional<double> number_of(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return {};
  return number;
}

std::uint64_t count_of(const Parameter& p) {
  switch (p.kind) {
    case Kind::discrete:
    case Kind::categorical: return p.values.size();
    case Kind::integer: {
      const double step = p.step.value_or(1);
      return static_cast<std::uint64_t>(std::floor((p.max - p.min) / step + 1e-9)) + 1;
    }
    case Kind::real:
      if (p.min == p.max) return 1;
      if (!p.step) return 0;
      return static_cast<std::uint64_t>(std::floor((p.max - p.min) / *p.step + 1e-9)) + 1;
  }
  return 0;
}

/// min + n*step accumulates binary noise (0.1 + 2*0.1 = 0.30000000000000004); twelve digits are what was meant.
double tidy(double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, 12).ptr;
  double out = value;
  std::from_chars(buffer, end, out);
  return out;
}

void check(const Parameter& p, std::size_t at, std::vector<Cause>& causes) {
  const std::string field = cat("parameters[", at, "]");
  auto wrong = [&](std::string_view what) { causes.push_back({field, "FieldValueInvalid", cat("parameter ", quote(p.name), ": ", what)}); };
  if (p.name.empty()) wrong("it has no name");
  double lowest = p.min;
  if (p.kind == Kind::real || p.kind == Kind::integer) {
    if (!std::isfinite(p.min) || !std::isfinite(p.max)) return wrong("min and max must be finite numbers");
    if (p.min > p.max) return wrong(cat("min ", p.min, " is above max ", p.max));
    if (p.step && !(*p.step > 0 && std::isfinite(*p.step))) return wrong(cat("step ", *p.step, " is not above 0"));
    if (p.kind == Kind::integer && (std::floor(p.min) != p.min || std::floor(p.max) != p.max))
      return wrong("min and max of an integer must be whole numbers");
    if (p.kind == Kind::integer && p.step && std::floor(*p.step) != *p.step) return wrong("the step of an integer must be a whole number");
    if (std::abs(p.min) > exact_max || std::abs(p.max) > exact_max || (p.max - p.min) / p.step.value_or(1) > exact_max) {
      if (p.kind == Kind::integer || p.step) return wrong("the range has more than 2^53 values");
    }
  } else {
    if (p.values.empty()) return wrong("its list of values is empty");
    std::set<std::string_view> seen;
    std::set<double> numbers;
    bool first = true;
    for (const std::string& value : p.values) {
      const auto number = number_of(value);
      if (p.kind == Kind::discrete && !number) return wrong(cat("value ", quote(value), " of a discrete parameter is no number"));
      if (!seen.insert(value).second || (p.kind == Kind::discrete && !numbers.insert(*number).second))
        return wrong(cat("value ", quote(value), " is listed twice"));
      if (p.kind == Kind::discrete) lowest = first ? *number : std::min(lowest, *number);
      first = false;
    }
  }
  if (p.scale != Scale::linear && p.kind == Kind::categorical) return wrong("a categorical parameter has no scale");
  if (p.scale != Scale::linear && lowest <= 0) {
    return wrong(cat("a logarithmic scale needs values above 0, and its lowest is ", lowest, "; raise it or use a linear scale"));
  }
}

}  // namespace

Axis::Axis(const Parameter& parameter) : parameter_(parameter), cells_(count_of(parameter)) {
  if (parameter_.kind == Kind::discrete) {
    index_.resize(parameter_.values.size());
    std::iota(index_.begin(), index_.end(), std::size_t{0});
    std::vector<double> numbers;
    for (const auto& value : parameter_.values) numbers.push_back(number_of(value).value_or(0));
    std::sort(index_.begin(), index_.end(), [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
    for (const std::size_t i : index_) numbers_.push_back(numbers[i]);
  }
  if (cells_ == 0) {
    low_ = scaled(parameter_.min);
    high_ = scaled(parameter_.max);
  } else if (cells_ > 1) {
    // The outermost cells reach as far outwards as they do inwards.
    low_ = scaled_cell(0) - (scaled_cell(1) - scaled_cell(0)) / 2;
    high_ = scaled_cell(cells_ - 1) + (scaled_cell(cells_ - 1) - scaled_cell(cells_ - 2)) / 2;
  }
}

double Axis::number(std::uint64_t cell) const {
  if (parameter_.kind == Kind::discrete) return numbers_[cell];
  if (parameter_.kind == Kind::categorical) return static_cast<double>(cell);
  const double value = parameter_.min + static_cast<double>(cell) * parameter_.step.value_or(1);
  return parameter_.kind == Kind::integer ? value : std::min(tidy(value), parameter_.max);
}

/// The middle of the range mirrored, for the reverse scale: fine steps near max, as the logarithm has near min.
double Axis::scaled(double value) const {
  double lowest = parameter_.min, highest = parameter_.max;
  if (parameter_.kind == Kind::discrete) lowest = numbers_.front(), highest = numbers_.back();
  switch (parameter_.scale) {
    case Scale::linear: return value;
    case Scale::log: return std::log(value);
    case Scale::reverse_log: return -std::log(lowest + highest - value);
  }
  return value;
}

double Axis::unscaled(double s) const {
  switch (parameter_.scale) {
    case Scale::linear: return s;
    case Scale::log: return std::exp(s);
    case Scale::reverse_log: return parameter_.min + parameter_.max - std::exp(-s);
  }
  return s;
}

double Axis::scaled_cell(std::uint64_t cell) const {
  // A list on a linear scale is taken as the user's own choice of steps: equal shares, whatever the distances.
  const bool rank = parameter_.kind == Kind::categorical || (parameter_.kind == Kind::discrete && parameter_.scale == Scale::linear);
  return rank ? static_cast<double>(cell) : scaled(number(cell));
}

double Axis::border(std::uint64_t cell) const {
  if (cell == 0) return low_;
  if (cell == cells_) return high_;
  return (scaled_cell(cell - 1) + scaled_cell(cell)) / 2;
}

double Axis::value_at(double u) const {
  u = std::clamp(u, 0.0, 1.0);
  if (cells_ == 1) return cell_value(0);
  const double s = low_ + u * (high_ - low_);
  if (cells_ > 0) {
    std::uint64_t from = 0, to = cells_ - 1;  // the last cell whose lower border is at or below s
    while (from < to) {
      const std::uint64_t middle = from + (to - from + 1) / 2;
      if (border(middle) <= s) from = middle;
      else to = middle - 1;
    }
    return cell_value(from);
  }
  // As few digits as tell the place to a millionth of the axis: 0.00316228 reads better than 0.0031622776601683794.
  const double exact = std::clamp(unscaled(s), parameter_.min, parameter_.max);
  for (int digits = 6; digits < 17; ++digits) {
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, exact, std::chars_format::general, digits).ptr;
    double rounded = exact;
    std::from_chars(buffer, end, rounded);
    if (rounded < parameter_.min || rounded > parameter_.max) continue;
    if (std::abs((scaled(rounded) - low_) / (high_ - low_) - u) < 1e-6) return rounded;
  }
  return exact;
}

double Axis::cell_value(std::uint64_t cell) const {
  if (parameter_.kind == Kind::discrete) return static_cast<double>(index_[cell]);
  if (parameter_.kind == Kind::real && parameter_.min == parameter_.max) return parameter_.min;
  return number(cell);
}

std::uint64_t Axis::cell_of(double value) const {
  switch (parameter_.kind) {
    case Kind::categorical: return static_cast<std::uint64_t>(value);
    case Kind::discrete: {
      const auto at = std::find(index_.begin(), index_.end(), static_cast<std::size_t>(value));
      return static_cast<std::uint64_t>(at - index_.begin());
    }
    default: {
      if (cells_ <= 1) return 0;
      const double n = std::round((value - parameter_.min) / parameter_.step.value_or(1));
      return static_cast<std::uint64_t>(std::clamp(n, 0.0, static_cast<double>(cells_ - 1)));
    }
  }
}

Axis::Interval Axis::interval(std::uint64_t cell) const {
  if (cells_ == 1) return {0, 1};
  const double width = high_ - low_;
  return {(border(cell) - low_) / width, (border(cell + 1) - low_) / width};
}

double Axis::place_of(double value) const {
  if (cells_ == 0) return std::clamp((scaled(std::clamp(value, parameter_.min, parameter_.max)) - low_) / (high_ - low_), 0.0, 1.0);
  const Interval own = interval(cell_of(value));
  return (own.low + own.high) / 2;
}

Result<Space> Space::make(std::vector<Parameter> parameters) {
  std::vector<Cause> causes;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    check(parameters[i], i, causes);
    if (!names.insert(parameters[i].name).second) {
      causes.push_back({cat("parameters[", i, "].name"), "FieldValueDuplicate",
          cat("parameter ", quote(parameters[i].name), " is defined twice")});
    }
  }
  if (parameters.empty()) causes.push_back({"parameters", "FieldValueRequired", "a search needs at least one parameter"});
  if (!causes.empty()) {
    std::string message = causes.front().message;
    if (causes.size() > 1) message += cat(" (and ", causes.size() - 1, " more)");
    return Error{Code::invalid, std::move(message), std::move(causes)};
  }
  Space space;
  for (const Parameter& parameter : parameters) space.axes_.emplace_back(parameter);
  space.parameters_ = std::move(parameters);
  return space;
}

std::optional<std::uint64_t> Space::cells() const {
  double total = 1;
  for (const Axis& axis : axes_) {
    if (axis.cells() == 0) return {};
    total *= static_cast<double>(axis.cells());
  }
  if (total > exact_max) return {};
  return static_cast<std::uint64_t>(total);
}

Point Space::cell(std::uint64_t n) const {
  Point point{std::vector<double>(size())};
  for (std::size_t i = size(); i-- > 0;) {
    const std::uint64_t cells = axes_[i].cells();
    point.values[i] = axes_[i].cell_value(n % cells);
    n /= cells;
  }
  return point;
}

Point Space::at(std::span<const double> unit) const {
  Point point{std::vector<double>(size())};
  for (std::size_t i = 0; i < size(); ++i) point.values[i] = axes_[i].value_at(unit[i]);
  return point;
}

std::vector<double> Space::place_of(const Point& point) const {
  std::vector<double> places(size());
  for (std::size_t i = 0; i < size(); ++i) places[i] = axes_[i].place_of(point.values[i]);
  return places;
}

std::vector<std::string> Space::texts(const Point& point) const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < size(); ++i) {
    const Parameter& p = parameters_[i];
    const double value = point.values[i];
    if (p.kind == Kind::discrete || p.kind == Kind::categorical) out.push_back(p.values[static_cast<std::size_t>(value)]);
    else if (p.kind == Kind::integer) out.push_back(cat(static_cast<std::int64_t>(value)));
    else out.push_back(cat(value));
  }
  return out;
}

Result<Point> Space::read(std::span<const std::string> texts) const {
  if (texts.size() != size()) return Error{Code::invalid,
      cat("a point of ", size(), " parameters was expected, ", texts.size(), " values came")};
  Point point;
  for (std::size_t i = 0; i < size(); ++i) {
    const Parameter& p = parameters_[i];
    const auto wrong = [&] { return Error{Code::invalid,
        cat("parameter ", quote(p.name), ": ", quote(texts[i]), " is none of its values")}; };
    const auto number = number_of(texts[i]);
    if (p.kind == Kind::categorical || p.kind == Kind::discrete) {
      std::size_t at = 0;
      while (at < p.values.size() && p.values[at] != texts[i]) ++at;
      for (std::size_t k = 0; at == p.values.size() && p.kind == Kind::discrete && number && k < p.values.size(); ++k) {
        if (number_of(p.values[k]) == number) at = k;  // "1e-3" for "0.001"
        if (at == k) break;
      }
      if (at == p.values.size()) return wrong();
      point.values.push_back(static_cast<double>(at));
      continue;
    }
    if (!number) return wrong();
    const double slack = 1e-9 * std::max({std::abs(p.min), std::abs(p.max), p.max - p.min});
    if (*number < p.min - slack || *number > p.max + slack) return wrong();
    double value = std::clamp(*number, p.min, p.max);
    if (axes_[i].cells() > 0) value = axes_[i].cell_value(axes_[i].cell_of(value));
    point.values.push_back(value);
  }
  return point;
}

}  // namespace masu::tuning::optimise
