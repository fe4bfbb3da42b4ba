// The identity token of a CI job, from the file that the job names. Internal to libsignet.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet::client {

inline constexpr char kIdentityFileVariable[] = "SIGNET_IDENTITY_TOKEN_FILE";
// As much as an agent reads (agent/identity/compact_token.h), and a line end.
inline constexpr std::size_t kMaxIdentityFileSize = 16 * 1024 + 2;

// $SIGNET_IDENTITY_TOKEN_FILE; nothing if it is not set, or empty.
std::optional<std::filesystem::path> identity_file_of_environment();

// The token in it, without the line end. FileFault with "path" and "why" (not-found, permission, too-large,
// failed) among its parameters; the message holds nothing of the token. `warn`, which may be empty, is told
// when others can read the file, or write to it: whoever has the token can sign as the job.
Result<Secret> read_identity_file(const std::filesystem::path& path,
                                  const std::function<void(const std::string&)>& warn);

}  // namespace signet::client
