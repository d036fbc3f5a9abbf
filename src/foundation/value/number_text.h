#pragma once
/// Numbers as text, one way for JSON and YAML.

#include <string>

namespace masu {

/// Shortest text that reads back as the same double, in Go's form: "1" for 1.0, "1e+21", "1e-7".
std::string number_text(double number);

}  // namespace masu
