// [[principal]] and [[issuer]].
#include <algorithm>
#include <array>

#include "agent/policy/policy_table.h"

namespace signet {
namespace {

constexpr std::array<std::string_view, 4> kPrincipalKeys{"name", "user", "uid", "spki"};
constexpr std::array<std::string_view, 7> kIssuerKeys{"name",       "issuer",   "jwks", "audiences",
                                                      "algorithms", "max-uses", "skew"};
constexpr std::int64_t kMostUses = 1'000'000;
constexpr std::chrono::seconds kMostSkew{300};

// PEM, or the base64 of DER on one line or more.
Result<PublicKey> parse_spki(std::string text) {
  if (text.find("-----BEGIN") != std::string::npos) return PublicKey::from_pem(text);
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  const std::optional<Bytes> der = from_base64(text);
  if (!der) return Error(ErrorName::MetadataInvalid, "It is neither PEM nor base64.");
  return PublicKey::from_spki(*der);
}

void read_spkis(PolicyTable& table, const Policy& policy, PolicyPrincipal& principal) {
  table.each_text("spki", [&](const std::string& text, const toml::value& where) {
    Result<PublicKey> key = parse_spki(text);
    if (!key)
      return table.fail(where, "spki",
                        "is no public key that Signet knows: " + key.error().message +
                            " Write what \"signet key show NAME --pem\" prints, or its base64.");
    for (const PolicyPrincipal& other : policy.principals)
      if (std::find(other.keys.begin(), other.keys.end(), *key) != other.keys.end())
        return table.fail(
            where, "spki",
            "belongs to the principal \"" + other.name + "\" already: one key stands for one person.");
    if (std::find(principal.keys.begin(), principal.keys.end(), *key) == principal.keys.end())
      principal.keys.push_back(std::move(*key));
  });
}

void check_uids(PolicyTable& table, const Policy& policy, const PolicyPrincipal& principal) {
  for (const uid_t uid : principal.uids)
    for (const PolicyPrincipal& other : policy.principals)
      if (std::find(other.uids.begin(), other.uids.end(), uid) != other.uids.end())
        table.fail(table.has("user") ? "user" : "uid", "uid " + std::to_string(uid) +
                                                           " belongs to the principal \"" + other.name +
                                                           "\" already: one uid stands for one person.");
}

void read_audiences(PolicyTable& table, PolicyIssuer& issuer) {
  table.each_text("audiences", [&](const std::string& text, const toml::value& where) {
    if (text.empty() || text.starts_with("signet:"))
      return table.fail(
          where, "audiences",
          "must be plain names: a token whose audience is \"signet:\" and a digest is bound to that "
          "payload and needs no entry here.");
    issuer.audiences.push_back(text);
  });
}

void read_issuer_algorithms(PolicyTable& table, PolicyIssuer& issuer) {
  table.require("algorithms", "[\"RS256\"]");
  table.each_text("algorithms", [&](const std::string& text, const toml::value& where) {
    if (std::find(kIssuerAlgorithms.begin(), kIssuerAlgorithms.end(), text) != kIssuerAlgorithms.end())
      return issuer.algorithms.push_back(text);
    std::string known;
    for (const std::string_view one : kIssuerAlgorithms)
      known += (known.empty() ? "" : ", ") + std::string(one);
    table.fail(where, "algorithms", "\"" + text + "\" is refused. There is: " + known + ".");
  });
}

void read_issuer_url(PolicyTable& table, const Policy& policy, PolicyIssuer& issuer) {
  table.require("issuer", "\"https://token.actions.githubusercontent.com\"");
  const toml::value* value = table.find("issuer");
  table.read("issuer", issuer.issuer);
  if (value == nullptr || !value->is_string()) return;
  if (!issuer.issuer.starts_with("https://") || issuer.issuer.size() == std::string_view("https://").size())
    return table.fail("issuer", "must be the \"iss\" of its tokens, an https:// address, byte for byte.");
  for (const PolicyIssuer& other : policy.issuers)
    if (other.issuer == issuer.issuer)
      table.fail("issuer", "is the address of \"" + other.name + "\" already. Write one [[issuer]] for it.");
}

}  // namespace

std::span<const std::string_view> principal_keys() {
  return kPrincipalKeys;
}

std::span<const std::string_view> issuer_keys() {
  return kIssuerKeys;
}

void read_principal(PolicyParse& parse, const toml::value& value) {
  PolicyTable table(parse, value, "principal", kPrincipalKeys);
  if (!value.is_table()) return;
  PolicyPrincipal principal;
  principal.name = table.own_name(
      "\"alice\"", [&](const std::string& name) { return find_principal(parse.policy, name) != nullptr; });
  table.users(principal.uids);
  check_uids(table, parse.policy, principal);
  read_spkis(table, parse.policy, principal);
  if (!table.has("user") && !table.has("uid") && !table.has("spki"))
    table.fail("name", "has no identity. Give a user, a uid or an spki (a public key), or several.");
  parse.policy.principals.push_back(std::move(principal));
}

void read_issuer(PolicyParse& parse, const toml::value& value) {
  PolicyTable table(parse, value, "issuer", kIssuerKeys);
  if (!value.is_table()) return;
  PolicyIssuer issuer;
  issuer.name = table.own_name(
      "\"github\"", [&](const std::string& name) { return find_issuer(parse.policy, name) != nullptr; });
  read_issuer_url(table, parse.policy, issuer);
  table.require("jwks", "\"/etc/signet/github.jwks.json\"");
  table.read("jwks", issuer.jwks);
  read_audiences(table, issuer);
  read_issuer_algorithms(table, issuer);
  issuer.max_uses = table.number("max-uses", 1, kMostUses).value_or(issuer.max_uses);
  if (table.has("max-uses") && !table.has("audiences"))
    table.fail("max-uses",
               "counts the uses of tokens with one of \"audiences\", and there is none. Add them.");
  issuer.skew = table.span_of_time("skew", std::chrono::seconds(0), kMostSkew).value_or(issuer.skew);
  parse.policy.issuers.push_back(std::move(issuer));
}

}  // namespace signet
