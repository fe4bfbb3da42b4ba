// Finding private keys by their public key, and certificates.
#pragma once

#include <p11-kit/pkcs11.h>

#include <optional>
#include <vector>

#include "pkcs11/fault.h"
#include "pkcs11/session.h"

namespace signet::host {

struct FoundPrivateKey {
  CK_OBJECT_HANDLE handle = 0;
  KeyObject key;
};

// The private key object with what is known of it. Nothing if its public key cannot be told: no public key
// object or certificate with its CKA_ID, or several that differ, or no supported algorithm. The public key is
// read from the private key object itself where it has it (the modulus of an RSA key, CKA_PUBLIC_KEY_INFO, or
// CKA_EC_POINT), else from a public key object, else from a certificate, of the same CKA_ID.
HostResult<std::optional<KeyObject>> read_private_key(const Session& session, CK_OBJECT_HANDLE handle);

// The public key that a public key object states: DER SubjectPublicKeyInfo; nothing for an unsupported one.
HostResult<std::optional<Bytes>> read_public_key(const Session& session, CK_OBJECT_HANDLE handle);

// All private keys with this CKA_ID and CKA_LABEL; an empty one matches any.
HostResult<FindObjectsReply> list_private_keys(const Session& session, const Bytes& id,
                                               const std::string& label);

// All certificate objects of the token.
HostResult<ListCertificatesReply> list_certificates(const Session& session);

// The private key of this public key, looked for among those with the hints first. FaultKind::KeyAbsent.
HostResult<FoundPrivateKey> find_private_key(const Session& session, BytesView spki, const Bytes& id,
                                             const std::string& label);

}  // namespace signet::host
