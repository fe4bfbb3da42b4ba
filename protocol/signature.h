// Signatures: what a token is asked to sign, how the result is written into metadata, how it is verified.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/metadata.h"
#include "protocol/public_key.h"
#include "protocol/result.h"

namespace signet {

enum class SignatureScheme { EcdsaSha256, EcdsaSha384, RsaPssSha256, RsaPkcs1Sha256, Ed25519 };

// TUF's names: ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, rsassa-pss-sha256, rsassa-pkcs1v15-sha256, ed25519.
std::string_view to_string(SignatureScheme scheme);
Result<SignatureScheme> parse_signature_scheme(std::string_view name);

// The scheme that a format prescribes for a key (Notary: SHA-256 on every curve).
SignatureScheme metadata_scheme(KeyAlgorithm algorithm, MetadataFormat format);
// The scheme of a message key, unless the caller names another that fits the algorithm.
SignatureScheme default_scheme(KeyAlgorithm algorithm);
bool scheme_fits(SignatureScheme scheme, KeyAlgorithm algorithm);

// Whether it signs the SHA-256 of the message.
bool signs_sha256(SignatureScheme scheme);

// What goes to the token: the digest (ECDSA, PSS), the DigestInfo (PKCS #1 v1.5), the message itself
// (Ed25519).
Bytes token_input(SignatureScheme scheme, BytesView message);
// The same for a digest that was made elsewhere; MetadataInvalid (why "digest-size") if its size does not
// fit; Ed25519 has none.
Result<Bytes> token_input_of_digest(SignatureScheme scheme, BytesView digest);

// ECDSA r || s, as tokens give it, to DER and back. MetadataInvalid (why "signature-encoding").
Result<Bytes> ecdsa_raw_to_der(BytesView raw);
Result<Bytes> ecdsa_der_to_raw(BytesView der, KeyAlgorithm algorithm);

// Verifies a token's raw output over `message` (or over a digest).
bool verify_token_signature(const PublicKey& key, SignatureScheme scheme, BytesView message, BytesView raw);
bool verify_token_signature_of_digest(const PublicKey& key, SignatureScheme scheme, BytesView digest,
                                      BytesView raw);

// Verifies an entry of "signatures" over the canonical bytes, as the format encodes it.
bool verify_metadata_signature(const PublicKey& key, MetadataFormat format, BytesView canonical,
                               const SignatureEntry& entry);

// A token's raw output as an element of "signatures": {keyid, sig: hex} or {keyid, method, sig: base64}.
Result<boost::json::object> metadata_signature_object(const PublicKey& key, std::string_view keyid,
                                                      MetadataFormat format, BytesView raw);

}  // namespace signet
