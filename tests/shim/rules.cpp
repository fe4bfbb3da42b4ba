#include "tests/shim/rules.h"

#include <array>
#include <charconv>
#include <sstream>
#include <utility>

namespace signet::shim {

namespace {

struct ActionName {
  std::string_view name;
  Action action;
  bool has_argument;
};
constexpr std::array<ActionName, 9> kActions = {{{"delay", Action::Delay, true},
                                                 {"fail", Action::Fail, true},
                                                 {"lose", Action::Lose, true},
                                                 {"corrupt", Action::Corrupt, false},
                                                 {"flags", Action::Flags, true},
                                                 {"reset", Action::Reset, false},
                                                 {"logout", Action::Logout, false},
                                                 {"hang", Action::Hang, false},
                                                 {"crash", Action::Crash, false}}};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// `*`, `n`, `n+`, `n-m`, `n%`
std::optional<Rule> parse_which(std::string_view text) {
  Rule rule;
  if (text == "*") return rule;
  if (text.ends_with('%')) {
    const auto percent = parse_number(text.substr(0, text.size() - 1));
    if (!percent || *percent > 100) return std::nullopt;
    rule.percent = *percent;
    return rule;
  }
  if (text.ends_with('+')) {
    const auto first = parse_number(text.substr(0, text.size() - 1));
    if (!first) return std::nullopt;
    rule.first = *first;
    return rule;
  }
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  rule.first = *first;
  rule.last = *last;
  return rule;
}

std::optional<Rule> parse_rule(const std::vector<std::string>& words) {
  if (words.size() < 3) return std::nullopt;
  auto rule = parse_which(words[1]);
  if (!words[0].starts_with("C_") || !rule) return std::nullopt;
  for (const ActionName& known : kActions) {
    if (words[2] != known.name || words.size() != (known.has_argument ? 4U : 3U)) continue;
    const auto argument = known.has_argument ? parse_number(words[3]) : std::uint64_t{0};
    if (!argument) return std::nullopt;
    rule->call = words[0];
    rule->action = known.action;
    rule->argument = *argument;
    return rule;
  }
  return std::nullopt;
}

// SplitMix64: as if by chance, and the same in every run.
bool chosen(std::uint64_t count, std::uint64_t percent) {
  count *= 0x9E3779B97F4A7C15U;
  count = (count ^ count >> 30U) * 0xBF58476D1CE4E5B9U;
  count = (count ^ count >> 27U) * 0x94D049BB133111EBU;
  return (count ^ count >> 31U) % 100 < percent;
}

}  // namespace

std::optional<std::vector<Rule>> parse_rules(std::string_view text) {
  std::vector<Rule> rules;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; parts >> word;) words.push_back(word);
    if (words.empty()) continue;
    auto rule = parse_rule(words);
    if (!rule) return std::nullopt;
    rules.push_back(std::move(*rule));
  }
  return rules;
}

std::vector<Rule> matching_rules(const std::vector<Rule>& rules, std::string_view call, std::uint64_t count) {
  std::vector<Rule> matching;
  for (const Rule& rule : rules) {
    if (rule.call != call || count < rule.first || count > rule.last || !chosen(count, rule.percent))
      continue;
    matching.push_back(rule);
    if (rule.action != Action::Delay) break;
  }
  return matching;
}

}  // namespace signet::shim
