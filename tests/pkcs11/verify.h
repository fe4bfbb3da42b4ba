// Verifies what a host signed, with OpenSSL alone.
#pragma once

#include "pkcs11/host_frame.h"

namespace signet::test {

// What goes to the token for this message.
Bytes input_for(host::Mechanism mechanism, BytesView message);
// The mechanism that is natural for a key.
host::Mechanism mechanism_for(host::Algorithm algorithm);
// Verifies the token's raw output over the message.
bool verifies(BytesView spki, host::Mechanism mechanism, BytesView message, BytesView signature);

}  // namespace signet::test
