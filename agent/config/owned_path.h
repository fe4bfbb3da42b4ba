// Whether a file can be trusted by a system service.
#pragma once

#include <sys/types.h>
#include <filesystem>
#include <string>

#include "protocol/result.h"

namespace signet {

// FileFault unless the file, every symbolic link to it and every directory above them belong to root (or to
// `owner`) and nobody else can write to them: else its owner could have the agent load code or a
// configuration of their own. Sticky directories (/tmp) are not good enough. `what`: for the message, e.g.
// "the module softhsm2".
Result<void> check_root_owned(const std::filesystem::path& path, const std::string& what, uid_t owner = 0);

}  // namespace signet
