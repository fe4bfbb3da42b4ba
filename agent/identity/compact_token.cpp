#include "agent/identity/compact_token.h"

#include <algorithm>
#include <array>

#include "agent/identity/base64url.h"
#include "agent/identity/identity_fault.h"
#include "protocol/frame_json.h"

namespace signet {
namespace {

namespace json = boost::json;

Error not_compact(const std::string& what) {
  return identity_refused(IdentityFault::NotCompact,
                          "The identity token is refused: " + what +
                              ". A token is header.payload.signature and nothing else: send the file's "
                              "contents as the issuer gave them.");
}

Error bad_encoding(std::string_view part) {
  return identity_refused(IdentityFault::Encoding, "The identity token's " + std::string(part) +
                                                       " is not base64url in its one canonical form (no "
                                                       "padding, no white space, no stray bits).");
}

bool same_letters(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// An object in memory that is wiped. `fault`: for a text that is no object.
Result<json::object> parse_object(std::string_view text, std::string_view part, IdentityFault fault) {
  auto value = parse_frame_json(text, make_secret_storage());
  if (!value) {
    // The reader's "parameter" is the key that stands twice, or "frame" for everything else (also for a key
    // too long to be named). The key itself is not passed on: it is part of the token.
    const Error error = value.error();
    const json::value* parameter = error.parameters.if_contains("parameter");
    if (parameter != nullptr && *parameter != "frame")
      return identity_refused(IdentityFault::DuplicateKey,
                              "A key stands twice in the identity token's " + std::string(part) +
                                  ": two readers could understand it differently.");
  }
  if (!value || !value->is_object())
    return identity_refused(
        fault, "The identity token's " + std::string(part) + " is not a JSON object (RFC 8259).");
  return std::move(value->get_object());
}

struct Parts {
  std::string_view header, payload, signature;
};

Result<Parts> split(std::string_view text) {
  if (text.size() > kMaxIdentityTokenSize)
    return identity_refused(IdentityFault::TooLarge,
                            "The identity token has " + std::to_string(text.size()) + " bytes; at most " +
                                std::to_string(kMaxIdentityTokenSize) + " are read.");
  const auto dots = std::count(text.begin(), text.end(), '.');
  if (dots == 4) return not_compact("it is encrypted (a JWE has five parts)");
  if (dots != 2) return not_compact("it has not three parts");
  const std::size_t first = text.find('.'), second = text.rfind('.');
  const Parts parts{text.substr(0, first), text.substr(first + 1, second - first - 1),
                    text.substr(second + 1)};
  if (parts.header.empty() || parts.payload.empty()) return not_compact("a part of it is empty");
  return parts;
}

// The member's text; empty if it is absent. header-json for another type, or for an empty text.
Result<std::string> header_text(const json::object& header, std::string_view name) {
  const json::value* value = header.if_contains(name);
  if (value == nullptr) return std::string();
  if (!value->is_string() || value->get_string().empty())
    return identity_refused(IdentityFault::HeaderJson, "The identity token's header has a \"" +
                                                           std::string(name) + "\" that is no text.");
  const json::string& text = value->get_string();
  return std::string(text.data(), text.size());
}

Result<void> check_header_names(const json::object& header) {
  static constexpr std::array<std::string_view, 4> kKeys{"jwk", "jku", "x5c", "x5u"};
  static constexpr std::array<std::string_view, 5> kReaders{"crit", "b64", "zip", "enc", "cty"};
  for (const std::string_view name : kKeys)
    if (header.contains(name))
      return identity_refused(IdentityFault::EmbeddedKey,
                              "The identity token's header names its own key (\"" + std::string(name) +
                                  "\"). Keys come from the JWKS file of the policy alone.");
  for (const std::string_view name : kReaders)
    if (header.contains(name))
      return identity_refused(IdentityFault::CriticalHeader,
                              "The identity token's header has \"" + std::string(name) +
                                  "\", which changes how a token is to be read and is not supported.");
  return {};
}

Result<void> check_algorithm_name(std::string_view algorithm) {
  if (algorithm.empty())
    return identity_refused(IdentityFault::HeaderJson, "The identity token's header has no \"alg\".");
  if (same_letters(algorithm, "none"))
    return identity_refused(IdentityFault::AlgorithmNone, "The identity token is not signed (alg none).");
  if (algorithm.size() >= 2 && same_letters(algorithm.substr(0, 2), "hs"))
    return identity_refused(IdentityFault::SymmetricKey,
                            "The identity token has a symmetric algorithm: whoever knows the issuer's public "
                            "key could have made it.");
  return {};
}

Result<JwsHeader> read_header(const json::object& header) {
  if (auto good = check_header_names(header); !good) return good.error();
  auto algorithm = header_text(header, "alg");
  if (!algorithm) return algorithm.error();
  if (auto good = check_algorithm_name(*algorithm); !good) return good.error();
  const auto type = header_text(header, "typ");
  if (!type) return type.error();
  // RFC 8725 section 3.11: a token of another kind by the same issuer (at+jwt, logout+jwt, …) is none of
  // ours.
  if (!type->empty() && !same_letters(*type, "jwt"))
    return identity_refused(IdentityFault::TokenType, "The identity token's \"typ\" is not JWT.");
  auto key_id = header_text(header, "kid");
  if (!key_id) return key_id.error();
  if (key_id->empty())
    return identity_refused(IdentityFault::KeyIdMissing,
                            "The identity token's header names no key (\"kid\").");
  return JwsHeader{std::move(*algorithm), std::move(*key_id)};
}

}  // namespace

Result<json::object> parse_token_claims(std::string_view payload) {
  return parse_object(payload, "payload", IdentityFault::ClaimsJson);
}

Result<CompactToken> parse_compact_token(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return parts.error();
  const auto header_bytes = from_base64url(parts->header);
  if (!header_bytes) return bad_encoding("header");
  const auto payload_bytes = from_base64url(parts->payload);
  if (!payload_bytes) return bad_encoding("payload");
  const auto signature_bytes = from_base64url(parts->signature);
  if (!signature_bytes) return bad_encoding("signature");

  const auto header_object = parse_object(as_text(*header_bytes), "header", IdentityFault::HeaderJson);
  if (!header_object) return header_object.error();
  auto header = read_header(*header_object);
  if (!header) return header.error();
  auto claims = parse_token_claims(as_text(*payload_bytes));
  if (!claims) return claims.error();
  CompactToken token;
  token.signing_input = text.substr(0, parts->header.size() + 1 + parts->payload.size());
  token.header = std::move(*header);
  token.claims = std::move(*claims);
  token.signature_size = signature_bytes->size();
  return token;
}

}  // namespace signet
