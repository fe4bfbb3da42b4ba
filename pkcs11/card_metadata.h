// What a YubiKey says of its PIN, its management key and its keys by GET METADATA (firmware 5.3 and up;
// docs.yubico.com, "GET METADATA"). Internal to card*.cpp.
#pragma once

#include <cstdint>
#include <span>

#include "pkcs11/card_connection.h"

namespace signet::host {

using CardData = std::span<const std::uint8_t>;

// What the answer is made of.
namespace metadata_tag {
inline constexpr std::uint8_t kAlgorithm = 1, kPolicies = 2, kOrigin = 3, kPublicKey = 4;
}  // namespace metadata_tag

// The value of the element with that tag; empty if there is none. Lengths of up to three bytes (BER).
CardData value_of(CardData list, std::uint8_t tag);

// kNotFound: there is no such key.
HostResult<CardAnswer> ask_metadata(CardConnection& card, std::uint8_t reference);

// Whether PIV's applet is selected and tells metadata. Selecting it anew would log out whoever uses it: only
// where another one is.
HostResult<bool> tells_metadata(CardConnection& card);

}  // namespace signet::host
