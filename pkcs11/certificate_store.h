// Certificate objects on the token, written. Admin mode only.
#pragma once

#include "pkcs11/fault.h"
#include "pkcs11/session.h"
#include "pkcs11/token.h"

namespace signet::host {

// Writes a certificate with this CKA_ID. The session is read-write, and the user is logged in where the token
// wants that; with the security officer's PIN in the request, that one logs in for it, once, and out again:
// ykcs11 takes the management key for it, and lets nobody else write. The new one is there, and was read
// back, before another one goes. No login is made where there is nothing to do.
//
// FaultKind::KeyExists: another certificate has this CKA_ID, and the request does not say to replace it (the
// same one is no reason); Attributes: the token does not give back what was written; Protocol (CallersFault):
// no certificate, or one over kMaxCertificate bytes.
//
// Plain Cryptoki, not libp11: that keeps a copy of the PIN of its own (slot->prev_pin) and sends it again by
// itself, which no budget would know of.
HostResult<StoreCertificateReply> store_certificate(Token& token, const Session& session,
                                                    const StoreCertificateRequest& request);

}  // namespace signet::host
