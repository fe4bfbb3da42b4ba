// Making and destroying key pairs on the token. Admin mode only.
#pragma once

#include "pkcs11/fault.h"
#include "pkcs11/session.h"
#include "pkcs11/token.h"

namespace signet::host {

// A key pair that signs and does nothing else, sensitive and never extractable. Its attributes are read back;
// a key that is not as asked is destroyed again (FaultKind::Attributes). The session is read-write and logged
// in.
//
// With the security officer's PIN in the request, that one logs in for it, once, and out again: ykcs11 takes
// the management key for it, and lets nobody else make keys. Its C_GenerateKeyPair asks nobody before it
// overwrites the key and the certificate of a slot (measured on 2.2.0), so the slot is looked at before:
// FaultKind::KeyExists. What it made cannot be destroyed: its C_DestroyObject removes the certificate alone.
HostResult<GenerateReply> generate_key(Token& token, const Session& session, const GenerateRequest& request);

// Destroys the private key of this public key and the public key objects that belong to it.
// FaultKind::KeyAbsent.
HostResult<DestroyKeyReply> destroy_key(const Session& session, const DestroyKeyRequest& request);

}  // namespace signet::host
