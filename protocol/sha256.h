// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "protocol/bytes.h"

namespace signet {

using Sha256 = std::array<std::uint8_t, 32>;

// Of the parts, one after the other. Thread safe.
Sha256 sha256_of(std::initializer_list<BytesView> parts);
// 32 bytes, and in lower-case hexadecimal.
Bytes sha256(BytesView data);
std::string sha256_hex(BytesView data);

}  // namespace signet
