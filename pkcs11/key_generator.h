// Making and destroying key pairs on the token. Admin mode only.
#pragma once

#include "pkcs11/fault.h"
#include "pkcs11/session.h"

namespace signet::host {

// A key pair that signs and does nothing else, sensitive and never extractable. Its attributes are read back;
// a key that is not as asked is destroyed again (FaultKind::Attributes). The session is read-write and logged
// in.
HostResult<GenerateReply> generate_key(const Session& session, const GenerateRequest& request);

// Destroys the private key of this public key and the public key objects that belong to it.
// FaultKind::KeyAbsent.
HostResult<DestroyKeyReply> destroy_key(const Session& session, const DestroyKeyRequest& request);

}  // namespace signet::host
