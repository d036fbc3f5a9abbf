#include "arguments.h"

#include <algorithm>

#include "base/text.h"

namespace masu::app {

Result<Arguments> Arguments::parse(const std::vector<std::string>& args, const Grammar& grammar) {
  Arguments out;
  const auto wrong = [&](const std::string& what) { return Error{Code::invalid, cat(what, "\nusage: ", grammar.usage)}; };
  const auto listed = [](const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--") {
      out.words_.insert(out.words_.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
      break;
    }
    if (!args[i].starts_with("-") || args[i] == "-") {
      out.words_.push_back(args[i]);
      continue;
    }
    const std::size_t equals = args[i].find('=');
    const std::string name = args[i].substr(0, equals);
    if (listed(grammar.switches, name)) {
      if (equals != std::string::npos) return wrong(cat("option ", name, " takes no value"));
      out.values_[name];
    } else if (listed(grammar.options, name)) {
      if (equals == std::string::npos && i + 1 == args.size()) return wrong(cat("option ", name, " needs a value"));
      out.values_[name].push_back(equals != std::string::npos ? args[i].substr(equals + 1) : args[++i]);
    } else {
      std::vector<std::string> known = grammar.switches;
      known.insert(known.end(), grammar.options.begin(), grammar.options.end());
      const std::string near = nearest(name, known);
      return wrong(cat("unknown option ", name, near.empty() ? "" : cat("; did you mean ", near, "?")));
    }
  }
  if (out.words_.size() < grammar.words_min) return wrong("something is missing");
  if (out.words_.size() > grammar.words_max) return wrong(cat("unexpected word ", quote(out.words_[grammar.words_max])));
  return out;
}

std::string Arguments::get(const std::string& option, std::string otherwise) const {
  const auto found = values_.find(option);
  return found != values_.end() && !found->second.empty() ? found->second.back() : otherwise;
}

std::vector<std::string> Arguments::all(const std::string& option) const {
  const auto found = values_.find(option);
  return found != values_.end() ? found->second : std::vector<std::string>{};
}

}  // namespace masu::app
