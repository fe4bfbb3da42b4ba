// p11-kit's *.module files (pkcs11.conf(5)), read as text: nothing is loaded, p11-kit itself is not asked.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

// "key: value" lines. Comments, blank lines and lines without a colon are skipped; a value ends at its line's
// end.
using ModuleFile = std::map<std::string, std::string>;
ModuleFile parse_module_file(std::string_view text);

// By file name without ".module". Files of a later directory add to or replace the settings of files of the
// same name in earlier ones (the package's, the administrator's, the person's). Directories and files that
// cannot be read are skipped; so are files above 64 KiB.
std::map<std::string, ModuleFile> read_module_files(const std::vector<std::filesystem::path>& directories);

// Whether enable-in and disable-in (lists of program names) let this program use the module.
bool module_enabled_for(const ModuleFile& file, std::string_view program);

}  // namespace signet
