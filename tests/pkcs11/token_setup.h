// Steps that tests of the host share.
#pragma once

#include "tests/pkcs11/host_client.h"
#include "tests/support/softhsm.h"

namespace signet::test {

// The slot whose token has this label; throws if there is none.
host::SlotDescription find_slot(const host::ListTokensReply& list, const std::string& label);
// Label and serial number of a token, as a scout of its own sees them.
host::TokenIdentity identity_of(const SoftHsm& hsm, const std::string& label);
// A connection that is open and logged in with kUserPin.
HostConnection open_token(HostProgram& program, const host::TokenIdentity& identity);
// Generates a key in an admin host of its own.
host::KeyObject generate(const SoftHsm& hsm, const host::TokenIdentity& identity, host::Algorithm algorithm,
                         const std::string& label, const Bytes& id);

}  // namespace signet::test
