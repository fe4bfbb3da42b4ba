#include "agent/policy/match.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "agent/policy/sentences.h"

namespace signet {
namespace {

using Mismatch = std::optional<std::string>;

template <typename T>
bool holds(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool any_matches(const std::vector<Glob>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const Glob& pattern) { return pattern.matches(name); });
}

template <typename All, typename Text>
std::string list_of(const All& all, const Text& text) {
  std::string list;
  for (const auto& one : all) list += (list.empty() ? "" : ", ") + text(one);
  return list;
}

std::string number_list(const std::vector<std::uint32_t>& numbers) {
  return list_of(numbers, [](std::uint32_t number) { return std::to_string(number); });
}

std::string glob_list(const std::vector<Glob>& patterns) {
  return list_of(patterns, [](const Glob& pattern) { return quoted_name(pattern.text()); });
}

Mismatch accounts_mismatch(const WhoSelector& who, const PolicyIdentity& identity) {
  if (!who.uids.empty() && !holds(who.uids, identity.uid))
    return "user: uid " + std::to_string(identity.uid) + " asks, and the rule is for uid " +
           number_list(who.uids) + ".";
  if (who.gids.empty() || holds(who.gids, identity.gid)) return std::nullopt;
  for (const gid_t gid : identity.groups)
    if (holds(who.gids, gid)) return std::nullopt;
  return "group: uid " + std::to_string(identity.uid) + " is in none of the rule's groups (gid " +
         number_list(who.gids) + ").";
}

// The texts that a claim's value gives to match against: a list has one for each element.
std::vector<std::string> claim_texts(const boost::json::value& value) {
  const auto scalar = [](const boost::json::value& one) -> std::optional<std::string> {
    if (one.is_string()) return std::string(one.get_string().data(), one.get_string().size());
    if (one.is_bool()) return one.get_bool() ? "true" : "false";
    if (one.is_int64()) return std::to_string(one.get_int64());
    if (one.is_uint64()) return std::to_string(one.get_uint64());
    return std::nullopt;  // null, a float or an object says nothing that a pattern could be held against
  };
  std::vector<std::string> texts;
  if (value.is_array()) {
    for (const boost::json::value& element : value.get_array())
      if (auto text = scalar(element)) texts.push_back(std::move(*text));
  } else if (auto text = scalar(value)) {
    texts.push_back(std::move(*text));
  }
  return texts;
}

Mismatch claims_mismatch(const WhoSelector& who, const PolicyIdentity& identity) {
  if (who.issuer.empty()) return std::nullopt;
  if (!identity.claims)
    return "issuer: no identity token came with the request, and the rule asks for one of " +
           quoted_name(who.issuer) + ".";
  if (identity.claims->issuer != who.issuer)
    return "issuer: the identity token is of " + quoted_name(identity.claims->issuer) +
           ", and the rule asks for one of " + quoted_name(who.issuer) + ".";
  for (const auto& [name, patterns] : who.claims) {
    const boost::json::value* value = identity.claims->claims.if_contains(name);
    if (value == nullptr) return "claims: the identity token has no claim " + quoted_name(name) + ".";
    const std::vector<std::string> texts = claim_texts(*value);
    const bool matched = std::any_of(texts.begin(), texts.end(),
                                     [&](const std::string& text) { return any_matches(patterns, text); });
    if (!matched)
      return "claims: " + quoted_name(name) + " is " + list_of(texts, quoted_name) +
             (texts.empty() ? "neither text nor number" : "") + ", and the rule is for " +
             glob_list(patterns) + ".";
  }
  return std::nullopt;
}

Mismatch name_mismatch(std::string_view selector, const std::vector<Glob>& patterns,
                       const std::optional<std::string>& name) {
  if (patterns.empty()) return std::nullopt;
  const std::string key(selector);
  if (!name)
    return key + ": the request concerns no " + key + ", and the rule is for " + glob_list(patterns) + ".";
  if (any_matches(patterns, *name)) return std::nullopt;
  return key + ": the " + key + " is " + quoted_name(*name) + ", and the rule is for " + glob_list(patterns) +
         ".";
}

Mismatch key_name_mismatch(const WhatSelector& what, const PolicyKey& key) {
  if (what.keys.empty() && what.fingerprints.empty()) return std::nullopt;
  if (any_matches(what.keys, key.name)) return std::nullopt;
  if (!key.fingerprint.empty() && holds(what.fingerprints, key.fingerprint)) return std::nullopt;
  std::string wanted = glob_list(what.keys);
  for (const std::string& fingerprint : what.fingerprints)
    wanted += (wanted.empty() ? "" : ", ") + fingerprint.substr(0, 16) + "…";
  return "key: the key is " + quoted_name(key.name) + ", and the rule is for " + wanted + ".";
}

// What is allowed must be allowed of every use that the key is to have; one of them is enough to refuse it. A
// request without uses is for none of them.
Mismatch use_mismatch(const PolicyRule& rule, const PolicyKey& key) {
  const std::vector<std::string>& uses = rule.what.uses;
  if (uses.empty()) return std::nullopt;
  const auto named = [&](const std::string& use) { return holds(uses, use); };
  const bool matches = rule.allow ? !key.uses.empty() && std::all_of(key.uses.begin(), key.uses.end(), named)
                                  : std::any_of(key.uses.begin(), key.uses.end(), named);
  if (matches) return std::nullopt;
  return "use: the key is used for " + list_of(key.uses, quoted_name) + ", and the rule is for " +
         list_of(uses, quoted_name) + (rule.allow && key.uses.size() > 1 ? " alone." : ".");
}

Mismatch key_mismatch(const PolicyRule& rule, const std::optional<PolicyKey>& key) {
  const WhatSelector& what = rule.what;
  const bool selects =
      !what.keys.empty() || !what.fingerprints.empty() || !what.algorithms.empty() || !what.uses.empty();
  if (!selects) return std::nullopt;
  if (!key) return "key: the request concerns no key, and the rule is for some.";
  if (Mismatch name = key_name_mismatch(what, *key)) return name;
  if (!what.algorithms.empty() && !holds(what.algorithms, key->algorithm))
    return "algorithm: the key's is " + std::string(to_string(key->algorithm)) + ", and the rule is for " +
           list_of(what.algorithms, [](KeyAlgorithm one) { return std::string(to_string(one)); }) + ".";
  return use_mismatch(rule, *key);
}

Mismatch token_mismatch(const WhatSelector& what, const std::optional<PolicyToken>& token) {
  if (what.tokens.empty()) return std::nullopt;
  if (!token)
    return "token: the request concerns no token, and the rule is for " + glob_list(what.tokens) + ".";
  if (any_matches(what.tokens, token->label) || any_matches(what.tokens, token->serial)) return std::nullopt;
  return "token: the token is " + quoted_name(token->label) + " (serial " + quoted_name(token->serial) +
         "), and the rule is for " + glob_list(what.tokens) + ".";
}

}  // namespace

std::optional<std::string> mismatch(const PolicyRule& rule, const PolicyRequest& request) {
  const WhatSelector& what = rule.what;
  if (!holds(what.actions, request.action))
    return "action: " + std::string(to_string(request.action)) + " is asked for, and the rule is for " +
           list_of(what.actions, [](Action one) { return std::string(to_string(one)); }) + ".";
  if (Mismatch who = accounts_mismatch(rule.who, request.who)) return who;
  if (Mismatch claims = claims_mismatch(rule.who, request.who)) return claims;
  if (Mismatch key = key_mismatch(rule, request.key)) return key;
  if (Mismatch token = token_mismatch(what, request.token)) return token;
  if (Mismatch repository = name_mismatch("repository", what.repositories, request.repository))
    return repository;
  return name_mismatch("role", what.roles, request.role);
}

}  // namespace signet
