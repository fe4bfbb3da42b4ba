// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <openssl/types.h>

#include <string>

#include "protocol/bytes.h"

namespace signet {

// 32 bytes, and in lower-case hexadecimal.
Bytes sha256(BytesView data);
std::string sha256_hex(BytesView data);

// OpenSSL's object, for digests in parts. Fetched once: OpenSSL 3.0 otherwise looks the algorithm up by its
// name at each start, which takes longer than a short hash. Borrowed for the life of the process; thread
// safe.
const EVP_MD* sha256_algorithm();

}  // namespace signet
