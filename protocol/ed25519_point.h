// Whether 32 bytes are a usable Ed25519 public key. Pure, thread safe.
#pragma once

#include "protocol/bytes.h"

namespace signet {

// RFC 8032 section 5.1.3: y < 2^255 - 19 and a point of the curve with that y; and the point is none of the
// eight of small order, under which a signature can be made without a private key. OpenSSL 3.0 checks none of
// this on loading.
bool is_sound_ed25519_key(BytesView raw);

}  // namespace signet
