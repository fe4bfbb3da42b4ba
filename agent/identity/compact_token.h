// The form of an identity token: a JWS in compact serialization (RFC 7515 section 7.1), before any key is
// looked at. Stricter than the RFC where two readers could understand one token differently. Pure, thread
// safe.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/result.h"
#include "protocol/secret_json.h"

namespace signet {

// GitHub's tokens have about 2 KiB; GitLab's grow with the groups of the user (groups_direct, at most 200).
inline constexpr std::size_t kMaxIdentityTokenSize = 16 * 1024;

// What the header says and we act upon.
struct JwsHeader {
  std::string algorithm;  // alg: neither "none" nor symmetric
  std::string key_id;     // kid: not empty
};

struct CompactToken {
  std::string_view signing_input;  // header and payload with the dot between them, as they were signed
  JwsHeader header;
  boost::json::object claims;      // not verified yet
  std::size_t signature_size = 0;  // bytes
};

// Views into `text`. IdentityRefused: too-large, not-compact, encoding, header-json, claims-json,
// duplicate-key, algorithm-none, symmetric-key, embedded-key, critical-header, token-type, key-id-missing.
Result<CompactToken> parse_compact_token(std::string_view text);

// Claims, from the payload's bytes: claims-json, duplicate-key.
Result<boost::json::object> parse_token_claims(std::string_view payload);

}  // namespace signet
