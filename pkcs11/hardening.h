// What the process gives up before it loads vendor code.
#pragma once

#include <string>

namespace signet::host {

// Not dumpable, no cores, umask 077, no new privileges, SIGKILL when the parent thread dies, descriptors
// closed but 0-2 and kControlFd, standard input empty, standard output to standard error (vendor code
// prints). SIGPIPE, SIGINT, SIGHUP and SIGTERM are ignored: the process lives as long as its control socket,
// and is ended by it or by SIGKILL. What failed, or an empty text. Call it first, from the one thread that
// there is.
std::string harden_process();

}  // namespace signet::host
