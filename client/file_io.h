// Files as the verbs read and write them: read whole, replaced whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace signet::client {

// FileFault with "path" and "why" (not-found, permission, disk-full, too-large, changed, exists, failed)
// among its parameters; the message names the file and says what to do.
Error file_fault(const std::filesystem::path& path, std::string_view why, std::string message);

// A regular file, a pipe or, for "-", standard input, up to `max_size` bytes.
Result<std::string> read_whole_file(const std::filesystem::path& path, std::size_t max_size);

// Replaces the content of a file that held `before`: a temporary file beside it is written, made durable and
// renamed over it; mode and, as far as allowed, group are kept; a symbolic link is followed. Whatever
// happens, the file holds either all of the old or all of the new content. why "changed" if it does not hold
// `before` any more; two that replace files of one folder at once wait for each other.
Result<void> replace_file(const std::filesystem::path& path, std::string_view before,
                          std::string_view content);

enum class Existing { Replace, Refuse };
// Writes a file of one's own (mode 0666 less the umask), as atomically; "-" is standard output.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, Existing existing);

// All of `text` to standard output. FileFault if it cannot be written (a full disk behind it).
Result<void> print_out(std::string_view text);

}  // namespace signet::client
