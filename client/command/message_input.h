// Messages, digests and signatures as they lie in files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/public_key.h"
#include "protocol/result.h"
#include "protocol/signature.h"

namespace signet::client {

// What fits into a call of 256 KiB, in base64.
inline constexpr std::size_t kMaxMessageSize = 180 * 1024;
// Ed25519 hashes a message twice: it is verified in memory.
inline constexpr std::size_t kMaxEd25519Message = 1024 * 1024 * 1024;

// The digest that `scheme` signs, of a file of any size. MetadataInvalid (why "digest") for ed25519, which
// has none.
Result<Bytes> digest_of_file(const std::filesystem::path& path, SignatureScheme scheme);

// Base64 on a line, or the bytes themselves.
Bytes signature_bytes(std::string_view content);

// Whether `signature`, as SignMessage gives it (ECDSA: DER), is good for the file.
Result<bool> verify_file(const PublicKey& key, SignatureScheme scheme, const std::filesystem::path& path,
                         const Bytes& signature);

}  // namespace signet::client
