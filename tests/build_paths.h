// Where this build and its source tree are. Functions, not macros: only build_paths.cpp is compiled anew for
// another checkout, and ccache knows the rest.
#pragma once

#include <string>

namespace signet::test {

std::string source_dir();
std::string bin_dir();  // the programs
std::string lib_dir();  // the shims

}  // namespace signet::test
