// PKCS#11 URIs (RFC 7512), parsed and written by p11-kit. Pure functions, thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace signet {

// What a URI says; absent attributes match everything.
struct TokenUri {
  std::optional<std::string> label, serial, manufacturer, model;  // of the token; trailing blanks removed
  std::optional<std::uint64_t> slot;
  std::optional<std::string> module;  // module-name: the module's configured name
  std::optional<Bytes> id;            // CKA_ID
  std::optional<std::string> object;  // CKA_LABEL
};

inline constexpr std::size_t kMaxUriSize = 4096;

// InvalidParameter (parameter: "uri"): not a PKCS#11 URI, an unknown attribute, a type other than private, or
// a URI that carries a PIN (pin-value, pin-source): a PIN does not travel in names. The message never repeats
// the URI's PIN.
Result<TokenUri> parse_token_uri(std::string_view text);
// The inverse; an object's attributes come with type=private.
std::string format_token_uri(const TokenUri& uri);

}  // namespace signet
