// Names for tokens, and which token a name means. Pure decisions over what the scouts listed; thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/tokens/token_service.h"
#include "agent/tokens/token_uri.h"
#include "protocol/result.h"

namespace signet {

// A token as its module's scout listed it.
struct ListedToken {
  TokenDescription description;
  std::uint64_t slot = 0;  // valid for that scout only: never an identity
  std::string reader;      // the slot's description: PC/SC's name of the reader, where it is in one
  bool initialised = false;
  bool login_required = false;
  bool protected_path = false;  // the PIN is typed on the reader
};

// Gives every token its RFC 7512 URI and a name that is unique in the list: its label, else its serial
// number, else its URI. A blank token's URI names its slot and module, for it has nothing else.
void name_tokens(std::vector<ListedToken>& tokens);

// Whether the token part of a URI fits.
bool uri_names_token(const TokenUri& uri, const ListedToken& token);

// The index of the one token that `selector` means: a name, label, serial number, a "pkcs11:" URI, or, for a
// module with exactly one blank token, the module's name. NotFound (kind token, with the tokens that are
// there) or InvalidParameter (parameter token, with the candidates).
Result<std::size_t> select_token(std::span<const ListedToken> tokens, std::string_view selector);
// The same by a parsed URI's token part.
Result<std::size_t> select_token(std::span<const ListedToken> tokens, const TokenUri& uri);

// Whether a selector (name, label, serial or URI) means this token, perhaps among others.
bool selector_fits(std::string_view selector, const ListedToken& token);

// The PIN source that is for tokens[index] alone: one that fits several of the tokens present is for none of
// them, for it would spend a try of the wrong one.
std::optional<PinSource> pin_source_of(std::span<const PinSource> sources,
                                       std::span<const ListedToken> tokens, std::size_t index);

}  // namespace signet
