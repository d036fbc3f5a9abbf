#pragma once
/// Trees for property tests: the same seed, the same trees. Awkward words and numbers come often.

#include <random>

#include "value/value.h"

namespace masu {

class RandomValue {
 public:
  explicit RandomValue(unsigned seed) : engine_(seed) {}

  /// `nulls` false: no member of an object is null (what a merge patch can express).
  Value value(int depth = 4, bool nulls = true) {
    switch (pick(depth > 0 ? 9 : 5)) {
      case 0: return nulls ? Value() : Value(true);
      case 1: return Value(pick(2) == 0);
      case 2: return Value(std::int64_t{static_cast<std::int64_t>(engine_()) - (std::int64_t{1} << 31)} << pick(31));
      case 3: return fraction();
      case 4: return Value(text());
      case 5:
      case 6: {
        Array elements;
        for (int n = pick(4); n > 0; --n) elements.push_back(value(depth - 1, nulls));
        return Value(std::move(elements));
      }
      default: {
        Object members;
        for (int n = pick(5); n > 0; --n) members[text()] = value(depth - 1, nulls);
        return Value(std::move(members));
      }
    }
  }

  std::string text() {
    static const char* const words[] = {"a",   "b",    "c",     "",      "yes",  "n",     "null",  "~",      "0644",  "1e3",  "2.10",     " x ",   "x: y", "- a", "#c",
                                        "a#b", "a #b", "line\nbreak", "tail\n", "\n", " lead\nx", "tab\tx", "'q'", "\"", "<<",   "=",  "\x7f", "é", "😀",  "---", "a:",
                                        "[x]", "{x}",  "*x",    "&x",    "!x",   "%x",    "@x",    "`x",     "a\rb",  "\xC2\x85", "\xE2\x80\xA8", "\xEF\xBB\xBF", "?", "-", ":", "x\n\n", "a\n \nb", "...", "2001-01-01", ".inf", "0x1F", "|", ">", "a, b", "key=value"};
    return words[pick(static_cast<int>(std::size(words)))];
  }

  int pick(int below) { return static_cast<int>(engine_() % static_cast<unsigned>(below)); }

 private:
  Value fraction() {
    // Never a whole number: 1.0 prints as 1 and reads back as an integer, by design.
    const double number = (static_cast<double>(engine_() % 100000) + 0.5) / static_cast<double>(1 + pick(3) * 999);
    return Value(number == static_cast<double>(static_cast<std::int64_t>(number)) ? 0.5 : number);
  }

  std::mt19937 engine_;
};

}  // namespace masu
