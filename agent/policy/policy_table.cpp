#include "agent/policy/policy_table.h"

#include <algorithm>

#include "agent/policy/time_span.h"

namespace signet {
namespace {

bool is_policy_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxPolicyName &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
             std::string_view::npos;
}

std::string in_quotes(const std::string& text) {
  return "\"" + text + "\"";
}

template <typename T>
void add_once(std::vector<T>& all, T one) {
  if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

}  // namespace

std::optional<std::chrono::seconds> PolicyTable::span_of_time(std::string_view key,
                                                              std::chrono::seconds least,
                                                              std::chrono::seconds most,
                                                              std::string_view besides) {
  const toml::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<std::chrono::seconds> span;
  if (value->is_string()) span = parse_span(value->as_string().str);
  if (span && *span >= least && *span <= most) return span;
  fail(key, "must be a time from " + span_text(least) + " to " + span_text(most) +
                " in quotes: a number and s, m, h, d or w, as \"30d\"." + std::string(besides));
  return std::nullopt;
}

std::optional<std::int64_t> PolicyTable::number(std::string_view key, std::int64_t least, std::int64_t most) {
  const toml::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_integer() && value->as_integer() >= least && value->as_integer() <= most)
    return value->as_integer();
  fail(key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                ", without quotes.");
  return std::nullopt;
}

std::string PolicyTable::own_name(const std::string& example,
                                  const std::function<bool(const std::string&)>& taken) {
  std::string name;
  require("name", example);
  const toml::value* value = find("name");
  if (value == nullptr) return name;
  if (value->is_string()) name = value->as_string().str;
  if (!value->is_string())
    fail("name", "must be a text in quotes.");
  else if (!is_policy_name(name))
    fail("name", "must be 1 to " + std::to_string(kMaxPolicyName) +
                     " of the characters a-z, A-Z, 0-9, \"-\", \"_\" and \".\".");
  else if (taken(name))
    fail("name", in_quotes(name) + " is taken. Give each its own.");
  return name;
}

void PolicyTable::each(std::string_view key, const std::function<void(const toml::value&)>& read_one) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return read_one(*value);
  const auto& elements = value->as_array();
  if (elements.empty()) return fail(key, "is an empty list. Write what it shall hold, or leave it out.");
  if (elements.size() > kMaxListElements)
    return fail(key, "has " + std::to_string(elements.size()) + " elements; at most " +
                         std::to_string(kMaxListElements) + " may stand in a list.");
  for (const toml::value& element : elements) read_one(element);
}

void PolicyTable::each_text(std::string_view key, const TextElement& read_one) {
  each(key, [&](const toml::value& element) {
    if (!element.is_string())
      return fail(element, key, "must be a text in quotes, or a list of them, as [\"one\", \"two\"].");
    if (element.as_string().str.find('\0') != std::string::npos)
      return fail(element, key, "must not hold a NUL.");
    read_one(element.as_string().str, element);
  });
}

void PolicyTable::glob(std::string_view key, const std::string& text, const toml::value& where,
                       std::vector<Glob>& out) {
  Result<Glob> pattern = Glob::parse(text);
  if (pattern) return out.push_back(std::move(*pattern));
  fail(where, key,
       "the pattern " + in_quotes(text.substr(0, 80)) + " is refused: " + pattern.error().message +
           ". \"*\" and \"?\" match within a part, \"**\" across \"/\".");
}

void PolicyTable::globs(std::string_view key, std::vector<Glob>& out) {
  each_text(key, [&](const std::string& text, const toml::value& where) { glob(key, text, where, out); });
}

void PolicyTable::algorithms(std::string_view key, std::vector<KeyAlgorithm>& out) {
  each_text(key, [&](const std::string& text, const toml::value& where) {
    const Result<KeyAlgorithm> algorithm = parse_key_algorithm(text);
    if (algorithm) return add_once(out, *algorithm);
    fail(where, key,
         in_quotes(text) +
             " is no algorithm. There is: ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096, "
             "ed25519.");
  });
}

void PolicyTable::accounts(std::string_view names_key, std::string_view numbers_key,
                           std::vector<std::uint32_t>& out,
                           const std::function<std::optional<std::uint32_t>(const std::string&)>& resolve,
                           std::uint32_t overflow) {
  const auto add = [&](std::string_view key, const toml::value& where, std::uint32_t number) {
    if (number != overflow) return add_once(out, number);
    fail(where, key,
         std::to_string(number) +
             " is what the kernel says where it cannot tell who somebody is: nothing can be "
             "allowed to it. Name the real one.");
  };
  each_text(names_key, [&](const std::string& name, const toml::value& where) {
    const std::string entry = std::string(names_key) + ":" + name;
    auto known = parse_.looked_up.find(entry);
    if (known == parse_.looked_up.end()) {
      if (parse_.looked_up.size() == kMaxAccounts)
        return fail(where, names_key,
                    in_quotes(name) + " is one more than the " + std::to_string(kMaxAccounts) +
                        " different users and groups that a policy may name. Use groups, or numbers.");
      known = parse_.looked_up.emplace(entry, resolve(name)).first;
    }
    if (known->second) return add(names_key, where, *known->second);
    fail(where, names_key,
         "there is no " + std::string(names_key) + " " + in_quotes(name) +
             " on this machine. Write one that \"getent\" knows, or its number as " +
             std::string(numbers_key) + ".");
  });
  each(numbers_key, [&](const toml::value& element) {
    // The largest is -1, which stands for "no change" in system calls and is nobody's.
    if (!element.is_integer() || element.as_integer() < 0 || element.as_integer() >= 0xffffffff)
      return fail(element, numbers_key,
                  "must be a whole number from 0 to 4294967294, without quotes, or a list of them.");
    add(numbers_key, element, static_cast<std::uint32_t>(element.as_integer()));
  });
}

void PolicyTable::users(std::vector<uid_t>& out) {
  const auto resolve = [this](const std::string& name) -> std::optional<uid_t> {
    if (name == "@self") return parse_.accounts.self;
    return parse_.accounts.uid_of(name);
  };
  accounts("user", "uid", out, resolve, parse_.accounts.overflow_uid);
}

void PolicyTable::groups(std::vector<gid_t>& out) {
  accounts("group", "gid", out, parse_.accounts.gid_of, parse_.accounts.overflow_gid);
}

}  // namespace signet
