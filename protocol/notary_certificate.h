// How a Notary root names a key of the role root: by a certificate. Pure, thread safe.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/public_key.h"

namespace signet {

// The key object (type ecdsa-x509 or rsa-x509) of a certificate over `key`, with its PEM exactly as it is.
// Nothing for Ed25519, for which Notary has no such type.
std::optional<boost::json::object> notary_certificate_object(const PublicKey& key, std::string_view pem);

// Its key id: SHA-256 of the object's canonical form. Another certificate of the same key has another one.
std::string notary_certificate_keyid(const boost::json::object& certificate_object);

}  // namespace signet
