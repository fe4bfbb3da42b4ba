// What the agent does to itself before it touches a secret.
#pragma once

#include <cstddef>

namespace signet {

// The first thing in main. Not dumpable (no core, no ptrace by the same user), no core file, no privileges by
// exec, files for the owner alone, no SIGPIPE, nothing to read on stdin, descriptors 0 to 2 open, and those
// above closed on exec. Memory goes back to the system when large messages are done. Single-threaded; cannot
// fail in a way that matters more than the rest, so a refused step is only returned: the name of the first
// one, or null.
const char* harden_process();

// Raises the soft limit of open files to `wanted`, as far as the hard limit lets; returns what it is then.
std::size_t raise_file_limit(std::size_t wanted);

}  // namespace signet
