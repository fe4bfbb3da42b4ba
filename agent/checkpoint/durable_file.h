// Small files that are replaced as a whole and are on the disk when the call returns. Blocking; thread safe
// as far as different paths are concerned.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace signet {

// Nothing if there is none; FileFault if it cannot be read, is no regular file or has more than max_size
// bytes.
Result<std::optional<std::string>> read_small_file(const std::filesystem::path& path, std::size_t max_size);

// PATH.new is written and synced, renamed over PATH, and the directory synced: whatever happens, PATH has the
// old or the new content. FileFault. mode: of a new file, e.g. 0600.
Result<void> replace_small_file(const std::filesystem::path& path, std::string_view content, unsigned mode);

// The same, but never over a file that is there: FileFault.
Result<void> create_small_file(const std::filesystem::path& path, std::string_view content, unsigned mode);

}  // namespace signet
