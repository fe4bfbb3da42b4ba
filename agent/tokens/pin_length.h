// How long a token's user PIN may be: known before the token is asked, which would take a try for some that
// cannot be right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "pkcs11/host_frame.h"
#include "protocol/result.h"

namespace signet {

// Both included; in bytes, as Cryptoki and the cards count.
struct PinLengths {
  std::uint32_t least = 0;
  std::uint32_t most = 0;  // 0: nobody says
};

// What the token says of itself (CK_TOKEN_INFO.ulMinPinLen, ulMaxPinLen), if it makes sense. A PIV card's PIN
// has 6 to 8 characters (SP 800-73-4, part 2, 2.4.3), whatever its module says: OpenSC 0.23.0 has 4 for the
// least, ykcs11 2.2.0 has 48 for the most, which is its management key's.
PinLengths pin_lengths(const host::SlotDescription& slot);

// InvalidParameter "pin" for a PIN of `size` bytes that cannot be the token's; names both limits.
Result<void> check_pin_length(std::size_t size, PinLengths lengths, const std::string& token);

}  // namespace signet
